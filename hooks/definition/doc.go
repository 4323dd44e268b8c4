// Package definition says what a webhook is: its members, the formats they are for, and what is wrong with one. What needs a
// compiled webhook, and where webhooks are kept, is one room up.
package definition
