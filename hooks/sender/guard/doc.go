// Package guard decides what may be called: which URLs are well formed, and which addresses may be dialled whatever a name resolves to at
// the moment of the call.
package guard
