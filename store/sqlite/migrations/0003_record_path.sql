-- The path of the file that a record of kind "file" is about, so that the tasks
-- that know a file can be found. NULL: of another kind, or without a path.

ALTER TABLE records ADD COLUMN path TEXT;
UPDATE records SET path = json_extract(CAST(data AS TEXT), '$.path')
	WHERE kind IN (SELECT id FROM kinds WHERE name = 'file') AND json_valid(CAST(data AS TEXT))
	AND json_type(CAST(data AS TEXT), '$.path') = 'text';
CREATE INDEX records_path ON records (path) WHERE path IS NOT NULL;
