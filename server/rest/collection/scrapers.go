package collection

import (
	"context"
	"slices"

	"dochook/doctype"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
	"dochook/doctype/record"
	"dochook/doctype/scrapers"
	"dochook/server/rest/rawjson"
	"dochook/server/rest/request"
	"dochook/server/web"
)

// scrapers is the collection of scrapers, which admins set up.
func (set *Set) scrapers() *Collection {
	s := set.Scrapers
	return &Collection{
		name: scraperName, read: web.Reader, write: web.Admin,
		known: scrapers.Known,
		list: func(ctx context.Context, q query.Query) ([][]byte, error) {
			return viewsOf(scraperView)(s.List(ctx, request.Narrow(ctx, q, "feeds")))
		},
		count: func(ctx context.Context, q query.Query) (int64, error) {
			return s.Count(ctx, request.Narrow(ctx, q, "feeds"))
		},
		get: func(ctx context.Context, name string) ([]byte, error) {
			found, err := s.Get(ctx, name)
			if err != nil {
				return nil, err
			}
			if err := web.CheckDocType(ctx, found.Feeds); err != nil {
				return nil, err
			}
			return scraperView(&found)
		},
		insert: func(ctx context.Context, body []byte) ([]byte, error) {
			parsed, err := scrapers.Parse(body)
			if err != nil {
				return nil, err
			}
			return viewOf(scraperView)(s.Insert(ctx, parsed))
		},
		update: func(ctx context.Context, name string, body []byte) ([]byte, error) {
			return viewOf(scraperView)(s.Update(ctx, name, body))
		},
		remove: s.Delete,
	}
}

func scraperView(s *scrapers.Stored) ([]byte, error) {
	head, err := rawjson.Encode(standard{
		Name: s.Name, DocType: scraperName, Owner: s.Owner, Creation: stamp(s.Creation), Modified: stamp(s.Modified), ModifiedBy: s.ModifiedBy,
	})
	if err != nil {
		return nil, err
	}
	return rawjson.Join(head, s.JSON()), nil
}

// jobs is the collection of jobs, which live by their methods: what a job did
// is not written over.
func (set *Set) jobs() *Collection {
	s := set.Jobs
	const lives = "a Scrape Job is not %s: its methods start, finish, stop, approve and discard say what happens to it"
	return &Collection{
		name: jobName, read: web.Reader, write: web.Writer,
		known: func(f string) bool { return jobs.Known(f) || shown(f) },
		list: func(ctx context.Context, q query.Query) ([][]byte, error) {
			return viewsOf(jobView)(s.List(ctx, request.Narrow(ctx, q, "doctype")))
		},
		count: func(ctx context.Context, q query.Query) (int64, error) {
			return s.Count(ctx, request.Narrow(ctx, q, "doctype"))
		},
		get: func(ctx context.Context, id string) ([]byte, error) {
			j, err := set.job(ctx, id)
			return viewOf(jobView)(j, err)
		},
		insert: set.insertJob,
		update: func(context.Context, string, []byte) ([]byte, error) {
			return nil, web.Errorf("forbidden", "", lives, "changed")
		},
		remove: func(context.Context, string) error { return web.Errorf("forbidden", "", lives, "deleted") },
		history: func(ctx context.Context, id string, before int64, limit int) ([]doctype.Event, error) {
			j, err := set.job(ctx, id)
			if err != nil {
				return nil, err
			}
			events, err := set.Documents.Log().HistoryBefore(ctx, j.DocType, j.ID, before, limit)
			return slices.DeleteFunc(events, func(e doctype.Event) bool { return !doctype.IsJobEvent(e.Event) }), err
		},
		actions: map[string]action{
			"start":   set.onJob(s.Start),
			"stop":    set.onJob(s.Stop),
			"approve": set.onJob(s.Approve),
			"discard": set.onJob(s.Discard),
			"finish": func(ctx context.Context, id string, body []byte) ([]byte, error) {
				e, err := jobs.ParseEnding(body)
				if err != nil {
					return nil, err
				}
				finish := func(ctx context.Context, id string) (jobs.Job, error) { return s.Finish(ctx, id, e) }
				return set.onJob(finish)(ctx, id, nil)
			},
		},
	}
}

// shown are members of a job's view that only fields may name.
var shown = oneOf("id", "jobId", "removal", "createdAt")

// job is one that the request's key may see.
func (set *Set) job(ctx context.Context, id string) (jobs.Job, error) {
	j, err := set.Jobs.Get(ctx, id)
	if err != nil {
		return j, err
	}
	return j, web.CheckDocType(ctx, j.DocType)
}

// onJob is a method of a job without parameters; it answers the job.
func (set *Set) onJob(do func(ctx context.Context, id string) (jobs.Job, error)) action {
	return func(ctx context.Context, id string, body []byte) ([]byte, error) {
		if err := decode(orEmpty(body), &struct{}{}); err != nil {
			return nil, err
		}
		if _, err := set.job(ctx, id); err != nil {
			return nil, err
		}
		return viewOf(jobView)(do(ctx, id))
	}
}

func orEmpty(body []byte) []byte {
	if len(body) == 0 {
		return []byte("{}")
	}
	return body
}

// insertJob makes a job of the scraper that the body names; the rest of it is
// what POST /scrapers/{scraper}/jobs takes.
func (set *Set) insertJob(ctx context.Context, body []byte) ([]byte, error) {
	own, _ := doctype.SplitView(body)
	var name string
	var rest record.Writer
	for quoted, value := range record.QuotedMembers(own) {
		switch member := record.Unquote(quoted); member {
		case "scraper":
			if value[0] != '"' {
				return nil, web.Errorf("invalid", "scraper", "scraper must be a string, the name of a Scraper")
			}
			name = record.Unquote(value)
		case "__islocal", "__unsaved": // of Frappe's forms
		default:
			rest.Quoted(quoted, value)
		}
	}
	if name == "" {
		return nil, web.Errorf("mandatory", "scraper", "a Scrape Job needs a scraper, the name of a Scraper")
	}
	s, err := set.Scrapers.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := web.CheckDocType(ctx, s.Feeds); err != nil {
		return nil, err
	}
	return viewOf(jobView)(set.Jobs.Create(ctx, name, rest.Bytes()))
}

// jobView is a job as Frappe's documents are: its own doctype, which the
// standard field of that name stands before, is record.doctype.
func jobView(j *jobs.Job) ([]byte, error) {
	head, err := rawjson.Encode(standard{
		Name: j.ID, DocType: jobName, Owner: j.Owner, Creation: stamp(j.Creation), Modified: stamp(j.Modified), ModifiedBy: j.ModifiedBy,
	})
	if err != nil {
		return nil, err
	}
	var shadow, own record.Writer
	shadow.Text("doctype", j.DocType)
	own.Raw("record", shadow.Bytes())
	own.Text("title", j.Title)
	own.Text("table", j.Table)
	for name, value := range record.Members(record.Member(j.JSON(), "removal")) { // lists may ask for these alone
		own.Raw(name, value)
	}
	return rawjson.Join(head, j.JSON(), own.Bytes()), nil
}
