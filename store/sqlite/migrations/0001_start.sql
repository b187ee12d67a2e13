-- The first schema. Times are nanoseconds since 1970 UTC, 0 for none.

-- One row: the greatest numbers given out so far. They outlive the rows they
-- were given to, so that no number is ever used twice. opens counts how often
-- the store was opened.
CREATE TABLE counters (
	opens INTEGER NOT NULL,
	task  INTEGER NOT NULL,
	item  INTEGER NOT NULL,
	seq   INTEGER NOT NULL
) STRICT;
INSERT INTO counters (opens, task, item, seq) VALUES (0, 0, 0, 0);

CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value BLOB -- NULL: empty
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
	id   INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE tasks (
	tid         INTEGER PRIMARY KEY,
	key         TEXT UNIQUE, -- NULL: none
	name        TEXT NOT NULL,
	type        TEXT NOT NULL,
	keyword     TEXT NOT NULL,
	save_path   TEXT NOT NULL,
	group_id    INTEGER,     -- NULL: none
	options     BLOB,
	state       TEXT NOT NULL,
	seeded      INTEGER NOT NULL,
	stage       TEXT NOT NULL,
	round       INTEGER NOT NULL,
	idle        INTEGER NOT NULL,
	error       TEXT NOT NULL,
	bytes       INTEGER NOT NULL,
	created_at  INTEGER NOT NULL,
	finished_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tasks_group ON tasks (group_id);

-- A stage of a task with the number of its items in each state. A row whose
-- task is NULL was cut off by a deletion: nothing of it can be seen, and its
-- items are removed little by little.
CREATE TABLE stages (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	task    INTEGER,
	name    TEXT NOT NULL,
	pending INTEGER NOT NULL DEFAULT 0,
	done    INTEGER NOT NULL DEFAULT 0,
	failed  INTEGER NOT NULL DEFAULT 0,
	UNIQUE (task, name)
) STRICT;

-- state: 0 pending, 1 done, 2 failed. Reason and detail are those of the last
-- failure. items_pending is what claims read; it shrinks as work gets done.
CREATE TABLE items (
	id       INTEGER PRIMARY KEY,
	stage    INTEGER NOT NULL,
	state    INTEGER NOT NULL,
	round    INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	key      TEXT NOT NULL,
	payload  BLOB,
	reason   TEXT,
	detail   TEXT
) STRICT;
CREATE UNIQUE INDEX items_key ON items (stage, key);
CREATE INDEX items_stage ON items (stage, id);
CREATE INDEX items_pending ON items (stage, id, round) WHERE state = 0;
CREATE INDEX items_failed ON items (stage, id) WHERE state = 2;

-- A kind of records of a task; cut off like a stage when task is NULL.
CREATE TABLE kinds (
	id   INTEGER PRIMARY KEY AUTOINCREMENT,
	task INTEGER,
	name TEXT NOT NULL,
	UNIQUE (task, name)
) STRICT;

CREATE TABLE records (
	seq  INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL,
	key  TEXT NOT NULL,
	data BLOB,
	at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_key ON records (kind, key);
CREATE INDEX records_kind ON records (kind, seq);
