package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// closeDoors lets the answers that are under way end for a part of the
// shutdown time, and closes the rest. The socket ends with the context of
// serve, and its own grace.
func (d *daemon) closeDoors() error {
	d.health.ready.Store(false)
	d.logger.Info("ending")
	if err := notify(d.notifySocket, "STOPPING=1"); err != nil {
		d.logger.Warn("not announced", "error", err)
	}
	err := removeReady(d.settings.ReadyFile)
	if d.http == nil {
		return err
	}
	grace := time.Duration(answerGrace * float64(d.settings.ShutdownTimeout))
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var group sync.WaitGroup
	// Streams of events would otherwise keep the server open.
	var closing error
	group.Go(func() { closing = closeDoors(d.doors) })
	if d.http.server.Shutdown(ctx) != nil {
		d.logger.Warn("answers that took too long were cut")
		_ = d.http.server.Close()
	}
	group.Wait()
	d.doors = nil
	return errors.Join(err, closing)
}

// close closes what open opened, in the opposite order, also when that failed
// midway.
func (d *daemon) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), d.settings.ShutdownTimeout)
	defer cancel()
	all := []error{closeDoors(d.doors)}
	if err := d.removeToken(); err != nil {
		all = append(all, fmt.Errorf("token file: %w", err))
	}
	if d.http != nil {
		_ = d.http.listener.Close()
	}
	if d.socket != nil {
		_ = d.socket.listener.Close()
	}
	if d.client != nil {
		if err := d.client.Shutdown(ctx); err != nil {
			all = append(all, fmt.Errorf("stop: %w", err))
		}
	}
	if d.store != nil {
		if err := d.store.Close(); err != nil {
			all = append(all, fmt.Errorf("close data folder: %w", err))
		}
	}
	return errors.Join(all...)
}
