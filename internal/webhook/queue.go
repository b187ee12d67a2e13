package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
)

// SettingStore keeps small named values durably. An absent one gives an error
// that is fs.ErrNotExist; a nil value removes one.
type SettingStore interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
}

// memory is the SettingStore of a Sender that was given none.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (m *memory) Setting(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[name]
	if !ok {
		return nil, fmt.Errorf("setting %q: %w", name, fs.ErrNotExist)
	}
	return value, nil
}

func (m *memory) SetSetting(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value == nil {
		delete(m.values, name)
		return nil
	}
	m.values[name] = value
	return nil
}

// Message is one thing to tell.
type Message struct {
	// ID tells the message from others for ever; the receiver drops doubles by
	// it. It has letters, digits, '-' and '_', and at most 128 of them.
	ID string `json:"id"`
	// URL is where to send it, http or https.
	URL string `json:"url"`
	// Body is JSON, at most MaxBody bytes of it.
	Body json.RawMessage `json:"body"`
}

// queue keeps messages in a store: each one under a name of its own, and an
// index with their ids. A message is written before the index names it, and
// taken out of the index before it is removed, so a crash leaves at worst one
// message that nobody looks at.
type queue struct {
	store  SettingStore
	prefix string
	turn   chan struct{} // holds one element while somebody writes
	ids    []string      // what the index holds; owned by whoever has the turn
}

func (q *queue) index() string            { return q.prefix + "/queue" }
func (q *queue) message(id string) string { return q.prefix + "/message/" + id }
func newQueue(s SettingStore, p string) *queue {
	return &queue{store: s, prefix: p, turn: make(chan struct{}, 1)}
}

// lock is not a mutex, because it is held over writes to the store.
func (q *queue) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case q.turn <- struct{}{}:
		return func() { <-q.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// load reads all messages, oldest first. What the store cannot read is an
// error; what it holds and makes no sense is lost.
func (q *queue) load(ctx context.Context) (messages []Message, lost, err error) {
	if err := loadJSON(ctx, q.store, q.index(), &q.ids); err != nil {
		lost, err = split(err)
		return nil, lost, err
	}
	for _, id := range q.ids {
		var m Message
		damage, err := split(loadJSON(ctx, q.store, q.message(id), &m))
		if err != nil {
			return nil, nil, err
		}
		if lost = errors.Join(lost, damage); m.ID == id && damage == nil {
			messages = append(messages, m)
		}
	}
	return messages, lost, nil
}

// damageError is a value that was read and makes no sense.
type damageError struct{ err error }

func (e *damageError) Error() string { return "damaged: " + e.err.Error() }

// split tells damage from other errors.
func split(err error) (damage, other error) {
	if _, isDamage := errors.AsType[*damageError](err); isDamage {
		return err, nil
	}
	return nil, err
}

func loadJSON(ctx context.Context, store SettingStore, name string, value any) error {
	raw, err := store.Setting(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if err = json.Unmarshal(raw, value); err != nil {
			err = &damageError{err}
		}
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	return nil
}

func (q *queue) add(ctx context.Context, m Message) error {
	unlock, err := q.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := q.store.SetSetting(ctx, q.message(m.ID), raw); err != nil {
		return fmt.Errorf("save webhook %s: %w", m.ID, err)
	}
	return q.setIndex(ctx, append(slices.Clone(q.ids), m.ID))
}

func (q *queue) remove(ctx context.Context, id string) error {
	unlock, err := q.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	left := slices.DeleteFunc(slices.Clone(q.ids), func(each string) bool { return each == id })
	if err := q.setIndex(ctx, left); err != nil {
		return err
	}
	if err := q.store.SetSetting(ctx, q.message(id), nil); err != nil {
		return fmt.Errorf("remove webhook %s: %w", id, err)
	}
	return nil
}

func (q *queue) setIndex(ctx context.Context, ids []string) error {
	raw, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	if err := q.store.SetSetting(ctx, q.index(), raw); err != nil {
		return fmt.Errorf("save the list of webhooks: %w", err)
	}
	q.ids = ids
	return nil
}
