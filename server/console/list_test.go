package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBrowser_TenThousandTasks wants no more rows than a page has, and every
// task to be found.
func TestBrowser_TenThousandTasks(t *testing.T) {
	program := chromium(t)
	s := newSite(t)
	const tasks = 10_000
	folder := t.TempDir()
	for i := range tasks {
		spec := pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: fmt.Sprintf("Work %05d", i+1), Keyword: fmt.Sprint(200_000_000 + i), SavePath: folder}
		if i%1000 == 0 {
			spec.Name, spec.Group = "The same", "favourites"
		}
		_, err := s.client.Create(t.Context(), spec)
		require.NoError(t, err)
	}
	b := newBrowser(t, program, s.server.URL)
	b.signIn(s.server.URL)
	b.until(`document.querySelector("#shown")?.textContent === "1–100 of 10,000"`)
	assert.Equal(t, 100, value[int](b, `document.querySelectorAll("tbody tr").length`))
	assert.Equal(t, "Work 10000", value[string](b, `document.querySelector(".task-name").textContent`))
	b.shoot("tasks-many")
	b.click("#page-after")
	b.until(`document.querySelector("#shown").textContent === "101–200 of 10,000"`)
	assert.Equal(t, "Work 09900", value[string](b, `document.querySelector(".task-name").textContent`))

	b.enter("#filter", "the SAME favourites")
	b.until(`document.querySelectorAll("tbody tr").length === 10`)
	assert.Equal(t, 10, value[int](b, `new Set([...document.querySelectorAll("td.name .small")].map((d) => d.textContent)).size`), "tasks of one name are told apart")
	b.shoot("tasks-filtered")
	took := value[float64](b, `(() => { const field = document.querySelector("#filter"); const begin = performance.now();
		field.value = "200004242"; field.dispatchEvent(new Event("input")); return performance.now() - begin })()`)
	t.Logf("filtered %d tasks in %.1f ms", tasks, took)
	assert.Equal(t, []string{"Work 04243"}, value[[]string](b, `[...document.querySelectorAll(".task-name")].map((a) => a.textContent)`))

	// It stays as it is on the way to a task and back.
	b.do(`document.querySelector("tbody a").click()`)
	b.seen("#tab-records")
	b.goTo("#/")
	b.until(`document.querySelector("#filter")?.value === "200004242" && document.querySelectorAll("tbody tr").length === 1`)
	b.enter("#filter", "nothing like this")
	b.until(`!document.querySelector(".nothing").hidden`)
	b.do(`document.querySelector("#filter").value = ""`)
	b.run(chromedp.SetValue(chromedp.CSS("#filter-state"), "over"))
	b.do(`document.querySelector("#filter-state").dispatchEvent(new Event("change"))`)
	b.until(`!document.querySelector(".nothing").hidden`)
	b.clean()
}

// TestBrowser_ClearsUp deletes finished tasks; their files stay.
func TestBrowser_ClearsUp(t *testing.T) {
	program := chromium(t)
	s := newSite(t)
	_, err := s.client.Login(t.Context(), pixivoc.RefreshToken(s.pixiv.RefreshToken()))
	require.NoError(t, err)
	folder := t.TempDir()
	create := func(name string, work int64, start bool) {
		t.Helper()
		task, err := s.client.Create(t.Context(), pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: name, Keyword: fmt.Sprint(work), SavePath: folder})
		require.NoError(t, err)
		if !start {
			return
		}
		require.NoError(t, task.Start(t.Context()))
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
	}
	for i := range 12 {
		create(fmt.Sprintf("done-%c", 'a'+i), s.pixiv.AddWork(pixivtest.Work{}).ID, true)
	}
	create("broken", s.pixiv.AddWork(pixivtest.Work{Access: pixivtest.Deleted}).ID, true)
	create("waits", s.pixiv.AddWork(pixivtest.Work{}).ID, false)
	b := newBrowser(t, program, s.server.URL)
	b.signIn(s.server.URL)
	b.until(`document.querySelector("#clear").textContent === "Delete finished (13)"`)
	b.phone()
	b.shoot("phone-clear")
	b.fits("the list with its tools on a phone")
	b.desktop()
	b.enter("#filter", "done-l")
	b.until(`document.querySelector("#clear").textContent === "Delete finished (1)"`)
	b.click("#clear")
	b.click("#clear-yes")
	b.until(`document.querySelector("#clear").hidden && document.querySelector(".notice:last-child")?.textContent === "Tasks deleted: 1"`)
	b.do(`document.querySelector("#filter").value = ""; document.querySelector("#filter").dispatchEvent(new Event("input"))`)
	b.until(`document.querySelector("#clear").textContent === "Delete finished (12)"`)
	b.click("#clear")
	b.seen("#clear-failed")
	b.shoot("clear")
	b.press(kb.Escape)
	b.until(`!document.querySelector("dialog")`)
	assert.Equal(t, 13, value[int](b, `document.querySelectorAll("tbody tr").length`))
	b.click("#clear")
	b.click("#clear-yes")
	b.until(`document.querySelectorAll("tbody tr").length === 2`)
	assert.Equal(t, []string{"waits", "broken"}, value[[]string](b, `[...document.querySelectorAll(".task-name")].map((a) => a.textContent)`))
	saved, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	require.NoError(t, err)
	assert.Len(t, saved, 12)
	b.click("#clear") // what failed alone is meant at once
	b.click("#clear-yes")
	b.until(`document.querySelectorAll("tbody tr").length === 1`)
	_, err = os.Stat(folder)
	require.NoError(t, err)
	b.clean()
}

// TestBrowser_FetchesAgain has a work that was not there when its task ran first.
func TestBrowser_FetchesAgain(t *testing.T) {
	program := chromium(t)
	s := newSite(t)
	_, err := s.client.Login(t.Context(), pixivoc.RefreshToken(s.pixiv.RefreshToken()))
	require.NoError(t, err)
	const work = 150_000_000
	task, err := s.client.Create(t.Context(), pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: "hidden", Keyword: fmt.Sprint(work), SavePath: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, task.Start(t.Context()))
	_, err = task.Wait(t.Context())
	require.NoError(t, err)
	b := newBrowser(t, program, s.server.URL)
	b.signIn(s.server.URL)
	b.until(row("hidden") + `?.querySelector(".badge").textContent === "Finished, 1 failed"`)
	s.pixiv.AddWork(pixivtest.Work{ID: work})
	b.do(row("hidden") + `.querySelector("a").click()`)
	b.seen(`[data-action=again]`)
	b.shoot("task-again")
	b.click(`[data-action=again]`)
	b.until(`document.querySelector(".head .badge").textContent === "Finished"`)
	b.click("#tab-pictures")
	b.until(`document.querySelector(".thumb img")?.naturalWidth > 0`)
	b.clean()
}
