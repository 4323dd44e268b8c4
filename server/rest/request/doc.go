// Package request reads what the JSON doors ask of a request: parts of its path,
// parameters of its URL, a JSON object as its body, and on whose behalf it acts.
// What cannot be read without doubt is refused, not guessed.
package request
