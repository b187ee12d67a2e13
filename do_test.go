package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
)

func getRequest(t *testing.T, address string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// testSite has a login and judges by marks in the body.
func testSite(exchanges *atomic.Int32) pixivoc.Site {
	return pixivoc.Site{
		Name:  "test",
		Hosts: []string{"api.example.org"},
		Exchange: func(context.Context, *http.Client, pixivoc.Grant) (pixivoc.Token, error) {
			n := exchanges.Add(1)
			return pixivoc.Token{
				Access: fmt.Sprint("access", n), Refresh: fmt.Sprint("refresh", n),
				Issued: time.Now(), Expires: time.Now().Add(time.Hour), Account: pixivoc.Account{ID: "7", Name: "seven"},
			}, nil
		},
		Authorize: func(request *http.Request, token pixivoc.Token) {
			request.Header.Set("Authorization", "Bearer "+token.Access)
		},
		Judge: func(response *http.Response, body []byte) error {
			switch text := string(body); {
			case text == "expired":
				return pixivoc.ErrTokenExpired
			case strings.HasPrefix(text, "limit "):
				wait, _ := time.ParseDuration(strings.TrimPrefix(text, "limit "))
				return &pixivoc.RateLimitError{Wait: wait, Err: errors.New("too fast")}
			case response.StatusCode != http.StatusOK:
				return &pixivoc.StatusError{Method: "GET", URL: "x", Code: response.StatusCode}
			}
			return nil
		},
	}
}

func login(t *testing.T, client pixivoc.Client) {
	t.Helper()
	if _, err := client.Login(t.Context(), pixivoc.RefreshToken("seed")); err != nil {
		t.Fatalf("Login: %v", err)
	}
}

func TestG14_DoKeepsTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var starts []time.Time
		client := newClient(t, pixivoc.Config{HTTP: road(func(request *http.Request) (*http.Response, error) {
			mu.Lock()
			starts = append(starts, time.Now())
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			return answer(request, 200, "{}"), nil
		})})
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 5 {
					response, err := client.Do(getRequest(t, "https://www.example.org/"))
					if err != nil {
						t.Errorf("Do: %v", err)
						return
					}
					_ = response.Body.Close()
				}
			})
		}
		group.Wait()
		if len(starts) != 40 {
			t.Fatalf("%d requests, want 40", len(starts))
		}
		for i := 1; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-1]); gap < 3*time.Second {
				t.Errorf("gap %d is %s", i, gap)
			}
		}
	})
}

func TestU12_RateLimitPausesEverybody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var exchanges, requests atomic.Int32
		var limitedAt time.Time
		client := newClient(t, pixivoc.Config{
			Site: testSite(&exchanges), Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))},
			HTTP: road(func(request *http.Request) (*http.Response, error) {
				if requests.Add(1) == 3 {
					limitedAt = time.Now()
					return answer(request, 403, "limit 90s"), nil
				}
				if !limitedAt.IsZero() && time.Since(limitedAt) < 90*time.Second {
					t.Errorf("request %s after the limit", time.Since(limitedAt))
				}
				return answer(request, 200, "ok"), nil
			}),
		})
		login(t, client)
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				response, err := client.Do(getRequest(t, "https://api.example.org/x"))
				if err != nil {
					t.Errorf("Do: %v", err)
					return
				}
				_ = response.Body.Close()
			})
		}
		group.Wait()
		if requests.Load() != 11 {
			t.Errorf("%d requests, want 11", requests.Load())
		}
	})
}

func TestA6_ExpiredTokenIsRefreshedOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		accepts       func(authorization string) bool
		wantExchanges int32
		wantErr       error
	}{
		"the new one works":        {func(a string) bool { return a == "Bearer access2" }, 2, nil},
		"the new one does not too": {func(string) bool { return false }, 2, pixivoc.ErrTokenExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var exchanges atomic.Int32
				client := newClient(t, pixivoc.Config{Site: testSite(&exchanges), HTTP: road(func(request *http.Request) (*http.Response, error) {
					if test.accepts(request.Header.Get("Authorization")) {
						return answer(request, 200, "ok"), nil
					}
					return answer(request, 400, "expired"), nil
				})})
				login(t, client)
				response, err := client.Do(getRequest(t, "https://api.example.org/x"))
				if err == nil {
					_ = response.Body.Close()
				}
				if !errors.Is(err, test.wantErr) || exchanges.Load() != test.wantExchanges {
					t.Errorf("error %v, %d exchanges; want %v, %d", err, exchanges.Load(), test.wantErr, test.wantExchanges)
				}
			})
		})
	}
}

func TestDo_TokenGoesToTheSiteOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var exchanges atomic.Int32
		client := newClient(t, pixivoc.Config{Site: testSite(&exchanges), HTTP: road(func(request *http.Request) (*http.Response, error) {
			authorized := request.Header.Get("Authorization") != ""
			if want := request.URL.String() == "https://api.example.org/"; authorized != want {
				t.Errorf("token sent to %s: %v", request.URL, authorized)
			}
			return answer(request, 200, "ok"), nil
		})})
		login(t, client)
		for _, address := range []string{"https://api.example.org/", "http://api.example.org/", "https://other.example.org/"} {
			response, err := client.Do(getRequest(t, address))
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
	})
}

func TestDo_WithoutLogin(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{Site: testSite(new(atomic.Int32))})
	if _, err := client.Do(getRequest(t, "https://api.example.org/x")); !errors.Is(err, pixivoc.ErrNoToken) {
		t.Errorf("Do: %v, want ErrNoToken", err)
	}
}

func TestU13_ServerErrorsAreRepeated(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults       []any // int: a status; error: a fault of the connection
		wantRequests int32
		wantErr      bool
	}{
		"twice bad, then good": {[]any{502, errors.New("connection reset")}, 3, false},
		"bad for good":         {[]any{503, 503, 503, 503, 503}, 3, true},
		"not found":            {[]any{404}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				client := newClient(t, pixivoc.Config{HTTP: road(func(request *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(request.Body)
					if string(body) != "question" {
						t.Errorf("body %q", body)
					}
					n := int(requests.Add(1))
					if n > len(test.faults) {
						return answer(request, 200, "good"), nil
					}
					if status, ok := test.faults[n-1].(int); ok {
						return answer(request, status, "bad"), nil
					}
					return nil, test.faults[n-1].(error)
				})})
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://www.example.org/", strings.NewReader("question"))
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(request)
				if err == nil {
					body, _ := io.ReadAll(response.Body)
					if string(body) != "good" {
						t.Errorf("body %q", body)
					}
				}
				if (err != nil) != test.wantErr || requests.Load() != test.wantRequests {
					t.Errorf("error %v, %d requests", err, requests.Load())
				}
			})
		})
	}
}

func TestN15_Redirects(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		to   string
		want string // part of the error, "" for none
	}{
		"to another path":      {"/elsewhere", ""},
		"to another host":      {"https://other.example.org/", ""},
		"to http":              {"http://www.example.org/", "https to http"},
		"to this machine":      {"https://127.0.0.1/admin", "private"},
		"to this machine (v6)": {"https://[::ffff:10.0.0.1]/admin", "private"},
		"to a file":            {"file:///etc/passwd", "scheme"},
		"in a circle":          {"/", "in a row"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, pixivoc.Config{Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))}, HTTP: road(func(request *http.Request) (*http.Response, error) {
					if request.URL.Path == "/" && request.URL.Host == "www.example.org" {
						response := answer(request, 302, "")
						response.Header.Set("Location", test.to)
						return response, nil
					}
					if request.URL.Host != "www.example.org" && request.Header.Get("Cookie") != "" {
						t.Error("the cookie went to another host")
					}
					return answer(request, 200, "ok"), nil
				})})
				request := getRequest(t, "https://www.example.org/")
				request.Header.Set("Cookie", "secret=1")
				response, err := client.Do(request)
				if err == nil {
					_ = response.Body.Close()
				}
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("error %v, want %q", err, test.want)
				}
			})
		})
	}
}

func TestU2_AnswerIsBounded(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{HTTP: road(func(request *http.Request) (*http.Response, error) {
		response := answer(request, 200, "")
		response.Body = io.NopCloser(io.LimitReader(zeros{}, 1<<30))
		return response, nil
	})})
	_, err := client.Do(getRequest(t, "https://www.example.org/?token=secret"))
	if err == nil || pixivoc.Retryable(err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestN2_SilenceEndsARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, pixivoc.Config{
			Env: pixivoc.EnvPatch{Timeout: new(20 * time.Second), IntervalTime: new(time.Duration(0))},
			HTTP: road(func(request *http.Request) (*http.Response, error) {
				<-request.Context().Done()
				return nil, request.Context().Err()
			}),
		})
		begin := time.Now()
		_, err := client.Do(getRequest(t, "https://www.example.org/"))
		if err == nil || !strings.Contains(err.Error(), "no answer for 20s") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begin); took > 2*time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

func TestA9_LogoutEndsRequestsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, pixivoc.Config{
			Site: testSite(new(atomic.Int32)), Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))},
			HTTP: road(func(request *http.Request) (*http.Response, error) {
				<-request.Context().Done()
				return nil, request.Context().Err()
			}),
		})
		login(t, client)
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				if _, err := client.Do(getRequest(t, "https://api.example.org/x")); !errors.Is(err, pixivoc.ErrNoToken) {
					t.Errorf("Do: %v, want ErrNoToken", err)
				}
			})
		}
		synctest.Wait()
		if had, err := client.Logout(t.Context()); !had || err != nil {
			t.Errorf("Logout: %v, %v", had, err)
		}
		begin := time.Now()
		group.Wait()
		if waited := time.Since(begin); waited > 100*time.Millisecond {
			t.Errorf("the requests ended %s after the logout", waited)
		}
		if _, err := client.Account(); !errors.Is(err, pixivoc.ErrNoToken) {
			t.Errorf("Account: %v", err)
		}
	})
}

func TestG15_PrintingShowsNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-7c1f"
	token := pixivoc.Token{Access: canary, Refresh: canary, Account: pixivoc.Account{ID: "7"}}
	for _, value := range []any{
		token, &token, []pixivoc.Token{token}, struct{ T pixivoc.Token }{token},
		pixivoc.RefreshToken(canary), pixivoc.AuthorizationCode(canary, canary), pixivoc.Password("me", canary),
		struct{ grant pixivoc.Grant }{pixivoc.Password("me", canary)},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%q", "%x"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T: %s", verb, value, text)
			}
		}
	}
}
