package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
)

// albumPage is what the gallery answers for a page of an album.
type albumPage struct {
	Pictures []picture `json:"pictures"`
	Next     int       `json:"next,omitempty"` // the next page, 0 after the last
}

// picture is a picture in an album.
type picture struct {
	ID        string `json:"id"`
	Number    int    `json:"number"` // in its album, from 1
	Title     string `json:"title"`
	Path      string `json:"path"`
	Withdrawn bool   `json:"withdrawn,omitempty"`
}

const (
	pageSize = 5
	sunsets  = 12 // pictures in the only album
)

// newGallery makes the site: one album, "sunsets", whose seventh picture was
// withdrawn.
func newGallery() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /albums/sunsets", func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.Atoi(r.FormValue("page"))
		if err != nil || number < 1 {
			http.Error(w, "page must be a number", http.StatusBadRequest)
			return
		}
		var page albumPage
		for n := (number-1)*pageSize + 1; n <= min(number*pageSize, sunsets); n++ {
			page.Pictures = append(page.Pictures, picture{
				ID: fmt.Sprint("sunset-", n), Number: n, Title: fmt.Sprint("Evening ", n),
				Path: fmt.Sprintf("/pictures/%d.png", n), Withdrawn: n == 7,
			})
		}
		if number*pageSize < sunsets {
			page.Next = number + 1
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(page)
	})
	mux.HandleFunc("GET /pictures/{name}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.PathValue("name"), "%d.png", &n); err != nil || n < 1 || n > sunsets || n == 7 {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(paint(n))
	})
	return mux
}

// paint makes a sunset: the later, the darker.
func paint(n int) []byte {
	canvas := image.NewRGBA(image.Rect(0, 0, 240, 160))
	for y := range 160 {
		for x := range 240 {
			pixel := color.RGBA{uint8(255 - 10*n), uint8(200 - y), uint8(40 + 8*n), 255}
			if dx, dy := x-120, y-60-8*n; dx*dx+dy*dy < 900 {
				pixel = color.RGBA{255, 220, 80, 255}
			}
			canvas.SetRGBA(x, y, pixel)
		}
	}
	var file bytes.Buffer
	_ = png.Encode(&file, canvas) // cannot fail: the picture has a size, and memory takes all
	return file.Bytes()
}
