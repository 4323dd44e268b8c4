// Package columns keeps the ids under which other systems send the columns of a DocType.
package columns
