// Command release builds what is released: static binaries of the command line
// and the daemon for each system, in archives, with checksums and a bill of
// materials.
//
//	go run ./internal/release -out dist
//
// The version is that of the commit: its tag, or what the Go tool makes of it.
// The same commit and Go version give the same bytes on every machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := release{log: os.Stderr}
	targets := flag.String("targets", strings.Join(allTargets(), ","), "systems to build for, as linux/amd64")
	flag.StringVar(&r.out, "out", "dist", "folder for the archives; it must be new or empty")
	flag.BoolVar(&r.dirty, "dirty", false, "build a tree that has changes which are not committed")
	flag.IntVar(&r.starts, "starts", 20, "how often to start the program of this system, to measure that")
	flag.Parse()
	r.targets = strings.Split(*targets, ",")
	if err := r.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}
