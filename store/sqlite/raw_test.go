package sqlite_test

import (
	"database/sql"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// rawDB opens a store with plain SQLite, as somebody with a tool of his own.
func rawDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// rawExec changes a closed store behind its back.
func rawExec(t testing.TB, path string, statements ...string) {
	t.Helper()
	db := rawDB(t, path)
	for _, statement := range statements {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, db.Close())
}
