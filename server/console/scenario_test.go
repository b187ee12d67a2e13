package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const markup = `<img src=x onerror="document.title='taken over'"><b>bold</b>`

// TestBrowser_FromSignInToPictures is a person's first visit.
func TestBrowser_FromSignInToPictures(t *testing.T) {
	program := chromium(t)
	s := newSite(t)
	artist := s.pixiv.AddUser(pixivtest.User{Name: markup})
	for i := range 6 {
		s.pixiv.AddWork(pixivtest.Work{UserID: artist.ID, Title: markup, PageCount: 2, AllPages: pixivtest.Page{Width: 400 + 60*i, Height: 600 - 50*i}})
	}
	gone := s.pixiv.AddWork(pixivtest.Work{UserID: artist.ID, Access: pixivtest.Deleted})
	b := newBrowser(t, program, s.server.URL)

	b.desktop()
	b.run(chromedp.Navigate(s.server.URL + "/"))
	b.seen("#sign-in")
	b.shoot("sign-in")
	b.enter("input[name=password]", "wrong")
	b.click("#sign-in")
	b.until(`document.querySelector(".wrong:not([hidden])")?.textContent.includes("Wrong")`)
	b.enter("input[name=password]", password+kb.Enter)
	b.until(`!document.querySelector(".empty")?.hidden && document.querySelector(".dot.good")`)
	b.until(`!document.querySelector(".note").hidden`) // nobody is logged in to Pixiv
	b.shoot("tasks-empty")

	b.logInToPixiv(s)
	b.shoot("settings")
	b.enter("input[name=concurrency_number]", "5")
	b.click("#save-environment")
	b.until(`document.querySelector(".notice:last-child")?.textContent === "Settings saved"`)
	assert.Equal(t, 5, s.client.Env().ConcurrencyNumber)
	b.enter("input[name=concurrency_number]", "99")
	b.do(`document.querySelector("form.sheet").noValidate = true`)
	b.click("#save-environment")
	b.until(`document.querySelector("input[name=concurrency_number]").getAttribute("aria-invalid") === "true"`)

	b.goTo("#/")
	b.enter("input[name=url]", "https://elsewhere.test/")
	b.click("#create")
	b.until(`document.querySelector("input[name=url]").getAttribute("aria-invalid") === "true"`)
	b.enter("input[name=url]", fmt.Sprintf("https://www.pixiv.net/users/%d", artist.ID))
	b.click("#create")
	name := fmt.Sprintf("artist-%d", artist.ID)
	b.until(row(name) + `?.querySelector(".badge").textContent === "Finished"`)
	b.shoot("tasks")

	b.do(row(name) + `.querySelector("a").click()`)
	b.until(`[...document.querySelectorAll(".thumb img")].filter((i) => i.naturalWidth > 0).length === 12`)
	b.shoot("task-pictures")
	b.click(".thumb")
	b.until(`document.querySelector("dialog img")?.naturalWidth > 320`)
	b.shoot("picture")
	first := value[string](b, `document.querySelector("dialog img").src`)
	b.press(kb.ArrowRight)
	b.until(fmt.Sprintf(`document.querySelector("dialog img").src !== %q && document.querySelector("dialog img").naturalWidth > 0`, first))
	b.press(kb.Escape)
	b.until(`!document.querySelector("dialog") && document.activeElement.className === "thumb"`)

	b.showRecordsAndFailures(s, gone.ID)
	b.clean()
}

// showRecordsAndFailures wants what was recorded as text (H11), and the reason
// of what failed.
func (b *browser) showRecordsAndFailures(s *site, gone int64) {
	b.t.Helper()
	b.click("#tab-records")
	b.until(`document.querySelectorAll("tbody tr").length > 0`)
	b.until(`document.querySelector("td.data").textContent.includes("<img src=x")`)
	assert.Zero(b.t, value[int](b, `document.querySelectorAll("img[src=x], td img, td.data b b").length`))
	assert.NotEqual(b.t, "taken over", value[string](b, "document.title"))
	b.shoot("task-records")
	b.goTo("#/")
	b.seen("#create")
	b.enter("input[name=url]", fmt.Sprintf("https://www.pixiv.net/artworks/%d", gone))
	b.click("#create")
	b.until(row(fmt.Sprintf("work-%d", gone)) + `?.querySelector(".badge").textContent.includes("1 failed")`)
	b.do(row(fmt.Sprintf("work-%d", gone)) + `.querySelector("a").click()`)
	b.click("#tab-failed")
	b.until(`document.querySelector("td .badge")?.textContent === "Deleted"`)
	b.shoot("task-failed")
	b.do(`document.querySelector("[data-action=remove]").click()`)
	b.seen("#remove-yes")
	b.shoot("delete")
	b.press(kb.Escape)
	b.until(`!document.querySelector("dialog")`)
	b.do(`document.querySelector("[data-action=remove]").click()`)
	b.click("#remove-yes")
	b.until(`location.hash === "#/"`)
	b.until(fmt.Sprintf(`document.querySelector("table.tasks") && !%s`, row(fmt.Sprintf("work-%d", gone))))
}

// TestBrowser_WatchesATaskAtWork holds a task in the middle of its downloads:
// progress, stop, start, languages, colours, the phone.
func TestBrowser_WatchesATaskAtWork(t *testing.T) {
	program := chromium(t)
	s := newSite(t)
	_, err := s.client.Login(t.Context(), pixivoc.RefreshToken(s.pixiv.RefreshToken()))
	require.NoError(t, err)
	artist := s.pixiv.Populate(pixivtest.Population{Users: 1, Works: 120, Pages: pixivtest.Between{Min: 1, Max: 3}, Sizes: pixivtest.Between{Min: 60_000, Max: 400_000}})[0]
	s.pixiv.SetLatency(60 * time.Millisecond)
	s.pixiv.Script(pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostImages}, After: 90, Times: 6, Do: pixivtest.Stall{}})
	t.Cleanup(s.pixiv.ReleaseStalls)
	spec := pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "Morning light", Keyword: fmt.Sprint(artist.ID), SavePath: t.TempDir(), Group: "favourites"}
	running, err := s.client.Create(t.Context(), spec)
	require.NoError(t, err)
	for _, other := range []string{"Rainy city", "Sketchbook 2026 with a rather long name that has to wrap somewhere"} {
		spec.Name = other
		_, err := s.client.Create(t.Context(), spec)
		require.NoError(t, err)
	}

	b := newBrowser(t, program, s.server.URL)
	b.desktop()
	b.run(chromedp.Navigate(s.server.URL + "/"))
	b.seen("#sign-in")
	b.enter("input[name=password]", password+kb.Enter)
	b.until(row(spec.Name) + `?.querySelector(".badge").textContent === "Not started"`)
	path := fmt.Sprintf("#/task/%d", running.ID())
	b.goTo(path)
	b.click(`[data-action=start]`)
	b.until(`document.querySelectorAll(".thumb img").length > 20 && document.querySelector(".plot .line").getAttribute("d").length > 40`)
	b.shoot("task-running")
	b.goTo("#/")
	b.until(row("Morning light") + `?.querySelector("progress").value > 30`)
	b.shoot("tasks-running")

	b.createByHand(s)
	b.looks(path)

	// All downloads are held by now; the speed must not stand still as well.
	b.until(row("Morning light") + `.querySelector("td.speed").textContent === "–"`)

	// Stop and start with the keyboard alone.
	b.do(row("Morning light") + `.querySelector("[data-action=stop]").focus()`)
	b.press(kb.Enter)
	b.until(row("Morning light") + `.querySelector(".badge").textContent === "Stopped"`)
	s.pixiv.ReleaseStalls()
	s.pixiv.ClearScript()
	s.pixiv.SetLatency(0)
	_, err = running.Wait(t.Context())
	require.NoError(t, err)
	b.do(row("Morning light") + `.querySelector("[data-action=start]").focus()`)
	b.press(kb.Enter)
	b.until(row("Morning light") + `.querySelector(".badge").textContent === "Finished"`)

	// A session that is ended elsewhere, as by a new password, comes back to
	// the form, and so does one that is ended here.
	require.NoError(t, s.book.Set(t.Context(), "admin", "a new one", credential.ScopeAdmin))
	b.goTo("#/settings")
	b.seen("#sign-in")
	assert.False(t, value[bool](b, `document.body.textContent.includes("testuser")`))
	b.enter("input[name=password]", "a new one"+kb.Enter)
	b.seen("#sign-out")
	b.goTo("#/")
	b.until(row("Morning light"))
	b.click("#sign-out")
	b.seen("#sign-in")
	assert.False(t, value[bool](b, `document.body.textContent.includes("Morning light")`))
	b.clean()
}

// createByHand fills in the whole form, wrongly first.
func (b *browser) createByHand(s *site) {
	b.t.Helper()
	b.click("summary")
	b.run(chromedp.SetValue(chromedp.CSS("select[name=type]"), pixiv.WorkDetails))
	b.enter("textarea[name=keyword]", "not a work")
	b.enter("input[name=name]", "By hand")
	b.click("#start-now") // not yet
	b.shoot("tasks-form")
	b.click("#create")
	b.until(`document.querySelector("textarea[name=keyword]").getAttribute("aria-invalid") === "true"`)
	b.enter("textarea[name=keyword]", "100000001")
	b.click("#create")
	b.until(row("By hand") + `?.querySelector(".badge").textContent === "Not started"`)
	var types []string
	for info, err := range s.client.Tasks(b.t.Context()) {
		require.NoError(b.t, err)
		types = append(types, info.TypeName)
	}
	assert.Contains(b.t, types, pixiv.WorkDetails)
}

// looks goes through colours, languages and the phone.
func (b *browser) looks(path string) {
	b.t.Helper()
	b.click("#theme") // light
	b.click("#theme") // dark
	assert.Equal(b.t, "dark", value[string](b, "document.documentElement.dataset.theme"))
	b.shoot("tasks-dark")
	b.goTo(path)
	b.until(`document.querySelectorAll(".thumb img").length > 20`)
	b.shoot("task-dark")
	b.phone()
	b.shoot("phone-task-dark")
	b.fits("the task page on a phone")
	b.click("#theme") // as the system
	for _, hash := range []string{"#/", "#/settings", path} {
		b.goTo(hash)
		b.until(map[bool]string{true: `document.querySelector(".thumb")`}[hash == path] + map[string]string{"#/": `document.querySelector("table.tasks")`, "#/settings": `document.querySelector("#save-environment")`}[hash])
		b.shoot("phone-" + strings.Trim(strings.SplitN(hash+"/tasks", "/", 3)[1]+"-light", "-"))
		b.fits(hash + " on a phone")
	}
	b.desktop()
	b.goTo("#/")
	b.seen("table.tasks")
	b.click("#language")
	b.until(`document.querySelector("nav a")?.textContent === "任务" && document.documentElement.lang === "zh-Hans"`)
	b.until(`document.querySelector("table.tasks .badge")`)
	b.shoot("tasks-chinese")
	b.goTo("#/settings")
	b.until(`document.querySelector("#save-environment")?.textContent === "保存"`)
	b.shoot("settings-chinese")
	b.goTo(path)
	b.until(`document.querySelectorAll(".thumb img").length > 20`)
	b.shoot("task-chinese")
	b.run(chromedp.Reload()) // the choice is remembered
	b.until(`document.querySelector("nav a")?.textContent === "任务"`)
	b.goTo("#/")
	b.click("#language")
	b.until(`document.querySelector("nav a")?.textContent === "Tasks" && document.querySelector("table.tasks .badge")`)
}
