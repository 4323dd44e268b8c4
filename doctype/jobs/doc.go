// Package jobs runs scrape jobs: their pages, their ends, and the removal of what a full job did not see.
package jobs
