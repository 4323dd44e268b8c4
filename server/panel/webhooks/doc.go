// Package webhooks is the pages about webhooks: find one, make and edit it with a
// preview of what it would send beside the form, try it, switch it on and off, and
// send again what it has sent or never got to.
package webhooks
