package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/require"
)

// TestConsole_ShowsTheNewType opens the console in a browser: the task in the
// list, its pictures, and the one that failed. Without a browser it is skipped,
// but not where CI=true says that there must be one.
func TestConsole_ShowsTheNewType(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("no chromium in PATH, and CI=true wants the browser test")
	} else if err != nil {
		t.Skip("no chromium in PATH: the console is not tested in a browser")
	}
	s := start(t)
	task, err := s.client.Create(t.Context(), pixivoc.TaskSpec{Type: typeAlbum, Name: "evenings", Keyword: "sunsets", SavePath: s.folder})
	require.NoError(t, err)
	require.NoError(t, task.Start(t.Context()))
	s.wantEvenings("evenings", 11)

	ctx := browser(t, program)
	open := func(hash, until string) {
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(s.base+"/"+hash)))
		ticks := time.NewTicker(25 * time.Millisecond)
		defer ticks.Stop()
		for {
			shown, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+until+")"))
			if err == nil && shown {
				return
			}
			select {
			case <-ticks.C:
			case <-ctx.Done():
				t.Fatalf("the console at %q never came to %s", hash, until)
			}
		}
	}
	open("", `document.querySelector("tbody tr")?.textContent.includes("evenings") &&
		document.querySelector("tbody tr").textContent.includes("GalleryAlbum") &&
		document.querySelector("tbody tr .badge").textContent.includes("1 failed")`)
	open(fmt.Sprintf("#/task/%d", task.ID()),
		`[...document.querySelectorAll(".thumb img")].filter((i) => i.naturalWidth > 0).length === 11`)
	if folder := os.Getenv("PIXIVOC_SCREENSHOTS"); folder != "" {
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "customtask.png"), picture, 0o600))
	}
}

// browser starts one that asks for nothing but what it is told to.
func browser(t *testing.T, program string) context.Context {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(1100, 800),
	}
	for _, flag := range []string{"disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "no-proxy-server"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	tab, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() { _ = chromedp.Cancel(tab) })
	require.NoError(t, chromedp.Do(tab)) // starts the browser
	ctx, late := context.WithTimeout(tab, time.Minute)
	t.Cleanup(late)
	return ctx
}
