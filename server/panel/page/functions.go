package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// functions are those that templates may call; each is described where it is
// defined.
func (s *Set) functions() template.FuncMap {
	return template.FuncMap{
		"asset": s.assetURL,
		"badge": badge, "tone": Tone,
		"bytes": Bytes, "duration": Duration, "number": Number, "seconds": func(s float64) string { return Duration(time.Duration(s * float64(time.Second))) },
		"confirm": newConfirm,
		"dict":    dict,
		"field":   newField,
		"has":     func(section string) bool { return s.sections[section] },
		"json":    prettyJSON,
		"micros":  func(us int64) time.Time { return fromMicros(us) },
		"path":    Path,
		"query":   query,
		"time":    s.time,
	}
}

// moment is what the template "time" shows.
type moment struct {
	Zero                  bool
	Machine, Exact, Words string
}

func (s *Set) time(t time.Time) moment {
	if t.IsZero() {
		return moment{Zero: true}
	}
	t = t.UTC()
	return moment{Machine: t.Format(time.RFC3339Nano), Exact: t.Format("2006-01-02 15:04:05 UTC"), Words: ago(s.options.Now().Sub(t))}
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// ago says how long something was ago, or will be in.
func ago(d time.Duration) string {
	words, future := "", d < 0
	if future {
		d = -d
	}
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		words = fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		words = fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		words = fmt.Sprintf("%d h", int(d.Hours()))
	default:
		words = fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	if future {
		return "in " + words
	}
	return words + " ago"
}

// Number writes an integer with commas: 1,234,567.
func Number(n any) (string, error) {
	var s string
	switch v := n.(type) {
	case int:
		s = strconv.Itoa(v)
	case int64:
		s = strconv.FormatInt(v, 10)
	case int32:
		s = strconv.FormatInt(int64(v), 10)
	default:
		return "", fmt.Errorf("%T is not a whole number", n)
	}
	digits, sign := strings.CutPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if sign {
		return "-" + digits, nil
	}
	return digits, nil
}

// Duration writes a time span shortly: 340 µs, 12 ms, 1.5 s, 3 min 20 s, 5 h, 3 days.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < time.Hour:
		return two(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 48*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	default:
		return two(int(d.Hours()/24), "days", int(d.Hours())%24, "h")
	}
}

func two(a int, unit string, b int, smaller string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unit)
	}
	return fmt.Sprintf("%d %s %d %s", a, unit, b, smaller)
}

// Bytes writes a size: 512 B, 1.5 KiB, 12 MiB.
func Bytes(n any) (string, error) {
	var v float64
	switch x := n.(type) {
	case int:
		v = float64(x)
	case int64:
		v = float64(x)
	default:
		return "", fmt.Errorf("%T is not a size", n)
	}
	unit := 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	format := "%.1f %s"
	if unit == 0 || v >= 100 {
		format = "%.0f %s"
	}
	return fmt.Sprintf(format, v, [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]), nil
}

// prettyJSON indents JSON text; numbers and strings stay as they are. What is no
// JSON is shown as it is; other values are encoded.
func prettyJSON(v any) (string, error) {
	var raw []byte
	switch x := v.(type) {
	case []byte:
		raw = x
	case json.RawMessage:
		raw = x
	case string:
		raw = []byte(x)
	default:
		var err error
		if raw, err = json.Marshal(v); err != nil {
			return "", fmt.Errorf("json: %w", err)
		}
	}
	var b bytes.Buffer
	if !json.Valid(raw) {
		return strings.ToValidUTF8(string(raw), "\uFFFD"), nil
	}
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return "", fmt.Errorf("json: %w", err)
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD"), nil
}

// Badge is a status as the template "badge" shows it.
type Badge struct{ Tone, Text string }

// badge is the badge of a status word, or with a second word one of that tone.
func badge(text string, tone ...string) Badge {
	if len(tone) > 0 {
		return Badge{tone[0], text}
	}
	return Badge{Tone(text), text}
}

// Tone is how a status word is coloured: good, warn, bad, info or plain.
func Tone(status string) string {
	switch strings.ToLower(status) {
	case "delivered", "enabled", "finished", "ok", "ready", "closed", "approved", "active", "on_insert", "applied", "job.finished":
		return "good"
	case "retrying", "held", "paused", "half-open", "ramping", "preparing", "skipped", "pending", "warning", "stopped", "expiring", "job.held":
		return "warn"
	case "dead", "failed", "open", "error", "revoked", "refused", "not ready", "on_trash", "discarded", "job.failed":
		return "bad"
	case "running", "in_progress", "in progress", "on_update", "on_change", "restored", "new", "job.started":
		return "info"
	default:
		return "plain"
	}
}

// Confirm is a button that asks before it acts.
type Confirm struct {
	CSRF, Action, Label, Question, Detail, Button, Tone string
	Fields                                              map[string]string
}

// newConfirm makes one of pairs: action, label, question; button (default: the
// label), detail, tone (default: bad), and field:NAME for hidden fields.
func newConfirm(c context, pairs ...string) (Confirm, error) {
	out := Confirm{CSRF: c.CSRF, Tone: "bad", Fields: map[string]string{}}
	if len(pairs)%2 != 0 {
		return out, fmt.Errorf("confirm: names and values do not pair")
	}
	at := map[string]*string{
		"action": &out.Action, "label": &out.Label, "question": &out.Question, "detail": &out.Detail, "button": &out.Button, "tone": &out.Tone,
	}
	for i := 0; i < len(pairs); i += 2 {
		if name, ok := strings.CutPrefix(pairs[i], "field:"); ok {
			out.Fields[name] = pairs[i+1]
			continue
		}
		to := at[pairs[i]]
		if to == nil {
			return out, fmt.Errorf("confirm: there is no %s", pairs[i])
		}
		*to = pairs[i+1]
	}
	if out.Button == "" {
		out.Button = strings.TrimSuffix(out.Label, "…")
	}
	return out, nil
}

// dict makes a map of pairs, for templates that need several values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: names and values do not pair")
	}
	out := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// query adds parameters to an address; those with an empty value are left out.
func query(base string, pairs ...string) (string, error) {
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("query: names and values do not pair")
	}
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return base, nil
	}
	return base + "?" + v.Encode(), nil
}
