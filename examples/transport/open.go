package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pixivoc/pixivoc"
)

// run does what the command line says. config has what it does not say, such
// as the authorities to trust.
func run(ctx context.Context, args []string, out io.Writer, config pixivoc.TransportConfig) error {
	address, err := parse(args, out, &config)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	// This is all there is to it: a Transport, and a client that uses it. The
	// rest of the client is yours: cookies, redirects, the time for all of it.
	transport, err := pixivoc.NewTransport(config)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Minute}

	if err := fetch(ctx, client, address, out); err != nil {
		explain(err, out)
		return err
	}
	for _, route := range transport.Routes() { // empty but in mode ip
		if route.Address != "" {
			fmt.Fprintf(out, "%s is at %s, by %s\n", route.Host, route.Address, route.Strategy)
		}
	}
	return nil
}

// fetch gets a page with a client of whatever kind.
func fetch(ctx context.Context, client *http.Client, address string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	length, err := io.Copy(io.Discard, response.Body)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d bytes\n", response.Status, length)
	return nil
}

// explain says what a person can do about an error.
func explain(err error, out io.Writer) {
	if errors.Is(err, pixivoc.ErrProxyLogin) {
		fmt.Fprintln(out, "The proxy wants another user and password; put them into its URL.")
	}
	if failed, ok := errors.AsType[*pixivoc.DialError](err); ok {
		fmt.Fprintf(out, "%s was not reached (mode %s):\n", failed.Host, failed.Mode)
		for _, attempt := range failed.Attempts {
			fmt.Fprintf(out, "  %s %s: %s\n", attempt.Address, attempt.Strategy, attempt.Cause)
		}
	}
}

// parse reads the command line.
func parse(args []string, out io.Writer, config *pixivoc.TransportConfig) (address string, err error) {
	flags := flag.NewFlagSet("transport", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	mode := flags.String("mode", "direct", "direct, proxy or ip")
	flags.StringVar(&config.Proxy, "proxy", "", "URL of the proxy, for mode proxy")
	flags.DurationVar(&config.Timeout, "timeout", 30*time.Second, "for connecting and for the head of the answer")
	var entries []string
	flags.Func("host", "HOST=ADDRESS or HOST=STRATEGY, for mode ip; may be given several times", func(text string) error {
		entries = append(entries, text)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		flags.SetOutput(out)
		flags.PrintDefaults()
		return "", err
	}
	modes := map[string]pixivoc.ProxyMode{}
	for _, m := range []pixivoc.ProxyMode{pixivoc.ModeDirect, pixivoc.ModeProxy, pixivoc.ModeIP} {
		modes[m.String()] = m
	}
	var known bool
	if config.Mode, known = modes[*mode]; !known {
		return "", fmt.Errorf("-mode %s: want direct, proxy or ip", *mode)
	}
	if flags.NArg() != 1 {
		return "", fmt.Errorf("want one URL, have %d", flags.NArg())
	}
	if len(entries) > 0 { // without any, mode ip takes DefaultHosts
		config.Hosts, err = pixivoc.ParseHostTable(entries)
	}
	return flags.Arg(0), err
}
