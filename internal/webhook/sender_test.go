package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/internal/webhook"
	"github.com/pixivoc/pixivoc/store/memory"
)

// verify is what a receiver does: it wants one of the signatures to be right.
func verify(t *testing.T, came received, key byte) bool {
	t.Helper()
	seconds, err := strconv.ParseInt(came.header.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), time.Unix(seconds, 0), time.Minute)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret(key), "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, raw)
	fmt.Fprintf(mac, "%s.%d.%s", came.header.Get("webhook-id"), seconds, came.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, each := range strings.Split(came.header.Get("webhook-signature"), " ") {
		if each == want {
			return true
		}
	}
	return false
}

func TestW5_Signature(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, nil)
	sender, _ := open(t, webhook.Options{Secrets: []string{secret('n'), secret('o')}}, to)
	send(t, sender, "task-7", to.URL+"/hook?key=1#part")
	idle(t, sender)
	came := to.all()
	require.Len(t, came, 1)
	assert.Equal(t, "/hook?key=1", came[0].path)
	assert.Equal(t, `{"Aid":"1"}`, came[0].body)
	assert.Equal(t, "task-7", came[0].header.Get("webhook-id"))
	assert.Equal(t, "application/json; charset=utf-8", came[0].header.Get("Content-Type"))
	assert.Len(t, strings.Split(came[0].header.Get("webhook-signature"), " "), 2)
	assert.True(t, verify(t, came[0], 'n'), "the new secret")
	assert.True(t, verify(t, came[0], 'o'), "the one before")
	assert.False(t, verify(t, came[0], 'x'))
}

// TestSecretIsMadeAndKept: receivers need the same one after a restart.
func TestSecretIsMadeAndKept(t *testing.T) {
	t.Parallel()
	store := memory.New()
	first, _ := open(t, webhook.Options{Store: store})
	require.NoError(t, first.Close())
	second, _ := open(t, webhook.Options{Store: store})
	assert.Regexp(t, `^whsec_[A-Za-z0-9+/]{43}=$`, first.Secret())
	assert.Equal(t, first.Secret(), second.Secret())
	assert.NotEqual(t, first.Secret(), webhook.NewSecret())
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]webhook.Options{
		"no prefix":     {Secrets: []string{strings.TrimPrefix(secret('a'), "whsec_")}},
		"no base64":     {Secrets: []string{"whsec_%%%"}},
		"short":         {Secrets: []string{"whsec_c2hvcnQ="}},
		"three":         {Secrets: []string{secret('a'), secret('b'), secret('c')}},
		"allow a name":  {Allow: []string{"host"}},
		"allow no port": {Allow: []string{"host:"}},
		"allow a word":  {Allow: []string{"host:http"}},
	} {
		_, err := webhook.Open(t.Context(), options)
		require.ErrorAs(t, err, new(*webhook.OptionError), name)
		assert.NotContains(t, err.Error(), "c2hvcnQ")
	}
}

func TestW2_NotFollowedAndNotRead(t *testing.T) {
	t.Parallel()
	behind := newReceiver(t, nil)
	for name, answer := range map[string]func(int, http.ResponseWriter, *http.Request){
		"302": func(_ int, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, behind.URL, http.StatusFound) },
		"307": func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, behind.URL, http.StatusTemporaryRedirect)
		},
		"400": func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"500": func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"cut": func(_ int, _ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
		"10,000 headers": func(_ int, w http.ResponseWriter, _ *http.Request) {
			for i := range 10_000 {
				w.Header().Set(fmt.Sprint("X-", i), "some value")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newReceiver(t, answer)
			sender, written := open(t, webhook.Options{}, to, behind)
			send(t, sender, "message", to.URL+"/hidden-path?token=hidden-query")
			idle(t, sender)
			assert.Len(t, to.all(), webhook.Tries, name)
			assert.Contains(t, written.String(), "webhook given up")
			assert.NotContains(t, written.String(), "hidden", "W4: the address may be a secret")
		})
	}
	t.Cleanup(func() { assert.Empty(t, behind.all(), "a redirect was followed") })
}

func TestW2_EndlessAnswer(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	to := newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 32<<10)
		for range 1 << 15 { // 1 GiB
			n, err := w.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	sender, _ := open(t, webhook.Options{}, to)
	send(t, sender, "message", to.URL)
	idle(t, sender)
	assert.Len(t, to.all(), 1, "a good status is a delivery")
	to.Close() // waits for the handler
	assert.Less(t, sent.Load(), int64(64<<20))
}

func TestW2_HangAndDrip(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(int, http.ResponseWriter, *http.Request){
		"hang": func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"drip": func(_ int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newReceiver(t, answer)
			sender, _ := open(t, webhook.Options{Timeout: 50 * time.Millisecond}, to)
			started := time.Now()
			send(t, sender, "message", to.URL)
			assert.Less(t, time.Since(started), waitLong/2, "Send waits for nobody")
			idle(t, sender)
		})
	}
}

func TestW2_CertificateOfAnother(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	to := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	to.Config.ErrorLog = nil
	to.StartTLS()
	t.Cleanup(to.Close)
	allowed := strings.TrimPrefix(to.URL, "https://")
	sender, _ := open(t, webhook.Options{Allow: []string{allowed}})
	send(t, sender, "message", to.URL)
	idle(t, sender)
	assert.Zero(t, came.Load(), "nobody vouches for it")
}

func TestW3_ThreeTriesThenDelivered(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < webhook.Tries {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	sender, written := open(t, webhook.Options{Secrets: []string{secret('a')}}, to)
	send(t, sender, "message", to.URL)
	idle(t, sender)
	came := to.all()
	require.Len(t, came, webhook.Tries)
	for _, each := range came {
		assert.Equal(t, "message", each.header.Get("webhook-id"))
		assert.True(t, verify(t, each, 'a'))
	}
	assert.Empty(t, written.String())
}

// TestW3_Restart ends the process in the last try, while the receiver does not
// answer.
func TestW3_Restart(t *testing.T) {
	t.Parallel()
	store := memory.New()
	entered := make(chan struct{}, 10)
	to := newReceiver(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case n < webhook.Tries:
			w.WriteHeader(http.StatusServiceUnavailable)
		case n == webhook.Tries:
			entered <- struct{}{}
			<-r.Context().Done()
		}
	})
	first, _ := open(t, webhook.Options{Store: store}, to)
	send(t, first, "message", to.URL)
	<-entered
	require.NoError(t, first.Close())
	require.ErrorIs(t, first.Send(t.Context(), webhook.Message{ID: "late", URL: to.URL, Body: []byte("{}")}), webhook.ErrClosed)

	second, _ := open(t, webhook.Options{Store: store}, to)
	idle(t, second)
	came := to.all()
	require.Len(t, came, webhook.Tries+1)
	assert.Equal(t, "message", came[webhook.Tries].header.Get("webhook-id"))
	assert.Equal(t, came[0].body, came[webhook.Tries].body)
	require.NoError(t, second.Close())

	third, _ := open(t, webhook.Options{Store: store}, to)
	assert.Zero(t, third.Waiting(), "what was delivered is forgotten")
	_, err := store.Setting(t.Context(), "webhook/slot/0")
	assert.Error(t, err)
}

// brokenStore fails the nth write.
type brokenStore struct {
	webhook.SettingStore
	left atomic.Int64
}

var errBroken = errors.New("the store is broken")

func (s *brokenStore) SetSetting(ctx context.Context, name string, value []byte) error {
	if s.left.Add(-1) == 0 {
		return errBroken
	}
	return s.SettingStore.SetSetting(ctx, name, value)
}

func TestW3_NotTakenWhenNotStored(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, nil)
	store := &brokenStore{SettingStore: memory.New()}
	sender, _ := open(t, webhook.Options{Store: store, MaxQueue: 1}, to)
	store.left.Store(1)
	err := sender.Send(t.Context(), webhook.Message{ID: "message", URL: to.URL, Body: []byte("{}")})
	require.ErrorIs(t, err, errBroken)
	assert.Zero(t, sender.Waiting())
	send(t, sender, "next", to.URL) // its place is free
	idle(t, sender)
	assert.Len(t, to.all(), 1)
}

// writes counts what is written, in bytes and in times.
type writes struct {
	webhook.SettingStore
	bytes, times atomic.Int64
}

func (w *writes) SetSetting(ctx context.Context, name string, value []byte) error {
	w.bytes.Add(int64(len(value)))
	w.times.Add(1)
	return w.SettingStore.SetSetting(ctx, name, value)
}

// TestR5_AddingIsOneSmallWrite: what waits already is not written again, and is
// sent in its order by the next process.
func TestR5_AddingIsOneSmallWrite(t *testing.T) {
	t.Parallel()
	const many = 300
	store := &writes{SettingStore: memory.New()}
	release := make(chan struct{})
	to := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	first, _ := open(t, webhook.Options{Store: store}, to)
	before := store.times.Load()
	for i := range many {
		send(t, first, fmt.Sprint("message-", i), to.URL)
	}
	assert.Equal(t, int64(many), store.times.Load()-before)
	assert.Less(t, store.bytes.Load(), int64(many*200))
	require.NoError(t, first.Close())
	close(release)
	second, _ := open(t, webhook.Options{Store: store, Parallel: 1}, to)
	idle(t, second)
	// The first sender tried as many as it may at a time, and the receiver may
	// see those late; what stands behind them came once and in its order.
	next, seen := webhook.DefaultParallel, map[string]bool{}
	for _, each := range to.all() {
		id := each.header.Get("webhook-id")
		if id == fmt.Sprint("message-", next) {
			next++
		}
		seen[id] = true
	}
	assert.Equal(t, many, next)
	assert.Len(t, seen, many)
}

func TestSameIDWaitsOnce(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	to := newReceiver(t, func(int, http.ResponseWriter, *http.Request) { <-release })
	sender, _ := open(t, webhook.Options{}, to)
	for range 5 {
		send(t, sender, "message", to.URL)
	}
	assert.Equal(t, 1, sender.Waiting())
	close(release)
	idle(t, sender)
	assert.Len(t, to.all(), 1)
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	to := newReceiver(t, func(int, http.ResponseWriter, *http.Request) { <-release })
	sender, _ := open(t, webhook.Options{MaxQueue: 3}, to)
	for i := range 3 {
		send(t, sender, fmt.Sprint("message-", i), to.URL)
	}
	err := sender.Send(t.Context(), webhook.Message{ID: "one-more", URL: to.URL, Body: []byte("{}")})
	require.ErrorIs(t, err, webhook.ErrFull)
	close(release)
	idle(t, sender)
	assert.Len(t, to.all(), 3)
}

// TestOneReceiverDoesNotHoldUpAnother has one that hangs and 20 messages for
// it before the first one for the other.
func TestOneReceiverDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	var open64 atomic.Int64
	hangs := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		assert.LessOrEqual(t, open64.Add(1), int64(2))
		defer open64.Add(-1)
		<-r.Context().Done()
	})
	good := newReceiver(t, nil)
	sender, _ := open(t, webhook.Options{Parallel: 3}, hangs, good)
	for i := range 20 {
		send(t, sender, fmt.Sprint("hangs-", i), hangs.URL)
	}
	send(t, sender, "good", good.URL)
	require.Eventually(t, func() bool { return len(good.all()) == 1 }, waitLong, waitStep)
	assert.GreaterOrEqual(t, sender.Waiting(), 20)
}

func TestBadMessages(t *testing.T) {
	t.Parallel()
	sender, _ := open(t, webhook.Options{})
	for _, m := range []webhook.Message{
		{ID: "", URL: "http://example.com"}, {ID: "a.b", URL: "http://example.com"}, {ID: "a\nb", URL: "http://example.com"},
		{ID: "a", URL: "http://127.0.0.1"}, {ID: strings.Repeat("a", 129), URL: "http://example.com"}, {ID: "a", URL: "ftp://example.com"},
		{ID: "a", URL: "http://example.com", Body: make([]byte, webhook.MaxBody+1)},
	} {
		require.ErrorIs(t, sender.Send(t.Context(), m), webhook.ErrMessage)
	}
	assert.Zero(t, sender.Waiting())
}

// TestN11_ProxyOfTheEnvironment: a proxy would dial in our place, and the check
// of the address with it.
func TestN11_ProxyOfTheEnvironment(t *testing.T) {
	proxy := newReceiver(t, nil)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	to := newReceiver(t, nil)
	sender, _ := open(t, webhook.Options{}, to, proxy)
	send(t, sender, "message", to.URL)
	send(t, sender, "nowhere", "http://receiver.invalid/")
	idle(t, sender)
	assert.Len(t, to.all(), 1)
	assert.Empty(t, proxy.all())
}

func TestW4_SecretsInTheAddress(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://hidden.example/%zz")
		w.WriteHeader(http.StatusFound)
	})
	sender, written := open(t, webhook.Options{}, to)
	secretly := strings.Replace(to.URL, "http://", "http://hidden-user:hidden-word@", 1) + "/hidden-path?hidden=1#hidden"
	send(t, sender, "message", secretly)
	send(t, sender, "refused", "http://hidden-user@localhost:1/hidden-path")
	idle(t, sender)
	assert.Contains(t, written.String(), "webhook given up")
	assert.Contains(t, written.String(), "webhook refused")
	assert.NotContains(t, strings.ReplaceAll(written.String(), "hidden.example", ""), "hidden")
	user, _, _ := (&http.Request{Header: to.all()[0].header}).BasicAuth()
	assert.Equal(t, "hidden-user", user, "the receiver gets what it wants")
	assert.Equal(t, "/hidden-path?hidden=1", to.all()[0].path)
}

// TestS1_DamagedQueue: what is damaged is lost and said to be, the rest is sent.
func TestS1_DamagedQueue(t *testing.T) {
	t.Parallel()
	store := memory.New()
	set := func(name, value string) {
		require.NoError(t, store.SetSetting(t.Context(), "webhook/"+name, []byte(value)))
	}
	to := newReceiver(t, nil)
	set("slot/1", `{`)
	set("slot/2", `{"id":"good","url":"`+to.URL+`","body":{},"number":2}`)
	set("slot/3", `{"id":"good","url":"`+to.URL+`","body":{},"number":3}`)
	set("slot/4", `{"id":"nowhere","url":"nowhere","body":{},"number":4}`)
	sender, written := open(t, webhook.Options{Store: store, MaxQueue: 5}, to)
	idle(t, sender)
	assert.Len(t, to.all(), 1)
	assert.Contains(t, written.String(), "webhooks that waited are lost")
	for i := range 5 { // every slot is of use again
		send(t, sender, fmt.Sprint("next-", i), to.URL)
	}
	idle(t, sender)
	assert.Len(t, to.all(), 6)
	require.NoError(t, sender.Close())

	set("secret", `{`)
	_, err := webhook.Open(t.Context(), webhook.Options{Store: store})
	require.Error(t, err, "receivers know the old secret, so no new one is made")
}
