package deliveries

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"dochook/doctype"
	"dochook/hooks"
	"dochook/hooks/ledger"
	"dochook/server/panel/page"
	"dochook/server/rest/collection"
	"dochook/server/web"
)

// delivery is one as it is shown.
type delivery struct {
	row

	Attempted []attempt // the newest first
	Sent      sent
	Outcome   string
	Run       string // the replay or backfill that sent it, or ""
	Job       string // the scrape job of its event, or ""
	EventAt   time.Time
	Part      *hooks.Part // of a batch
}

// Ended reports whether nothing is going to be tried by itself.
func (d *delivery) Ended() bool { return d.Status != ledger.Retrying }

// Started, Finished and Next are times; zero = never.
func (d *delivery) Started() time.Time { return at(d.CreatedAt) }

// Finished is when it ended.
func (d *delivery) Finished() time.Time { return at(d.FinishedAt) }

// Next is when it is tried again.
func (d *delivery) Next() time.Time { return at(d.NextAt) }

func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

func (p *Pages) show(c *gin.Context) error {
	ctx := c.Request.Context()
	id, err := page.Param(c, "id")
	if err != nil {
		return err
	}
	if _, err := p.set.Open(ctx, "Webhook Request Log", collection.Read); err != nil {
		return err
	}
	l, attempts, err := p.set.Ledger.Get(ctx, id)
	if err != nil {
		return err
	}
	d := delivery{row: row{l}, Attempted: newAttempts(attempts), Outcome: outcome(l.HTTPStatus, l.Reason)}
	for i, j := 0, len(d.Attempted)-1; i < j; i, j = i+1, j-1 {
		d.Attempted[i], d.Attempted[j] = d.Attempted[j], d.Attempted[i]
	}
	d.Run, _, _ = ledger.Run(l.Walker)
	if len(l.Detail.Part) > 0 {
		d.Part = new(hooks.Part)
		if err := json.Unmarshal(l.Detail.Part, d.Part); err != nil {
			return err
		}
	}
	ev, err := p.event(ctx, &l)
	if err != nil {
		return err
	}
	if ev != nil {
		d.Job, d.EventAt = ev.Job, ev.At
	}
	if d.Sent, err = p.sent(ctx, &d, ev); err != nil {
		return err
	}
	return p.pages.Render(c, http.StatusOK, "deliveries/delivery", page.View{Title: "Delivery", Crumbs: []page.Crumb{home()}, Data: &d})
}

// event is what a delivery is about; nil if it is not in the log any more, or never was.
func (p *Pages) event(ctx context.Context, l *ledger.Logged) (*doctype.Event, error) {
	events, err := p.set.Documents.Log().At(ctx, []int64{l.EventPos()})
	if err != nil || len(events) == 0 || events[0].ID != l.EventID {
		return nil, err
	}
	return &events[0], nil
}

// sent is the request of a delivery. Of what was sent the log keeps the figures and, while it is retried, all of it; what is missing is made
// again from the event, and it is said whether that is the same.
type sent struct {
	Method, URL string
	Headers     []header
	Body        string
	JSON        bool
	Size        int    // bytes of the body
	Note        string // where the headers and the body come from, and whether they are those that were sent
	Exact       bool   // they are
	Cut         bool   // the body is longer than is shown
}

const shownBody = 64 << 10

func (p *Pages) sent(ctx context.Context, d *delivery, ev *doctype.Event) (sent, error) {
	s := sent{Method: d.Detail.Method, URL: d.Detail.URL, Headers: headersOf(d.Detail.RequestHeaders), Size: d.Detail.Bytes}
	kept, err := p.set.Ledger.Requests(ctx, d.Walker, []int64{d.Pos})
	if err != nil {
		return s, err
	}
	if raw := kept[d.Key]; raw != nil {
		var r hooks.Request
		if err := json.Unmarshal(raw, &r); err == nil && r.URL != "" {
			s.show(&r)
			s.Exact, s.Note = true, "It is kept as it was sent first, and is sent like this again."
			return s, nil
		}
	}
	switch {
	case ev == nil:
		s.Note = "Its body is not kept, and its event is not in the log, so that it cannot be made again."
		return s, nil
	case d.Part != nil && d.Part.N > 1:
		s.Note = "It carried part " + strconv.Itoa(d.Part.N) + " of " + strconv.Itoa(d.Part.Of) + " of a batch. Its body is not kept."
		return s, nil
	}
	webhook, err := p.set.Webhooks.Compiled(ctx, d.Webhook())
	if err != nil {
		if web.Classify(err).Code == "not_found" {
			s.Note = "Its body is not kept, and the webhook is gone, so that it cannot be made again."
			return s, nil
		}
		return s, err
	}
	made := p.set.Couriers.Preview(ctx, webhook, ev)
	if made.Request == nil {
		s.Note = "Its body is not kept, and today the webhook would send none: " + made.Why + "."
		return s, nil
	}
	s.show(made.Request)
	s.compare(&d.Detail, made.Request.Body)
	return s, nil
}

// show takes over what a request has and the log does not.
func (s *sent) show(r *hooks.Request) {
	if s.Method == "" {
		s.Method = r.Method
	}
	if len(s.Headers) == 0 {
		s.Headers = headersOf(hooks.MaskHeader(r.Header))
	}
	var b bytes.Buffer
	body := r.Body
	s.JSON = json.Indent(&b, body, "", "  ") == nil
	if s.JSON {
		body = b.Bytes()
	}
	text := r.Redact(string(body))
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		s.Body, s.JSON = "", false
		s.Note = "The body is not text."
	case len(text) > shownBody:
		s.Body, s.Cut = strings.ToValidUTF8(text[:shownBody], ""), true
	default:
		s.Body = text
	}
}

// compare says whether a body that was made again is the one that was sent.
func (s *sent) compare(d *ledger.Detail, body []byte) {
	sum := sha256.Sum256(body)
	said := s.Note
	switch {
	case d.Bytes == 0 && len(body) == 0:
		s.Note = "It had no body."
	case d.BodySHA256 == hex.EncodeToString(sum[:]):
		s.Exact, s.Note = true, "It was made again from the event, and its body is the very same that was sent."
	case d.BodySHA256 != "":
		s.Note = "This is what would be sent today. The body that was sent was another: the webhook was changed since."
	case d.Bytes == len(body):
		s.Note = "It was made again from the event; the body that was sent has as many bytes. Time and signature in its headers are those of now."
	default:
		s.Note = "This is what would be sent today. The body that was sent had another size: the webhook was changed since."
	}
	s.Note = strings.TrimSpace(s.Note + " " + said)
}
