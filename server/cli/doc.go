// Package cli holds the verbs of the dochook program: each is a struct whose
// fields are its flags (for github.com/alecthomas/kong) and whose Run does it.
//
// A verb writes what was asked for to Streams.Out and everything else to
// Streams.Err, ends nothing but itself, and returns an error that [Report] can
// put into one or two lines that tell what to do next. No flag takes a secret
// without an environment variable of the same meaning.
package cli
