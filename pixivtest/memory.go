package pixivtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// RoundTripper returns a transport that asks the server in memory, without sockets and without goroutines. It works
// on a server that is not started. Every wait goes by the clock of the time package, so inside a testing/synctest
// bubble a stall of an hour takes no time.
//
// It behaves as an [http.Transport] with DisableCompression would: faults of the network come as the same errors
// (a reset as [syscall.ECONNRESET], a cut as [io.ErrUnexpectedEOF]). TLS is not involved; every https request counts
// as sent with its true name. Limits of a real transport, as on the size of a header, are not there.
func (s *Server) RoundTripper() http.RoundTripper { return memory{s} }

type memory struct{ server *Server }

// RoundTrip implements [http.RoundTripper].
func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	s := m.server
	if !s.knows(r.URL.Hostname()) {
		missing := &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: missing}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	received := received(r)
	x := s.journal.begin(received, s.hostOf(received))
	s.journal.connected(x.host, 1)
	b := &body{server: s, x: x, ctx: r.Context(), closed: make(chan struct{})}
	b.answer = s.respond(received, x)
	response, err := b.response(r)
	if err != nil {
		b.over()
		return nil, err
	}
	return response, nil
}

// received is a client's request as a server sees it.
func received(r *http.Request) *http.Request {
	in := r.Clone(r.Context())
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	if r.URL.Path == "" {
		in.URL.Path = "/"
	}
	in.RequestURI = in.URL.RequestURI()
	if r.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{ServerName: r.URL.Hostname(), HandshakeComplete: true, Version: tls.VersionTLS13}
	}
	return in
}

// body is the body of a response from memory.
type body struct {
	server *Server
	x      *exchange
	ctx    context.Context // of the request: it ends reads, as that of a real transport does
	answer *answer

	course course
	at     int64 // how far the client has read
	ready  int64 // bytes from at on that may be read without a pause
	limit  int64 // declared length; negative: none

	once   sync.Once
	closed chan struct{}

	mu      sync.Mutex // guards the exchange: Close may come while Read runs
	settled bool
}

// response is what the client gets once the header is through.
func (b *body) response(r *http.Request) (*http.Response, error) {
	a := b.answer
	delays := []time.Duration{b.server.latency(), a.wire.delay}
	if a.wire.hang {
		delays = append(delays, -1)
	}
	if step := a.wire.headerPace; step.bytes > 0 {
		delays = append(delays, time.Duration(int64(len(a.head()))/step.bytes)*step.every)
	}
	for _, d := range delays {
		if !b.server.gate.wait(b.ctx, nil, d) {
			return nil, b.gone()
		}
	}
	switch a.wire.dropped {
	case endReset:
		return nil, resetError()
	case endClose:
		return nil, io.EOF
	}
	length, legal := a.declared()
	if !legal {
		return nil, fmt.Errorf("net/http: bad Content-Length %q", a.lengths())
	}
	raw, err := textproto.NewReader(bufio.NewReader(strings.NewReader(a.wire.rawHeader + "\r\n"))).ReadMIMEHeader()
	if err != nil {
		return nil, fmt.Errorf("net/http: %w", err)
	}
	b.x.status = a.status
	b.course, b.limit = a.course(), length
	response := &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), ContentLength: length, Body: b, Request: r,
		Close: a.wire.framing == byClose,
	}
	maps.Copy(response.Header, raw)
	if length >= 0 {
		response.Header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	if response.Header.Get("Date") == "" {
		response.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if a.wire.framing == byChunks {
		response.TransferEncoding = []string{"chunked"}
	}
	if a.bodiless() || (length == 0 && a.size() == 0) {
		b.over()
		response.Body = http.NoBody
	}
	return response, nil
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if err := b.check(); err != nil {
		return 0, err
	}
	if b.limit >= 0 && b.at >= b.limit { // a client never sees more than was declared
		b.over()
		return 0, io.EOF
	}
	for b.ready == 0 {
		pause, n := b.course.next()
		if pause == 0 && n == 0 {
			return 0, b.ended()
		}
		if !b.server.gate.wait(b.ctx, b.closed, pause) {
			return 0, b.gone()
		}
		b.ready = n
	}
	n := min(int64(len(p)), b.ready)
	if b.limit >= 0 {
		n = min(n, b.limit-b.at)
	}
	read, err := b.answer.body.ReadAt(p[:n], b.at)
	if err == io.EOF && int64(read) == n {
		err = nil
	}
	b.at, b.ready = b.at+int64(read), b.ready-int64(read)
	b.count(read)
	return read, err
}

// Close implements [io.Closer]. It ends a Read that waits.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	b.over()
	return nil
}

func (b *body) check() error {
	select {
	case <-b.closed:
		return http.ErrBodyReadAfterClose
	default:
		return b.ctx.Err()
	}
}

// ended is the error at the end of what is sent.
func (b *body) ended() error {
	b.over()
	switch {
	case b.answer.wire.end == endReset:
		return resetError()
	case b.limit >= 0 && b.at < b.limit, b.answer.wire.end == endClose && b.answer.wire.framing == byChunks:
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// gone is the error of a wait that did not come to its end.
func (b *body) gone() error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	select {
	case <-b.closed:
		return http.ErrBodyReadAfterClose
	default:
		return errors.New("pixivtest: the server is closed")
	}
}

func (b *body) count(read int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.x.bytes += int64(read)
}

// over counts the request, and what would be its connection, as over.
func (b *body) over() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.settled {
		return
	}
	b.settled = true
	b.x.finish()
	b.server.journal.connected(b.x.host, -1)
}

func resetError() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}
