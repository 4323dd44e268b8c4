// Package vault keeps short texts, such as the secrets of webhooks, unreadable to whoever only has the database: it seals them
// with a master key that stands outside of it, and opens them again.
//
// A sealed text says so itself:
//
//	sealed:v1:<key id>:<base64 of a nonce of 24 bytes and the box>
//
// The box is NaCl's secretbox (XSalsa20 and Poly1305), so a text that was changed does not open. The key id, 8 hexadecimal digits,
// is the beginning of a hash of the key; it tells which of several keys has sealed a text.
//
// # Master keys
//
// A master key is 32 bytes in hexadecimal or base64, as `openssl rand -base64 32` makes them, or any other text of at least 16
// characters, which is stretched with argon2id (RFC 9106: 3 passes, 64 MiB, 4 lanes) and the salt "dochook vault v1". The salt is the
// same everywhere: a passphrase makes the same key on every machine and after every restore, and so must not be guessable.
//
// Several keys stand behind each other with commas. The first seals, all of them open, which is how a key is replaced. Where several
// processes share a database, first give each of them "old,new", then "new,old", and at last "new": whatever one of them seals, the
// others can open.
package vault
