package credential_test

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/credential"
)

func login(t *testing.T, book *credential.Book) credential.Account {
	t.Helper()
	account, err := book.Check(t.Context(), owner, password, home)
	require.NoError(t, err)
	return account
}

func issue(t *testing.T, book *credential.Book, account credential.Account, kind string, life time.Duration) string {
	t.Helper()
	token, err := book.Issue(t.Context(), account, kind, life)
	require.NoError(t, err)
	return token
}

func TestTokenForm(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, nil)
	account := login(t, book)
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for range 100 {
		token := issue(t, book, account, "access", time.Hour)
		require.Regexp(t, form, token)
		require.False(t, seen[token])
		seen[token] = true
	}
	_, err := book.Issue(t.Context(), account, "access", 0)
	require.Error(t, err)
}

func TestT4_BadTokens(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, nil)
	account := login(t, book)
	access := issue(t, book, account, "access", time.Hour)
	refresh := issue(t, book, account, "refresh", time.Hour)
	flipped := []byte(access)
	flipped[0] ^= 1
	for name, token := range map[string]string{
		"empty":         "",
		"cut":           access[:42],
		"longer":        access + "A",
		"flipped":       string(flipped),
		"other case":    strings.ToLower(access),
		"swapped":       refresh,
		"very long":     strings.Repeat("A", 1<<20),
		"with a NUL":    access[:42] + "\x00",
		"none that was": strings.Repeat("A", 43),
	} {
		found, err := book.Look(t.Context(), "access", token)
		require.ErrorIs(t, err, credential.ErrWrong, name)
		require.Empty(t, found.Name, name)
	}
	_, err := book.Look(t.Context(), "access", access)
	require.NoError(t, err)
}

// TestT2_SpentOnce lets many callers spend the same token.
func TestT2_SpentOnce(t *testing.T) {
	t.Parallel()
	const rounds, callers = 100, 50 // G13
	book, _ := openWithOwner(t, nil)
	account := login(t, book)
	for range rounds {
		token := issue(t, book, account, "refresh", time.Hour)
		var won, lost atomic.Int64
		var group sync.WaitGroup
		start := make(chan struct{})
		for range callers {
			group.Go(func() {
				<-start
				switch _, err := book.Spend(t.Context(), "refresh", token); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, credential.ErrWrong):
					lost.Add(1)
				}
			})
		}
		close(start)
		group.Wait()
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, callers-1, lost.Load())
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	book, store := openWithOwner(t, nil)
	token := issue(t, book, login(t, book), "session", time.Hour)
	require.NoError(t, book.Revoke(t.Context(), "other", token), "unknown is no error")
	require.NoError(t, book.Revoke(t.Context(), "session", token))
	_, err := book.Look(t.Context(), "session", token)
	require.ErrorIs(t, err, credential.ErrWrong)
	_, err = open(t, store, nil).Look(t.Context(), "session", token)
	require.ErrorIs(t, err, credential.ErrWrong)
}

// TestT9_ClockIsSet moves the wall clock under a token of one hour.
func TestT9_ClockIsSet(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		moves []time.Duration
		valid bool
	}{
		{"one second before its end", []time.Duration{time.Hour - time.Second}, true},
		{"its end", []time.Duration{time.Hour}, false},
		{"one day forward", []time.Duration{24 * time.Hour}, false},
		{"one hour back", []time.Duration{-time.Hour}, true},
		{"back, then its whole life", []time.Duration{-24 * time.Hour, time.Hour}, false},
		{"back, then most of its life", []time.Duration{-24 * time.Hour, time.Hour - time.Second}, true},
	} {
		clock := newClock()
		book, _ := openWithOwner(t, clock.Now)
		token := issue(t, book, login(t, book), "access", time.Hour)
		var err error
		for _, move := range test.moves {
			clock.move(move)
			_, err = book.Look(t.Context(), "access", token)
		}
		if test.valid {
			assert.NoError(t, err, test.name)
		} else {
			assert.ErrorIs(t, err, credential.ErrWrong, test.name)
			_, err = book.Spend(t.Context(), "access", token)
			assert.ErrorIs(t, err, credential.ErrWrong, test.name)
		}
	}
}

// TestTokensAreBounded asks for far more tokens than an account may have.
func TestTokensAreBounded(t *testing.T) {
	t.Parallel()
	clock := newClock()
	book, store := openWithOwner(t, clock.Now)
	account := login(t, book)
	first := issue(t, book, account, "refresh", time.Hour)
	var newest string
	for range 4 * credential.MaxTokens {
		clock.move(time.Millisecond)
		newest = issue(t, book, account, "access", time.Hour)
	}
	stored := strings.Count(store.everything(), `"kind":"access"`)
	assert.LessOrEqual(t, stored, credential.MaxTokens)
	assert.Greater(t, stored, credential.MaxTokens*9/10)
	_, err := book.Look(t.Context(), "access", newest)
	require.NoError(t, err, "the oldest go first")
	_, err = book.Look(t.Context(), "refresh", first)
	require.NoError(t, err, "another kind has room of its own")

	clock.move(2 * time.Hour)
	for range 200 {
		issue(t, book, account, "access", time.Hour)
	}
	assert.Equal(t, 200, strings.Count(store.everything(), `"kind":`), "what is over is not kept")
}

// TestSavesAreShared issues many tokens into a slow store at once.
func TestSavesAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, store := openWithOwner(t, nil)
		account := login(t, book)
		store.slow = time.Second
		started := time.Now()
		before := store.writes
		var group sync.WaitGroup
		for range 320 {
			group.Go(func() {
				token, err := book.Issue(t.Context(), account, "access", time.Hour)
				assert.NoError(t, err)
				_, err = book.Look(t.Context(), "access", token)
				assert.NoError(t, err)
			})
		}
		group.Wait()
		assert.LessOrEqual(t, time.Since(started), 4*time.Second)
		assert.LessOrEqual(t, store.writes-before, 64)
	})
}

// A token can have fewer scopes than its account, and never has more.
func TestNarrow(t *testing.T) {
	t.Parallel()
	book, store := openWithOwner(t, nil)
	account := login(t, book)
	narrow, err := account.Narrow(credential.ScopeRead, credential.ScopeExport)
	require.NoError(t, err)
	token := issue(t, book, narrow, "access", time.Hour)
	book, err = credential.Open(t.Context(), store, credential.Options{Memory: 64, Passes: 1})
	require.NoError(t, err)
	found, err := book.Look(t.Context(), "access", token)
	require.NoError(t, err)
	assert.Equal(t, []credential.Scope{credential.ScopeRead, credential.ScopeExport}, found.Scopes)
	assert.False(t, found.May(credential.ScopeControl))

	// Neither does a token that a token brings.
	next, err := book.Spend(t.Context(), "access", issue(t, book, found, "access", time.Hour))
	require.NoError(t, err)
	assert.Equal(t, found.Scopes, next.Scopes)

	// What the account loses, the token loses.
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeRead))
	found, err = book.Look(t.Context(), "access", token)
	require.NoError(t, err)
	assert.Equal(t, []credential.Scope{credential.ScopeRead}, found.Scopes)
	_, err = found.Narrow(credential.ScopeExport)
	require.Error(t, err)
	_, err = found.Narrow("everything")
	require.Error(t, err)
	_, err = found.Narrow()
	require.Error(t, err)
	require.NoError(t, book.Set(t.Context(), owner, password))
	found, err = book.Look(t.Context(), "access", token)
	require.NoError(t, err)
	assert.Empty(t, found.Scopes)

	// A token without any scope never gets one.
	token = issue(t, book, found, "access", time.Hour)
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeAdmin))
	book, err = credential.Open(t.Context(), store, credential.Options{Memory: 64, Passes: 1})
	require.NoError(t, err)
	found, err = book.Look(t.Context(), "access", token)
	require.NoError(t, err)
	assert.Empty(t, found.Scopes)
}
