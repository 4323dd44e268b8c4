// Package outlook guesses from the pages before whether the next page of a DocType is news: records none of which has a document yet.
package outlook
