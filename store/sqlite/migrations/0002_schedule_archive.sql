-- Schedules of tasks, why a task ended in error, its own limit of bandwidth, and
-- the archive. Times are nanoseconds since 1970 UTC, 0 for none.

ALTER TABLE tasks ADD COLUMN schedule TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN next_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN from_input INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN bandwidth_limit INTEGER NOT NULL DEFAULT 0; -- bytes a second
ALTER TABLE tasks ADD COLUMN error_reason TEXT NOT NULL DEFAULT '';

-- What was ever saved. It belongs to no task.
CREATE TABLE archive (
	key TEXT PRIMARY KEY,
	at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
