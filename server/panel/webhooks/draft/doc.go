// Package draft is a webhook as it stands in a form: the choices that are offered
// with their explanations, the fields of a stored webhook, and the members of a
// webhook made of what was typed.
package draft
