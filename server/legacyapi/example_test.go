package legacyapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/server/legacyapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// owner is an account with a password and one token at a time. A program that
// others can reach slows down who guesses, and hashes what it keeps.
type owner struct{ password, token string }

func (o *owner) Check(_ context.Context, name, password string, _ netip.Addr) (legacyapi.Account, error) {
	if name != legacyapi.DefaultAccountName || password != o.password {
		return legacyapi.Account{}, legacyapi.ErrWrong
	}
	return legacyapi.Account{Name: name, Scopes: []legacyapi.Scope{"admin"}}, nil
}

func (o *owner) Issue(context.Context, legacyapi.Account, string, time.Duration) (string, error) {
	return o.token, nil
}

func (o *owner) Look(_ context.Context, _, token string) (legacyapi.Account, error) {
	if token != o.token {
		return legacyapi.Account{}, legacyapi.ErrWrong
	}
	return legacyapi.Account{Name: legacyapi.DefaultAccountName, Scopes: []legacyapi.Scope{"admin"}}, nil
}

func (o *owner) Revoke(context.Context, string, string) error { return nil }

// A kernel behind the interface, and a script of its time.
func Example() {
	ctx := context.Background()
	client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types()})
	if err != nil {
		fmt.Println(err)
		return
	}
	api, err := legacyapi.New(client, legacyapi.Config{
		Accounts: &owner{"open sesame", "a random text"},
		SavePath: func(wish string) (string, error) { return wish, nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(api)
	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)

	show := func(answer *http.Response, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		text, _ := io.ReadAll(answer.Body)
		fmt.Print(string(text))
	}
	show(browser.Get(server.URL + "/environment/getEnvironment"))
	show(browser.PostForm(server.URL+"/permission/login", url.Values{"password": {"open sesame"}}))
	show(browser.Get(server.URL + "/environment/getEnvironment"))
	show(browser.PostForm(server.URL+"/operation/startTask", url.Values{"tid": {"1"}}))

	server.Close()
	fmt.Println(api.Close(), client.Shutdown(ctx))
	// Output:
	// {"result":"You don't have permission to access the link.","status":false}
	// {"result":true,"status":true}
	// {"result":["Direct","",60,3,3],"status":true}
	// {"result":[false,"Please login."],"status":true}
	// <nil> <nil>
}
