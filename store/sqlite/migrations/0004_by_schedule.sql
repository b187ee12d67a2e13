-- Whether its schedule opened a task the last time, or somebody by hand.

ALTER TABLE tasks ADD COLUMN by_schedule INTEGER NOT NULL DEFAULT 0;
