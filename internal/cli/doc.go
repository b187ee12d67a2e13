// Package cli is the command line of pixivoc. The program in examples/cli
// only calls Run.
//
// A command parses its arguments (root.go, settings.go), opens the data folder
// or connects to a daemon (session.go, remote.go) and hands its tasks to runJob
// (job.go). Those of the commands that fetch are orders (order.go, sources.go,
// search.go) with the options that all works have (options.go). While they run,
// a watch (watch.go) turns the client's events into a view, which a display
// shows: bars on a terminal (bars.go), a line every few seconds elsewhere
// (plain.go), JSON lines for scripts (eventlines.go). The end is a report
// (report.go) and an exit code (exit.go).
//
// What is said of a task follows from its type (kinds.go), so that new types are
// shown as well as old ones. Other commands look at what tasks recorded:
// ledger.go, verify.go, export.go, ugoira.go; or bring in what other programs
// have: importing.go.
package cli
