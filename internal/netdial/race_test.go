package netdial_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/netdial"
)

// network is a made-up one: how each address answers, under the clock of
// synctest.
type network struct {
	began   time.Time
	mu      sync.Mutex
	answers map[string]answer
	dialled []dialled
	mute    bool // connections stay open and say nothing
}

type answer struct {
	after time.Duration // negative: never
	err   error
}

type dialled struct {
	address string
	at      time.Duration
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	a := n.answers[address]
	n.dialled = append(n.dialled, dialled{address, time.Since(n.began)})
	n.mu.Unlock()
	var answered <-chan time.Time
	if a.after >= 0 {
		answered = time.After(a.after)
	}
	select {
	case <-answered:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	conn, other := net.Pipe()
	if n.mute {
		go func() { _, _ = io.Copy(io.Discard, other) }() // ends with conn
		return conn, nil
	}
	_ = other.Close()
	return conn, nil
}

func (n *network) set(address string, a answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[address] = a
}

// since returns what was dialled since the last call, with times from now on.
func (n *network) since() []dialled {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.dialled
	n.dialled = nil
	n.began = time.Now()
	return all
}

const (
	first  = "192.0.2.1:80"
	second = "192.0.2.2:80"
	third  = "192.0.2.3:80"
)

func (n *network) dialer(timeout time.Duration, addresses ...string) *netdial.Dialer {
	n.began = time.Now()
	var table []netip.AddrPort
	for _, a := range addresses {
		table = append(table, netip.MustParseAddrPort(a))
	}
	return netdial.New(netdial.Config{
		Hosts:   map[string]netdial.Host{host: {Addresses: table}},
		Timeout: timeout,
		Dial:    n.dial,
	})
}

func reach(t *testing.T, d *netdial.Dialer) error {
	t.Helper()
	conn, err := d.DialContext(t.Context(), "tcp", host+":80")
	if err == nil {
		_ = conn.Close()
	}
	return err
}

const never = -1

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

func TestN12_SlowFirstAddressLosesAndTheChoiceIsCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{
			first: {after: time.Second}, second: {after: 20 * time.Millisecond}, third: {after: time.Millisecond},
		}}
		d := n.dialer(time.Minute, first, second, third)
		require.NoError(t, reach(t, d))
		assert.Equal(t, 70*time.Millisecond, time.Since(n.began), "the slow one is not waited for")
		assert.Equal(t, []dialled{{first, 0}, {second, 50 * time.Millisecond}}, n.since())
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{second, 0}}, n.since(), "the fastest is remembered")

		time.Sleep(11 * time.Minute)
		n.since()
		n.set(second, answer{after: time.Second})
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{
			{second, 0}, {first, 50 * time.Millisecond}, {third, 100 * time.Millisecond},
		}, n.since(), "after ten minutes the others are tried again")
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{third, 0}}, n.since())
	})
}

func TestN12_DeadFirstAddressIsPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {err: errRefused}, second: {}}}
		d := n.dialer(time.Minute, first, second)
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{first, 0}, {second, 0}}, n.since(), "the next follows at once")
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{second, 0}}, n.since())
	})
}

func TestCachedChoiceGoesWithItsFirstFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {}, second: {}}}
		d := n.dialer(time.Minute, first, second)
		require.NoError(t, reach(t, d))
		n.since()
		n.set(first, answer{err: errRefused})
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{first, 0}, {second, 0}}, n.since())

		n.set(first, answer{})
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{second, 0}}, n.since())
		d.Doubt(host+":80", false, io.ErrUnexpectedEOF)
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{first, 0}}, n.since(), "a doubted address goes behind")
	})
}

func TestAnotherAddressFollowsAFailureAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{
			first: {after: time.Second}, second: {after: 10 * time.Millisecond, err: errRefused}, third: {},
		}}
		require.NoError(t, reach(t, n.dialer(time.Minute, first, second, third)))
		assert.Equal(t, []dialled{{first, 0}, {second, 50 * time.Millisecond}, {third, 60 * time.Millisecond}}, n.since(),
			"though the first is still under way")
	})
}

// lateConn counts how often it is closed.
type lateConn struct {
	net.Conn
	closed *atomic.Int32
}

func (c lateConn) Close() error { c.closed.Add(1); return nil }

func TestConnectionThatComesTooLateIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var opened, closed atomic.Int32
		d := netdial.New(netdial.Config{
			Hosts: map[string]netdial.Host{host: {Addresses: []netip.AddrPort{netip.MustParseAddrPort(first), netip.MustParseAddrPort(second)}}},
			Dial: func(context.Context, string, string) (net.Conn, error) { // deaf to its context
				time.Sleep(time.Second)
				opened.Add(1)
				return lateConn{closed: &closed}, nil
			},
		})
		conn, err := d.DialContext(t.Context(), "tcp", host+":80")
		require.NoError(t, err)
		assert.EqualValues(t, 2, opened.Load(), "all attempts have ended")
		assert.EqualValues(t, 1, closed.Load())
		require.NoError(t, conn.Close())
		assert.EqualValues(t, 2, closed.Load())
	})
}

func TestRememberedAddressThatHangsIsOvertaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {after: 30 * time.Millisecond}, second: {}}}
		d := n.dialer(time.Minute, first, second)
		require.NoError(t, reach(t, d))
		n.since()
		n.set(first, answer{after: never})
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{first, 0}, {second, 400 * time.Millisecond}}, n.since())
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{second, 0}}, n.since())
	})
}

func TestN1_AllAddressesFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {err: errRefused}, second: {after: never}}}
		err := reach(t, n.dialer(3*time.Second, first, second))
		failure, ok := errors.AsType[*netdial.Error](err)
		require.True(t, ok, "%v", err)
		require.Len(t, failure.Attempts, 2)
		assert.Equal(t, netdial.Refused, failure.Attempts[0].Cause)
		assert.Equal(t, netdial.Timeout, failure.Attempts[1].Cause)
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, host+":80")
		assert.Equal(t, 3*time.Second, time.Since(n.began), "the timeout ends it")
	})
}

func TestDialEndsWithoutTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {after: never}}}
		require.Error(t, reach(t, n.dialer(0, first)))
		assert.Equal(t, 2*time.Minute, time.Since(n.began))
	})
}

func TestHeadStartsShareAShortTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {after: never}, second: {after: never}, third: {}}}
		require.NoError(t, reach(t, n.dialer(100*time.Millisecond, first, second, third)))
		assert.Equal(t, []dialled{{first, 0}, {second, 25 * time.Millisecond}, {third, 50 * time.Millisecond}}, n.since())
	})
}

func TestC4_CancelEndsADial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {after: never}}}
		d := n.dialer(0, first)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := d.DialContext(ctx, "tcp", host+":80")
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(n.began))
		require.Len(t, d.Routes(), 1)
		assert.Empty(t, d.Routes()[0].Failed, "a cancelled dial says nothing of the address")
	})
}

func TestManyDialsAtOnceLookForTheFastestOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {after: time.Second}, second: {after: 10 * time.Millisecond}}}
		d := n.dialer(time.Minute, first, second)
		var dials sync.WaitGroup
		for range 64 {
			dials.Go(func() { assert.NoError(t, reach(t, d)) })
		}
		dials.Wait()
		slow := 0
		for _, d := range n.since() {
			if d.address == first {
				slow++
			}
		}
		assert.Equal(t, 1, slow)
	})
}

func TestDialsDoNotWaitLongForTheOneThatLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {after: never}, second: {after: never}}}
		d := n.dialer(time.Minute, first, second)
		var dials sync.WaitGroup
		for range 8 {
			dials.Go(func() { assert.Error(t, reach(t, d)) })
		}
		dials.Wait()
		assert.Equal(t, time.Minute, time.Since(n.began), "all end together, none after the other")
		assert.Len(t, n.since(), 16)
	})
}

func TestUnlistedHostIsLookedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {after: never}, second: {}}, began: time.Now()}
		d := netdial.New(netdial.Config{Dial: n.dial, Resolver: tableResolver{host: {
			netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
		}}})
		require.NoError(t, reach(t, d))
		assert.Equal(t, []dialled{{first, 0}, {second, 250 * time.Millisecond}}, n.since())
		assert.Empty(t, d.Routes())

		_, err := d.DialContext(t.Context(), "tcp", "unknown.test:80")
		unknown, ok := errors.AsType[*net.DNSError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, "unknown.test", unknown.Name)
	})
}

func TestAddressThatAcceptedGetsTimeForTheHandshake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[string]answer{first: {}, second: {}}, began: time.Now(), mute: true}
		d := netdial.New(netdial.Config{Dial: n.dial, Timeout: 5 * time.Second, Resolver: tableResolver{host: {
			netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
		}}})
		_, err := d.DialTLSContext(t.Context(), "tcp", host+":80")
		require.Error(t, err)
		assert.Equal(t, []dialled{{first, 0}, {second, 2 * time.Second}}, n.since())
	})
}

type tableResolver map[string][]netip.Addr

func (r tableResolver) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	if found, ok := r[name]; ok {
		return found, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func TestWhichEntryOfTheTableIsUsed(t *testing.T) {
	t.Parallel()
	entry := func(a string) netdial.Host {
		return netdial.Host{Addresses: []netip.AddrPort{netip.MustParseAddrPort(a)}}
	}
	table := map[string]netdial.Host{
		"a.test":      entry("192.0.2.1:81"),
		"*.test":      entry("192.0.2.2:0"),
		"*.deep.test": entry("[2001:db8::1]:0"),
	}
	for _, test := range []struct{ ask, dialled string }{
		{"a.test:80", "192.0.2.1:81"},
		{"A.Test.:80", "192.0.2.1:81"},
		{"b.test:443", "192.0.2.2:443"},
		{"x.a.test:80", "192.0.2.2:80"},
		{"b.deep.test:80", "[2001:db8::1]:80"},
		{"deep.test:80", "192.0.2.2:80"},
		{"test:80", "192.0.2.9:80"}, // not below itself: looked up
		{"192.0.2.7:80", "192.0.2.7:80"},
		{"[2001:db8::7]:80", "[2001:db8::7]:80"},
	} {
		t.Run(test.ask, func(t *testing.T) {
			t.Parallel()
			n := &network{began: time.Now()}
			d := netdial.New(netdial.Config{Hosts: table, Dial: n.dial, Resolver: tableResolver{"test": {netip.MustParseAddr("192.0.2.9")}}})
			conn, err := d.DialContext(t.Context(), "tcp", test.ask)
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			require.Len(t, n.dialled, 1)
			assert.Equal(t, test.dialled, n.dialled[0].address)
		})
	}
	for _, ask := range []string{"", "a.test", "a.test:0", "a.test:65536", "a.test:http", "a.test:-1"} {
		_, err := netdial.New(netdial.Config{Hosts: table}).DialContext(t.Context(), "tcp", ask)
		assert.Error(t, err, ask)
	}
}
