package scraping

import (
	"bufio"
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"dochook/doctype/jobs"
	"dochook/doctype/record"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// Results answers GET /scrapers/jobs/{id}/results?page=&limit= with {meta, data:
// [{id, data, createdAt, updatedAt}]}: the job's accepted records in order, at
// most 100 in an answer.
func (h *Handlers) Results(c *gin.Context) error {
	ctx := request.Context(c)
	v, err := request.Only(c, "page", "limit")
	if err != nil {
		return err
	}
	p, err := readPaging(v)
	if err != nil {
		return err
	}
	j, err := h.job(ctx, c)
	if err != nil {
		return err
	}
	rows, total, err := h.Jobs.Rows(ctx, j.ID, p.start(), p.limit)
	if err != nil {
		return err
	}
	items := make([][]byte, len(rows))
	for i := range rows {
		at := stamp(rows[i].At)
		var w record.Writer
		w.Text("id", rows[i].ID)
		w.Raw("data", rows[i].Data)
		w.Text("createdAt", at)
		w.Text("updatedAt", at)
		items[i] = w.Bytes()
	}
	return web.Raw(c, http.StatusOK, p.answer(c, h.base, total, items))
}

// export writes all accepted records of a job as one file.
type export func(ctx context.Context, j *jobs.Job, out *bufio.Writer) error

// ResultsJSON answers GET /scrapers/jobs/{id}/results.json with all records as
// a JSON array.
func (h *Handlers) ResultsJSON(c *gin.Context) error {
	return h.download(c, "application/json", ".json", func(ctx context.Context, j *jobs.Job, out *bufio.Writer) error {
		before := "["
		err := h.Jobs.EachRow(ctx, j.ID, func(r jobs.Row) error {
			_, _ = out.WriteString(before)
			before = ",\n"
			_, err := out.Write(r.Data)
			return err
		})
		if err != nil {
			return err
		}
		if before == "[" {
			_, _ = out.WriteString(before)
		}
		_, err = out.WriteString("]\n")
		return err
	})
}

// ResultsNDJSON answers GET /scrapers/jobs/{id}/results.ndjson with a record on
// each line.
func (h *Handlers) ResultsNDJSON(c *gin.Context) error {
	return h.download(c, "application/x-ndjson", ".ndjson", func(ctx context.Context, j *jobs.Job, out *bufio.Writer) error {
		var line []byte
		return h.Jobs.EachRow(ctx, j.ID, func(r jobs.Row) error {
			line = appendLine(line[:0], r.Data)
			_, err := out.Write(line)
			return err
		})
	})
}

// appendLine appends a record as one line. A line break in JSON text can only
// stand between its values.
func appendLine(dst, data []byte) []byte {
	for _, b := range data {
		if b != '\n' && b != '\r' {
			dst = append(dst, b)
		}
	}
	return append(dst, '\n')
}

// ResultsCSV answers GET /scrapers/jobs/{id}/results.csv, see table.
func (h *Handlers) ResultsCSV(c *gin.Context) error {
	return h.download(c, "text/csv; charset=utf-8; header=present", ".csv", h.writeCSV)
}

// download streams an export of the job in the path. It is written as it is
// read: nothing holds all of it, and an error after the first bytes cuts the
// answer off.
func (h *Handlers) download(c *gin.Context, kind, suffix string, write export) error {
	ctx := request.Context(c)
	if _, err := request.Only(c); err != nil {
		return err
	}
	j, err := h.job(ctx, c)
	if err != nil {
		return err
	}
	c.Header("Content-Type", kind)
	c.Header("Content-Disposition", `attachment; filename="`+j.ID+suffix+`"`)
	c.Status(http.StatusOK)
	out := bufio.NewWriterSize(c.Writer, 64<<10)
	if err := write(ctx, &j, out); err != nil {
		return err
	}
	return out.Flush()
}
