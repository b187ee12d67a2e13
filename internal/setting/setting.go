// Package setting keeps small values as JSON in a store of named settings, and
// has such a store in memory.
package setting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// Store keeps small named values durably. An absent one gives an error that is
// fs.ErrNotExist; a nil value removes one.
type Store interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
}

// DamageError is a value that was read and does not fit.
type DamageError struct{ Err error }

func (e *DamageError) Error() string { return "damaged: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// Load reads a value; one that is absent leaves value as it is. One that does
// not fit is a *DamageError.
func Load(ctx context.Context, store Store, name string, value any) error {
	raw, err := store.Setting(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if err = json.Unmarshal(raw, value); err != nil {
			err = &DamageError{err}
		}
	}
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	return nil
}

// Save writes a value.
func Save(ctx context.Context, store Store, name string, value any) error {
	raw, err := json.Marshal(value)
	if err == nil {
		err = store.SetSetting(ctx, name, raw)
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

// Memory is a Store that ends with the process. The zero value is empty and
// ready; it is safe for concurrent use.
type Memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

// Setting implements Store.
func (m *Memory) Setting(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[name]
	if !ok {
		return nil, fmt.Errorf("setting %q: %w", name, fs.ErrNotExist)
	}
	return value, nil
}

// SetSetting implements Store.
func (m *Memory) SetSetting(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value == nil {
		delete(m.values, name)
		return nil
	}
	if m.values == nil {
		m.values = map[string][]byte{}
	}
	m.values[name] = value
	return nil
}
