// Package definitions keeps compiled DocTypes for a while, so that not every write reads its own.
package definitions
