package pixivoc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
)

const envSetting = "env"

// envKeeper holds the saved environment and the one in force, which differ by
// Config.Env.
type envKeeper struct {
	store  SettingStore
	turn   chan struct{} // one update at a time, also while it is being saved
	saved  atomic.Pointer[Env]
	active atomic.Pointer[Env]
	apply  func(Env) error // makes a new environment effective
}

// newEnvKeeper loads the environment, lays patch over it and makes it
// effective.
func newEnvKeeper(ctx context.Context, store SettingStore, patch EnvPatch, apply func(Env) error) (*envKeeper, error) {
	saved := DefaultEnv()
	raw, err := store.Setting(ctx, envSetting)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("load environment: %w", err)
	default:
		stored := storedEnvOf(saved)
		if err := json.Unmarshal(raw, &stored); err != nil {
			return nil, fmt.Errorf("load environment: %w", err)
		}
		saved = stored.env()
	}
	active, err := saved.Apply(patch)
	if err != nil {
		return nil, err
	}
	if err := apply(active); err != nil {
		return nil, err
	}
	k := &envKeeper{store: store, turn: make(chan struct{}, 1), apply: apply}
	k.saved.Store(&saved)
	k.active.Store(&active)
	return k, nil
}

func (k *envKeeper) env() Env { return *k.active.Load() }

// update changes both environments, saves, and only then makes the change
// effective.
func (k *envKeeper) update(ctx context.Context, patch EnvPatch) (Env, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return Env{}, ctx.Err()
	}
	active, err := k.active.Load().Apply(patch)
	if err != nil {
		return Env{}, err
	}
	saved, err := k.saved.Load().Apply(patch)
	if err != nil {
		return Env{}, err
	}
	raw, err := json.Marshal(storedEnvOf(saved))
	if err != nil {
		return Env{}, fmt.Errorf("save environment: %w", err)
	}
	if err := k.store.SetSetting(ctx, envSetting, raw); err != nil {
		return Env{}, fmt.Errorf("save environment: %w", err)
	}
	k.saved.Store(&saved)
	k.active.Store(&active)
	return active, k.apply(active)
}
