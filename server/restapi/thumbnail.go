package restapi

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // the forms that image.Decode knows
	"image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"sync"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

const (
	// thumbnailSide is the longer side of a thumbnail in pixels.
	thumbnailSide = 320
	// maxPixels bounds what is decoded: 32 Mi pixels take 256 MiB at most.
	maxPixels = 32 << 20
	// thumbnailWorkers is how many pictures are decoded at a time.
	thumbnailWorkers = 2
	// thumbnailCache bounds the thumbnails that are kept, in bytes.
	thumbnailCache = 16 << 20
	// qualityOfThumbnail is that of JPEG, 1 to 100.
	qualityOfThumbnail = 82
)

// errPictureSize: decoding the picture would take too much memory.
var errPictureSize = errors.New("it has more pixels than are decoded here")

// thumbnails makes and keeps small pictures. It is safe for concurrent use.
type thumbnails struct {
	workers chan struct{}

	mu    sync.Mutex
	byKey map[string]*list.Element
	order *list.List // of *thumbnail, the latest used first
	bytes int
}

type thumbnail struct {
	key  string
	body []byte
}

func newThumbnails() *thumbnails {
	return &thumbnails{workers: make(chan struct{}, thumbnailWorkers), byKey: map[string]*list.Element{}, order: list.New()}
}

func (a *API) getThumbnail(w http.ResponseWriter, r *http.Request) error {
	if err := query(r).check(); err != nil {
		return err
	}
	p, err := a.openPicture(r)
	if err != nil {
		return err
	}
	defer p.Close()
	version := p.version() + "-t"
	key := r.PathValue("tid") + "/" + r.PathValue("seq") + "/" + version
	body, err := a.thumbnails.of(r.Context(), key, p)
	if err != nil {
		return err
	}
	setPictureHeader(w, "image/jpeg", p.name+".thumbnail.jpg", version)
	http.ServeContent(w, r, "", p.info.ModTime(), bytes.NewReader(body))
	return nil
}

// of returns the thumbnail of a picture.
func (t *thumbnails) of(ctx context.Context, key string, source io.ReadSeeker) ([]byte, error) {
	if body, ok := t.find(key); ok {
		return body, nil
	}
	select {
	case t.workers <- struct{}{}:
		defer func() { <-t.workers }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if body, ok := t.find(key); ok { // made while this one waited
		return body, nil
	}
	body, err := shrink(source)
	if err != nil {
		return nil, err
	}
	t.keep(key, body)
	return body, nil
}

func (t *thumbnails) find(key string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	element, ok := t.byKey[key]
	if !ok {
		return nil, false
	}
	t.order.MoveToFront(element)
	return element.Value.(*thumbnail).body, true
}

func (t *thumbnails) keep(key string, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey[key] != nil {
		return // two workers made the same one
	}
	t.byKey[key] = t.order.PushFront(&thumbnail{key, body})
	t.bytes += len(body)
	for t.bytes > thumbnailCache {
		oldest := t.order.Remove(t.order.Back()).(*thumbnail)
		delete(t.byKey, oldest.key)
		t.bytes -= len(oldest.body)
	}
}

// shrink decodes a picture, unless its header announces too many pixels, and
// writes a small JPEG of it.
func shrink(source io.ReadSeeker) ([]byte, error) {
	head, _, err := image.DecodeConfig(source)
	if err != nil {
		return nil, errNoPicture
	}
	if int64(head.Width)*int64(head.Height) > maxPixels {
		return nil, fmt.Errorf("%d × %d: %w", head.Width, head.Height, errPictureSize)
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	large, _, err := image.Decode(source)
	if err != nil || large.Bounds().Empty() {
		return nil, errNoPicture
	}
	width, height := large.Bounds().Dx(), large.Bounds().Dy()
	if longer := max(width, height); longer > thumbnailSide {
		width, height = max(1, width*thumbnailSide/longer), max(1, height*thumbnailSide/longer)
	}
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(small, small.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src) // under what is transparent
	draw.BiLinear.Scale(small, small.Bounds(), large, large.Bounds(), draw.Over, nil)
	var body bytes.Buffer
	if err := jpeg.Encode(&body, small, &jpeg.Options{Quality: qualityOfThumbnail}); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}
