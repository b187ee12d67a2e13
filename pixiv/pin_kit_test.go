package pixiv_test

import (
	"context"
	"sync"
)

// pins keep what was pinned by any runtime that shares them.
type pins struct {
	mu   sync.Mutex
	kept map[string]string
}

func (p *pins) pin(name, value string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kept, ok := p.kept[name]; ok {
		return kept
	}
	if p.kept == nil {
		p.kept = map[string]string{}
	}
	p.kept[name] = value
	return value
}

// Pin keeps nothing longer than the runtime, unless its pins are shared.
func (r *runtime) Pin(_ context.Context, name, value string) (string, error) {
	return r.pins.pin(name, value), nil
}
