// Package definitions reads and writes stored DocTypes, and keeps compiled ones for a while, so that not every write reads its own.
package definitions
