// Package taskapi is a task list over HTTP in the shape of "BBDown serve", so
// that the pages and scripts written for that work here: the same eight calls
// with the same names, and some of our own beside them.
//
//	GET  /get-tasks/  /get-tasks/running  /get-tasks/finished  /get-tasks/{id}
//	POST /add-task
//	GET  /remove-finished  /remove-finished/failed  /remove-finished/{id}
//	POST /cancel-task/{id}                          (not in BBDown)
//
// Paths are matched without regard to case, with and without a slash at the
// end, and never redirected. Removal also goes by POST and DELETE.
//
// # Tasks
//
// The lists show every task of the client that was ever started, whoever made
// it, and those made here. Running has all that is not finished: Status says
// whether it is Queued, WaitToken, Downloading, DiskFull or Stopped (by somebody
// at another door; adding the Url of one that was made here again lets it go on).
// Finished has those that are Over or ended in Error, those that are Scheduled,
// with what their last run came to, and those that were Cancelled here. An
// address that cannot be understood becomes a finished task in Error at once;
// the newest MaxUnresolved of them are kept, and those whose webhook is still to
// be sent.
//
// Adding what a task made here does already, waiting or running, is answered with
// that task. What counts is the Aid, and the type of the task.
//
// IsSuccessful is true for a task that is over and of which no item failed.
// Otherwise ErrorMessage says what was wrong: for a task of which some items
// failed, how many, and the first reasons. SavePaths of a running task are
// empty in lists. Lists have the first MaxListedPaths of each task,
// /get-tasks/{id} has the first MaxPaths, also of a running one. Titles and paths
// of tasks that ended before the API was made appear within its first moments.
//
// Removing deletes a task that was made here, with its records; the files stay.
// A task that was made at another door, or that has a schedule, is only hidden
// from these lists, until it runs again. The lists do not show removed tasks from
// the answer on; deleting them, once their webhooks are under way, takes a moment
// longer.
//
// The id in a path is an Aid or a TaskId. An Aid goes first, a running task
// before a finished one, the oldest before the others. Removal goes by TaskId only
// when no task has that Aid.
//
// # Options
//
// Options lists those of BBDown's options that mean something here; names are
// read without regard to case. Others that were given, and differ from what
// BBDown takes by default, are named in the header X-Pixivoc-Ignored. So are all
// that name programs, hosts, cookies or tokens. A wrong option is answered with
// 400 and BBDown's text; the header X-Pixivoc-Error says what was wrong.
//
// CallBackWebHook gets the task as JSON once, when it has ended, in Finished's
// sense; adding a task that runs already tells nobody. See Webhooks for where it
// may be. It is signed as Standard Webhooks 1.0 says, in the headers webhook-id,
// webhook-timestamp and webhook-signature. After a crash the same webhook-id may
// come twice.
//
// # Mounting
//
// API is an http.Handler for all these paths. Mount it where nothing redirects
// or cleans paths. With http.ServeMux that means each path with and without its
// slash; see the example. The package guards itself against pages of other
// origins and foreign host names.
package taskapi
