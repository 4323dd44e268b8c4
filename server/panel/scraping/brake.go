package scraping

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/doctype/jobs"
	"dochook/doctype/scrapers"
	"dochook/server/web"
)

// brake is one that removals have, in words.
type brake struct{ Name, Text string }

// effective are the brakes of a scraper: its own, else those of the DocType that it feeds, else the usual ones.
func (p *Pages) effective(c *gin.Context, s *scrapers.Stored) (r doctype.Removal, whose string, err error) {
	if len(s.Removal) > 0 {
		r, err = doctype.ParseRemoval(s.Removal)
		return r, "scraper", err
	}
	def, err := p.set.Documents.Definition(c.Request.Context(), s.Feeds)
	switch {
	case err != nil && web.Classify(err).Code != "not_found":
		return r, "", err
	case err == nil && len(def.Removal) > 0:
		r, err = doctype.ParseRemoval(def.Removal)
		return r, "DocType", err
	}
	return doctype.DefaultRemoval(), "", nil
}

func (p *Pages) brakes(c *gin.Context, s *scrapers.Stored) ([]brake, error) {
	r, whose, err := p.effective(c, s)
	if err != nil {
		return nil, err
	}
	var out []brake
	add := func(name, text string) { out = append(out, brake{name, text}) }
	switch whose {
	case "":
		add("From", "the usual ones: neither the scraper nor its DocType says otherwise")
	case "scraper":
		add("From", "the scraper’s own")
	default:
		add("From", "the DocType’s")
	}
	if r.HoldOnZero {
		add("No records", "a job that brought none is held")
	} else {
		add("No records", "a job that brought none removes everything, unless another brake holds it")
	}
	if r.HoldOnNameless {
		add("Nameless records", "a job with records that named no document is held")
	}
	if r.MinRatio != nil {
		add("Too few records", "fewer than "+percent(*r.MinRatio)+" of the documents that were there when it began hold it")
	}
	if r.MaxRemovals != nil {
		add("Too many removals", "more than "+label(*r.MaxRemovals)+" hold it")
	}
	if r.MaxRatio != nil {
		add("Too large a part", "removals of "+percent(*r.MaxRatio)+" of the documents or more hold it")
	}
	if r.Misses > 1 {
		add("Misses", "a document goes when "+label(r.Misses)+" finished full jobs in a row have missed it")
	} else {
		add("Misses", "a document goes with the first finished full job that misses it")
	}
	return out, nil
}

// percent spells a ratio: 50 %, 0.5 %.
func percent(ratio float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(ratio*100, 'f', 2, 64), "0"), ".") + " %"
}

func part(n, of int64) string {
	if of <= 0 {
		return "more than 100 %"
	}
	return percent(float64(n) / float64(of))
}

// held says in words which brakes hold a job, with its figures. r are the brakes as they are now, nil if they are not known.
func held(j *jobs.Job, r *doctype.Removal) []string {
	var out []string
	limit := func(ok bool, text func() string) string {
		if r == nil || !ok {
			return ""
		}
		return " " + text()
	}
	there := label(j.Live) + " " + plural(j.Live, "document was", "documents were") + " there when it began"
	records := j.Counts.Received - j.Counts.Rejected
	switch j.Brake {
	case doctype.BrakeZero:
		out = append(out, "It brought no records at all, and "+there+".")
	case doctype.BrakeNameless:
		out = append(out, label(j.Nameless)+" of its records named no document, so that nobody knows which of them are really missing.")
	case doctype.BrakeExpect:
		announced := int64(0)
		if j.Expect != nil {
			announced = *j.Expect
		}
		out = append(out, "It announced "+label(announced)+" records and brought "+label(records)+".")
	case doctype.BrakeMinRatio:
		out = append(out, "It brought "+label(j.Rows)+" "+plural(j.Rows, "record", "records")+", and "+there+": "+part(j.Rows, j.Live)+"."+
			limit(r != nil && r.MinRatio != nil, func() string { return "Less than " + percent(*r.MinRatio) + " holds a job." }))
	case doctype.BrakeMaxRemovals:
		out = append(out, "It would remove "+label(j.Held)+" documents."+
			limit(r != nil && r.MaxRemovals != nil, func() string { return "More than " + label(*r.MaxRemovals) + " hold a job." }))
	case doctype.BrakeMaxRatio:
		out = append(out, "It would remove "+label(j.Held)+" documents, and "+there+": "+part(j.Held, j.Live)+"."+
			limit(r != nil && r.MaxRatio != nil, func() string { return percent(*r.MaxRatio) + " or more hold a job." }))
	}
	if j.HeldUpdate > 0 && j.MaxUpdates != nil {
		out = append(out, "It changed "+label(j.HeldUpdate)+" "+plural(j.HeldUpdate, "document", "documents")+", and "+there+": "+part(j.HeldUpdate, j.Live)+
			". It was begun with a limit of "+percent(*j.MaxUpdates)+" for updates.")
	}
	return out
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// brakeNames are the brakes in short.
var brakeNames = map[string]string{ //nolint:gochecknoglobals // a table
	doctype.BrakeZero: "no records", doctype.BrakeNameless: "nameless records", doctype.BrakeExpect: "fewer records than announced",
	doctype.BrakeMinRatio: "too few records", doctype.BrakeMaxRemovals: "too many removals", doctype.BrakeMaxRatio: "too large a part removed",
	doctype.BrakeMaxUpdates: "too large a part changed",
}
