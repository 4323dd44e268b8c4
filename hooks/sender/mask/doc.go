// Package mask shows requests to people without telling them what opens doors: URLs and headers keep their shape, and whatever
// is a secret, or looks like one, becomes three asterisks.
//
// What looks like a secret is guessed by names and, in URLs, by the look of a value. A guess can miss; nothing here makes it safe to show a
// request to people who may not know the webhook.
package mask
