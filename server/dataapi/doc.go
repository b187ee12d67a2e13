// Package dataapi is an HTTP interface in the shape of the Octopus (bazhuayu)
// Data API V2.0: programs that export rows from there can export the records
// of pixivoc's tasks instead.
//
// An embedder mounts it beside what it has:
//
//	api, err := dataapi.New(client, dataapi.Config{Accounts: book, Settings: store})
//	defer api.Close()
//	mux.Handle("/", api) // POST /token and everything below /api/
//
// The package guards itself against pages of other origins and foreign host
// names; no wrapping is needed.
//
// # Calls
//
//	POST token                               username, password, grant_type=password
//	                                         or refresh_token, grant_type=refresh_token
//	GET  api/TaskGroup                       read
//	GET  api/Task                            read     taskGroupId
//	GET  api/alldata/GetDataOfTaskByOffset   read     taskId, offset, size
//	GET  api/notexportdata/gettop            export   taskId, size
//	POST api/notexportdata/update            export   taskId
//	POST api/task/RemoveDataByTaskId         export   taskId
//	POST api/task/StartTask                  control  taskId
//	POST api/task/StopTask                   control  taskId
//	POST api/task/GetTaskStatusByIdList      control  taskIdList
//	POST api/task/GetTaskRulePropertyByName  control  taskId, name
//	POST api/task/UpdateTaskRule             control  taskId, name, value
//	POST api/task/AddUrlOrTextToTask         control  taskId, name, value
//
// The third column is the scope that the account needs; without it the answer
// is 403 user_not_allowed. Paths and names of parameters are taken in any
// case, parameters from the query or from a body that is a form, multipart or
// JSON, whatever its Content-Type says; the first value counts. Access tokens
// are taken from the Authorization header only.
//
// A taskId is the TID in decimal digits. Tasks without a group are in the
// group with the ID 0, which is listed first.
//
// # Rows
//
// Every record of a task is a row: a flat object of texts. It begins with
// "kind", "key" and "time" (RFC 3339, UTC), and goes on with the members of
// the record. A member of an object in the record is named "a.b"; a dot in a
// name of the record is written "\.". Lists are JSON text, null and what is
// absent are "". A member of the name of a fixed column is named "data.kind"
// and so on. The columns of a task are the members in the order in which they
// were first seen, looking 20,000 rows ahead; a member that is seen for the
// first time later becomes a further column at the end. After 500 columns
// further members are a JSON object in the column "other". Config.Columns
// names the columns instead.
//
// # Exporting
//
// gettop hands out the oldest rows that are not exported, and the same ones
// again until update makes them exported. What it hands out is noted before
// it answers. An update confirms everything that was handed out before it.
// That is the original's rule, and it has two dangers: two programs that
// export the same task confirm each other's rows, and so does one program that
// lost the answer to a gettop, takes fewer rows than it had asked for, and
// confirms. A program without a name should use one size, and after a lost
// answer take again before it confirms.
//
// Named consumers have neither: with a parameter consumer=NAME gettop hands out rows
// by marks of that name's own, and answers with a further member "batch";
// update with consumer=NAME and batch=ID confirms exactly the rows of that
// batch and those before them. It may be repeated. A name has up to 64 letters,
// digits, dots, hyphens and underscores.
//
// An answer has fewer rows than asked for when they are large; what is left is
// in the next one. RemoveDataByTaskId hides the rows there are from this
// interface, for all consumers. The records stay with the task, which needs
// them to delete its files.
//
// With format=csv or format=jsonl gettop and GetDataOfTaskByOffset answer with
// the rows alone, in CSV (RFC 4180, texts that a spreadsheet would take for a
// formula begin with an apostrophe) or in one JSON object a line. Totals, next
// offset and batch are in the headers X-Pixivoc-Total, X-Pixivoc-Rest-Total,
// X-Pixivoc-Next-Offset and X-Pixivoc-Batch.
//
// # Errors
//
// Faults of a task or a parameter have status 200, as clients of the original
// expect, and a word in "error": taskid_error, export_pagesize_error,
// server_error, and of our own parameter_error, batch_error and taskrule_error
// (the property of the task cannot be changed: a task of pixivoc keeps its
// keyword).
//
// Each account has a quota over all its tokens, the rule of pixivoc.Quota. A
// caller that keeps to 15 calls a second is never refused.
package dataapi
