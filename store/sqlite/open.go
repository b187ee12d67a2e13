package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"github.com/pixivoc/pixivoc"
)

const (
	readerCount = 4
	// busyTimeout is how long to wait for somebody who looks into the store
	// with a tool of his own.
	busyTimeout = "busy_timeout(10000)"
	// queueLength lets callers leave their operation without waiting until the
	// writer comes for it.
	queueLength = 64
)

// Open opens the store in the file at path, which is made, with its folder, if
// it is not there. The error is
//
//   - pixivoc.ErrStoreLocked when the store is open already, here or in another
//     process, whose id it names;
//   - pixivoc.ErrStoreVersion when a newer version of pixivoc wrote it;
//   - pixivoc.ErrStoreCorrupt when the file is not a store, is damaged, or is
//     missing while its write-ahead log is there; it says how to recover;
//   - pixivoc.ErrDiskFull when there is no room.
//
// In the first three cases the file is as it was before. Open takes the same
// short time for a store of any size.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	if path == "" {
		return nil, &pixivoc.FieldError{Field: "path", Reason: "is empty"}
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.seams.network == nil {
		options.seams.network = networkFileSystem
	}
	store, err := open(ctx, path, options)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, translate(err))
	}
	return store, nil
}

func open(ctx context.Context, path string, options Options) (*Store, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, options: options, lock: lock, ended: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return s, nil
}

// resolve makes the folder and follows links, so that a store has one lock by
// whatever name it is opened.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, filepath.Base(path))
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return filepath.EvalSymlinks(path)
}

// connect opens a connection to a file with these pragmas.
func (s *Store) connect(ctx context.Context, path string, pragmas ...string) (*connection, error) {
	connector, err := s.connector(path, pragmas...)
	if err != nil {
		return nil, err
	}
	return newConnection(ctx, connector)
}

func (s *Store) connector(path string, pragmas ...string) (driver.Connector, error) {
	connector, err := sqlite.NewConnector(dataSource(path, pragmas...))
	if err != nil {
		return nil, err
	}
	if s.options.seams.connector != nil {
		connector = s.options.seams.connector(connector)
	}
	return connector, nil
}

// start brings the file into order and starts the writer. The lock is held.
func (s *Store) start(ctx context.Context) (err error) {
	schema, err := loadMigrations(s.options.seams.migrations)
	if err != nil {
		return err
	}
	fresh, err := examine(s.path, len(schema))
	if err != nil {
		return err
	}
	if fresh {
		if err := s.create(ctx, schema); err != nil {
			return err
		}
	}
	s.repairModes()
	reserve := newReserve(s.path+"-reserve", s.options.Logger)
	conn, err := s.connectWriter(ctx, schema)
	if errors.Is(err, pixivoc.ErrDiskFull) && reserve.release() {
		conn, err = s.connectWriter(ctx, schema)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = conn.close()
		}
	}()
	reading, err := s.connector(s.path, busyTimeout, "query_only(1)", "temp_store(memory)", "cache_size(-2048)")
	if err != nil {
		return err
	}
	w, err := s.newWriter(conn, reserve)
	if err != nil {
		return err
	}
	s.readers = sql.OpenDB(reading)
	s.readers.SetMaxOpenConns(readerCount)
	s.readers.SetMaxIdleConns(readerCount)
	s.writer = w
	s.work.Go(w.work)
	return nil
}

// connectWriter opens the connection that writes and brings it into order.
func (s *Store) connectWriter(ctx context.Context, schema []string) (*connection, error) {
	conn, err := s.connect(ctx, s.path, busyTimeout, secureDelete, "temp_store(memory)", "cache_size(-8192)")
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, conn, schema); err != nil {
		_ = conn.close()
		return nil, err
	}
	return conn, nil
}

// prepare checks the version, sets the journal and brings the schema up to date.
func (s *Store) prepare(ctx context.Context, conn *connection, schema []string) error {
	version, _, err := conn.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	if err := checkVersion(version, len(schema)); err != nil {
		return err
	}
	if err := s.setJournal(conn); err != nil {
		return err
	}
	if version < int64(len(schema)) {
		if err := s.upgrade(ctx, conn, schema, int(version)); err != nil {
			return err
		}
	}
	if s.options.NoSync {
		return conn.script(syncNormal)
	}
	return conn.script(syncFull)
}

// setJournal chooses the write-ahead log, or a rollback journal where the
// shared memory of the log cannot be trusted. The size limits keep the log
// from staying large after a burst.
func (s *Store) setJournal(conn *connection) error {
	if err := conn.script(syncFull); err != nil {
		return err
	}
	folder := filepath.Dir(s.path)
	if network := s.options.seams.network(folder); network != "" {
		s.options.Logger.Warn("store is on a network file system; it is slower there and its locks may not hold",
			"path", s.path, "file_system", network)
		// With this journal a write without sync could damage the file.
		s.options.NoSync = false
		return conn.pragma("journal_mode", "truncate")
	}
	if err := conn.pragma("journal_mode", "wal"); err != nil {
		return err
	}
	if err := conn.pragma("wal_autocheckpoint", "4096"); err != nil {
		return err
	}
	return conn.pragma("journal_size_limit", "33554432")
}

// newWriter loads what the writer keeps in memory and counts the opening,
// which also shows that the store can be written.
func (s *Store) newWriter(conn *connection, reserve *reserve) (*writer, error) {
	w := &writer{
		operations: make(chan *operation, queueLength),
		conn:       conn,
		clock:      s.options.Clock,
		log:        s.options.Logger,
		reserve:    reserve,
		noSync:     s.options.NoSync,
		tasks:      taskCache{},
		leftovers:  true,
	}
	found := false
	err := conn.query(loadCounters, func(row *row) bool {
		found = true
		w.counters = counters{opens: row.int64(0), task: row.int64(1), item: row.int64(2), seq: row.int64(3)}
		return true
	})
	if err != nil {
		return nil, notAStore(err)
	}
	if !found {
		return nil, &damagedError{cause: errors.New("its counters are missing")}
	}
	op := &operation{write: true, essential: true, answer: make(chan error, 1), run: func(tx *transaction) error {
		tx.counters.opens++
		return nil
	}}
	w.commit([]*operation{op})
	if err := <-op.answer; err != nil {
		return nil, err
	}
	w.claims = newClaims(w.counters.opens)
	return w, nil
}
