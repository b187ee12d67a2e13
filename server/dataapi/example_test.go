package dataapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/dataapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// The door beside what an embedder has, and a program that asks for a token
// and the task groups.
func Example() {
	ctx := context.Background()
	store := memory.New() // a durable one outside of examples
	client, err := pixivoc.New(pixivoc.Config{Store: store, Site: pixiv.Site(), Types: pixiv.Types()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Shutdown(ctx) }()
	accounts, err := credential.Open(ctx, store, credential.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := accounts.Set(ctx, "exporter", "a long password", credential.ScopeRead, credential.ScopeExport); err != nil {
		fmt.Println(err)
		return
	}
	api, err := dataapi.New(client, dataapi.Config{Accounts: accounts, Settings: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = api.Close() }()
	mux := http.NewServeMux()
	mux.Handle("/", api) // it knows /token and /api/, in any case
	server := httptest.NewServer(mux)
	defer server.Close()

	answer, err := http.PostForm(server.URL+"/token", url.Values{
		"username": {"exporter"}, "password": {"a long password"}, "grant_type": {"password"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	_, token, _ := strings.Cut(string(text), `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)

	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/TaskGroup", nil)
	request.Header.Set("Authorization", "bearer "+token)
	answer, err = http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ = io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	fmt.Println(answer.StatusCode, string(text))
	// Output: 200 {"data":[{"taskGroupId":0,"taskGroupName":"Default"}],"error":"success","error_Description":"操作成功"}
}
