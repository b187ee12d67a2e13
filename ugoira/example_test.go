package ugoira_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"log"
	"time"

	"github.com/pixivoc/pixivoc/ugoira"
)

// archive is what Pixiv would give: two frames.
func archive() *bytes.Reader {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, name := range []string{"000000.png", "000001.png"} {
		picture := image.NewGray(image.Rect(0, 0, 8, 8))
		picture.Pix[i] = 255
		file, err := w.Create(name)
		if err == nil {
			err = png.Encode(file, picture)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func Example() {
	file := archive()
	a, err := ugoira.Open(file, file.Size(), []ugoira.Frame{
		{File: "000000.png", Delay: 120 * time.Millisecond},
		{File: "000001.png", Delay: 35 * time.Millisecond},
	}, ugoira.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	var out bytes.Buffer
	result, err := a.Encode(context.Background(), &out, ugoira.GIF, ugoira.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Frames, result.Duration)
	// Output: 2 160ms
}

// Where ffmpeg is, a converter has two formats more.
func ExampleConverter() {
	ffmpeg, err := ugoira.FindFFmpeg()
	if err != nil {
		ffmpeg = nil // the other formats need none
	}
	converter := ugoira.NewConverter(1, ffmpeg)
	fmt.Println(converter.Formats()[:5])
	// Output: [gif apng webp mkv cbz]
}
