package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBrowser_OverPlainHTTP comes to the console by the name of a machine in the
// house, where browsers offer no secure context.
func TestBrowser_OverPlainHTTP(t *testing.T) {
	program := chromium(t)
	s := newSite(t)
	_, err := s.client.Login(t.Context(), pixivoc.RefreshToken(s.pixiv.RefreshToken()))
	require.NoError(t, err)
	work := s.pixiv.AddWork(pixivtest.Work{})
	origin := strings.Replace(s.server.URL, "127.0.0.1", plainName, 1)
	b := newBrowser(t, program, origin)
	b.signIn(origin)
	require.False(t, value[bool](b, "window.isSecureContext"))
	b.enter("input[name=url]", fmt.Sprintf("https://www.pixiv.net/artworks/%d", work.ID))
	b.click("#create")
	name := fmt.Sprintf("work-%d", work.ID)
	b.until(row(name) + `?.querySelector(".badge").textContent === "Finished"`)
	b.do(row(name) + `.querySelector("a").click()`)
	b.until(`document.querySelector(".thumb img")?.naturalWidth > 0`)
	b.standsStill()
	assert.True(t, value[bool](b, `document.querySelector(".plot-sheet").hidden`), "a plot of no speed at all")
	b.clean()
}

// TestBrowser_SavesAnySettings has values that are no round numbers.
func TestBrowser_SavesAnySettings(t *testing.T) {
	program := chromium(t)
	s := newSite(t)
	_, err := s.client.UpdateEnv(t.Context(), pixivoc.EnvPatch{IntervalTime: new(50 * time.Millisecond), Timeout: new(1500 * time.Millisecond), BandwidthLimit: new(int64(123_456))})
	require.NoError(t, err)
	b := newBrowser(t, program, s.server.URL)
	b.signIn(s.server.URL)
	b.goTo("#/settings")
	b.until(`document.querySelector("input[name=interval_time_ms]")?.value === "0.05"`)
	b.enter("input[name=concurrency_number]", "7")
	b.click("#save-environment")
	b.until(`document.querySelector(".notice:last-child")?.textContent === "Settings saved"`)
	env := s.client.Env()
	assert.Equal(t, 7, env.ConcurrencyNumber)
	assert.Equal(t, 50*time.Millisecond, env.IntervalTime)
	assert.Equal(t, 1500*time.Millisecond, env.Timeout)
	assert.Equal(t, int64(123_456), env.BandwidthLimit)
	b.clean()
}

// TestBrowser_SiteWithoutLogin must not ask for one.
func TestBrowser_SiteWithoutLogin(t *testing.T) {
	program := chromium(t)
	s := newSite(t, func(c *restapi.Config) { c.BeginLogin = nil })
	b := newBrowser(t, program, s.server.URL)
	b.signIn(s.server.URL)
	b.until(`!document.querySelector(".empty").hidden`)
	assert.True(t, value[bool](b, `document.querySelector(".note").hidden`))
	work := s.pixiv.AddWork(pixivtest.Work{})
	b.enter("input[name=url]", fmt.Sprintf("https://www.pixiv.net/artworks/%d", work.ID))
	b.click("#create")
	b.until(row(fmt.Sprintf("work-%d", work.ID)) + `?.querySelector(".badge").textContent === "Waiting for login"`)
	b.until(`!document.querySelector(".note").hidden`)
	b.clean()
}

// standsStill tells the page that the one task ran for a second at no speed.
func (b *browser) standsStill() {
	b.t.Helper()
	b.do(`import("/js/state.js").then(async ({ state, put, history }) => {
		const [over] = state.tasks.values();
		for (let at = 0; at < 3; at++) {
			put({ ...over, state: "Downloading", running: true, over: false, speed: 0 }, Infinity);
			await new Promise((resolve) => setTimeout(resolve, 600));
		}
		put(over, Infinity);
		window.samples = history(over.tid).length;
	}); undefined`)
	b.until(`window.samples >= 2 && document.querySelector(".head .badge").textContent === "Finished"`)
}
