// Package request reads the bodies that make jobs: the inputs of a scraper, and our own words among them.
package request
