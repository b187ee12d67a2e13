// Package cli is the command line of pixivoc. The program in examples/cli
// only calls Run.
//
// A command parses its arguments (root.go, settings.go), opens the data folder
// (session.go) and hands its tasks to runJob (job.go). While they run, a watch
// (watch.go) turns the client's events into a view, which a display shows:
// bars on a terminal (bars.go), a line every few seconds elsewhere (plain.go).
// The end is a report (report.go) and an exit code (exit.go).
package cli
