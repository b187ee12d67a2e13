package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/store/sqlite"
)

// TestQueryPlans holds that what runs on every page goes along an index and
// sorts nothing, so that it costs the same in a store of any size.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	path := storePath(t)
	require.NoError(t, openStore(t, path, sqlite.Options{}).Close())
	db := rawDB(t, path)
	for query, index := range sqlite.HotQueries() {
		values := []any{1, 1, 1, 1}
		rows, err := db.Query("EXPLAIN QUERY PLAN "+query, values...)
		for err != nil && len(values) > 2 { // the query takes fewer values
			values = values[1:]
			rows, err = db.Query("EXPLAIN QUERY PLAN "+query, values...)
		}
		require.NoError(t, err)
		var plan string
		for rows.Next() {
			var id, parent, unused int
			var step string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
			plan += step + "; "
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		require.Contains(t, plan, index, query)
		require.NotContains(t, plan, "SCAN", query)
		require.NotContains(t, plan, "TEMP B-TREE", query)
	}
}
