// Package bench measures pixivoc as a whole: a client with the Links task type
// on a real database fetches over loopback what an origin in another process
// serves, and a bare loop of net/http does the same in the same run.
//
// # What is compared
//
// The loop L has as many workers as the client has ConcurrencyNumber. Each
// takes an address, sends a GET with one shared http.Client, and copies the
// body into a file of its final name. The loop LS also syncs each file. They
// check nothing, record nothing and cannot resume; they are what net/http and
// the disk allow.
//
// The client is measured under both guarantees: K, which survives the death of
// the process (Config.NoSync), against L, and P, the default, which survives a
// power cut, against LS.
//
// Every measurement is a process of its own, so that its processor time and
// its memory are its own as well. Wall time is from the start of the process
// to its end: opening the database and closing it are part of it. Ratios are
// taken between measurements that followed each other, and the table shows
// their median.
//
// # How to run it
//
// One command prints the table in Markdown:
//
//	go run ./internal/bench/table
//	go run ./internal/bench/table -quick
//	go run ./internal/bench/table -sets small -concurrency 16 -variants none -runs 9
//
// The same measurements are benchmarks, with the ratios as metrics; -short
// takes smaller sets:
//
//	go test -run '^$' -bench . -benchtime 3x ./internal/bench
//	go test -run '^$' -bench Set/small/16 -short ./internal/bench
//
// Files go to a temporary folder below the working directory, which should lie
// on a real disk, and are removed afterwards. A profile of the client's
// processor time is written with -profile.
package bench
