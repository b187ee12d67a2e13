package restapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

const (
	// creationLife is how long an Idempotency-Key is remembered.
	creationLife = 24 * time.Hour
	// creationShards is how many settings the creations are spread over, by
	// their names, so that remembering one does not write all.
	creationShards = 16
	// shardCapacity bounds the creations of a shard; further ones end the
	// oldest. What is forgotten here, the kernel still knows by the key of the
	// task.
	shardCapacity = 64
)

// creation is a task that was made by a request with an Idempotency-Key.
type creation struct {
	Name string    `json:"name"`
	Body string    `json:"body"`
	TID  int64     `json:"tid"`
	At   time.Time `json:"at"`
}

// creations are those of the last day.
type creations struct {
	settings pixivoc.SettingStore
	turn     chan struct{} // holds one element while a task is being made

	mu     sync.Mutex
	shards [creationShards][]creation // each oldest first
}

// creationsName is the setting of a shard.
func creationsName(shard int) string { return fmt.Sprintf("restapi/creations/%x", shard) }

// shardOf returns the shard of a name, which is hexadecimal.
func shardOf(name string) int {
	digit, _ := strconv.ParseUint(name[:1], creationShards, 8) // it is one of creationName
	return int(digit)
}

func loadCreations(ctx context.Context, settings pixivoc.SettingStore) (*creations, error) {
	c := &creations{settings: settings, turn: make(chan struct{}, 1)}
	if settings == nil {
		return c, nil
	}
	for i := range c.shards {
		value, err := settings.Setting(ctx, creationsName(i))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(value, &c.shards[i])
		}
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", creationsName(i), err)
		}
	}
	return c, nil
}

// lock lets one request at a time make a task, so that the bound on tasks and
// the keys hold between requests that come together.
func (c *creations) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// find returns the creation of a name; "" is none.
func (c *creations) find(name string) (creation, bool) {
	if name == "" {
		return creation{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.shards[shardOf(name)]
	at := slices.IndexFunc(list, func(each creation) bool {
		return each.Name == name && time.Since(each.At) < creationLife
	})
	if at < 0 {
		return creation{}, false
	}
	return list[at], true
}

// add remembers a creation. The caller has the turn.
func (c *creations) add(ctx context.Context, made creation) error {
	shard := shardOf(made.Name)
	list := c.renew(shard, made)
	if c.settings == nil {
		return nil
	}
	value, err := json.Marshal(list)
	if err == nil {
		err = c.settings.SetSetting(ctx, creationsName(shard), value)
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", creationsName(shard), err)
	}
	return nil
}

// renew puts a creation into its shard and returns a copy of the shard.
func (c *creations) renew(shard int, made creation) []creation {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.DeleteFunc(c.shards[shard], func(each creation) bool {
		return each.Name == made.Name || time.Since(each.At) >= creationLife
	})
	if len(list) >= shardCapacity {
		list = slices.Delete(list, 0, len(list)-shardCapacity+1)
	}
	c.shards[shard] = append(list, made)
	return slices.Clone(c.shards[shard])
}
