package dataapi_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	waitLong = 10 * time.Second
	waitStep = 2 * time.Millisecond
)

// watched is a SettingStore that knows what is in it and can be full.
type watched struct {
	pixivoc.SettingStore

	mu     sync.Mutex
	there  map[string]bool
	writes int
	full   bool
}

func (w *watched) SetSetting(ctx context.Context, name string, value []byte) error {
	w.mu.Lock()
	full := w.full
	w.writes++
	w.mu.Unlock()
	if full {
		return errors.New("disk full")
	}
	if err := w.SettingStore.SetSetting(ctx, name, value); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.there == nil {
		w.there = map[string]bool{}
	}
	if w.there[name] = true; value == nil {
		delete(w.there, name)
	}
	return nil
}

func (w *watched) setFull(full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full = full
}

func (w *watched) names(prefix string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for name := range w.there {
		if strings.HasPrefix(name, prefix) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
