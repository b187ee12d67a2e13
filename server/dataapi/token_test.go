package dataapi_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type pair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int64  `json:"expires_in"`
}

// login gets a pair of tokens.
func (k *kit) login(body string) pair {
	k.t.Helper()
	code, text := k.send(post("/token", body))
	require.Equal(k.t, http.StatusOK, code, text)
	var p pair
	require.NoError(k.t, json.Unmarshal([]byte(text), &p))
	return p
}

// works says whether an access token lets one in.
func (k *kit) works(token string) bool {
	r := get("/api/TaskGroup")
	r.Header.Set("Authorization", "Bearer "+token)
	code, _ := k.send(r)
	return code == http.StatusOK
}

var adminLogin = form("username", "admin", "password", password, "grant_type", "password")

func multipartBody(t *testing.T, pairs ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, w.WriteField(pairs[i], pairs[i+1]))
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

// What real clients send.
func TestToken_Tolerance(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	parts, partsType := multipartBody(t, "username", "admin", "password", password, "grant_type", "password")
	asJSON := `{"username":"admin","password":"` + password + `","grant_type":"password"}`
	for name, c := range map[string]struct{ contentType, body string }{
		"no type":              {"", adminLogin},
		"form":                 {"application/x-www-form-urlencoded; charset=UTF-8", adminLogin},
		"form called JSON":     {"application/json", adminLogin},
		"form called text":     {"text/plain", adminLogin},
		"broken type":          {";;", adminLogin},
		"multipart":            {partsType, parts},
		"JSON":                 {"application/json", asJSON},
		"JSON called form":     {"application/x-www-form-urlencoded", asJSON},
		"JSON with a mark":     {"application/json", "\ufeff " + asJSON},
		"names in other cases": {"", strings.NewReplacer("username", "UserName", "grant_type", "GRANT_TYPE").Replace(adminLogin)},
		"end of line":          {"", adminLogin + "\r\n"},
	} {
		r := post("/token", c.body)
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		code, body := k.send(r)
		assert.Equal(t, http.StatusOK, code, "%s: %s", name, body)
	}
}

func TestT1_BadTokenRequests(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	refresh := k.login(adminLogin).Refresh
	const grant, kind = "invalid_grant", "unsupported_grant_type"
	for name, c := range map[string]struct{ body, word string }{
		"empty":               {"", kind},
		"no grant type":       {form("username", "admin", "password", password), kind},
		"empty grant type":    {form("username", "admin", "password", password, "grant_type", ""), kind},
		"another grant type":  {form("grant_type", "client_credentials", "secret", "x<script>"), kind},
		"grant type in caps":  {strings.Replace(adminLogin, "type=password", "type=PASSWORD", 1), kind},
		"broken JSON":         {`{"grant_type":"password"`, kind},
		"JSON list":           {`["password"]`, kind},
		"nested JSON":         {`{"grant_type":{"a":"password"}}`, kind},
		"deep JSON":           {strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), kind},
		"broken form":         {"grant_type=%zz", kind},
		"no user":             {form("password", password, "grant_type", "password"), grant},
		"no password":         {form("username", "admin", "grant_type", "password"), grant},
		"wrong password":      {form("username", "admin", "password", "x<script>", "grant_type", "password"), grant},
		"unknown user":        {form("username", "x<script>", "password", password, "grant_type", "password"), grant},
		"other case of user":  {form("username", "Admin", "password", password, "grant_type", "password"), grant},
		"no refresh token":    {form("grant_type", "refresh_token"), grant},
		"unknown refresh":     {form("grant_type", "refresh_token", "refresh_token", strings.Repeat("a", 43)), grant},
		"access as refresh":   {form("grant_type", "refresh_token", "refresh_token", k.token), grant},
		"refresh cut":         {form("grant_type", "refresh_token", "refresh_token", refresh[:42]), grant},
		"long refresh token":  {form("grant_type", "refresh_token", "refresh_token", strings.Repeat("a", 30000)), grant},
		"invalid UTF-8":       {"grant_type=password&username=%ff&password=x", kind},
		"password of 60 KiB":  {form("grant_type", "password", "username", "admin", "password", strings.Repeat("p", 60000)), grant},
		"NUL in the password": {form("grant_type", "password", "username", "admin", "password", password+"\x00"), grant},
	} {
		r := post("/token", c.body)
		r.RemoteAddr = "203.0.113." + strconv.Itoa(len(name)+len(c.body)%200) + ":1" // each from elsewhere
		code, body := k.send(r)
		want := `{"error":"unsupported_grant_type"}`
		if c.word == grant {
			want = `{"error":"invalid_grant","error_description":"The user name or password is incorrect."}`
		}
		assert.Equal(t, http.StatusBadRequest, code, name)
		assert.Equal(t, want, body, name)
	}
	code, _ := k.send(get("/token?" + adminLogin))
	assert.Equal(t, http.StatusMethodNotAllowed, code)
	code, body := k.send(post("/token?"+adminLogin, ""))
	assert.Equal(t, http.StatusBadRequest, code, "a password in the address is not taken")
	assert.Contains(t, body, "unsupported_grant_type")
	code, body = k.send(post("/token", strings.Repeat("a", 70000)))
	assert.Equal(t, http.StatusRequestEntityTooLarge, code)
	assert.Contains(t, body, "request_too_large")
}

func TestT2_RefreshTokenIsForOneUse(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := k.login(adminLogin)
	var group sync.WaitGroup
	var pairs, refused atomic.Int32
	for range 50 {
		group.Go(func() {
			w := k.record(post("/token", form("grant_type", "refresh_token", "refresh_token", first.Refresh)))
			switch {
			case w.Code == http.StatusOK:
				pairs.Add(1)
			case w.Code == http.StatusBadRequest && strings.Contains(w.Body.String(), "invalid_grant"):
				refused.Add(1)
			}
		})
	}
	group.Wait()
	assert.Equal(t, []int32{1, 49}, []int32{pairs.Load(), refused.Load()})
}

func TestT3_LostRefreshDoesNotLockOut(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := k.login(adminLogin)
	refresh := form("grant_type", "refresh_token", "refresh_token", first.Refresh)
	second := k.login(refresh)
	assert.EqualValues(t, 86399, second.Expires)
	code, body := k.send(post("/token", refresh)) // the answer was lost, so it is sent again
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, body, "invalid_grant")
	assert.True(t, k.works(first.Access), "a refresh does not end the old access token")
	assert.True(t, k.works(second.Access), "a used refresh token does not end the new tokens")
	third := k.login(form("grant_type", "refresh_token", "refresh_token", second.Refresh))
	assert.True(t, k.works(third.Access))
	assert.True(t, k.works(k.login(adminLogin).Access), "a password always helps")
}

func TestT4_BadAccessTokens(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	p := k.login(adminLogin)
	flipped := "A" + p.Access[1:]
	if flipped == p.Access {
		flipped = "B" + p.Access[1:]
	}
	for name, lines := range map[string][]string{
		"none": nil, "empty": {""}, "scheme only": {"bearer"}, "scheme and blank": {"bearer "},
		"no scheme": {p.Access}, "basic": {"Basic " + p.Access}, "cut": {"bearer " + p.Access[:42]},
		"flipped": {"bearer " + flipped}, "refresh token": {"bearer " + p.Refresh}, "long": {"bearer " + strings.Repeat("a", 5000)},
		"two headers": {"bearer " + p.Access, "bearer " + p.Access}, "two in one": {"bearer " + p.Access + ", bearer " + p.Access},
	} {
		r := get("/api/TaskGroup")
		if lines != nil {
			r.Header["Authorization"] = lines
		}
		code, body := k.send(r)
		assert.Equal(t, http.StatusUnauthorized, code, name)
		assert.Equal(t, `{"error":"unauthorized","error_Description":"access_token invalid"}`, body, name)
	}
	r := get("/api/TaskGroup?access_token=" + p.Access + "&token=" + p.Access)
	r.AddCookie(&http.Cookie{Name: "access_token", Value: p.Access})
	code, _ := k.send(r)
	assert.Equal(t, http.StatusUnauthorized, code, "in the address and a cookie")
	for _, scheme := range []string{"bearer ", "Bearer ", "BEARER ", "bearer  "} {
		r := get("/api/TaskGroup")
		r.Header.Set("Authorization", scheme+p.Access)
		code, _ := k.send(r)
		assert.Equal(t, http.StatusOK, code, scheme)
	}
}

func TestT8_GuessingIsSlowed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	from := func(address, secret string) (int, string, string) {
		r := post("/token", form("username", "admin", "password", secret, "grant_type", "password"))
		r.RemoteAddr = address
		w := k.record(r)
		return w.Code, w.Body.String(), w.Header().Get("Retry-After")
	}
	slowed := 0
	for i := range 40 {
		code, body, after := from("203.0.113.7:1", "guess "+strconv.Itoa(i))
		if code != http.StatusTooManyRequests {
			assert.Equal(t, http.StatusBadRequest, code)
			continue
		}
		slowed++
		assert.Equal(t, `{"error":"quota_exceeded","error_description":"too many attempts"}`, body)
		seconds, err := strconv.Atoi(after)
		require.NoError(t, err)
		assert.Positive(t, seconds)
	}
	assert.Greater(t, slowed, 20)
	code, body, _ := from("198.51.100.3:1", password)
	assert.Equal(t, http.StatusOK, code, body)
}

func TestT9_ExpiryByTheWallClock(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *dataapi.Config) { c.AccessTokenLife = time.Hour })
	p := k.login(adminLogin)
	assert.EqualValues(t, 3600, p.Expires)
	k.clock.add(59 * time.Minute)
	assert.True(t, k.works(p.Access))
	k.clock.add(-2 * time.Hour) // set back: never longer than the issued life from when it is seen
	assert.True(t, k.works(p.Access))
	k.clock.add(61 * time.Minute)
	assert.False(t, k.works(p.Access))
	p = k.login(form("grant_type", "refresh_token", "refresh_token", p.Refresh))
	k.clock.add(24 * time.Hour)
	assert.False(t, k.works(p.Access))
	k.clock.add(31 * 24 * time.Hour)
	code, _ := k.send(post("/token", form("grant_type", "refresh_token", "refresh_token", p.Refresh)))
	assert.Equal(t, http.StatusBadRequest, code, "refresh tokens end as well")
}

// A token for scripts opens every door, with the scopes of its account.
func TestToken_ForScripts(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	account, err := k.book.Check(t.Context(), "reader", password, netip.MustParseAddr("127.0.0.1"))
	require.NoError(t, err)
	k.token, err = k.book.Issue(t.Context(), account, credential.KindBearer, time.Hour)
	require.NoError(t, err)
	code, body := k.call(get("/api/TaskGroup"))
	assert.Equal(t, http.StatusOK, code, body)
	code, _ = k.call(post("/api/task/StartTask?taskId=1", ""))
	assert.Equal(t, http.StatusForbidden, code)
	require.NoError(t, k.book.Revoke(t.Context(), credential.KindBearer, k.token))
	code, _ = k.call(get("/api/TaskGroup"))
	assert.Equal(t, http.StatusUnauthorized, code)
}
