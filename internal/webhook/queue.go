package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pixivoc/pixivoc/internal/setting"
)

// SettingStore keeps the messages that wait.
type SettingStore = setting.Store

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

// queue keeps messages in a store, each in a slot of its own under the name of
// the slot: to add or to remove one is one small write, however many wait.
type queue struct {
	store  SettingStore
	prefix string

	mu   sync.Mutex
	last int64          // the greatest Number given out
	free []int          // slots without a message
	held map[string]int // slots by the ids of their messages
}

// slotted is a message in its slot. Number rises from message to message, so
// that they are sent in their order after a restart.
type slotted struct {
	Message
	Number int64 `json:"number"`
}

func newQueue(s SettingStore, p string) *queue {
	return &queue{store: s, prefix: p, held: map[string]int{}}
}

func (q *queue) slot(slot int) string { return fmt.Sprintf("%s/slot/%d", q.prefix, slot) }

// load reads the messages of so many slots, oldest first. What the store cannot
// read is an error; what it holds and makes no sense is lost. It comes before
// all other calls.
func (q *queue) load(ctx context.Context, slots int) (messages []Message, lost, err error) {
	var found []slotted
	for slot := range slots {
		var m slotted
		damage, err := split(setting.Load(ctx, q.store, q.slot(slot), &m))
		if err != nil {
			return nil, nil, err
		}
		lost = errors.Join(lost, damage)
		if _, isDouble := q.held[m.ID]; damage != nil || m.ID == "" || isDouble {
			q.free = append(q.free, slot)
			continue
		}
		q.held[m.ID], q.last = slot, max(q.last, m.Number)
		found = append(found, m)
	}
	slices.SortFunc(found, func(x, y slotted) int { return cmp.Compare(x.Number, y.Number) })
	for _, each := range found {
		messages = append(messages, each.Message)
	}
	return messages, lost, nil
}

// split tells damage from other errors.
func split(err error) (damage, other error) {
	if _, isDamage := errors.AsType[*setting.DamageError](err); isDamage {
		return err, nil
	}
	return nil, err
}

// add stores a message. The caller sees to it that there are not more messages
// than slots.
func (q *queue) add(ctx context.Context, m Message) error {
	slot, number, err := q.take(m.ID)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(slotted{m, number})
	if err == nil {
		err = q.store.SetSetting(ctx, q.slot(slot), raw)
	}
	if err != nil {
		q.giveBack(m.ID)
		return fmt.Errorf("save webhook %s: %w", m.ID, err)
	}
	return nil
}

func (q *queue) take(id string) (slot int, number int64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.free) == 0 {
		return 0, 0, ErrFull
	}
	slot, q.free = q.free[0], q.free[1:]
	q.held[id] = slot
	q.last++
	return slot, q.last, nil
}

func (q *queue) giveBack(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slot, ok := q.held[id]; ok {
		delete(q.held, id)
		q.free = append(q.free, slot)
	}
}

// remove removes a message. One that the store keeps nevertheless is sent again
// by the next process, unless another takes its slot.
func (q *queue) remove(ctx context.Context, id string) error {
	defer q.giveBack(id)
	q.mu.Lock()
	slot, ok := q.held[id]
	q.mu.Unlock()
	if !ok {
		return nil
	}
	if err := q.store.SetSetting(ctx, q.slot(slot), nil); err != nil {
		return fmt.Errorf("remove webhook %s: %w", id, err)
	}
	return nil
}
