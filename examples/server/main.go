// Command server is pixivoc as a daemon: the kernel with all its doors. To see
// it at work without network or account:
//
//	go run ./examples/server --demo
package main

import (
	"context"
	"os"

	"github.com/pixivoc/pixivoc/internal/daemon"
)

func main() {
	os.Exit(daemon.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
}
