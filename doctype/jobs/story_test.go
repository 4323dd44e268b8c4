package jobs_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dochook/doctype"
	"dochook/doctype/documents"
	"dochook/doctype/jobs"
	"dochook/doctype/query"
)

// story is a script, a step per line, about one feed. The steps:
//
//	begin J [as B] [{…}]            makes job J, of the scraper B
//	start J; finish J; fail J; stop J; approve J; discard J
//	page J a b=2 -c {…}             a page; -c says that c is removed
//	full J [as B] [{…}] : a b       begin, page and finish of a full job; no records are no page
//	partial J [as B] [{…}] : a b    the same of a partial job
//	scraper B …                     another scraper of the DocType, with members
//	brakes {…}                      changes what is said about removals of the feed's scraper
//	put a=1; trash a; restore a     by hand
//	ingest a b=1                    a page of no job
//	forget                          empties the log
//	job J status=held brake=zero    what the job must be
//	live a b                        the documents there must be
//	log started +a ~b -c finished   the events since the last log
//	removals J a b                  what a held job would remove
//
// A step that ends in !code must fail with it. Text behind // is a comment.
type story struct {
	name             string
	docType, scraper string // members
	script           string
}

type teller struct {
	*feed

	ids map[string]string // of jobs
}

// tell runs stories, each on a DocType of its own, on both databases.
func tell(t *testing.T, stories []story) {
	t.Helper()
	each(t, func(t *testing.T, h *house) {
		for _, s := range stories {
			t.Run(s.name, func(t *testing.T) {
				w := &teller{h.feed(t, s.docType, s.scraper), map[string]string{}}
				for n, line := range strings.Split(s.script, "\n") {
					line, _, _ = strings.Cut(line, "//")
					words := strings.Fields(line)
					if len(words) == 0 {
						continue
					}
					want := ""
					if last := words[len(words)-1]; last[0] == '!' {
						want, words = last[1:], words[:len(words)-1]
					}
					if err := w.step(t, words[0], words[1:]); doctype.CodeOf(err) != want {
						t.Fatalf("line %d, %s: %v, want code %q", n, strings.TrimSpace(line), err, want)
					}
					if t.Failed() {
						t.Fatalf("line %d: %s", n, strings.TrimSpace(line))
					}
				}
			})
		}
	})
}

// name makes a scraper's name the feed's own.
func (w *teller) name(scraper string) string {
	if scraper == "" {
		return w.scraper
	}
	return w.scraper + scraper
}

func (w *teller) step(t *testing.T, verb string, args []string) error {
	t.Helper()
	ctx := t.Context()
	switch verb {
	case "begin":
		_, err := w.begin(t, args, "")
		return err
	case "full", "partial":
		return w.whole(t, verb, args)
	case "start", "finish", "fail", "stop", "approve", "discard":
		_, err := w.verbs()[verb](ctx, w.ids[args[0]])
		return err
	case "page":
		_, err := w.jobs.WritePage(ctx, w.ids[args[0]], pageWith(args[1:]))
		return err
	case "scraper":
		w.defineScraper(t, fmt.Sprintf(`{"name":%q,"feeds":%q%s}`, w.name(args[0]), w.docType, more(strings.Join(args[1:], ""))))
	case "brakes":
		_, err := w.scrapers.Update(ctx, w.scraper, []byte(`{"removal":`+args[0]+`}`))
		return err
	case "put":
		_, err := w.docs.Put(ctx, w.docType, data(args[0]))
		return err
	case "trash":
		_, err := w.docs.Trash(ctx, w.docType, args[0])
		return err
	case "restore":
		_, err := w.docs.Restore(ctx, w.docType, args[0])
		return err
	case "ingest":
		_, err := w.docs.WritePage(ctx, w.docType, pageWith(args))
		return err
	case "forget":
		_, err := w.db.Write.ExecContext(ctx, "DELETE FROM events")
		return err
	case "job":
		w.check(t, args[0], args[1:])
	case "live":
		wantWords(t, "documents", sorted(w.live(t)), strings.Join(args, " "))
	case "log":
		wantWords(t, "events", w.log(t), strings.Join(args, " "))
	case "removals":
		names, total, err := w.jobs.Removals(ctx, w.ids[args[0]], 0, 1000)
		if err != nil || total != int64(len(names)) {
			t.Errorf("removals %v of %d, %v", names, total, err)
		}
		wantWords(t, "removals", strings.Join(names, " "), strings.Join(args[1:], " "))
	default:
		t.Fatalf("no step is called %s", verb)
	}
	return nil
}

func (w *teller) begin(t *testing.T, args []string, mode string) (string, error) {
	t.Helper()
	label, scraper, body := args[0], "", "{}"
	if args = args[1:]; len(args) > 1 && args[0] == "as" {
		scraper, args = args[1], args[2:]
	}
	if len(args) > 0 {
		body = args[0]
	}
	if mode != "" {
		body = strings.Replace(`{"mode":"`+mode+`",`+body[1:], ",}", "}", 1)
	}
	j, err := w.jobs.Create(t.Context(), w.name(scraper), []byte(body))
	w.ids[label] = j.ID
	return j.ID, err
}

func (w *teller) whole(t *testing.T, mode string, args []string) error {
	t.Helper()
	colon := slices.Index(args, ":")
	id, err := w.begin(t, args[:colon], mode)
	if err != nil {
		return err
	}
	if records := args[colon+1:]; len(records) > 0 {
		if _, err := w.jobs.WritePage(t.Context(), id, pageWith(records)); err != nil {
			return err
		}
	}
	_, err = w.jobs.Finish(t.Context(), id, jobs.Ending{Status: jobs.Finished})
	return err
}

// pageWith is pageOf, where -a removes.
func pageWith(words []string) documents.Page {
	p := pageOf(words...)
	for i, word := range words {
		if name, ok := strings.CutPrefix(word, "-"); ok {
			p.Records[i].Data, p.Records[i].Trash = data(name), true
		}
	}
	return p
}

func (w *teller) check(t *testing.T, label string, wants []string) {
	t.Helper()
	j := w.get(t, w.ids[label])
	is := map[string]string{
		"status": string(j.Status), "brake": j.Brake, "decision": j.Decision, "mode": j.Mode,
		"held": strconv.FormatInt(j.Held, 10), "held_updates": strconv.FormatInt(j.HeldUpdate, 10),
		"live": strconv.FormatInt(j.Live, 10), "removed": strconv.FormatInt(j.Counts.Removed, 10), "rows": strconv.FormatInt(j.Rows, 10),
	}
	for _, want := range wants {
		key, value, _ := strings.Cut(want, "=")
		if got, ok := is[key]; !ok || got != value {
			t.Errorf("job %s: %s is %q, want %q", label, key, got, value)
		}
	}
	// Lists must agree with the job itself.
	listed, err := w.jobs.List(t.Context(), query.Query{Limit: query.All, Filters: []query.Filter{
		query.NewFilter("name", query.Equal, j.ID), query.NewFilter("status", query.Equal, string(j.Status)),
	}})
	if err != nil || len(listed) != 1 || string(listed[0].JSON()) != string(j.JSON()) {
		t.Errorf("job %s is listed as %+v, %v", label, listed, err)
	}
}
