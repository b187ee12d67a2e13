package pixivoc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// pinSetting is where the names of pinned values begin among the settings.
const pinSetting = "pin/"

func (s *stageRuntime) Pin(ctx context.Context, name, value string) (string, error) {
	return s.round.run.client.pin(ctx, name, value)
}

// pin is one reading and at most one writing for each name. Two processes that
// share a store and pin one name in the same moment both get what was saved
// last, from the next call on.
func (c *client) pin(ctx context.Context, name, value string) (string, error) {
	if name == "" || value == "" {
		return "", &FieldError{"Pin", "name and value must not be empty"}
	}
	unlock, err := c.pins.lock(ctx, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	kept, err := c.config.Store.Setting(ctx, pinSetting+name)
	if err == nil {
		return string(kept), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("pin %s: %w", name, err)
	}
	if err := c.config.Store.SetSetting(ctx, pinSetting+name, []byte(value)); err != nil {
		return "", fmt.Errorf("pin %s: %w", name, err)
	}
	return value, nil
}
