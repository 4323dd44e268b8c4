// Package hooks says what a webhook is and which events concern it: its
// definition and every check of it, its condition, its secrets, and the exact
// request an event leads to. Rendering is a pure function of webhook and event,
// so a preview shows what will be sent and a crash changes nothing about it.
//
// Sending is the business of the packages below this one: ledger keeps what
// was tried, courier walks the log, sender makes one attempt.
package hooks
