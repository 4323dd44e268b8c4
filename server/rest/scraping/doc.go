// Package scraping answers the doors of scrapers and their jobs, /scrapers: they
// are made, fed, ended and read here as scraping services do it, with bare
// objects as answers. The same scrapers and jobs are documents of the DocTypes
// Scraper and Scrape Job, too, see package collection.
//
// A key that is limited to some DocTypes sees the scrapers and jobs that feed
// them, and no others.
package scraping
