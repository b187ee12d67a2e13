package credential_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/credential"
)

// guess tries passwords that were never tried before for a time, as fast as
// the book lets it, and returns how many were looked at.
func guess(t *testing.T, book *credential.Book, name string, from []netip.Addr, during time.Duration) (looked int) {
	t.Helper()
	end := time.Now().Add(during)
	for n := 0; time.Now().Before(end); {
		for _, address := range from {
			n++
			err := check(t, book, name, fmt.Sprintf("guess %p %d", &looked, n), address)
			if throttled(err) == 0 {
				require.ErrorIs(t, err, credential.ErrWrong)
				looked++
			}
		}
		time.Sleep(time.Second)
	}
	return looked
}

// enter logs in as its owner does: he comes back a moment after he is told to.
func enter(t *testing.T, book *credential.Book, from netip.Addr) time.Duration {
	t.Helper()
	started := time.Now()
	for range 30 {
		err := check(t, book, owner, password, from)
		wait := throttled(err)
		if wait == 0 {
			require.NoError(t, err)
			return time.Since(started)
		}
		time.Sleep(wait + 10*time.Millisecond)
	}
	t.Fatal("the owner does not get in")
	return 0
}

func TestT8_OneAddressIsSlowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, _ := openWithOwner(t, nil)
		looked := guess(t, book, owner, []netip.Addr{address(1)}, time.Hour)
		assert.LessOrEqual(t, looked, 100, "guesses in an hour")
		assert.GreaterOrEqual(t, looked, 60, "the wait has a ceiling")
		assert.Less(t, enter(t, book, address(1)), 2*time.Minute, "from the same address")
	})
}

// TestT8_OwnerBesideAGuesser shares an address, as all programs of a machine
// do on loopback, with somebody who tries one password after the other without
// a pause.
func TestT8_OwnerBesideAGuesser(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]netip.Addr{"the owner's own": home, "a new one": address(1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				book, _ := openWithOwner(t, nil)
				require.NoError(t, check(t, book, owner, password, home))
				var group sync.WaitGroup
				stop := make(chan struct{})
				defer group.Wait()
				defer close(stop)
				group.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						case <-time.After(5 * time.Millisecond):
							_, err := book.Check(t.Context(), owner, fmt.Sprint("guess ", n), from)
							assert.Error(t, err)
						}
					}
				})
				time.Sleep(2 * time.Minute)
				for range 3 {
					assert.Less(t, enter(t, book, from), 2*time.Minute)
				}
			})
		})
	}
}

// TestT8_GuesserWhoComesBack does with each guess what the owner does.
func TestT8_GuesserWhoComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, _ := openWithOwner(t, nil)
		looked := 0
		var guesses []string
		for n := 0; n < 3600; n++ {
			guesses = append(guesses, fmt.Sprint("guess ", n))
			guesses = slices.DeleteFunc(guesses[max(0, len(guesses)-50):], func(guess string) bool {
				if throttled(check(t, book, owner, guess, address(1))) > 0 {
					return false
				}
				looked++
				return true
			})
			time.Sleep(time.Second)
		}
		assert.LessOrEqual(t, looked, 160, "guesses in an hour")
	})
}

func TestT8_IPv6NeighboursAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, _ := openWithOwner(t, nil)
		var many []netip.Addr
		for i := range 1000 {
			many = append(many, netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)))
		}
		assert.LessOrEqual(t, guess(t, book, owner, many, time.Minute), 20)
	})
}

func TestT8_ThousandAddressesAreSlowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, _ := openWithOwner(t, nil)
		require.NoError(t, check(t, book, owner, password, home))
		var many []netip.Addr
		for i := range 1000 {
			many = append(many, address(i))
		}
		first := guess(t, book, owner, many, 5*time.Minute)
		assert.LessOrEqual(t, first, 30+6*1000, "each address waits for each guess")
		var group sync.WaitGroup
		group.Go(func() { guess(t, book, owner, many, 5*time.Minute) })
		time.Sleep(time.Minute)
		assert.Zero(t, enter(t, book, home), "where the owner was before")
		assert.Less(t, enter(t, book, netip.MustParseAddr("198.51.100.7")), 2*time.Minute, "from a new address")
		assert.Less(t, enter(t, book, address(7)), 2*time.Minute, "from an address of the guesser")
		group.Wait()
	})
}

func TestT8_OthersAreNotHeldUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, _ := openWithOwner(t, nil)
		require.NoError(t, book.Set(t.Context(), "second", password, credential.ScopeRead))
		guess(t, book, owner, []netip.Addr{address(1), address(2)}, 10*time.Minute)
		require.NoError(t, check(t, book, "second", password, address(3)))
	})
}

// TestT8_UnknownNamesLookTheSame compares the waits for a name that somebody
// has with those for one that nobody has.
func TestT8_UnknownNamesLookTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, _ := openWithOwner(t, nil)
		var waits [2][]time.Duration
		for i, name := range []string{owner, "nobody"} {
			for n := range 60 {
				from := address(i*1000 + n%2)
				waits[i] = append(waits[i], throttled(check(t, book, name, fmt.Sprint("guess ", n), from)).Round(time.Second))
			}
			time.Sleep(time.Hour)
		}
		assert.Equal(t, waits[0], waits[1])
		assert.NotZero(t, waits[0][59])
	})
}

// TestRepeatedPasswordCountsOnce is the program with an old password that
// tries again and again from the owner's own machine.
func TestRepeatedPasswordCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, _ := openWithOwner(t, nil)
		for range 1000 {
			require.ErrorIs(t, check(t, book, owner, "of last year", home), credential.ErrWrong)
			time.Sleep(time.Second)
		}
		require.NoError(t, check(t, book, owner, password, home))
	})
}

// TestT8_ManyAtOnce sends guesses in parallel: they are counted before they
// are looked at.
func TestT8_ManyAtOnce(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, newClock().Now) // a clock that stands
	var looked atomic.Int64
	var group sync.WaitGroup
	for n := range 50 {
		group.Go(func() {
			if _, err := book.Check(t.Context(), owner, fmt.Sprint("guess ", n), home); throttled(err) == 0 {
				looked.Add(1)
			}
		})
	}
	group.Wait()
	assert.LessOrEqual(t, looked.Load(), int64(11))
}

// TestManyLoginsAtOnce is the start of many programs with the right password.
func TestManyLoginsAtOnce(t *testing.T) {
	t.Parallel()
	options := cheap(newClock().Now)
	options.Memory = 8 << 10 // so that they meet
	book, err := credential.Open(t.Context(), &settings{}, options)
	require.NoError(t, err)
	require.NoError(t, book.Set(t.Context(), owner, password, credential.ScopeAdmin))
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			_, err := book.Check(t.Context(), owner, password, home)
			assert.NoError(t, err)
		})
	}
	group.Wait()
}

// TestThrottleIsBounded comes from more addresses, with more names, than are
// remembered.
func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	book, _ := openWithOwner(t, newClock().Now)
	for n := range 6000 {
		require.ErrorIs(t, check(t, book, fmt.Sprint("name", n), "x", address(n)), credential.ErrWrong)
	}
	for n := range 300_000 {
		require.Error(t, check(t, book, owner, fmt.Sprint("guess ", n), address(1)))
	}
	addresses, targets, waiters := book.Remembered()
	assert.LessOrEqual(t, addresses, 4096)
	assert.LessOrEqual(t, targets, 1025)
	assert.LessOrEqual(t, waiters, 2<<17)
	assert.Greater(t, waiters, 1<<17)
	require.NoError(t, check(t, book, owner, password, home))
}

func TestThrottledErrorText(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, &credential.ThrottledError{Wait: 1500 * time.Millisecond}, "too many attempts, try again in 2 s")
}
