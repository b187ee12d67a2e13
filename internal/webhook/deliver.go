package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// maxAnswer bounds what is read of an answer, head and body each, in bytes.
const maxAnswer = 64 << 10

// controlFor returns a check of the address that a connection to receiver is
// about to be made to. Nothing was sent at that time, and the name is not
// looked up again after it.
func controlFor(receiver string) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil || !isPublic(target.Addr()) {
			return &RefusedError{Receiver: receiver, Address: address}
		}
		return nil
	}
}

// newClient makes the client that sends all messages. It keeps no connections:
// one that is kept was checked for another message.
func (s *Sender) newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: nil, // not even one that the environment names
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				receiver, err := hostPort(address)
				if err != nil {
					return nil, err
				}
				return s.dialer(receiver).DialContext(ctx, network, address)
			},
			TLSClientConfig:        &tls.Config{RootCAs: s.options.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// deliver makes one try. The error has nothing of the address but the host.
func (s *Sender) deliver(ctx context.Context, j *job) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, j.to.url.String(), bytes.NewReader(j.message.Body))
	if err != nil {
		return withoutURL(err)
	}
	timestamp, signature := sign(s.keys, j.message.ID, time.Now(), j.message.Body)
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "pixivoc")
	request.Header.Set("webhook-id", j.message.ID)
	request.Header.Set("webhook-timestamp", timestamp)
	request.Header.Set("webhook-signature", signature)
	response, err := s.client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	// A receiver that is cut off while it answers may take that for a fault.
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %d", response.StatusCode)
	}
	return nil
}

// withoutURL takes the address off an error of net/http: it may be a secret.
func withoutURL(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}
