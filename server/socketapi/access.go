package socketapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// errWrongToken refuses a token.
var errWrongToken = errors.New("wrong token")

// access decides who may do what.
type access struct {
	// check is nil when no token is wanted.
	check    func(ctx context.Context, token string, remote netip.Addr) (Rights, error)
	throttle throttle
}

func newAccess(config Config) *access {
	a := &access{check: config.Authenticate}
	if config.Token != "" {
		want := sha256.Sum256([]byte(config.Token))
		a.check = func(_ context.Context, token string, _ netip.Addr) (Rights, error) {
			got := sha256.Sum256([]byte(token))
			if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
				return Rights{}, errWrongToken
			}
			return Rights{Control: true, Admin: true}, nil
		}
	}
	return a
}

// rights returns what a token allows. An address that sent several wrong ones
// is not listened to for a while.
func (a *access) rights(ctx context.Context, token string, remote netip.Addr) (Rights, error) {
	if !a.throttle.allow(remote, time.Now()) {
		return Rights{}, errWrongToken
	}
	rights, err := a.check(ctx, token, remote)
	if err == nil {
		a.throttle.succeeded(remote)
	} else if ctx.Err() == nil {
		a.throttle.failed(remote, time.Now())
	}
	return rights, err
}

const (
	freeFailures  = 5 // wrong tokens of an address before it has to wait
	maxWait       = time.Minute
	maxThrottled  = 4096 // addresses that are remembered
	throttleReset = 15 * time.Minute
)

// throttle slows down who guesses tokens, by address: others are not affected.
// The zero value is ready.
type throttle struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*guesser
}

type guesser struct {
	failures int
	last     time.Time
}

// prefixOf is the address, or for IPv6 the network that one subscriber has.
func prefixOf(remote netip.Addr) netip.Prefix {
	remote = remote.Unmap()
	bits := 64
	if remote.Is4() {
		bits = 32
	}
	prefix, _ := remote.Prefix(bits) // the zero Addr gives the zero Prefix
	return prefix
}

func (g *guesser) wait() time.Duration {
	if g.failures < freeFailures {
		return 0
	}
	return min(maxWait, time.Second<<min(g.failures-freeFailures, 10))
}

func (t *throttle) allow(remote netip.Addr, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.addresses[prefixOf(remote)]
	return g == nil || now.Sub(g.last) >= g.wait()
}

func (t *throttle) succeeded(remote netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.addresses, prefixOf(remote))
}

func (t *throttle) failed(remote netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.addresses == nil {
		t.addresses = map[netip.Prefix]*guesser{}
	}
	prefix := prefixOf(remote)
	g := t.addresses[prefix]
	if g == nil || now.Sub(g.last) > throttleReset {
		t.makeRoom(now)
		g = &guesser{}
		t.addresses[prefix] = g
	}
	g.failures++
	g.last = now
}

// makeRoom forgets addresses that were quiet for long, and the quietest one
// when all places are taken. mu is held.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.addresses) < maxThrottled {
		return
	}
	var oldest netip.Prefix
	var last time.Time
	for prefix, g := range t.addresses {
		if now.Sub(g.last) > throttleReset {
			delete(t.addresses, prefix)
		} else if last.IsZero() || g.last.Before(last) {
			oldest, last = prefix, g.last
		}
	}
	if len(t.addresses) >= maxThrottled {
		delete(t.addresses, oldest)
	}
}

// checkListener refuses to listen where strangers could come in.
func (c *Config) checkListener(listener net.Listener) error {
	if c.DangerousOpenToTheNetwork || isLocal(listener.Addr()) {
		return nil
	}
	where := listener.Addr().String()
	switch {
	case c.TLS == nil:
		return &pixivoc.FieldError{Field: "TLS", Reason: "is required to listen on " + where + ", which others can reach"}
	case c.TLS.ClientAuth != tls.RequireAndVerifyClientCert && c.Token == "" && c.Authenticate == nil:
		return &pixivoc.FieldError{Field: "Token", Reason: "or a check of client certificates is required to listen on " + where + ", which others can reach"}
	}
	return nil
}

// isLocal says whether only programs of this machine can reach an address.
func isLocal(address net.Addr) bool {
	switch address := address.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return address.IP.IsLoopback()
	}
	return false
}

// remoteOf returns the address of the other side, or the zero Addr.
func remoteOf(conn net.Conn) netip.Addr {
	if address, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return address.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
