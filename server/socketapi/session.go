package socketapi

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// What a connection wants of the kernel's events; see session.wants.
const (
	wantsEvents int32 = 1 << iota
	wantsItems
)

// readBuffer holds a usual request, so that it takes one read.
const readBuffer = 1 << 10

// session is one connection. One goroutine reads requests and answers them one
// after the other, another one writes.
type session struct {
	service *service
	conn    net.Conn
	raw     net.Conn // conn below TLS; closing it never waits
	remote  netip.Addr
	since   time.Time
	log     *slog.Logger
	out     *outbox
	frames  frameReader

	spoke atomic.Bool // a valid request came
	hears atomic.Bool // gets reports
	wants atomic.Int32

	ended    sync.Once
	reason   CloseReason
	deadline sync.Mutex // guards stopping and the read deadline
	stopping bool

	identity identity

	// The rest belongs to the reading goroutine.
	voids uint64
	input *spool
}

func newSession(service *service, conn net.Conn) *session {
	config := service.server.config
	s := &session{
		service: service, conn: conn, raw: conn, remote: remoteOf(conn), since: time.Now(),
		log: config.Logger.With("client", conn.RemoteAddr().String()),
	}
	if config.TLS != nil {
		s.conn = tls.Server(conn, config.TLS)
	}
	s.out = newOutbox(config.ReportQueue, service.hub.lostEvent)
	s.frames = frameReader{
		reader: bufio.NewReaderSize(s.conn, readBuffer), limit: config.MaxFrame,
		begun: func() { s.readBefore(time.Now().Add(config.FrameTimeout)) },
	}
	s.input = newSpool(config.MaxInput, &service.server.inputs)
	return s
}

// run serves the connection until it ends.
func (s *session) run(ctx context.Context) {
	defer func() { _ = s.raw.Close() }()
	defer s.input.close()
	if s.service.server.access.check == nil {
		s.admit("", Rights{Control: true, Admin: true})
	}
	late := time.AfterFunc(s.service.server.config.AuthenticationTimeout, func() {
		if !s.hears.Load() {
			s.drop(ClosedUnauthenticated)
		}
	})
	defer late.Stop()
	if !s.handshake(ctx) {
		s.drop(ClosedTLSFailed)
		return
	}
	var owned sync.WaitGroup
	owned.Go(s.write)
	watch, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	if s.service.server.access.check != nil {
		owned.Go(func() { s.keepRights(watch) })
	}
	reason := s.read(ctx)
	stopWatch()
	s.end(reason)
	switch reason {
	case ClosedByClient, ClosedShutdown: // it may still read what it asked for
		s.out.finish()
	default:
		s.out.close()
	}
	owned.Wait()
	s.drop(reason)
}

// handshake does what TLS wants before the first frame.
func (s *session) handshake(ctx context.Context) bool {
	conn, isTLS := s.conn.(*tls.Conn)
	if !isTLS {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, s.service.server.config.AuthenticationTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		s.log.Debug("TLS handshake", "error", err)
		return false
	}
	if s.service.server.config.TLS.ClientAuth == tls.RequireAndVerifyClientCert {
		s.admit("", Rights{Control: true, Admin: true})
	}
	return true
}

// admit lets an authenticated client in: from now on it gets reports.
func (s *session) admit(token string, rights Rights) {
	s.identity.set(token, rights)
	s.hears.Store(true)
}

// read answers requests until the connection ends, and says why it does.
func (s *session) read(ctx context.Context) CloseReason {
	for {
		s.readBefore(time.Time{})
		body, err := s.frames.next()
		if err != nil {
			return s.reasonOf(err)
		}
		s.service.server.tally.received()
		if reason := s.answer(ctx, body); reason != "" {
			return reason
		}
	}
}

func (s *session) reasonOf(err error) CloseReason {
	s.deadline.Lock()
	stopping := s.stopping
	s.deadline.Unlock()
	var length *lengthError
	switch {
	case errors.As(err, &length):
		s.log.Warn("frame refused, connection closed", "reason", string(length.reason))
		return length.reason
	case stopping:
		return ClosedShutdown
	case errors.Is(err, io.EOF):
		return ClosedByClient
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ClosedFrameTimeout
	}
	return ClosedLost
}

// answer serves one frame. The result is why the connection must end, or
// empty. A panic ends this connection alone.
func (s *session) answer(ctx context.Context, body []byte) (reason CloseReason) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("panic while serving a frame", "length", len(body), "cause", cause, "stack", string(debug.Stack()))
			reason = ClosedPanic
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.service.server.config.CommandTimeout)
	defer cancel()
	r, void := decode(body)
	if void != "" {
		s.void(void, len(body))
		return ""
	}
	if void, reason = s.authenticate(ctx, &r); void != "" || reason != "" {
		s.void(void, len(body))
		return reason
	}
	s.spoke.Store(true)
	a := s.dispatch(ctx, &r)
	if a.void != "" {
		s.out.release()
		s.void(a.void, len(body))
		return ""
	}
	frame, err := encode(message{"R" + r.number, SendReply, a.content})
	if err != nil {
		s.out.release()
		s.log.Error("make reply", "command", r.command, "error", err)
		s.void(VoidInternal, len(body))
		return ""
	}
	s.out.reply(frame)
	if a.after != nil {
		a.after()
	}
	return ""
}

// authenticate looks at the token of a request while one is wanted, and of
// CommandAuthenticate always.
func (s *session) authenticate(ctx context.Context, r *request) (void VoidReason, reason CloseReason) {
	access := s.service.server.access
	known := s.identity.isKnown()
	if access.check == nil || known && Command(r.command) != CommandAuthenticate {
		return "", ""
	}
	if r.token == "" {
		if known {
			return "", "" // asks what it may do
		}
		return VoidUnauthenticated, ""
	}
	rights, err := access.rights(ctx, r.token, s.remote)
	if err != nil {
		s.log.Warn("token refused")
		return VoidUnauthenticated, ClosedWrongToken
	}
	s.admit(r.token, rights)
	return "", ""
}

// void drops a frame without a reply. Of many in a row few are logged.
func (s *session) void(reason VoidReason, length int) {
	s.service.server.tally.void(reason)
	if s.voids++; bits.OnesCount64(s.voids) == 1 {
		s.log.Warn("frame without effect", "reason", string(reason), "length", length, "count", s.voids)
	}
}

// write writes what is in the outbox, each frame with one call.
func (s *session) write() {
	for {
		q, ok := s.out.next()
		if !ok {
			return
		}
		err := s.conn.SetWriteDeadline(time.Now().Add(s.service.server.config.WriteTimeout))
		if err == nil {
			_, err = s.conn.Write(q.frame)
		}
		if err != nil {
			reason := ClosedLost
			if errors.Is(err, os.ErrDeadlineExceeded) {
				reason = ClosedSlow
			}
			s.drop(reason)
			return
		}
		s.service.server.tally.sent()
		s.out.written(q)
	}
}

// readBefore sets when reading must have come to something; the zero time is
// never. After stop it has no effect.
func (s *session) readBefore(deadline time.Time) {
	s.deadline.Lock()
	defer s.deadline.Unlock()
	if !s.stopping {
		_ = s.conn.SetReadDeadline(deadline) // fails on a closed connection only
	}
}

// stop lets the request that is being served be answered and ends the
// connection then.
func (s *session) stop() {
	s.deadline.Lock()
	defer s.deadline.Unlock()
	s.stopping = true
	_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection only
}

// end notes why the connection ends; the first reason stays.
func (s *session) end(reason CloseReason) {
	s.ended.Do(func() {
		s.reason = reason
		s.log.Debug("connection ends", "reason", string(reason))
	})
}

// drop ends the connection at once. It may be called from anywhere.
func (s *session) drop(reason CloseReason) {
	s.end(reason)
	s.out.close()
	_ = s.raw.Close() // nothing is lost that was not given up
}
