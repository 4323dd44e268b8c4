package doctor

import (
	"fmt"
	"io"
	"strings"

	"dochook/server/cli"
	"dochook/server/cli/terminal"
)

// Statuses of a Finding.
const (
	OK   = "ok"
	Warn = "warn" // it works, and somebody should look
	Fail = "fail" // something does not work
	Skip = "skip" // it could not be looked at, for a reason that is told
)

// Finding is what came of looking at one thing.
type Finding struct {
	Check   string `json:"check"` // such as database, or webhook shop
	Status  string `json:"status"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"` // what to do
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Status: OK, Message: fmt.Sprintf(format, args...)}
}

func skip(check, format string, args ...any) Finding {
	return Finding{Check: check, Status: Skip, Message: fmt.Sprintf(format, args...)}
}

func warn(check, fix, format string, args ...any) Finding {
	return Finding{Check: check, Status: Warn, Message: fmt.Sprintf(format, args...), Fix: fix}
}

func fail(check, fix, format string, args ...any) Finding {
	return Finding{Check: check, Status: Fail, Message: fmt.Sprintf(format, args...), Fix: fix}
}

// report takes findings, and shows them as they come unless they are asked for as JSON.
type report struct {
	out    io.Writer
	style  terminal.Style
	asJSON bool
	list   []Finding
}

func newReport(g *cli.Globals, s *cli.Streams) *report {
	return &report{out: s.Out, style: terminal.StyleOf(s.Out), asJSON: g.JSON, list: []Finding{}}
}

func (r *report) add(found ...Finding) error {
	r.list = append(r.list, found...)
	if r.asJSON {
		return nil
	}
	for _, f := range found {
		word := fmt.Sprintf("%-4s", f.Status)
		switch f.Status {
		case OK:
			word = r.style.Good(word)
		case Warn:
			word = r.style.Warn(word)
		case Fail:
			word = r.style.Bad(word)
		default:
			word = r.style.Faint(word)
		}
		text := fmt.Sprintf("%s  %-16s %s\n", word, f.Check, oneLine(f.Message))
		if f.Fix != "" {
			text += fmt.Sprintf("      %-16s %s\n", "", oneLine(f.Fix))
		}
		if _, err := io.WriteString(r.out, text); err != nil {
			return err
		}
	}
	return nil
}

// end tells how many things are wrong. It fails if one does not work.
func (r *report) end() error {
	warnings, failures := 0, 0
	for _, f := range r.list {
		switch f.Status {
		case Warn:
			warnings++
		case Fail:
			failures++
		}
	}
	if r.asJSON {
		err := terminal.PrintJSON(r.out, map[string]any{"ok": failures == 0, "warnings": warnings, "failures": failures, "checks": r.list})
		if err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(r.out, "%d checks, %d warnings, %d failures\n", len(r.list), warnings, failures); err != nil {
		return err
	}
	if failures > 0 {
		return &cli.Error{CodeWord: cli.CodeFailed, Message: "something does not work", Quiet: true}
	}
	return nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
