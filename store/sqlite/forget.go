package sqlite

import "errors"

// A setting may be a token. secure_delete writes zeros over what is removed or
// replaced, and forget takes it out of the write-ahead log, where it would stay
// readable until the log comes round to its place again.
const (
	secureDelete = "secure_delete(1)"
	// forgetTimeout bounds how long nobody can write because somebody reads.
	forgetTimeout = "PRAGMA busy_timeout=1000"
	usualTimeout  = "PRAGMA busy_timeout=10000"
)

// forget empties the write-ahead log. What could not be done is done by the next
// one, or when the store is closed.
func (w *writer) forget() {
	busy := int64(1)
	err := w.conn.script(forgetTimeout)
	if err == nil {
		busy, _, err = w.conn.number("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	err = errors.Join(err, w.conn.script(usualTimeout))
	w.remembers = err != nil || busy != 0
	switch {
	case err != nil:
		w.log.Warn("a replaced setting stays readable in the write-ahead log for now", "error", err)
	case busy != 0:
		w.log.Warn("a replaced setting stays readable in the write-ahead log for now", "cause", "somebody reads the store")
	}
}
