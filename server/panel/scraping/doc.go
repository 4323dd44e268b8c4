// Package scraping is the pages about scrapers and their jobs: what scrapes what,
// how its runs went, what a run brought, and what it holds back until somebody
// decides.
package scraping
