// Package server joins the rooms of dochook to one service: configuration,
// wiring, the table of routes, start and stop. Programs that embed dochook use
// it as main does: New, register triggers and subscribers, Run.
package server
