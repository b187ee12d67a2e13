package pixivoc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/tlstest"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

// shown collects everything that a program or a person gets to see.
type shown struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// show adds a value in all its forms.
func (s *shown) show(value any) {
	raw, _ := json.Marshal(value)
	_, _ = fmt.Fprintf(s, "%v\n%+v\n%#v\n%s\n", value, value, value, raw)
}

func (s *shown) err(err error) {
	for ; err != nil; err = unwrapFirst(err) {
		s.show(err.Error())
		_, _ = fmt.Fprintf(s, "%+v %#v\n", err, err)
	}
}

func unwrapFirst(err error) error {
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		return wrapped.Unwrap()
	case interface{ Unwrap() []error }:
		return wrapped.Unwrap()[0]
	}
	return nil
}

// G15: tokens, passwords and queries that are used in a run with all kinds of
// faults come up nowhere that anybody looks.
func TestG15_NoSecretInAWholeRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{Rotation: pixivtest.RotateLate, Passwords: map[string]string{"me": "password-secret"}})
		user := server.Populate(pixivtest.Population{Works: 12, Pages: pixivtest.Between{Min: 1, Max: 2}, Sizes: pixivtest.Between{Min: 3 << 10, Max: 4 << 10}})[0]
		masked := server.AddWork(pixivtest.Work{UserID: user.ID, Mask: pixivtest.MaskMyPixiv})
		seen, store := &shown{}, memory.New()
		client := newPixivClient(t, server, pixivoc.Config{Store: store, Logger: seen.logger()})
		events := watchEvents(t, client)
		folder := t.TempDir()
		useSecrets(t, server, client, seen, user.ID, masked.ID, folder)
		for _, event := range events.all() {
			seen.show(event)
		}
		seen.show(filesBelow(t, folder))
		raw, err := store.Setting(t.Context(), "token")
		require.NoError(t, err)
		var kept map[string]any
		require.NoError(t, json.Unmarshal(raw, &kept))
		secrets := []string{"password-secret", "query-secret", "code-secret", "wrong-secret", server.RefreshToken()}
		for _, name := range []string{"access_token", "refresh_token", "previous_refresh_token"} {
			secret, _ := kept[name].(string)
			secrets = append(secrets, secret)
		}
		for _, request := range server.Requests() {
			if bearer, ok := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer "); ok {
				secrets = append(secrets, bearer)
			}
		}
		seen.wantNone(t, secrets)
		if len(secrets) < 12 || seen.text.Len() < 10_000 || !strings.Contains(seen.text.String(), "token refresh") {
			t.Errorf("%d secrets and %d bytes to look through: the run did too little", len(secrets), seen.text.Len())
		}
	})
}

// logger writes everything to what is looked through.
func (s *shown) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// wantNone wants no secret in what was shown.
func (s *shown) wantNone(t *testing.T, secrets []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.text.String()
	for _, secret := range secrets {
		if secret == "" {
			t.Error("a secret is empty")
		} else if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%q shows: …%s…", secret, text[max(at-300, 0):min(at+100, len(text))])
		}
	}
}

// useSecrets does with a client what goes well and what does not.
func useSecrets(t *testing.T, server *pixivtest.Server, client pixivoc.Client, seen *shown, user, masked int64, folder string) {
	once := func(host string, faults ...pixivtest.Fault) {
		for _, fault := range faults {
			server.Script(pixivtest.Rule{Match: pixivtest.Match{Host: host}, Times: 1, Do: fault})
		}
	}
	once(pixivtest.HostAPI, pixivtest.ErrorPage{}, pixivtest.BlockPage{}, pixivtest.Reset{BeforeHeader: true}, pixivtest.TokensExpired{},
		pixivtest.Redirect{Location: "http://app-api.pixiv.net/?token=query-secret"}, pixivtest.RateLimit{RetryAfter: "1"})
	once(pixivtest.HostImages, pixivtest.ErrorPage{}, pixivtest.Cut{At: aHalf}, pixivtest.BlockPage{}, pixivtest.ErrorPage{Status: 403},
		pixivtest.Redirect{Location: "https://127.0.0.1/?token=query-secret"})
	for _, grant := range []pixivoc.Grant{
		pixivoc.RefreshToken("wrong-secret"), pixivoc.AuthorizationCode("code-secret", "code-secret"),
		pixivoc.Password("me", "wrong-secret"), pixivoc.Password("me", "password-secret"),
	} {
		_, err := client.Login(t.Context(), grant)
		seen.err(err)
		seen.show(grant)
	}
	var tasks []pixivoc.Task
	for _, spec := range []pixivoc.TaskSpec{
		{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user), SavePath: folder},
		{Type: pixiv.SingleWork, Name: "masked", Keyword: fmt.Sprint(masked), SavePath: folder},
		{Type: pixiv.SingleWork, Name: "nobody", Keyword: "999999999", SavePath: folder},
	} {
		tasks = append(tasks, start(t, client, spec))
	}
	for _, task := range tasks {
		info := wait(t, task, pixivoc.StateOver)
		seen.show(info)
		for _, item := range itemsOf(t, task) {
			seen.show(item)
		}
		for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{}) {
			require.NoError(t, err)
			seen.show(record)
		}
	}
	for _, address := range []string{
		"https://app-api.pixiv.net/v1/nothing?token=query-secret", "https://i.pximg.net/nothing?token=query-secret",
		"https://nowhere.pixiv.test/?token=query-secret", "https://me:password-secret@i.pximg.net/nothing",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		_, err = client.Do(request)
		require.Error(t, err)
		seen.err(err)
	}
}

// G15: neither does what proxies want to know.
func TestG15_NoSecretOfAProxy(t *testing.T) {
	t.Parallel()
	server := newRealPixiv(t, pixivtest.Config{})
	good := tlstest.NewProxy(t, "http", nil, url.UserPassword("proxyuser", "proxy-secret"), addrPort(t, server.Addr()))
	dead := tlstest.Dead(t).String()
	seen := &shown{}
	config := byTable(server)
	config.Env, config.Logger = noPause(), seen.logger()
	config.Env.ProxyMode, config.Env.Proxy = new(pixivoc.ModeProxy), new(good.URL(url.UserPassword("proxyuser", "proxy-secret")).String())
	client := newPixivClient(t, server, config)
	seen.show(client.Env())
	for name, proxy := range map[string]string{
		"wrong password": good.URL(url.UserPassword("proxyuser", "wrong-secret")).String(),
		"nobody there":   "socks5://proxyuser:proxy-secret@" + dead,
		"no proxy":       "gopher://me:proxy-secret@" + dead,
	} {
		env, err := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{ProxyMode: new(pixivoc.ModeProxy), Proxy: &proxy})
		seen.show(env)
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err = client.Do(getRequest(t, "https://www.pixiv.net/?token=query-secret").WithContext(ctx))
			cancel()
		}
		require.Error(t, err, name)
		seen.err(err)
	}
	if len(good.Targets()) == 0 {
		t.Error("nobody went through the proxy")
	}
	seen.wantNone(t, []string{"proxy-secret", "wrong-secret", "query-secret"})
}
