// Command table measures pixivoc against bare loops of net/http and prints one
// table in Markdown; see package bench.
package main

import (
	"context"
	"os"

	"github.com/pixivoc/pixivoc/internal/bench"
)

func main() {
	os.Exit(bench.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
