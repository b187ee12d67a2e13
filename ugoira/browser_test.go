package ugoira_test

import (
	"context"
	"encoding/json"
	"image"
	"image/color"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pixivoc/pixivoc/ugoira"
	"github.com/stretchr/testify/require"
)

// player is a page that decodes the animation /file with the decoder of the
// browser, compares each frame with /frames, which has the pixels of all of
// them, and reports to /report.
const player = `<!DOCTYPE html><script type="module">
const report = {frames: [], error: ""}
try {
	const answer = await fetch("/file")
	const decoder = new ImageDecoder({data: await answer.arrayBuffer(), type: answer.headers.get("Content-Type"), preferAnimation: true})
	await decoder.tracks.ready
	await decoder.completed
	const track = decoder.tracks.selectedTrack
	const want = new Uint8ClampedArray(await (await fetch("/frames")).arrayBuffer())
	report.repetitions = track.repetitionCount === Infinity ? -1 : track.repetitionCount
	for (let i = 0, at = 0; i < track.frameCount; i++) {
		const {image} = await decoder.decode({frameIndex: i})
		const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight)
		const context = canvas.getContext("2d", {willReadFrequently: true})
		context.drawImage(image, 0, 0)
		const got = context.getImageData(0, 0, canvas.width, canvas.height).data
		let largest = 0
		for (let k = 0; k < got.length; k++) largest = Math.max(largest, Math.abs(got[k] - want[at + k]))
		at += got.length
		report.frames.push({width: canvas.width, height: canvas.height, microseconds: image.duration, largest})
		image.close()
	}
} catch (error) {
	report.error = String(error)
}
await fetch("/report", {method: "POST", body: JSON.stringify(report)})
</script>`

// played is what the page reports.
type played struct {
	Repetitions int
	Error       string
	Frames      []struct {
		Width, Height, Microseconds int
		// Largest is the largest difference of a channel of a pixel.
		Largest int
	}
}

// newBrowser starts a browser. Without one the test is skipped, but not where
// CI=true says that there must be one.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	program := ""
	for _, name := range [...]string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" && os.Getenv("CI") == "true" {
		t.Fatal("no chromium in PATH, and CI=true wants the browser test")
	}
	if program == "" {
		t.Skip("no chromium in PATH: animations are not tested in a browser")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
	}
	for _, flag := range [...]string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "no-proxy-server"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	require.NoError(t, chromedp.Do(ctx)) // starts the browser
	return ctx
}

// play shows the animation in the browser.
func play(t *testing.T, browser context.Context, file []byte, mediaType string, frames []image.Image) played {
	t.Helper()
	reports := make(chan played, 1)
	mux := http.NewServeMux()
	serve := func(path, mediaType string, content []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write(content)
		})
	}
	serve("GET /{$}", "text/html", []byte(player))
	serve("GET /file", mediaType, file)
	serve("GET /frames", "application/octet-stream", pixelsOf(frames))
	mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
		var report played
		if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
			report.Error = err.Error()
		}
		reports <- report
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	ctx, cancel := context.WithTimeout(browser, time.Minute)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server.URL)))
	select {
	case report := <-reports:
		require.Empty(t, report.Error)
		return report
	case <-ctx.Done():
		require.Fail(t, "the page does not report")
		return played{}
	}
}

// pixelsOf are the pixels of all frames, as canvases of browsers have them.
func pixelsOf(frames []image.Image) []byte {
	var all []byte
	for _, frame := range frames {
		for y := frame.Bounds().Min.Y; y < frame.Bounds().Max.Y; y++ {
			for x := frame.Bounds().Min.X; x < frame.Bounds().Max.X; x++ {
				c, _ := color.NRGBAModel.Convert(frame.At(x, y)).(color.NRGBA)
				all = append(all, c.R, c.G, c.B, c.A)
			}
		}
	}
	return all
}

// TestBrowser plays what was converted in a browser: all frames, their times,
// and each pixel.
func TestBrowser(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	photographs := jpegs(t, 120, 90, 100, 50, 70, 1000, 30)
	overlaid := corners(t, 96, 80, 100, 50, 70)
	drawings := pngs(t, 61, 47, 40, 1000, 70)
	for _, c := range []struct {
		name   string
		work   work
		format ugoira.Format
		exact  bool
	}{
		{"APNG of JPEG", photographs, ugoira.APNG, true},
		{"APNG of PNG", drawings, ugoira.APNG, true},
		{"WebP of JPEG", photographs, ugoira.WebP, true},
		{"WebP of PNG", drawings, ugoira.WebP, true},
		{"APNG with holes", overlaid, ugoira.APNG, true},
		{"WebP with holes", overlaid, ugoira.WebP, true},
		{"GIF of PNG", drawings, ugoira.GIF, true},
		{"GIF of JPEG", photographs, ugoira.GIF, false},
	} {
		for _, plays := range []int{0, 1, 3} {
			file, _ := encode(t, c.work.open(t), c.format, ugoira.Options{Plays: plays})
			got := play(t, browser, file, c.format.MediaType(), c.work.decoded(t))
			require.Len(t, got.Frames, len(c.work.frames), c.name)
			for i, frame := range got.Frames {
				require.EqualValues(t, c.work.frames[i].Delay.Microseconds(), frame.Microseconds, "%s, frame %d", c.name, i)
				if c.exact {
					require.Zero(t, frame.Largest, "%s, frame %d", c.name, i)
				}
			}
			require.Equal(t, plays-1, got.Repetitions, c.name)
		}
	}
}
