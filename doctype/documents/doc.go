// Package documents is the only writer of documents and of their events. It
// finds what really changed and writes every change together with its event in
// one transaction.
//
// A write that changes nothing under the DocType's comparison rules touches no
// row and makes no event. A page of records is one transaction with an answer
// for each record; single writes that come at the same time share one.
//
// Programs that embed dochook can register triggers with [Service.On]. They run
// inside the writing transaction, see the document before and after, may change
// it, and reject it by returning an error.
package documents
