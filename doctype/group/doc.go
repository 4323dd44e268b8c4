// Package group commits what arrives while another commit is running together (group commit).
package group
