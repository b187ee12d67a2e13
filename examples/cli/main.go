// Command cli is pixivoc on the command line. To see it at work without
// network or account:
//
//	go run ./examples/cli demo
//
// To have it under its name: go build -o pixivoc ./examples/cli
package main

import (
	"context"
	"os"

	"github.com/pixivoc/pixivoc/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
