// Package crashtest holds tests of the command line program as users run it:
// the real binary is built, started against a fake Pixiv with TLS, killed with
// SIGKILL at seeded random moments, and started again until it is done.
//
// # What is believed
//
// What was acknowledged is known outside the victim: the origin keeps a journal
// of every request with the bytes that it sent, and after each kill the test
// reads a copy of the database. From then on every record and every final state
// that it saw must stay. A kill counts as landing inside a request only when
// the journal says so, and most of them must.
//
// After each kill and at the end the tests check that the database opens; that
// every file with a record is there and identical to the origin's; that no file
// under a final name is anything else; that a file with a record is never asked
// for again; that nothing is fetched twice but what was in flight, and long
// files go on at the byte where they stopped. At the end every item has a final
// state, every record is there once, and no unfinished file is left.
//
// # How to run it
//
// The tests are part of "go test ./...", where a scenario is killed 30 times;
// with -short 5 times. They need a system with SIGKILL.
//
//	go test ./internal/crashtest
//	go test -short ./internal/crashtest
//	go test ./internal/crashtest -run Killed -seed 42 -kills 200 -v
//
// The seed decides at which moments the victim is killed, as far as the
// scheduler of the system lets it.
package crashtest
