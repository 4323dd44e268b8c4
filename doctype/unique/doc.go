// Package unique keeps which live document holds which value of a field that no
// two may share. The table is written in the documents' own transaction.
package unique
