package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// connection is a connection to SQLite below database/sql, whose pool and
// locks cost as much time as a short statement does. It belongs to one
// goroutine at a time. Statements are prepared once and found by their text.
type connection struct {
	conn       driver.Conn
	statements map[string]driver.Stmt
	args       []driver.NamedValue
	// failed is the first failure of a statement since it was last cleared.
	failed error
}

// dataSource returns the name under which the driver opens a file with these
// pragmas, each in the form "name(value)".
func dataSource(path string, pragmas ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a Windows path with a drive letter
	}
	values := url.Values{
		"_pragma":    pragmas,
		"_txlock":    {"immediate"},
		"_defensive": {"1"},
		"_error_rc":  {"1"},
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: values.Encode()}).String()
}

func newConnection(ctx context.Context, connector driver.Connector) (*connection, error) {
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, translate(err)
	}
	return &connection{conn: conn, statements: map[string]driver.Stmt{}}, nil
}

func (c *connection) close() error {
	var errs []error
	for _, statement := range c.statements {
		errs = append(errs, statement.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

func (c *connection) prepared(text string) (driver.Stmt, error) {
	if statement, ok := c.statements[text]; ok {
		return statement, nil
	}
	statement, err := c.conn.Prepare(text)
	if err != nil {
		return nil, err
	}
	c.statements[text] = statement
	return statement, nil
}

func (c *connection) named(values []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, value := range values {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return c.args
}

// fail notes and translates an error of SQLite.
func (c *connection) fail(err error) error {
	err = translate(err)
	if c.failed == nil {
		c.failed = err
	}
	return err
}

// exec runs a statement and returns the number of rows it changed.
func (c *connection) exec(text string, values ...driver.Value) (int64, error) {
	return c.execContext(context.Background(), text, values...)
}

// execContext is exec, but is interrupted when ctx ends.
func (c *connection) execContext(ctx context.Context, text string, values ...driver.Value) (int64, error) {
	statement, err := c.prepared(text)
	if err != nil {
		return 0, c.fail(err)
	}
	result, err := statement.(driver.StmtExecContext).ExecContext(ctx, c.named(values))
	if err != nil {
		return 0, c.fail(err)
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return 0, c.fail(err)
	}
	return changed, nil
}

// script runs several statements that take no values.
func (c *connection) script(text string) error {
	_, err := c.conn.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	if err != nil {
		return c.fail(err)
	}
	return nil
}

// row is a row of a result. Its methods read a column; a value of another type
// than the schema allows, which only damage can bring about, is noted.
type row struct {
	cells   []driver.Value
	damaged bool
}

func (r *row) int64(column int) int64 {
	value, ok := r.cells[column].(int64)
	r.damaged = r.damaged || !ok
	return value
}

func (r *row) int(column int) int { return int(r.int64(column)) }

func (r *row) text(column int) string {
	value, ok := r.cells[column].(string)
	r.damaged = r.damaged || !ok
	return value
}

// bytes returns a value that may be NULL.
func (r *row) bytes(column int) []byte {
	value, ok := r.cells[column].([]byte)
	r.damaged = r.damaged || !ok && r.cells[column] != nil
	return value
}

// query calls each for each row until it returns false. The row is used again
// for the next one.
func (c *connection) query(text string, each func(*row) bool, values ...driver.Value) (err error) {
	statement, err := c.prepared(text)
	if err != nil {
		return c.fail(err)
	}
	rows, err := statement.(driver.StmtQueryContext).QueryContext(context.Background(), c.named(values))
	if err != nil {
		return c.fail(err)
	}
	defer func() {
		if closing := rows.Close(); closing != nil && err == nil {
			err = c.fail(closing)
		}
	}()
	row := row{cells: make([]driver.Value, len(rows.Columns()))}
	for {
		if err := rows.Next(row.cells); err == io.EOF {
			return nil
		} else if err != nil {
			return c.fail(err)
		}
		more := each(&row)
		if row.damaged {
			return c.fail(&damagedError{cause: fmt.Errorf("value of a wrong type in %v", rows.Columns())})
		}
		if !more {
			return nil
		}
	}
}

// number returns the integer in the first column of the only row; ok says that
// there is a row and that it is not NULL.
func (c *connection) number(text string, values ...driver.Value) (number int64, ok bool, err error) {
	err = c.query(text, func(row *row) bool {
		number, ok = row.cells[0].(int64)
		return true
	}, values...)
	return number, ok, err
}

// pragma runs a pragma that must take effect and compares what it answers.
func (c *connection) pragma(name, value string) error {
	var answer string
	err := c.query("PRAGMA "+name+"="+value, func(row *row) bool {
		answer = fmt.Sprint(row.cells[0])
		return true
	})
	if err != nil {
		return err
	}
	if !strings.EqualFold(answer, value) {
		return fmt.Errorf("pragma %s: is %q, not %q", name, answer, value)
	}
	return nil
}
