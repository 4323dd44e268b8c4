// Package documents is the pages about what scrapers feed: the documents of a DocType
// as a list that can be filtered, one document with its history, and the import of
// many.
package documents
