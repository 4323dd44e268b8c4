// Package scrapers keeps scrapers: the recurring things that run jobs, each feeding one DocType.
package scrapers
