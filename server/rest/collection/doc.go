// Package collection is what stands behind the name of a DocType: the documents
// somebody defined, or a built-in DocType (DocType, Webhook, Webhook Request Log,
// Scraper, Scrape Job, API Key), all asked and changed through the same few
// functions. Documents come and go as JSON text in the shape of Frappe's
// documents, with its standard fields. Who may do what is decided here, when a
// collection is opened.
package collection
