package migrations

// Codes of [Error].
const (
	CodeInvalid     = "invalid"      // the database URL is wrong
	CodeNotFound    = "not_found"    // a folder does not exist
	CodeForbidden   = "forbidden"    // a file may not be read or written
	CodeLocked      = "locked"       // another process uses the SQLite file
	CodeUnavailable = "unavailable"  // the server cannot be reached or does not let us in
	CodeUnsupported = "unsupported"  // not a database, or one we cannot work with
	CodeSchemaNewer = "schema_newer" // migrated by a newer version of this program
	CodeSchemaOlder = "schema_older" // migrations are missing
)

// Error is what this package refuses by itself. Its text names files, hosts and users, never a password.
type Error struct {
	code string
	text string
	err  error
}

// Error returns the text for people.
func (e *Error) Error() string { return e.text }

// Code returns one of the Code constants.
func (e *Error) Code() string { return e.code }

// Unwrap returns the driver's or the system's error, if there is one.
func (e *Error) Unwrap() error { return e.err }

func refuse(code, text string, cause error) error {
	return &Error{code: code, text: text, err: cause}
}
