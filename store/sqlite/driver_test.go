package sqlite_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/pixivoc/pixivoc/store/sqlite"
)

// spy sits between a store and SQLite and sees every statement before it runs.
type spy struct {
	mu sync.Mutex
	// before may let a statement fail or wait; it is called without a lock.
	before func(statement string) error
	seen   []string
}

// options returns options whose connections pass through the spy.
func (s *spy) options(options sqlite.Options) sqlite.Options {
	return options.WithConnector(func(inner driver.Connector) driver.Connector {
		return spyConnector{Connector: inner, spy: s}
	})
}

// watch sets what is called before each statement from now on and forgets
// what was seen.
func (s *spy) watch(before func(statement string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.seen = before, nil
}

// statements returns what ran since watch.
func (s *spy) statements() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

func (s *spy) see(statement string) error {
	s.mu.Lock()
	s.seen = append(s.seen, statement)
	before := s.before
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(statement)
}

// errInjected is what a statement fails with that a test lets fail.
var errInjected = errors.New("injected failure")

type spyConnector struct {
	driver.Connector
	spy *spy
}

func (c spyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return spyConn{Conn: conn, spy: c.spy}, nil
}

type spyConn struct {
	driver.Conn
	spy *spy
}

func (c spyConn) Prepare(text string) (driver.Stmt, error) {
	statement, err := c.Conn.Prepare(text)
	if err != nil {
		return nil, err
	}
	return spyStmt{Stmt: statement, text: text, spy: c.spy}, nil
}

func (c spyConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

func (c spyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.spy.see(text); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args)
}

type spyStmt struct {
	driver.Stmt
	text string
	spy  *spy
}

func (s spyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.spy.see(s.text); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s spyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.spy.see(s.text); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
