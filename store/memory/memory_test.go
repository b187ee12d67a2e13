package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/pixivoc/pixivoc/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	clock := &storetest.Clock{}
	storetest.Run(t, func(testing.TB) pixivoc.Store {
		return memory.New(memory.WithClock(clock.Now))
	}, storetest.WithClock(clock))
}

// TestStoreRealTime runs the suite as a store without a clock of its own
// would.
func TestStoreRealTime(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(testing.TB) pixivoc.Store { return memory.New() })
}
