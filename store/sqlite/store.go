package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Options are the choices of Open. The zero value is the safest.
type Options struct {
	// NoSync gives up the sync after each transaction: what was reported as
	// done survives the death of the process, but the last of it may be lost
	// when the power is cut. SetSetting is synced all the same.
	NoSync bool
	// Clock tells the time; nil: time.Now. It is called by one goroutine.
	Clock func() time.Time
	// Logger hears of what needs somebody's attention: a repaired file mode,
	// a network file system, a migration. nil: nobody.
	Logger *slog.Logger

	seams seams
}

// seams are where the tests of this package reach in.
type seams struct {
	migrations fs.FS
	connector  func(driver.Connector) driver.Connector
	network    func(folder string) string
}

// Store is a pixivoc.Store in one file. Its methods are safe for concurrent
// use.
type Store struct {
	path    string
	options Options
	readers *sql.DB
	writer  *writer
	lock    *fileLock
	work    sync.WaitGroup // the writer

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
	ended  chan struct{} // closed at the end of the first Close
	result error         // of the first Close
}

var _ pixivoc.Store = (*Store)(nil)

// enter lets a call in unless the store is closed. The caller must end it with
// s.calls.Done.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return pixivoc.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// submit has the writer do an operation.
func (s *Store) submit(ctx context.Context, op *operation) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	return s.writer.do(ctx, op)
}

// inspect has the writer run something that writes nothing. When the caller
// gives up while it runs, undo is called after it.
func (s *Store) inspect(ctx context.Context, run func(*writer) error, undo func(*writer)) error {
	op := &operation{run: func(*transaction) error { return run(s.writer) }}
	if undo != nil {
		op.undo = func() { undo(s.writer) }
	}
	return s.submit(ctx, op)
}

// read runs queries that all see the same moment.
func (s *Store) read(ctx context.Context, queries func(*sql.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	err := s.readTx(ctx, queries)
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // and not what the interruption looked like
	}
	err = translate(err)
	s.writer.suspect(err)
	return err
}

func (s *Store) readTx(ctx context.Context, queries func(*sql.Tx) error) error {
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return queries(tx)
}

// Close implements pixivoc.Store. It folds the write-ahead log into the file,
// which makes the file complete without its companions.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if !first {
		<-s.ended
		return s.result
	}
	defer close(s.ended)
	s.calls.Wait()
	close(s.writer.operations)
	s.work.Wait()
	s.result = errors.Join(s.readers.Close(), translate(s.writer.conn.close()), s.lock.release())
	if s.result != nil {
		s.result = fmt.Errorf("close store %s: %w", s.path, s.result)
	}
	return s.result
}
