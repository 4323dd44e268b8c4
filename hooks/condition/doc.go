// Package condition evaluates the conditions of webhooks: expressions of github.com/expr-lang/expr over what an event says.
package condition
