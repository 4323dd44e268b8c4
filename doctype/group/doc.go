// Package group does the work of many at once: it commits together what arrives while another commit is running (group commit), and
// shares a long list out among processors.
package group
