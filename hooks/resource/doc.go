// Package resource says what a job looks like to those who know it as a task: the members eventData and resource of its events, in the
// words that task integrations use.
package resource
