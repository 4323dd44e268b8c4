package jobs_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"dochook/doctype/jobs"
)

// model is what removals mean, in the plainest words: no tables, no log, and a tick for each step.
type model struct {
	tick int
	docs map[string]*modelDoc
	jobs []*modelJob

	scrapers []string
	miss     map[string]map[string]int // by scraper and name
}

type modelDoc struct {
	live    bool
	value   int
	seer    string // the scraper that saw it last
	written int    // when
}

type modelJob struct {
	id, scraper string
	full        bool
	status      jobs.Status
	began, live int // began is 0 before its first page
	seen        map[string]bool
	due, early  map[string]bool // while it is held
	removed     int
}

// modelBrakes are those of the scrapers of the test.
var modelBrakes = map[string]struct {
	members            string
	misses, maxRemoval int
	ratios, zero       bool
}{
	"off":     {off, 1, 1000, false, false},
	"usual":   {`"removal":null`, 1, 1000, true, true},
	"twice":   {`"removal":{"misses":2,"on_zero":"allow","min_ratio":null,"max_ratio":null}`, 2, 1000, false, false},
	"careful": {`"removal":{"misses":2,"max_removals":0,"min_ratio":null,"max_ratio":null}`, 2, 0, false, true},
}

// candidates are the documents of a job's scraper that nobody wrote since the job began.
func (m *model) candidates(j *modelJob) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(m.docs)) {
		if d := m.docs[name]; d.live && d.seer == j.scraper && d.written <= j.began {
			names = append(names, name)
		}
	}
	return names
}

func (m *model) begin(j *modelJob) {
	if j.began == 0 {
		j.began = m.tick
		for _, d := range m.docs {
			if d.live && d.seer == j.scraper {
				j.live++
			}
		}
	}
}

func (m *model) write(name string, value int) {
	d := m.docs[name]
	if d == nil {
		d = &modelDoc{}
		m.docs[name] = d
	}
	if !d.live || d.value != value {
		d.live, d.value, d.written = true, value, m.tick
	}
}

func (m *model) trash(name string) {
	m.docs[name].live, m.docs[name].written = false, m.tick
}

// page brings documents, in a job or in none.
func (m *model) page(j *modelJob, names []string, value int) {
	if j != nil {
		m.begin(j)
	}
	for _, name := range names {
		m.write(name, value)
		if j != nil {
			m.docs[name].seer, j.seen[name] = j.scraper, true
		}
		for _, missed := range m.miss {
			delete(missed, name)
		}
		for _, other := range m.jobs {
			delete(other.due, name)
			delete(other.early, name)
		}
	}
}

func (m *model) remove(j *modelJob, names []string) {
	for _, name := range names {
		m.trash(name)
		j.removed++
		for _, missed := range m.miss {
			delete(missed, name)
		}
	}
}

func (m *model) finish(j *modelJob, status jobs.Status) {
	m.begin(j)
	j.status = status
	if status != jobs.Finished || !j.full {
		return
	}
	for _, older := range m.jobs {
		if older.scraper == j.scraper && older.status == jobs.Held {
			m.decide(older, false)
		}
	}
	brakes := modelBrakes[j.scraper]
	var due, early []string
	for _, name := range m.candidates(j) {
		switch {
		case j.seen[name]:
		case m.miss[j.scraper][name]+1 >= brakes.misses:
			due = append(due, name)
		default:
			early = append(early, name)
		}
	}
	poor := brakes.zero && len(j.seen) == 0 || brakes.ratios && 2*len(j.seen) < j.live
	large := len(due) > brakes.maxRemoval || brakes.ratios && 2*len(due) >= j.live
	switch {
	case len(due) > 0 && (poor || large):
		j.status, j.due, j.early = jobs.Held, set(due), set(early)
		return
	case len(due) == 0 && poor: // it says of nothing that it is gone
		return
	}
	m.remove(j, due)
	for _, name := range early {
		m.miss[j.scraper][name]++
	}
}

func (m *model) decide(j *modelJob, approve bool) {
	j.status = jobs.Finished
	if approve {
		still := m.candidatesOfAny(j)
		m.remove(j, slices.DeleteFunc(still, func(name string) bool { return !j.due[name] }))
		for name := range j.early {
			m.miss[j.scraper][name]++
		}
	}
	j.due, j.early = nil, nil
}

// candidatesOfAny are candidates, of whatever scraper: who saw one since has taken it off the job already.
func (m *model) candidatesOfAny(j *modelJob) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(m.docs)) {
		if d := m.docs[name]; d.live && d.written <= j.began {
			names = append(names, name)
		}
	}
	return names
}

func set(names []string) map[string]bool {
	out := map[string]bool{}
	for _, name := range names {
		out[name] = true
	}
	return out
}

func (m *model) String() string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.docs)) {
		if d := m.docs[name]; d.live {
			fmt.Fprintf(&out, "%s=%d ", name, d.value)
		}
	}
	for _, j := range m.recent() {
		fmt.Fprintf(&out, "\n%s %s, removed %d, would remove %v", j.scraper, j.status, j.removed, m.wouldRemove(j))
	}
	return out.String()
}

// recent are the jobs that something can still happen to, and a few others.
func (m *model) recent() []*modelJob { return m.jobs[max(0, len(m.jobs)-6):] }

func (m *model) wouldRemove(j *modelJob) []string {
	return slices.DeleteFunc(m.candidatesOfAny(j), func(name string) bool { return !j.due[name] })
}

// String is the same of the service.
func (f *feed) state(t *testing.T, m *model) string {
	t.Helper()
	var out strings.Builder
	for _, name := range f.live(t) {
		d, err := f.docs.Get(t.Context(), f.docType, name)
		if err != nil {
			t.Fatal(err)
		}
		_, value, _ := strings.Cut(string(d.Record), `"v":`)
		fmt.Fprintf(&out, "%s=%s ", name, strings.TrimSuffix(value, "}"))
	}
	for _, mine := range m.recent() {
		j := f.get(t, mine.id)
		names, _, err := f.jobs.Removals(t.Context(), j.ID, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n%s %s, removed %d, would remove %v", strings.TrimPrefix(j.Scraper, f.docType), j.Status, j.Counts.Removed, names)
	}
	return out.String()
}

// step does something at random, to the service and to the model, and tells what.
func (f *feed) step(t *testing.T, m *model, r *rand.Rand) string {
	t.Helper()
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m.tick++
	var names, records []string
	value, most := r.IntN(12)/11, 1+r.IntN(3) // mostly nothing new
	for _, name := range []string{"a", "b", "c", "d"} {
		if r.IntN(4) < most {
			names, records = append(names, name), append(records, fmt.Sprintf("%s=%d", name, value))
		}
	}
	pick := func(is func(*modelJob) bool) *modelJob {
		of := slices.DeleteFunc(slices.Clone(m.jobs), func(j *modelJob) bool { return !is(j) })
		if len(of) == 0 {
			return nil
		}
		return of[r.IntN(len(of))]
	}
	open := pick(func(j *modelJob) bool { return j.status == jobs.Pending || j.status == jobs.InProgress })
	held := pick(func(j *modelJob) bool { return j.status == jobs.Held })
	name := string("abcd"[r.IntN(4)])
	known := m.docs[name] != nil
	of := map[string]bool{"page": open != nil, "end": open != nil, "decide": held != nil, "trash": known && m.docs[name].live, "restore": known && !m.docs[name].live}
	steps := slices.DeleteFunc(strings.Fields("begin begin begin page page page page end end end decide decide decide ingest put put trash restore"), func(step string) bool {
		may, conditional := of[step]
		return conditional && !may
	})
	switch step := steps[r.IntN(len(steps))]; step {
	case "begin":
		return f.beginAtRandom(t, m, r)
	case "page":
		must(f.jobs.WritePage(ctx, open.id, pageOf(records...)))
		m.page(open, names, value)
		open.status = jobs.InProgress
		return fmt.Sprintf("page of job %d: %v", slices.Index(m.jobs, open), records)
	case "end":
		status := []jobs.Status{jobs.Failed, jobs.Stopped, jobs.Finished}[min(r.IntN(12), 2)]
		must(f.jobs.Finish(ctx, open.id, jobs.Ending{Status: status}))
		m.finish(open, status)
		return fmt.Sprintf("job %d is %s", slices.Index(m.jobs, open), status)
	case "decide":
		approve := r.IntN(3) > 0
		if approve {
			must(f.jobs.Approve(ctx, held.id))
		} else {
			must(f.jobs.Discard(ctx, held.id))
		}
		m.decide(held, approve)
		return fmt.Sprintf("decide on job %d: %t", slices.Index(m.jobs, held), approve)
	case "ingest":
		must(f.docs.WritePage(ctx, f.docType, pageOf(records...)))
		m.page(nil, names, value)
		return fmt.Sprintf("ingest %v", records)
	case "put":
		if known {
			value = 1 - m.docs[name].value
		}
		must(f.docs.Put(ctx, f.docType, data(fmt.Sprintf("%s=%d", name, value))))
		m.write(name, value)
		return fmt.Sprintf("put %s=%d", name, value)
	case "trash":
		must(f.docs.Trash(ctx, f.docType, name))
		m.trash(name)
		return "trash " + name
	case "restore":
		must(f.docs.Restore(ctx, f.docType, name))
		m.docs[name].live, m.docs[name].written = true, m.tick
		return "restore " + name
	}
	return "nothing"
}

func (f *feed) beginAtRandom(t *testing.T, m *model, r *rand.Rand) string {
	t.Helper()
	scraper := m.scrapers[r.IntN(len(m.scrapers))]
	j := &modelJob{scraper: scraper, full: r.IntN(6) > 0, status: jobs.Pending, seen: map[string]bool{}}
	if slices.ContainsFunc(m.jobs, func(o *modelJob) bool {
		return j.full && o.full && o.scraper == scraper && (o.status == jobs.Pending || o.status == jobs.InProgress)
	}) {
		return "nothing"
	}
	body := map[bool]string{true: full, false: "{}"}[j.full]
	made, err := f.jobs.Create(t.Context(), f.docType+scraper, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	j.id = made.ID
	m.jobs = append(m.jobs, j)
	return fmt.Sprintf("begin job %d of %s, full %t", len(m.jobs)-1, scraper, j.full)
}

func TestRemovals_as_the_model_says(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for seed := range uint64(3) {
			f := h.feed(t, "", "")
			m := &model{docs: map[string]*modelDoc{}, miss: map[string]map[string]int{}}
			brakes := slices.Sorted(maps.Keys(modelBrakes))
			for i, name := range brakes {
				if i != int(seed)%4 && i != int(seed+1+seed/4%3)%4 { // two of them
					continue
				}
				b := modelBrakes[name]
				m.scrapers, m.miss[name] = append(m.scrapers, name), map[string]int{}
				h.defineScraper(t, fmt.Sprintf(`{"name":%q,"feeds":%q,%s}`, f.docType+name, f.docType, b.members))
			}
			r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // the same ones each time
			var steps []string
			for range 80 {
				step := f.step(t, m, r)
				if step == "nothing" {
					continue
				}
				steps = append(steps, step)
				if got, want := f.state(t, m), m.String(); got != want {
					t.Fatalf("seed %d:\n%s\nthere is\n%s\nwant\n%s", seed, strings.Join(steps, "\n"), got, want)
				}
			}
		}
	})
}
