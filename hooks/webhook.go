package hooks

import (
	"fmt"
	"time"

	"dochook/hooks/definition"
)

type (
	// Webhook is a webhook as defined and answered.
	Webhook = definition.Webhook
	// Header is one row of a webhook's headers.
	Header = definition.Header
	// Check is a Frappe Check field.
	Check = definition.Check
	// Retry is when failed deliveries are tried again.
	Retry = definition.Retry
	// Batch is how much one request of a batched format may carry.
	Batch = definition.Batch
	// Error is a mistake in a webhook, or a failure to make its request.
	Error = definition.Error
)

// Formats of bodies.
const (
	FormatDocument = definition.FormatDocument
	FormatTemplate = definition.FormatTemplate
	FormatRows     = definition.FormatRows
	FormatJob      = definition.FormatJob
	FormatChanges  = definition.FormatChanges
)

// Codes of this package's errors.
const (
	CodeInvalid          = definition.CodeInvalid
	CodeMandatory        = definition.CodeMandatory
	CodeNotFound         = definition.CodeNotFound
	CodeConflict         = definition.CodeConflict
	CodeLink             = definition.CodeLink
	CodeInvalidCondition = definition.CodeInvalidCondition
	CodeInvalidURL       = definition.CodeInvalidURL
	CodeRenderFailed     = definition.CodeRenderFailed
)

// Default is a webhook as it is before its members are read.
func Default() Webhook { return definition.Default() }

// Parse reads a webhook over base, see [definition.Parse].
func Parse(base Webhook, data []byte) (Webhook, error) { return definition.Parse(base, data) }

func errorf(code, field, format string, args ...any) *Error {
	return definition.Errorf(code, field, format, args...)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Stored is a webhook with what is known of its making.
type Stored struct {
	Webhook
	Secret     bool   // there is one
	PublicKey  string // of an ed25519 secret, "" for others
	Version    int64  // grows with each edit
	Owner      string
	Creation   time.Time
	Modified   time.Time
	ModifiedBy string
}
