// Package apikeys holds the verbs about API keys, of a running service or of a database that is open: to make, list and revoke them.
package apikeys
