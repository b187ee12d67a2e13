package webhook_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/pixivoc/pixivoc/internal/webhook"
)

// Bounds for what another goroutine brings about.
const (
	waitLong = 10 * time.Second
	waitStep = 2 * time.Millisecond
)

// secret is "whsec_" and the base64 of a byte 24 times.
func secret(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 24))
}

// received is a message as it came.
type received struct {
	path   string
	header http.Header
	body   string
}

// receiver notes what comes and answers as it is told.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	came []received
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	to := &receiver{}
	to.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		to.mu.Lock()
		to.came = append(to.came, received{r.RequestURI, r.Header.Clone(), string(body)})
		n := len(to.came)
		to.mu.Unlock()
		if answer != nil {
			answer(n, w, r)
		}
	}))
	t.Cleanup(to.Close)
	return to
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.came...)
}

// hostPort is what allows the receiver.
func (r *receiver) hostPort(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(r.URL)
	require.NoError(t, err)
	return u.Host
}

// log collects what a Sender writes.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// open makes a Sender with short pauses that allows some receivers.
func open(t *testing.T, options webhook.Options, allowed ...*receiver) (*webhook.Sender, *log) {
	t.Helper()
	written := &log{}
	for _, to := range allowed {
		options.Allow = append(options.Allow, to.hostPort(t))
	}
	if options.BackOff == 0 {
		options.BackOff = time.Millisecond
	}
	if options.Resolver == nil {
		options.Resolver = liar(t)
	}
	options.Logger = slog.New(slog.NewTextHandler(written, nil))
	sender, err := webhook.Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sender.Close()) })
	return sender, written
}

func send(t *testing.T, sender *webhook.Sender, id, address string) {
	t.Helper()
	require.NoError(t, sender.Send(t.Context(), webhook.Message{ID: id, URL: address, Body: []byte(`{"Aid":"1"}`)}))
}

// idle waits until nothing waits to be sent.
func idle(t *testing.T, sender *webhook.Sender) {
	t.Helper()
	require.Eventually(t, func() bool { return sender.Waiting() == 0 }, waitLong, waitStep)
}

// liar is a resolver for which every name stands for this machine; nothing is
// asked outside of it.
func liar(t *testing.T) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() { lie(server) })
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		work.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func lie(server net.PacketConn) {
	packet := make([]byte, 1500)
	for {
		n, from, err := server.ReadFrom(packet)
		if err != nil {
			return
		}
		var message dnsmessage.Message
		if message.Unpack(packet[:n]) != nil || len(message.Questions) != 1 {
			continue
		}
		question := message.Questions[0]
		message.Response, message.RecursionAvailable, message.Additionals = true, true, nil
		head := dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class, TTL: 1}
		switch question.Type {
		case dnsmessage.TypeA:
			message.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
		case dnsmessage.TypeAAAA:
			message.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("::ffff:127.0.0.1").As16()}}}
		}
		answer, err := message.Pack()
		if err != nil {
			continue
		}
		_, _ = server.WriteTo(answer, from)
	}
}
