// Package system is the page about the service itself: whether it works, how it
// is configured (without secrets), what it is made of, and its database.
package system
