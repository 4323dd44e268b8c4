// Package build tells which build of the program is running.
package build
