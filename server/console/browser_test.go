package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/server/console"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const password = "correct horse"

// screenshots is the variable that names a folder for pictures of the pages;
// without it none are made.
const screenshots = "PIXIVOC_SCREENSHOTS"

// chromium finds a browser. Without one the test is skipped, but not where
// CI=true says that there must be one.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no chromium in PATH, and CI=true wants the browser test")
	}
	t.Skip("no chromium in PATH: the console is not tested in a browser")
	return ""
}

// site is a daemon in small: the fake Pixiv, a kernel, the REST interface and
// the console on one address.
type site struct {
	t      *testing.T
	pixiv  *pixivtest.Server
	client pixivoc.Client
	book   *credential.Book
	server *httptest.Server
}

// plainName leads to loopback in the browser, which does not trust it as it
// does loopback: no secure context over plain HTTP.
const plainName = "nas.test"

func newSite(t *testing.T, changes ...func(*restapi.Config)) *site {
	t.Helper()
	s := &site{t: t, pixiv: pixivtest.NewUnstartedServer(pixivtest.Config{Seed: 5})}
	store := memory.New()
	var err error
	s.client, err = pixivoc.New(pixivoc.Config{
		Store: store, Site: pixiv.Site(), Types: pixiv.Types(), HTTP: s.pixiv.RoundTripper(), NoSync: true,
		Env: pixivoc.EnvPatch{IntervalTime: new(time.Duration(0))},
	})
	require.NoError(t, err)
	book, err := credential.Open(t.Context(), store, credential.Options{Memory: 64, Passes: 1})
	require.NoError(t, err)
	require.NoError(t, book.Set(t.Context(), "admin", password, credential.ScopeAdmin))
	s.book = book
	folder := t.TempDir()
	config := restapi.Config{
		Hosts: []string{plainName}, Accounts: book, Settings: store, Resolve: resolve, ParseRefreshToken: pixiv.ParseRefreshToken,
		SavePath: func(string) (string, error) { return folder, nil },
		BeginLogin: func() (string, func(string) (pixivoc.Grant, error)) {
			login := pixiv.NewLogin()
			return login.URL, login.Grant
		},
	}
	for _, change := range changes {
		change(&config)
	}
	api, err := restapi.New(s.client, config)
	require.NoError(t, err)
	pages, err := console.New(console.Config{Hosts: []string{plainName}})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", api)
	mux.Handle("/", pages)
	s.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		require.NoError(t, api.Close())
		s.server.Close()
		require.NoError(t, s.client.Shutdown(context.Background()))
		require.NoError(t, store.Close())
		s.pixiv.Close()
	})
	return s
}

func resolve(text string) (pixivoc.TaskSpec, error) {
	if user, err := pixiv.ParseUser(text); err == nil {
		return pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "artist-" + user.String(), Keyword: user.String()}, nil
	}
	work, err := pixiv.ParseWork(text)
	if err != nil {
		return pixivoc.TaskSpec{}, &pixivoc.FieldError{Field: "Url", Reason: "is no address of a work or an artist"}
	}
	return pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: "work-" + work.String(), Keyword: work.String()}, nil
}

// browser is a tab and what went wrong in it.
type browser struct {
	t      *testing.T
	ctx    context.Context
	folder string // for screenshots, or ""

	mu     sync.Mutex
	faults []string
}

func newBrowser(t *testing.T, program, origin string) *browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.WindowSize(1280, 860),
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "no-proxy-server"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	options = append(options, chromedp.Flag("host-resolver-rules", "MAP "+plainName+" 127.0.0.1"))
	b := &browser{t: t, folder: os.Getenv(screenshots)}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	require.NoError(t, chromedp.Do(ctx)) // starts the browser
	require.NoError(t, chromedp.Listen(ctx, func(event any) { b.note(event, origin) }))
	var late context.CancelFunc
	b.ctx, late = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(late)
	_, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	// Every breach of the policy is counted by the page itself.
	_, err = chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `window.breaches = []; document.addEventListener("securitypolicyviolation", (e) => window.breaches.push(e.violatedDirective + " " + e.blockedURI))`,
	})
	require.NoError(t, err)
	return b
}

// note keeps what should not happen.
func (b *browser) note(event any, origin string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *cdpruntime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprintf("%+v", event.ExceptionDetails))
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(event.Request.URL, origin+"/") {
			b.faults = append(b.faults, "request to "+event.Request.URL)
		}
	}
}

type step = chromedp.Action[chromedp.Void]

func (b *browser) run(steps ...step) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, steps...))
}

// must ends the test when something could not be done, with a picture.
func (b *browser) must(err error) {
	b.t.Helper()
	if err == nil {
		return
	}
	if b.folder != "" {
		if picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot()); err == nil {
			_ = os.WriteFile(filepath.Join(b.folder, "failed.png"), picture, 0o600)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NoError(b.t, err, "%v", b.faults)
}

// until waits for a JavaScript expression to become true.
func (b *browser) until(expression string) {
	b.t.Helper()
	ticks := time.NewTicker(25 * time.Millisecond)
	defer ticks.Stop()
	end := time.After(time.Minute)
	for {
		reached, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && reached {
			return
		}
		select {
		case <-ticks.C:
		case <-end:
			b.must(fmt.Errorf("never became true: %s (%w)", expression, errors.Join(err, context.DeadlineExceeded)))
		}
	}
}

// value evaluates a JavaScript expression.
func value[T any](b *browser, expression string) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	b.must(err)
	return result
}

// do evaluates a JavaScript expression for its effect.
func (b *browser) do(expression string) {
	b.t.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](expression))
}

func (b *browser) seen(selector string) {
	b.t.Helper()
	b.run(chromedp.WaitVisible(chromedp.CSS(selector)))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.run(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (b *browser) enter(selector, text string) {
	b.t.Helper()
	b.seen(selector)
	b.do(fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	b.run(chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible))
}

func (b *browser) press(key string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(key))
}

// shoot keeps a picture of the whole page when somebody wants to look at it.
func (b *browser) shoot(name string) {
	b.t.Helper()
	if b.folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	b.must(err)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.folder, name+".png"), picture, 0o600))
}

// desktop and phone set the size of the window.
func (b *browser) desktop() {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(1280, 860))
}

func (b *browser) phone() {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait))
}

// fits wants nothing to stick out at the side.
func (b *browser) fits(what string) {
	b.t.Helper()
	assert.LessOrEqual(b.t, value[int](b, "document.documentElement.scrollWidth - window.innerWidth"), 0, "%s is wider than the window", what)
}

// clean wants no exception, no request elsewhere, no breach of the policy.
func (b *browser) clean() {
	b.t.Helper()
	assert.Empty(b.t, value[[]string](b, "window.breaches"))
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(b.t, b.faults)
}

func (b *browser) goTo(hash string) {
	b.t.Helper()
	b.do(fmt.Sprintf("location.hash = %q", hash))
}

// row is an expression for the row of a task by its name.
func row(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("tbody tr")].find((r) => r.querySelector(".task-name").textContent === %q)`, name)
}

// signIn opens the console and signs in to it.
func (b *browser) signIn(origin string) {
	b.t.Helper()
	b.desktop()
	b.run(chromedp.Navigate(origin + "/"))
	b.enter("input[name=password]", password+kb.Enter)
	b.seen("#create")
	b.until(`document.querySelector(".dot.good")`)
}

// logInToPixiv goes through the login in the browser as a person would.
func (b *browser) logInToPixiv(s *site) {
	b.t.Helper()
	b.goTo("#/settings")
	b.click("#browser-login")
	b.seen("#login-page")
	b.shoot("settings-login")
	address, err := url.Parse(value[string](b, `document.getElementById("login-page").href`))
	require.NoError(b.t, err)
	b.enter("textarea[name=callback]", "nonsense with blanks")
	b.click("#login-finish")
	b.until(`!document.querySelector("textarea[name=callback] ~ .wrong").hidden`)
	code := s.pixiv.AuthorizationCode(address.Query().Get("code_challenge"))
	b.enter("textarea[name=callback]", "pixiv://account/login?code="+code+"&via=login")
	b.click("#login-finish")
	b.until(`document.querySelector(".person strong")?.textContent === "testuser"`)
}
