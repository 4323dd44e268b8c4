// Package graph answers GraphQL: webhooks that hear what a scraper's jobs added,
// updated and removed, listed, saved and deleted by url, event and scraper.
//
// The schema is schema.graphql. Its jobID names a Scraper. One stored Webhook of
// format changes stands for all events of one scraper that go to one URL, so that
// one request per job can carry them all; GraphQL shows it as one webhook per
// event, whose id is <name of the Webhook>.<EVENT>. Webhooks of that kind that
// were made elsewhere are shown, and may be changed, like those made here.
//
// A request is POST with a JSON object {query, operationName, variables}, or with
// the query alone as application/graphql, or GET ?query= for what only reads. An
// executed request is answered with 200, also when some of it failed; one that
// cannot be executed is answered with the status of its error. Each error has its
// word of package web in extensions.code.
//
// What one request may cost is bounded: the length of its query, the depth and
// number of its selections, and the number of fields that they yield.
package graph
