package sqlite

import "time"

// purgeRows is how many rows are removed in one transaction: few enough that a
// writer who comes meanwhile hardly waits.
const purgeRows = 500

// leftover says how to remove the rows of owners that belong to no task.
type leftover struct{ find, remove, forget string }

func leftovers() []leftover {
	return []leftover{{
		find:   "SELECT id FROM stages WHERE task IS NULL LIMIT 1",
		remove: "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE stage=? LIMIT ?)",
		forget: "DELETE FROM stages WHERE id=?",
	}, {
		find:   "SELECT id FROM kinds WHERE task IS NULL LIMIT 1",
		remove: "DELETE FROM records WHERE seq IN (SELECT seq FROM records WHERE kind=? LIMIT ?)",
		forget: "DELETE FROM kinds WHERE id=?",
	}}
}

// purge removes a portion of what was cut off from its task.
func (w *writer) purge() {
	more, err := w.purgePortion()
	if err != nil {
		w.log.Warn("removing deleted items rests", "pause", purgePause, "error", err)
		w.purgeAfter = time.Now().Add(purgePause)
		w.suspect(err)
		return
	}
	w.leftovers = more
}

// purgePortion reports whether there may be more to remove.
func (w *writer) purgePortion() (more bool, err error) {
	tx, err := w.begin()
	if err != nil {
		return true, err
	}
	for _, left := range leftovers() {
		more, err = tx.remove(left)
		if err != nil {
			tx.rollback()
			return true, err
		}
		if more {
			break
		}
	}
	return more, tx.commit()
}

// remove removes some rows of one owner, and the owner after its last row. It
// reports whether there was an owner.
func (tx *transaction) remove(left leftover) (bool, error) {
	owner, found, err := tx.conn.number(left.find)
	if !found || err != nil {
		return false, err
	}
	removed, err := tx.conn.exec(left.remove, owner, int64(purgeRows))
	if err == nil && removed < purgeRows {
		_, err = tx.conn.exec(left.forget, owner)
	}
	return true, err
}
