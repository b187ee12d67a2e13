package cli

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// shutdownWait bounds how long running downloads may take to stop.
const shutdownWait = 10 * time.Second

// session is an open data folder with a client on it, or a connection to a
// daemon that has one.
type session struct {
	client pixivoc.Client
	store  pixivoc.Store // nil with a daemon
	remote string        // the daemon's address, or ""
	kinds  catalogue
}

// open opens the data folder. With overrides the flags and variables
// change the environment for this run; without, the saved one is in force.
func (a *app) open(ctx context.Context, overrides bool) (*session, error) {
	if address := a.remote(); address != "" {
		return a.openRemote(ctx, address)
	}
	folder, err := a.dataFolder()
	if err != nil {
		return nil, err
	}
	config := pixivoc.Config{}
	if overrides {
		if config.Env, err = a.set.override(); err != nil {
			return nil, err
		}
	}
	return a.openFolder(ctx, folder, config)
}

// openFolder opens a data folder with a client of that configuration. Store,
// Site, Types and what the flags say are filled in.
func (a *app) openFolder(ctx context.Context, folder string, config pixivoc.Config) (*session, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, advise(fmt.Errorf("data folder: %w", err), "Name another: --data DIR, or PIXIVOC_DATA.")
	}
	logger := a.logger()
	// net/http reports servers that speak unasked to the standard logger,
	// which would write across the display.
	log.SetOutput(slog.NewLogLogger(logger.Handler(), slog.LevelDebug).Writer())
	store, err := sqlite.Open(ctx, filepath.Join(folder, databaseName), sqlite.Options{NoSync: a.set.noSync, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("open data folder %s: %w", folder, err)
	}
	config.Store = store
	config.Site = pixiv.Site()
	config.Types = pixiv.Types()
	config.NoSync = a.set.noSync
	config.SHA256 = a.set.sha256
	config.Logger = logger
	client, err := pixivoc.New(config)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &session{client: client, store: store, kinds: newCatalogue(client.Types())}, nil
}

// close stops what runs and releases the data folder. It does its work also
// when ctx is cancelled.
func (s *session) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	err := s.client.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stop: %w", err)
	}
	if s.store == nil {
		return err
	}
	if closing := s.store.Close(); closing != nil {
		err = errors.Join(err, fmt.Errorf("close data folder: %w", closing))
	}
	return err
}

// countItems counts the items of each stage of a task.
func (s *session) countItems(ctx context.Context, task pixivoc.Task) (map[string]pixivoc.ItemCount, error) {
	if s.store != nil {
		counts, err := s.store.CountItems(ctx, task.ID())
		if err != nil {
			return nil, fmt.Errorf("count items of task %d: %w", task.ID(), err)
		}
		return counts, nil
	}
	counts := map[string]pixivoc.ItemCount{}
	for item, err := range task.Items(ctx, pixivoc.ItemQuery{}) {
		if err != nil {
			return nil, err
		}
		count := counts[item.Stage]
		count.Total++
		switch item.State {
		case pixivoc.ItemPending:
			count.Pending++
		case pixivoc.ItemDone:
			count.Done++
		case pixivoc.ItemFailed:
			count.Failed++
		}
		counts[item.Stage] = count
	}
	return counts, nil
}

// with opens a session for the time of one function.
func (a *app) with(ctx context.Context, overrides bool, do func(*session) error) (err error) {
	s, err := a.open(ctx, overrides)
	if err != nil {
		return err
	}
	defer func() {
		if closing := s.close(ctx); closing != nil && err == nil {
			err = closing
		}
	}()
	return do(s)
}
