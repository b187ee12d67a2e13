package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const (
	patience = 90 * time.Second // for one answer; what takes longer is there when asked again
	maxKnown = 1000             // works in the cache
)

var errAdult = errors.New("the work is R-18, the chat is not")

// answer is what a bot says.
type answer struct {
	Chat     string    `json:"chat"`
	Text     string    `json:"text,omitempty"`
	Pictures []picture `json:"pictures,omitempty"`
}

type picture struct {
	File    string `json:"file"`
	Caption string `json:"caption"`
}

// bot answers messages, wherever they come from. How many works are fetched at a
// time is up to the client's MaxRunning.
type bot struct {
	client pixivoc.Client
	folder string   // for pictures
	adults []string // chats that may
	lock   sync.Mutex
	cache  map[pixiv.ID]shown
}

// shown is a work and its pictures.
type shown struct {
	pixiv.Work
	pictures []picture
}

// answer answers the first link of a message, and nothing when there is none.
func (b *bot) answer(ctx context.Context, chat, message string) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	said := answer{Chat: chat}
	for word := range strings.FieldsSeq(message) {
		id, err := pixiv.ParseWork(word)
		if err != nil || !strings.Contains(word, "pixiv.net/") {
			continue
		}
		if said.Pictures, err = b.show(ctx, chat, id); err != nil {
			said.Text = id.String() + ": " + excuse(err)
		}
		break
	}
	return said
}

// show returns the pictures of a work. Whether the chat may see them is asked
// before they are fetched.
func (b *bot) show(ctx context.Context, chat string, id pixiv.ID) ([]picture, error) {
	b.lock.Lock()
	work, found := b.cache[id]
	b.lock.Unlock()
	var err error
	if !found {
		if work.Work, err = pixiv.NewAPI(b.client).IllustDetail(ctx, id); err != nil {
			return nil, err
		}
	}
	if work.XRestrict > 0 && !slices.Contains(b.adults, chat) {
		return nil, errAdult
	}
	if work.pictures == nil {
		if work.pictures, err = b.fetch(ctx, work.Work); err != nil {
			return nil, err
		}
	}
	b.lock.Lock()
	defer b.lock.Unlock()
	if len(b.cache) >= maxKnown {
		clear(b.cache)
	}
	b.cache[id] = work
	return work.pictures, nil
}

// fetch saves a work. The key gives the same task to everybody who asks for the
// work, also after a restart, and what is on the disk is not fetched again.
func (b *bot) fetch(ctx context.Context, work pixiv.Work) (pictures []picture, err error) {
	id := work.ID.String()
	task, err := b.client.Create(ctx, pixivoc.TaskSpec{
		Type: pixiv.SingleWork, Name: id, Keyword: id, Key: "bot/" + id, SavePath: b.folder,
		Options: json.RawMessage(`{"pages": "first 10"}`),
	})
	if err == nil {
		err = task.Start(ctx)
	}
	if err != nil {
		return nil, err
	}
	if info, err := task.Wait(ctx); err != nil || info.State != pixivoc.StateOver {
		return nil, errors.Join(err, errors.New(info.Error))
	}
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordFile}) {
		if err != nil {
			return nil, err
		}
		caption := fmt.Sprintf("%s by %s https://www.pixiv.net/artworks/%s", work.Title, work.User.Name, id)
		pictures = append(pictures, picture{filepath.Join(b.folder, filepath.FromSlash(record.Key)), caption})
	}
	for item, err := range task.Items(ctx, pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		if err != nil || pictures == nil {
			return nil, errors.Join(err, pixivoc.Permanent(item.Reason, errors.New(item.Detail)))
		}
	}
	return pictures, nil
}

// excuse says in plain words why there are no pictures.
func excuse(err error) string {
	permanent, gone := errors.AsType[*pixivoc.PermanentError](err)
	switch {
	case errors.Is(err, errAdult):
		return "not for this chat"
	case gone:
		return "not to be had, " + permanent.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return "takes a while, ask again later"
	case errors.Is(err, pixivoc.ErrNoToken), errors.Is(err, pixivoc.ErrTokenRejected):
		return "I am not logged in to Pixiv"
	}
	return "Pixiv is out of reach, ask again later"
}
