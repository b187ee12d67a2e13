package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// serve runs an origin for a test and returns its address.
func serve(t *testing.T, job Job) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	address := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- serveOrigin(ctx, job, func(at string) error { address <- at; return nil })
	}()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	return <-address
}

func get(t *testing.T, address string, header map[string]string) (*http.Response, []byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func TestOriginServesRanges(t *testing.T) {
	t.Parallel()
	set := Set{Name: "small", Count: 3, Seed: 5}
	f := set.File(2)
	address := f.address(serve(t, Job{Set: set}))
	content := f.Bytes()
	size := len(content)
	tests := []struct {
		name   string
		header map[string]string
		status int
		body   []byte
	}{
		{"whole", nil, 200, content},
		{"rest", map[string]string{"Range": "bytes=70000-", "If-Range": lastModified}, 206, content[70000:]},
		{"last byte", map[string]string{"Range": "bytes=" + strconv.Itoa(size-1) + "-", "If-Range": lastModified}, 206, content[size-1:]},
		{"behind the end", map[string]string{"Range": "bytes=" + strconv.Itoa(size) + "-", "If-Range": lastModified}, 416, []byte{}},
		{"without a condition", map[string]string{"Range": "bytes=70000-"}, 206, content[70000:]},
		{"another validator", map[string]string{"Range": "bytes=70000-", "If-Range": `"else"`}, 200, content},
		{"another kind of range", map[string]string{"Range": "bytes=0-9", "If-Range": lastModified}, 200, content},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response, body, err := get(t, address, test.header)
			require.NoError(t, err)
			require.Equal(t, test.status, response.StatusCode)
			require.True(t, bytes.Equal(test.body, body))
		})
	}
}

// TestFaultsAreDrawn holds that the share of faults is the one that was asked
// for, that each kind occurs, and that the draw does not change.
func TestFaultsAreDrawn(t *testing.T) {
	t.Parallel()
	drawn := map[fault]int{}
	f := faults{seed: 1, share: 0.16}
	const files = 20_000
	for number := range files {
		kind, part := f.draw(number, 1)
		again, _ := f.draw(number, 1)
		require.Equal(t, kind, again)
		require.True(t, part > 0 && part <= 1)
		drawn[kind]++
	}
	require.InDelta(t, 0.84*files, drawn[faultNone], 0.01*files)
	for kind := faultReset; kind < faultKinds; kind++ {
		require.InDelta(t, 0.16*files/7, drawn[kind], 0.005*files, "kind %d", kind)
	}
	same := 0
	for number := range 1000 {
		first, _ := f.draw(number, 1)
		second, _ := f.draw(number, 2)
		if first == second {
			same++
		}
	}
	require.Less(t, same, 1000, "the second attempt has its own luck")
}

// TestFaultsGoWrong asks for files until each kind of fault has shown itself.
func TestFaultsGoWrong(t *testing.T) {
	t.Parallel()
	set := Set{Name: "small", Count: 200, Seed: 9}
	origin := serve(t, Job{Set: set, FaultShare: 1})
	seen := map[fault]bool{}
	f := faults{seed: set.Seed, share: 1}
	for number := range set.Count {
		kind, _ := f.draw(number, 1)
		if seen[kind] || kind == faultStall { // a stall ends with the client's patience
			continue
		}
		seen[kind] = true
		file := set.File(number)
		response, body, err := get(t, file.address(origin), nil)
		switch kind {
		case faultReset, faultShort:
			require.True(t, err != nil && !errors.Is(err, io.EOF) && len(body) < int(file.Size))
		case faultOverlong:
			require.NoError(t, err)
			require.True(t, bytes.Equal(file.Bytes(), body), "what lies behind the length is no part of the body")
		case fault500:
			require.Equal(t, http.StatusInternalServerError, response.StatusCode)
		case fault503:
			require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		case fault429:
			require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
			require.Equal(t, "1", response.Header.Get("Retry-After"))
		}
	}
	require.Len(t, seen, int(faultKinds-faultReset)-1)
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 4}, 4}, {[]float64{4, 1, 2, 3}, 2.5},
	} {
		require.InDelta(t, test.want, median(test.values), 1e-9)
	}
	least, greatest := spreadOf([]float64{-2, -5, -3}, func(v float64) float64 { return v })
	require.InDelta(t, -5, least, 0)
	require.InDelta(t, -2, greatest, 0)
}
