// Package sqlite is the default pixivoc.Store: one durable file, written with a
// pure-Go SQLite, no cgo and no server.
//
// # What survives
//
// With the zero Options everything that a method reported as done survives a
// power cut: each transaction is synced before its callers are answered. With
// Options.NoSync it survives the death of the process, at any instruction, but
// the last moments before a power cut may be missing; the file is sound all the
// same, and what SetSetting saved is there in both cases.
//
// # One process
//
// A store belongs to one process at a time. The lock is a file beside the
// store, its name with ".lock" added; it holds the process id of the owner and
// is never removed. The system drops the lock when the process ends in whatever
// way, so a lock file that was left behind is no obstacle.
//
// Because nobody else can write, claims and leases live in memory: claiming an
// item writes nothing, and when the process dies its claims are void, as they
// must be. Fences go on rising over restarts all the same.
//
// # One writer
//
// All changes go through one goroutine that owns the only writing connection.
// It puts whatever operations are waiting into one transaction, so that many
// callers share the cost of one sync. An operation that is refused changes
// nothing and does not touch the others: everything that can refuse is looked
// at before the first change. Should SQLite itself fail in the middle, the
// transaction is rolled back as a whole and its operations are tried one by one.
// Reading goes through a few connections of its own and never waits for the
// writer.
//
// Removing a task, and forgetting the items of a stage, cuts the rows off from
// the task in one small transaction, whatever their number; they are removed in
// portions while nothing else has to be done, or after the next Open.
//
// # Files
//
// Beside the store lie SQLite's own "-wal" and "-shm" while it is open, the lock
// file, and "-reserve": half a megabyte that is given up when the disk is full,
// so that tasks can still be deleted and a rotated token be saved then. All of
// them are created with mode 0600; a store that others could read is repaired
// with a warning. Never copy the file of an open store: its newest part is in
// the "-wal". Use Backup, or from outside
//
//	sqlite3 STORE "VACUUM INTO 'COPY'"
//
// which works while the store is open, too. To go back to a backup, close the
// store, move all its files aside and put the copy in the place of the main file.
//
// A store of an older version is brought up to date by Open, which first keeps a
// copy of it, named after the version. Where a store is on a network file system
// the shared memory of SQLite's write-ahead log cannot be trusted, so Open warns
// and uses a rollback journal there, which is slower and always synced.
//
// What is found to be damaged is never repaired by emptying it. Open refuses it
// with pixivoc.ErrStoreCorrupt and leaves the file as it is. Damage that shows
// up later, in reading or in writing, ends all writing; reading goes on as far as
// it can, so that what is whole can be saved.
package sqlite
