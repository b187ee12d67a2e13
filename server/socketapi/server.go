package socketapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// shutdownGrace is how long requests that are being served may take when
	// the server ends.
	shutdownGrace = 2 * time.Second
	// loginTimeout bounds a login, which may wait for slow proxies.
	loginTimeout = 5 * time.Minute
	// inputsFactor is how many of the longest lists there may be at a time.
	inputsFactor = 8
	// maxLogins is how many logins that clients began run at a time.
	maxLogins = 4
	// Pauses after an accept that failed, for instance for want of file
	// descriptors.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// Server serves the socket protocol of PixivOC to any number of clients. Make
// one with New. Its methods are safe for concurrent use.
type Server struct {
	client  pixivoc.Client
	config  Config
	access  *access
	tally   tally
	inputs  inputs
	serving atomic.Bool
}

// New makes a Server for a client of the kernel, which it neither starts nor
// shuts down. A wrong Config gives a *pixivoc.FieldError.
func New(client pixivoc.Client, config Config) (*Server, error) {
	if client == nil {
		return nil, &pixivoc.FieldError{Field: "client", Reason: "is required"}
	}
	config, err := config.filled()
	if err != nil {
		return nil, err
	}
	s := &Server{client: client, config: config, access: newAccess(config)}
	s.config.Token = "" // its hash is enough
	s.inputs.limit = inputsFactor * int64(config.MaxInput)
	s.tally.n.Void, s.tally.n.Closed = map[VoidReason]uint64{}, map[CloseReason]uint64{}
	return s, nil
}

// Counters returns what the server has seen.
func (s *Server) Counters() Counters { return s.tally.snapshot() }

// Serve accepts clients until ctx ends. Then it closes listener, lets requests
// that are being served finish, closes all connections, and returns nil when
// none is left. It closes listener in any case.
//
// An address that others can reach is refused with a *pixivoc.FieldError
// unless there is TLS and authentication; see
// Config.DangerousOpenToTheNetwork. When the kernel is shut down Serve returns
// pixivoc.ErrClosed. A Server serves one listener at a time.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	defer func() { _ = listener.Close() }() // a second Close at the end of a good run
	if err := s.config.checkListener(listener); err != nil {
		return err
	}
	if !s.serving.CompareAndSwap(false, true) {
		return fmt.Errorf("serve %s: the server has a listener already: %w", listener.Addr(), pixivoc.ErrState)
	}
	defer s.serving.Store(false)

	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	v := &service{
		server: s, sessions: map[*session]struct{}{},
		hub: newHub(s.client, s.config.Results, s.config.Logger),
	}
	v.spawn = func(f func(context.Context)) { v.background.Go(func() { f(work) }) }
	ready := make(chan struct{})
	v.background.Go(func() {
		v.hub.follow(work, sync.OnceFunc(func() { close(ready) }))
		end(pixivoc.ErrClosed) // unless it ended first
	})
	select {
	case <-ready:
	case <-ctx.Done():
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	err := v.accept(ctx, work, listener)
	v.shutdown(abandon)
	if err == nil && errors.Is(context.Cause(ctx), pixivoc.ErrClosed) {
		err = fmt.Errorf("serve %s: %w", listener.Addr(), pixivoc.ErrClosed)
	}
	return err
}

// service is one call of Serve.
type service struct {
	server *Server
	hub    *hub
	// spawn runs a function that ends soon after its context is done, which is
	// when requests that are being served must end, too.
	spawn      func(func(context.Context))
	background sync.WaitGroup // the hub's reader, and what was spawned
	readers    sync.WaitGroup // one for each session
	logins     atomic.Int32   // under way
	attempts   atomic.Int64   // numbers logins

	mu       sync.Mutex
	sessions map[*session]struct{}
}

// accept takes clients in until ctx ends. Their requests are served under work.
func (v *service) accept(ctx, work context.Context, listener net.Listener) error {
	pause := minAcceptPause
	for {
		conn, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve %s: %w", listener.Addr(), err)
		case err == nil:
			pause = minAcceptPause
			v.take(work, conn)
			continue
		}
		v.server.config.Logger.Error("accept a client", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxAcceptPause)
	}
}

// take serves a connection, or closes it when there is no place.
func (v *service) take(work context.Context, conn net.Conn) {
	s := newSession(v, conn)
	evicted, ok := v.place(s)
	if evicted != nil {
		evicted.drop(ClosedSilent)
	}
	if !ok {
		v.server.tally.refused()
		_ = conn.Close()
		return
	}
	v.server.tally.connected()
	v.readers.Go(func() {
		v.hub.join(s)
		s.run(work)
		v.hub.leave(s)
		v.remove(s)
		v.server.tally.disconnected(s.reason)
	})
}

// place finds room for a session, if need be that of the one which has been
// silent for longest and never said anything.
func (v *service) place(s *session) (evicted *session, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.sessions) >= v.server.config.MaxClients {
		for other := range v.sessions {
			if !other.spoke.Load() && (evicted == nil || other.since.Before(evicted.since)) {
				evicted = other
			}
		}
		if evicted == nil {
			return nil, false
		}
		delete(v.sessions, evicted)
	}
	v.sessions[s] = struct{}{}
	return evicted, true
}

func (v *service) remove(s *session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sessions, s)
}

// all returns the sessions that there are.
func (v *service) all() []*session {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]*session, 0, len(v.sessions))
	for s := range v.sessions {
		list = append(list, s)
	}
	return list
}

// shutdown ends all sessions and waits for everything that Serve started.
// Nobody is taken in any more.
func (v *service) shutdown(abandon context.CancelFunc) {
	for _, s := range v.all() {
		s.stop()
	}
	hard := time.AfterFunc(shutdownGrace, func() {
		abandon()
		for _, s := range v.all() {
			s.drop(ClosedShutdown)
		}
	})
	v.readers.Wait()
	hard.Stop()
	abandon()
	v.background.Wait()
}
