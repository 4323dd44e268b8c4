package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	"dochook/doctype"
	"dochook/hooks/sender"
	"dochook/migrations"
	"dochook/server"
	keys "dochook/server/access"
)

// Exit codes of the program.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2 // a flag, argument or setting is wrong
)

// Codes of Error.
const (
	CodeUsage       = "usage"       // the command line is wrong
	CodeFailed      = "failed"      // it was understood, and did not work out
	CodeUnreachable = "unreachable" // the server named by --server does not answer
)

// Error is a failure in words for the person at the terminal.
type Error struct {
	CodeWord string
	Message  string
	Hint     string // what to do; "" when the message says it
	Quiet    bool   // everything was said already: only the exit code is left
	Err      error  // cause, not shown
}

// Code returns one of the Code constants.
func (e *Error) Code() string { return e.CodeWord }

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func failf(format string, args ...any) *Error {
	return &Error{CodeWord: CodeFailed, Message: fmt.Sprintf(format, args...)}
}

func usagef(format string, args ...any) *Error {
	return &Error{CodeWord: CodeUsage, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) hint(text string) *Error { e.Hint = text; return e }

// because keeps the cause for errors.Is.
func (e *Error) because(err error) *Error { e.Err = err; return e }

// Report writes an error as one line, and a second one with a hint where there
// is something to do about it, and returns the exit code.
func Report(w io.Writer, err error) int {
	if err == nil {
		return ExitDone
	}
	e := explain(err)
	if !e.Quiet {
		text := "dochook: " + oneLine(e.Message) + "\n"
		if e.Hint != "" {
			text += "hint: " + e.Hint + "\n"
		}
		if _, err := io.WriteString(w, text); err != nil {
			return ExitFailed
		}
	}
	if e.CodeWord == CodeUsage {
		return ExitUsage
	}
	return ExitFailed
}

// explain finds words for an error of any package.
func explain(err error) *Error {
	var own *Error
	var listen *server.ListenError
	var database *migrations.Error
	var document *doctype.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &listen):
		return explainListen(listen)
	case errors.As(err, &database):
		return explainDatabase(database)
	case errors.As(err, &document) && document.CodeWord != doctype.CodeInternal && document.CodeWord != doctype.CodeUnavailable:
		return &Error{CodeWord: CodeFailed, Message: document.ClientMessage(), Err: err}
	case errors.Is(err, context.Canceled):
		return failf("interrupted").because(err)
	case migrations.IsFull(err):
		return failf("there is no room left on the disk of the database").because(err)
	case migrations.IsUnavailable(err):
		return failf("the database does not answer: %s", rootCause(err)).because(err)
	}
	if coded, ok := errors.AsType[coded](err); ok {
		return &Error{CodeWord: CodeFailed, Message: coded.Error(), Err: err}
	}
	return failf("%s", rootCause(err)).because(err)
}

// badSetting tells errors of --allow-target and DOCHOOK_ADMIN_TOKEN as such;
// other errors stay as they are.
func badSetting(err error) error {
	if refused, ok := errors.AsType[*keys.Error](err); ok && refused.Field == "token" {
		return usagef("%s", refused).hint("DOCHOOK_ADMIN_TOKEN takes key:secret with a secret of at least 16 characters").because(err)
	}
	if target, ok := errors.AsType[*sender.Error](err); ok {
		return usagef("--allow-target: %s", target).because(err)
	}
	return err
}

func explainListen(err *server.ListenError) *Error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return failf("cannot listen on %s: the address is in use", err.Address).
			hint("stop the program that uses it, or choose another address with --listen (port 0 takes a free one)").because(err)
	}
	return failf("cannot listen on %s: %s", err.Address, rootCause(err.Err)).
		hint("--listen takes host:port, such as 127.0.0.1:8000 or :8000").because(err)
}

func explainDatabase(err *migrations.Error) *Error {
	e := failf("%s", err.Error()).because(err)
	if refused, ok := errors.AsType[*net.OpError](err); ok { // the driver's text says it once for each address
		e.Message = fmt.Sprintf("no database answers at %s: %s", refused.Addr, rootCause(refused.Err))
	}
	switch err.Code() {
	case migrations.CodeInvalid:
		e.CodeWord = CodeUsage
		e.Hint = "--database (or DOCHOOK_DATABASE) takes sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME"
	case migrations.CodeLocked:
		e.Hint = "stop the other process; while a service runs on the file use --server with its address instead of --database"
	case migrations.CodeNotFound, migrations.CodeUnavailable:
		e.Hint = "check --database (or DOCHOOK_DATABASE), and that the server runs"
	case migrations.CodeSchemaOlder:
		e.Hint = "run: dochook migrate up"
	case migrations.CodeSchemaNewer:
		e.Hint = "use the newer dochook that migrated it"
	}
	return e
}

// rootCause is the innermost text of an error chain: the outer ones name our
// own steps, which say nothing to who runs the program.
func rootCause(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return rootCause(u.Err)
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// coded is an error of any of our packages.
type coded interface {
	error
	Code() string
}

func codeOf(err error) string {
	if coded, ok := errors.AsType[coded](err); ok {
		return coded.Code()
	}
	return ""
}
