// Package page is what all pages of the panel share: the layout and its partial
// templates, the style sheet and the script, forms that keep what was typed, and
// the functions that templates may call.
//
// Everything is embedded in the program. Every page works without JavaScript: an
// action is a form that is posted and answered with a redirect, and what the
// script adds (live values, previews, copying) is an addition. No markup is made
// by hand in Go but by html/template, which escapes by context.
//
// A package of pages embeds a folder templates and adds it to the Set; each file
// of it is a page, which defines the template "content", and, where it wants to,
// "actions" (buttons beside the heading), "styles" and "scripts". A file whose
// name begins with an underscore is shared by all pages of its package.
package page
