package dataapi_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// realQuota is the quota of the original.
func realQuota(config *dataapi.Config) { config.QuotaRate, config.QuotaSeconds = 0, 0 }

// pattern is a pattern of calls; a pair is a time in milliseconds and a number
// of calls at that time.
type pattern struct {
	Pattern  string   `json:"pattern"`
	Born     int      `json:"counter_born_ms"`
	Offered  [][2]int `json:"offered"`
	Admitted [][2]int `json:"admitted"`
}

// check sends the calls of a pattern through the door.
func (p pattern) check(t *testing.T) {
	t.Helper()
	k := newKit(t, realQuota)
	zero := k.clock.Now()
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	k.clock.set(at(p.Born))
	k.restart(realQuota)
	k.token = k.issue("admin")
	var admitted [][2]int
	for _, offer := range p.Offered {
		k.clock.set(at(offer[0]))
		n := 0
		for range offer[1] {
			r := get("/api/TaskGroup")
			r.Header.Set("Authorization", "bearer "+k.token)
			switch w := k.record(r); w.Code {
			case http.StatusOK:
				n++
			case http.StatusTooManyRequests:
				assert.Equal(t, `{"error":"quota_exceeded","error_Description":"too many calls"}`, w.Body.String())
				seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
				require.NoError(t, err)
				assert.True(t, seconds >= 1 && seconds <= 5, "%d", seconds)
			default:
				require.Fail(t, "status", "%d", w.Code)
			}
		}
		if n > 0 {
			admitted = append(admitted, [2]int{offer[0], n})
		}
	}
	assert.Equal(t, p.Admitted, admitted)
}

func checkPatterns(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && name != ownPatterns {
		t.Skip("no fixtures at " + name)
	}
	require.NoError(t, err)
	var patterns []pattern
	require.NoError(t, json.Unmarshal(text, &patterns))
	require.NotEmpty(t, patterns)
	for _, p := range patterns {
		t.Run(p.Pattern, func(t *testing.T) {
			t.Parallel()
			p.check(t)
		})
	}
}

const ownPatterns = "testdata/quota.json"

func TestT5_QuotaPatterns(t *testing.T) { t.Parallel(); checkPatterns(t, ownPatterns) }

func TestT5_QuotaFixture(t *testing.T) {
	t.Parallel()
	checkPatterns(t, "../../../shared/protocols/fixtures/dataapi-ratelimit.json")
}

func TestT5_ThousandAtOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t, realQuota)
	tokens := []string{k.token}
	for range 4 {
		tokens = append(tokens, k.issue("admin"))
	}
	other := k.issue("basic")
	status := func(token string) int {
		r := get("/api/TaskGroup")
		r.Header.Set("Authorization", "bearer "+token)
		return k.record(r).Code
	}
	var group sync.WaitGroup
	var admitted, refused, strangers atomic.Int32
	for i := range 1000 {
		group.Go(func() {
			switch status(tokens[i%len(tokens)]) {
			case http.StatusOK:
				admitted.Add(1)
			case http.StatusTooManyRequests:
				refused.Add(1)
			}
			if status(k.token[:42]+"!") == http.StatusUnauthorized {
				strangers.Add(1)
			}
		})
	}
	group.Wait()
	assert.Equal(t, []int32{20, 980, 1000}, []int32{admitted.Load(), refused.Load(), strangers.Load()}, "five tokens share one quota")
	for range 20 {
		require.Equal(t, http.StatusOK, status(other), "bad tokens and other accounts cost it nothing")
	}
	assert.Equal(t, http.StatusTooManyRequests, status(other))
	k.issue("basic")
	assert.Equal(t, http.StatusTooManyRequests, status(other), "a new token is no new quota")
	k.clock.add(time.Second)
	assert.Equal(t, http.StatusOK, status(other))
}

func TestT5_RefusedCallsOfOtherKinds(t *testing.T) {
	t.Parallel()
	k := newKit(t, realQuota)
	for range 50 { // none of these is a call of the account
		code, _ := k.call(get("/api/nothing"))
		require.Equal(t, http.StatusNotFound, code)
		code, _ = k.call(post("/api/Task", ""))
		require.Equal(t, http.StatusMethodNotAllowed, code)
	}
	for range 16 { // the vendor's sample in its first second
		code, _ := k.call(get("/api/TaskGroup"))
		require.Equal(t, http.StatusOK, code)
	}
}

// TestT9_QuotaWhenTheClockIsSetBack holds that a clock that is set back
// neither gives out calls nor shuts the account.
func TestT9_QuotaWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	k := newKit(t, realQuota)
	zero := k.clock.Now()
	for range 20 {
		code, _ := k.call(get("/api/TaskGroup"))
		require.Equal(t, http.StatusOK, code)
	}
	k.clock.set(zero.Add(-time.Hour))
	w := k.record(func() *http.Request {
		r := get("/api/TaskGroup")
		r.Header.Set("Authorization", "bearer "+k.token)
		return r
	}())
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	k.clock.set(zero.Add(time.Second))
	code, _ := k.call(get("/api/TaskGroup"))
	assert.Equal(t, http.StatusOK, code)
}
