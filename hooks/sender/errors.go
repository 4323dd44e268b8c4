package sender

import "dochook/hooks/sender/guard"

type (
	// Guard decides which addresses may be dialled.
	Guard = guard.Guard
	// Error is every error this package returns.
	Error = guard.Error
)

// Codes of [Error].
const (
	CodeInvalid = guard.CodeInvalid
	CodeRefused = guard.CodeRefused
)

// NewGuard returns a Guard that also allows what the entries name, see [guard.New].
func NewGuard(allow []string) (*Guard, error) { return guard.New(allow) }

func invalid(message string) *Error { return guard.Invalid(message) }
