// Package paneltest is for tests of the panel: the whole service on a database of
// the test's own, a client that is signed in, and a real browser.
//
// The browser is Chromium (or Chrome) in PATH. Where there is none the test is
// skipped, or fails if the comma list DOCHOOK_REQUIRE contains chromium.
package paneltest
