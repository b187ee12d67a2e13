package bench_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/bench"
)

// few is a set small enough for a test.
func few(count int) bench.Set { return bench.Set{Name: "small", Count: count, Seed: 3} }

// TestPairs holds that both sides fetch the whole set, that every file is
// verified, and that the client asks for each file once.
func TestPairs(t *testing.T) {
	t.Parallel()
	for _, command := range []bool{false, true} {
		measured := &bench.Bench{Folder: t.TempDir(), Command: command}
		pairs, err := measured.Pairs(t.Context(), bench.Case{Set: few(20), Concurrency: 4}, bench.PowerCut, 2)
		require.NoError(t, err)
		require.Len(t, pairs, 2)
		for _, pair := range pairs {
			require.EqualValues(t, 20, pair.Loop.Log.Requests)
			require.EqualValues(t, 20, pair.Client.Log.Requests)
			require.Equal(t, few(20).Bytes(), pair.Client.Log.Bytes)
			require.Positive(t, pair.Share())
			require.Positive(t, pair.Client.CPU)
		}
	}
}

func TestFaulty(t *testing.T) {
	t.Parallel()
	measured := &bench.Bench{Folder: t.TempDir()}
	c := bench.Case{Set: few(60), Concurrency: 8, FaultShare: 0.3, TimeoutMS: 1000}
	usages, err := measured.Faulty(t.Context(), c, bench.Kill, 1)
	require.NoError(t, err)
	require.Greater(t, usages[0].Log.Requests, int64(60), "there were faults")
	require.Positive(t, usages[0].Log.Ranged, "cut bodies go on by range")
}

func TestKilled(t *testing.T) {
	t.Parallel()
	measured := &bench.Bench{Folder: t.TempDir()}
	c := bench.Case{Set: few(300), Concurrency: 4, LatencyMS: 5}
	resumed, err := measured.Killed(t.Context(), c, bench.Kill)
	require.NoError(t, err)
	require.Positive(t, resumed.Done, "it was killed after something was done")
	require.Less(t, resumed.Done, 300, "and before all was")
	require.Zero(t, resumed.Again, "requests for finished files")
}

func TestPending(t *testing.T) {
	t.Parallel()
	measured := &bench.Bench{Folder: t.TempDir()}
	openings, err := measured.Pending(t.Context(), bench.Case{Set: few(2000), Concurrency: 8}, bench.Kill, 2)
	require.NoError(t, err)
	require.Len(t, openings, 2)
	require.Positive(t, openings[0].First)
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out, errors bytes.Buffer
	args := []string{"-quick", "-runs", "1", "-sets", "none", "-variants", "records", "-guarantees", "K", "-dir", t.TempDir()}
	require.Zero(t, bench.Main(t.Context(), args, &out, &errors), errors.String())
	require.Contains(t, out.String(), "records a second")
	tests := map[string][]string{
		`"huge"`:    {"-sets", "huge"},
		`"speed"`:   {"-variants", "speed"},
		`"Q"`:       {"-guarantees", "Q"},
		"65":        {"-concurrency", "65"},
		"no number": {"-concurrency", "many"},
		"runs 0":    {"-runs", "0"},
		`"more"`:    {"more"},
	}
	for want, args := range tests {
		errors.Reset()
		require.Equal(t, 1, bench.Main(t.Context(), args, &out, &errors))
		require.Contains(t, errors.String(), want)
	}
}
