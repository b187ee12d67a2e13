package sqlite_test

import (
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
	"github.com/pixivoc/pixivoc/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childFile) != "" {
		os.Exit(child(os.Getenv(childFile)))
	}
	// The model test writes a lot and runs in three modes; the command line may
	// ask for more.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// openStore opens a store that is closed at the end of the test.
func openStore(t testing.TB, path string, options sqlite.Options) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// runSuite runs the conformance suite with these options.
func runSuite(t *testing.T, options sqlite.Options) {
	clock := &storetest.Clock{}
	options.Clock = clock.Now
	var paths sync.Map
	open := func(t testing.TB, path string) pixivoc.Store {
		store := openStore(t, path, options)
		paths.Store(store, path)
		return store
	}
	storetest.Run(t, func(t testing.TB) pixivoc.Store {
		return open(t, filepath.Join(t.TempDir(), "store.db"))
	}, storetest.WithClock(clock), storetest.WithReopen(func(t testing.TB, store pixivoc.Store) pixivoc.Store {
		path, _ := paths.Load(store)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, path.(string))
	}))
}

func TestStore(t *testing.T) {
	t.Parallel()
	runSuite(t, sqlite.Options{})
}

func TestStoreNoSync(t *testing.T) {
	t.Parallel()
	runSuite(t, sqlite.Options{NoSync: true})
}

// TestStoreNetwork runs the suite with the journal of network file systems.
func TestStoreNetwork(t *testing.T) {
	t.Parallel()
	runSuite(t, sqlite.Options{NoSync: true}.WithNetwork(func(string) string { return "NFS" }))
}
