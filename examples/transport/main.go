// Command transport shows the roads of pixivoc in somebody's own http.Client:
// no store, no login, no tasks. A pixivoc.Transport is an http.RoundTripper, so
// it goes wherever one is wanted; open.go makes the client.
//
//	go run ./examples/transport https://www.example.com/
//	go run ./examples/transport -mode proxy -proxy socks5://127.0.0.1:1080 https://www.example.com/
//	go run ./examples/transport -mode ip -host i.pximg.net=210.140.139.131 -host i.pximg.net=nosni https://i.pximg.net/
//
// It prints the status and length of the answer, and in mode ip which address and
// strategy served it. What was not reached is explained, attempt by attempt.
// Whatever the road, the certificate is checked against the host in the URL.
//
// Things to know when you take this into a program of your own:
//
//   - Transport.Configure changes the road while requests are under way.
//   - Transport bounds connecting and waiting for the head of an answer. Bound
//     the body with http.Client.Timeout or a context.
//   - To have requests paced, logged in and repeated as well, give the client
//     pixivoc.RoundTripper of a pixivoc.Client instead.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pixivoc/pixivoc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, pixivoc.TransportConfig{}); err != nil {
		fmt.Fprintln(os.Stderr, "transport:", err)
		os.Exit(1)
	}
}
