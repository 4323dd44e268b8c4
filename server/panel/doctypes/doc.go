// Package doctypes is the pages about DocTypes: the list of them with how much each
// holds, and the form of a definition, by which one is made, changed and deleted.
// They belong to the documents in the navigation.
package doctypes
