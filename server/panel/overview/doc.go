// Package overview is the first page of the panel: how each webhook stands, what
// was sent in the last hour, what needs a person, and what happens just now.
package overview
