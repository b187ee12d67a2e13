// Command customtask teaches pixivoc another site. It serves a small gallery on
// this machine, adds a task type for its albums, and opens the doors, which know
// the type by its name without a line of their own:
//
//	go run ./examples/customtask
//
// It prints what to try. Nothing is kept when it ends.
//
// Read it in this order:
//
//   - album.go is the lesson: a task type with two stages, 100 lines. It is all
//     that another site needs.
//   - serve.go puts the kernel and the doors together.
//   - gallery.go is the site. Yours exists already.
//   - album_test.go tests the stages alone, with a mock in place of the kernel;
//     serve_test.go tests all of it together.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, settings{http: "127.0.0.1:13580", socket: "127.0.0.1:13575"}); err != nil {
		fmt.Fprintln(os.Stderr, "customtask:", err)
		os.Exit(1)
	}
}
