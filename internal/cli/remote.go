package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/server/socketapi"
)

const remoteTokenVariable = "PIXIVOC_REMOTE_TOKEN"

// tlsPrefix before an address asks for TLS.
const tlsPrefix = "tls://"

// remote returns the address of the daemon to work with, or "" for none.
// --data on the command line wins over the variable of --remote.
func (a *app) remote() string {
	if a.set.given["data"] == "--data" && a.set.given["remote"] != "--remote" {
		return ""
	}
	return a.set.remote
}

// openRemote connects to a daemon.
func (a *app) openRemote(ctx context.Context, address string) (*session, error) {
	if err := a.checkRemote(); err != nil {
		return nil, err
	}
	options := socketapi.ClientOptions{Token: a.environ[remoteTokenVariable], Logger: a.logger()}
	if a.set.remoteToken != "" {
		text, err := readSmall(a.set.remoteToken)
		if err != nil {
			return nil, fmt.Errorf("--remote-token-file: %w", err)
		}
		options.Token = strings.TrimSpace(text)
	}
	plain, secure := strings.CutPrefix(address, tlsPrefix)
	if secure {
		var err error
		if options.TLS, err = a.remoteTLS(); err != nil {
			return nil, err
		}
	}
	conn, err := socketapi.Dial(ctx, plain, options)
	if err != nil {
		return nil, advise(fmt.Errorf("daemon: %w", err), remoteAdvice(err, secure)...)
	}
	first, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	client, err := socketapi.NewRemote(first, conn)
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil, errors.Join(advise(fmt.Errorf("daemon at %s: no answer", address), silentAdvice(options.Token)...), conn.Close())
	default:
		return nil, errors.Join(advise(fmt.Errorf("daemon at %s: %w", address, err), remoteAdvice(err, secure)...), conn.Close())
	}
	return &session{client: client, remote: address, kinds: newCatalogue(client.Types())}, nil
}

// firstAnswer bounds the wait for the first answer of a daemon.
const firstAnswer = 5 * time.Second

// silentAdvice is for an address where somebody listens and says nothing.
func silentAdvice(token string) []string {
	next := []string{"The address must be that of the daemon's socket, by default port 13575; the HTTP address is another one."}
	if token == "" {
		next = append(next, "A daemon on another machine also wants a token: "+remoteTokenVariable+", or --remote-token-file FILE")
	}
	return next
}

func remoteAdvice(err error, secure bool) []string {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return []string{"Name the authority of its certificate: --remote-ca FILE"}
	}
	if errors.Is(err, socketapi.ErrUnauthorized) {
		return []string{"Give a token that it knows: " + remoteTokenVariable + ", or --remote-token-file FILE. POST /api/v1/tokens makes one."}
	}
	next := []string{"The address is that of the daemon's socket, as it shows at its start: --remote 127.0.0.1:13575"}
	if !secure {
		next = append(next, "Off loopback a daemon wants TLS and a token: --remote tls://HOST:PORT and "+remoteTokenVariable)
	}
	return next
}

// checkRemote refuses flags that mean nothing to a daemon.
func (a *app) checkRemote() error {
	for _, name := range slices.Sorted(maps.Keys(a.set.given)) {
		if a.set.given[name] != "--"+name {
			continue // a variable is for all commands, those without --remote too
		}
		switch name {
		case "proxy-mode", "proxy", "host", "timeout", "interval", "concurrency":
			return advise(fmt.Errorf("--%s is for a run of this program; a daemon has settings of its own", name),
				"To change them: pixivoc --remote ADDR env set NAME=VALUE")
		case "data", "no-sync", "sha256":
			return fmt.Errorf("--%s is for a run of this program; with --remote the daemon decides", name)
		}
	}
	return nil
}

// remoteTLS trusts the authorities of the system, or the one that --remote-ca
// names.
func (a *app) remoteTLS() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.set.remoteCA == "" {
		return config, nil
	}
	raw, err := readSmall(a.set.remoteCA)
	if err != nil {
		return nil, fmt.Errorf("--remote-ca: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM([]byte(raw)) {
		return nil, fmt.Errorf("--remote-ca: %s holds no certificate in PEM", a.set.remoteCA)
	}
	return config, nil
}

// left says how to see and stop what a daemon goes on with.
func (s *session) left(j job) string {
	tids := make([]string, 0, len(j.tasks))
	for _, task := range j.tasks {
		tids = append(tids, fmt.Sprint(task.ID()))
	}
	which := strings.Join(tids, " ")
	if len(tids) > 5 {
		which = "TID ..."
	}
	return "The daemon goes on. To follow it again: " + j.again +
		". To stop it: pixivoc --remote " + s.remote + " tasks stop " + which
}
