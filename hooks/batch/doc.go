// Package batch gathers what one request of a batched webhook is about: the records of a page, the documents that were written
// together, or all that a job changed. All of it is read from what the log and its pages say, so that the same request is made
// whenever it is asked for.
package batch
