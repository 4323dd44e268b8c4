// Package doctype is the contract about documents: what a DocType says, which
// name a record gets, whether it fits, how a document is shown, and what an
// event tells about it. It stores nothing and opens nothing; everything in it
// follows from its arguments.
//
// [ParseDocType] reads a definition and [Compile] makes it usable. A [Document]
// holds its record as raw JSON, exactly as it came in. An [Event] is one entry of
// the append-only log, with the state it left the document in. [WithUser] says
// on whose behalf a call happens.
//
// Errors of this package and of those that keep documents are of type [*Error]
// with a code word from a closed list; [CodeOf] finds the word in any error.
package doctype
