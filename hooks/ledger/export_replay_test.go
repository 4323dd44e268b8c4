package ledger

// For the tests outside the package.
const (
	OfRun      = ofRun
	RetryingOf = retryingOf
)
