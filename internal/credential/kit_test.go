package credential_test

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/credential"
)

// settings is a SettingStore in memory.
type settings struct {
	mu     sync.Mutex
	values map[string][]byte
	writes int
	fail   error // of SetSetting
	slow   time.Duration
}

func (s *settings) Setting(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, there := s.values[name]; there {
		return value, nil
	}
	return nil, fs.ErrNotExist
}

func (s *settings) SetSetting(ctx context.Context, name string, value []byte) error {
	if s.slow > 0 {
		select {
		case <-time.After(s.slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.fail != nil {
		return s.fail
	}
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	s.values[name] = value
	return nil
}

func (s *settings) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *settings) everything() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all strings.Builder
	for name, value := range s.values {
		all.WriteString(name + "=" + string(value) + "\n")
	}
	return all.String()
}

// clock is a wall clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

const (
	owner    = "admin"
	password = "correct horse battery staple"
)

// cheap makes hashing fast: these tests are not about its cost.
func cheap(now func() time.Time) credential.Options {
	return credential.Options{Memory: 64, Passes: 1, Clock: now}
}

func open(t *testing.T, store credential.SettingStore, now func() time.Time) *credential.Book {
	t.Helper()
	book, err := credential.Open(t.Context(), store, cheap(now))
	require.NoError(t, err)
	return book
}

// openWithOwner has the account owner with the scope admin.
func openWithOwner(t *testing.T, now func() time.Time) (*credential.Book, *settings) {
	t.Helper()
	store := &settings{}
	book := open(t, store, now)
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeAdmin))
	return book, store
}

func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

var home = netip.MustParseAddr("192.0.2.1")

func check(t *testing.T, book *credential.Book, name, text string, from netip.Addr) error {
	t.Helper()
	account, err := book.Check(t.Context(), name, text, from)
	if err == nil {
		require.Equal(t, name, account.Name)
	} else {
		require.Empty(t, account.Name, "an error comes without account")
	}
	return err
}

func throttled(err error) time.Duration {
	if e, ok := errors.AsType[*credential.ThrottledError](err); ok {
		return e.Wait
	}
	return 0
}
