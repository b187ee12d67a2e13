package ugoira_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
)

// drawing paints a frame as artists do: lines and fields of colour with soft
// shades and a little grain, in front of which something moves.
func drawing(i, width, height int) *image.RGBA {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	r := rand.New(rand.NewPCG(7, 7))
	for y := range height {
		for x := range width {
			field := (x/90 + y/120*3) % 5
			shade := 24 * math.Sin(float64(x)/70) * math.Cos(float64(y)/55)
			grain := 2 * r.Float64()
			v := func(base int) uint8 { return uint8(min(max(float64(base)+shade+grain, 0), 255)) }
			picture.SetRGBA(x, y, color.RGBA{v(90 + 30*field), v(120 + 20*field), v(200 - 25*field), 255})
			if (x+y/2)%90 < 2 {
				picture.SetRGBA(x, y, color.RGBA{30, 25, 40, 255})
			}
		}
	}
	at := image.Pt(width/4+int(float64(width)/6*math.Sin(float64(i)/3)), height/3+i*3%(height/4))
	figure := image.Rectangle{at, at.Add(image.Pt(width/4, height/3))}
	draw.Draw(picture, figure, image.NewUniform(color.RGBA{240, 200, 170, 255}), image.Point{}, draw.Src)
	for y := figure.Min.Y; y < figure.Max.Y; y += 7 {
		draw.Draw(picture, image.Rect(figure.Min.X, y, figure.Max.X, y+2), image.NewUniform(color.RGBA{150, 60, uint8(y), 255}), image.Point{}, draw.Src)
	}
	return picture
}

// benchmarkWork is an animation of so many frames. With pan the view moves, so
// that no pixel stays.
func benchmarkWork(b *testing.B, width, height, frames int, pan bool) work {
	b.Helper()
	var w work
	large := drawing(0, width+3*frames, height)
	for i := range frames {
		var picture image.Image = large.SubImage(image.Rect(3*i, 0, 3*i+width, height))
		if !pan {
			picture = drawing(i, width, height)
		}
		w.add(name(i, ".jpg"), jpegOf(b, picture), 80)
	}
	w.pack(b, 0)
	return w
}

// BenchmarkEncode tells frames per second, bytes a frame, and how much larger
// the heap got.
func BenchmarkEncode(b *testing.B) {
	for _, c := range [...]struct {
		name                  string
		width, height, frames int
		pan                   bool
	}{
		{"figure", 600, 600, 12, false},
		{"figure", 600, 600, 96, false},
		{"pan", 600, 600, 12, true},
		{"pan", 600, 600, 96, true},
		{"pan", 1920, 1080, 8, true},
	} {
		w := benchmarkWork(b, c.width, c.height, c.frames, c.pan)
		for _, format := range [...]ugoira.Format{ugoira.GIF, ugoira.APNG, ugoira.WebP, ugoira.MKV, ugoira.CBZ} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d/%s", c.name, c.width, c.height, c.frames, format), func(b *testing.B) {
				a := w.open(b)
				peak := watchHeap()
				var result ugoira.Result
				for b.Loop() {
					var err error
					if result, err = a.Encode(b.Context(), &discard{}, format, ugoira.Options{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*result.Frames)/b.Elapsed().Seconds(), "frames/s")
				b.ReportMetric(float64(result.Bytes)/float64(result.Frames), "bytes/frame")
				all, live := peak()
				b.ReportMetric(float64(all)/(1<<20), "peak-MiB")
				b.ReportMetric(float64(live)/(1<<20), "live-MiB")
			})
		}
	}
}

// watchHeap measures until the returned function is called, which tells the
// largest growth of the heap, with what is not collected yet and without.
func watchHeap() (peak func() (all, live uint64)) {
	runtime.GC()
	sample := func() [2]uint64 {
		samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
		metrics.Read(samples)
		return [2]uint64{samples[0].Value.Uint64(), samples[1].Value.Uint64()}
	}
	before, largest := sample(), [2]uint64{}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				for i, now := range sample() {
					largest[i] = max(largest[i], now-min(now, before[i]))
				}
			}
		}
	}()
	return func() (all, live uint64) {
		close(stop)
		<-stopped
		return largest[0], largest[1]
	}
}

// discard is a file that forgets.
type discard struct{ at int64 }

func (d *discard) Write(b []byte) (int, error) {
	d.at += int64(len(b))
	return len(b), nil
}

func (d *discard) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		offset += d.at
	}
	d.at = offset
	return offset, nil
}

func BenchmarkOpen(b *testing.B) {
	w := benchmarkWork(b, 64, 64, 100, false)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ugoira.Open(bytes.NewReader(w.zip), int64(len(w.zip)), w.frames, ugoira.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
