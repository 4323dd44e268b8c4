// Package access decides whose request it is: it keeps the API keys and turns
// a token into the key it belongs to.
//
// A token is the text "key:secret". The key part names the row, the secret is
// shown once, when the key is made, and only its SHA-256 is kept. A plain hash
// is enough: a generated secret carries 160 random bits, so there is no
// dictionary a slow hash would have to defend against; a token chosen by the
// operator is refused when its secret is shorter than 16 characters.
//
// Secrets are compared in constant time, and an unknown key costs the same
// comparison as a known one. An accepted token is remembered in memory for at
// most two seconds, under its hash, so a revoked or disabled key stops working
// everywhere within that time.
package access
