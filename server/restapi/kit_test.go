package restapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/require"
)

const password = "correct horse"

// kit is an API on a kernel with small task types, and a signed-in caller.
type kit struct {
	t        *testing.T
	client   pixivoc.Client
	book     *credential.Book
	store    pixivoc.Store
	api      *restapi.API
	server   *httptest.Server
	folder   string
	token    string // the bearer token that call sends
	contract *contract
}

type option func(*restapi.Config)

func newKit(t *testing.T, options ...option) *kit {
	t.Helper()
	store := memory.New()
	k := &kit{t: t, store: store, folder: t.TempDir(), contract: loadContract(t)}
	client, err := pixivoc.New(pixivoc.Config{
		Store: store, Site: testSite(), Types: testTypes(), HTTP: pictureRoad{}, NoSync: true,
		Env: pixivoc.EnvPatch{IntervalTime: new(pixivoc.DefaultEnv().IntervalTime * 0)},
	})
	require.NoError(t, err)
	k.client = client
	k.book, err = credential.Open(t.Context(), store, credential.Options{Memory: 64, Passes: 1})
	require.NoError(t, err)
	require.NoError(t, k.book.Set(t.Context(), "admin", password, credential.ScopeAdmin))
	require.NoError(t, k.book.Set(t.Context(), "reader", password, credential.ScopeRead))
	k.api = k.newAPI(options...)
	k.server = httptest.NewServer(k.api)
	t.Cleanup(func() {
		require.NoError(t, k.api.Close())
		k.server.Close()
		require.NoError(t, client.Shutdown(context.Background()))
		require.NoError(t, store.Close())
	})
	k.token = k.issue("admin")
	return k
}

func (k *kit) newAPI(options ...option) *restapi.API {
	k.t.Helper()
	config := restapi.Config{
		Accounts: k.book, Settings: k.store,
		SavePath: func(wish string) (string, error) {
			if !filepath.IsLocal(orDot(wish)) {
				return "", &pixivoc.FieldError{Field: "SavePath", Reason: "is outside of the allowed folders"}
			}
			return filepath.Join(k.folder, orDot(wish)), nil
		},
		Resolve: func(address string) (pixivoc.TaskSpec, error) {
			number, ok := strings.CutPrefix(address, "https://pictures.test/")
			if !ok {
				return pixivoc.TaskSpec{}, &pixivoc.FieldError{Field: "Url", Reason: "is no address of a picture"}
			}
			return pixivoc.TaskSpec{Type: "Paint", Name: "paint-" + number, Keyword: number, Options: json.RawMessage(`{"sort":"new"}`)}, nil
		},
		BeginLogin: func() (string, func(string) (pixivoc.Grant, error)) {
			return "https://site.test/login", func(callback string) (pixivoc.Grant, error) {
				if callback != "good" {
					return pixivoc.Grant{}, &pixivoc.FieldError{Field: "Callback", Reason: "is no callback"}
				}
				return pixivoc.AuthorizationCode("code", "verifier"), nil
			}
		},
	}
	for _, change := range options {
		change(&config)
	}
	api, err := restapi.New(k.client, config)
	require.NoError(k.t, err)
	return api
}

func orDot(wish string) string {
	if wish == "" {
		return "."
	}
	return wish
}

// issue makes a bearer token by the door itself.
func (k *kit) issue(name string) string {
	k.t.Helper()
	var made struct{ Token string }
	defer func(token string) { k.token = token }(k.token)
	k.token = ""
	k.call("POST", "/tokens", map[string]any{"name": name, "password": password}).is(201).into(&made)
	require.Len(k.t, made.Token, 43)
	return made.Token
}

// response is an answer that was read to its end.
type response struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// send sends a request as it is.
func (k *kit) send(request *http.Request) response {
	k.t.Helper()
	answer, err := k.server.Client().Do(request)
	require.NoError(k.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(k.t, err)
	return response{k.t, answer.StatusCode, answer.Header, body}
}

func (k *kit) request(method, path string, body io.Reader) *http.Request {
	k.t.Helper()
	request, err := http.NewRequestWithContext(k.t.Context(), method, k.server.URL+"/api/v1"+path, body)
	require.NoError(k.t, err)
	if k.token != "" {
		request.Header.Set("Authorization", "Bearer "+k.token)
	}
	return request
}

// call sends JSON, with further headers in pairs, and holds request and answer
// to the OpenAPI document.
func (k *kit) call(method, path string, body any, headers ...string) response {
	k.t.Helper()
	var reader io.Reader
	var sent []byte
	if body != nil {
		var err error
		if text, ok := body.(string); ok {
			sent = []byte(text)
		} else {
			sent, err = json.Marshal(body)
		}
		require.NoError(k.t, err)
		reader = bytes.NewReader(sent)
	}
	request := k.request(method, path, reader)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer := k.send(request)
	k.contract.check(k.t, request, sent, answer)
	return answer
}

func (r response) is(status int) response {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s", r.body)
	return r
}

func (r response) into(value any) response {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal(r.body, value), "%s", r.body)
	return r
}

type problemBody struct {
	Type, Title, Detail, Field string
	Status                     int
}

// problem wants a problem of that word.
func (r response) problem(status int, word string) problemBody {
	r.t.Helper()
	r.is(status)
	var p problemBody
	r.into(&p)
	require.Equal(r.t, "urn:pixivoc:problem:"+word, p.Type, p.Detail)
	require.Equal(r.t, status, p.Status)
	require.Equal(r.t, "application/problem+json", r.header.Get("Content-Type"))
	return p
}

// create makes a task of a type and starts it; n is its keyword.
func (k *kit) create(kind string, n int) pixivoc.TaskInfo {
	k.t.Helper()
	var info pixivoc.TaskInfo
	k.call("POST", "/tasks", map[string]any{"type": kind, "name": kind, "keyword": strconv.Itoa(n), "start": true}).is(201).into(&info)
	return info
}

// finished is create and wait.
func (k *kit) finished(kind string, n int) pixivoc.TaskInfo {
	k.t.Helper()
	task, err := k.client.Task(k.t.Context(), k.create(kind, n).TID)
	require.NoError(k.t, err)
	info, err := task.Wait(k.t.Context())
	require.NoError(k.t, err)
	require.Equal(k.t, pixivoc.StateOver, info.State, info.Error)
	return info
}

// testSite takes the refresh token "good" and the code "code".
func testSite() pixivoc.Site {
	return pixivoc.Site{
		Name: "test",
		Exchange: func(_ context.Context, _ *http.Client, grant pixivoc.Grant) (pixivoc.Token, error) {
			code, _ := grant.Code()
			if grant.RefreshToken() != "good" && code != "code" {
				return pixivoc.Token{}, fmt.Errorf("exchange: %w", pixivoc.ErrTokenRejected)
			}
			return pixivoc.Token{Access: "secret-access", Refresh: "secret-refresh", Account: pixivoc.Account{ID: "7", Name: "somebody", Account: "some_body"}}, nil
		},
	}
}

type number struct {
	N int `json:"n"`
}

func testTypes() []pixivoc.TaskType {
	count := func(name string, files bool, run func(context.Context, pixivoc.Runtime, number) (pixivoc.Output, error)) pixivoc.TaskType {
		return pixivoc.TaskType{
			Name: name, Title: name + " numbers", Files: files,
			Stages: []pixivoc.StageSpec{{Stage: pixivoc.NewStage("Work", run)}},
			First: func(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
				return func(yield func(pixivoc.Item, error) bool) {
					n, err := strconv.Atoi(spec.Keyword)
					if err != nil {
						yield(pixivoc.Item{}, &pixivoc.FieldError{Field: "Keyword", Reason: "must be a number"})
						return
					}
					for i := range n {
						if !yield(pixivoc.NewItem(fmt.Sprint(i), number{i}), nil) {
							return
						}
					}
				}
			},
		}
	}
	return []pixivoc.TaskType{
		count("Count", false, func(_ context.Context, _ pixivoc.Runtime, in number) (out pixivoc.Output, _ error) {
			out.Record("number", fmt.Sprint(in.N), map[string]any{"n": in.N, "text": "=cmd|' /C calc'!A0", "list": []int{in.N}})
			return out, nil
		}),
		count("Wide", false, func(_ context.Context, _ pixivoc.Runtime, in number) (out pixivoc.Output, _ error) {
			// 256 columns, of which the last is "other", and two members more.
			wide := map[string]string{"a1": "a\nb", "a2": "a\rb", "a3": "a\r\nb", "other": "own", "z1": "v1", "z2": "v2"}
			for i := range 252 {
				wide[fmt.Sprintf("b%03d", i)] = "v"
			}
			out.Record("wide", fmt.Sprint(in.N), wide)
			return out, nil
		}),
		count("Fail", false, func(_ context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			return pixivoc.Output{}, pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("<img src=x onerror=alert(1)> is gone"))
		}),
		count("Wait", false, func(ctx context.Context, _ pixivoc.Runtime, in number) (pixivoc.Output, error) {
			<-ctx.Done()
			return pixivoc.Output{}, ctx.Err()
		}),
		count("Paint", true, func(ctx context.Context, rt pixivoc.Runtime, in number) (out pixivoc.Output, err error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://pictures.test/%d.png", in.N), nil)
			if err != nil {
				return out, err
			}
			file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: fmt.Sprintf("%s/%d.png", rt.Task().TaskName, in.N)})
			if err != nil {
				return out, err
			}
			out.Record(pixivoc.RecordFile, file.Name, file)
			return out, nil
		}),
	}
}

// pictureRoad answers every request with a picture.
type pictureRoad struct{}

func (pictureRoad) RoundTrip(request *http.Request) (*http.Response, error) {
	body := pngOf(400, 300)
	return &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"image/png"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: request,
	}, nil
}

func pngOf(width, height int) []byte {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		picture.Set(x, height/2, color.RGBA{R: uint8(x), A: 255})
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		panic(err)
	}
	return out.Bytes()
}
