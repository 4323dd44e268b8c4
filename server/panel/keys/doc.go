// Package keys is the pages about API keys: who may do what, new ones with the
// secret shown once, and an end for those that are not needed any more.
package keys
