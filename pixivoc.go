package pixivoc

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
)

// Client is the kernel: a token, an environment and tasks. Make one with New.
// All methods are safe for concurrent use. After Shutdown they return
// ErrClosed.
type Client interface {
	// Login trades a grant for a token and keeps it. A login that fails leaves
	// the one before untouched.
	Login(ctx context.Context, grant Grant) (Account, error)

	// Logout forgets the token. Requests under way end with ErrNoToken. It
	// reports whether there was a token.
	Logout(ctx context.Context) (bool, error)

	// Account returns who is logged in, or ErrNoToken. It asks nobody.
	Account() (Account, error)

	// Env returns the environment in force.
	Env() Env

	// UpdateEnv changes the environment and saves it. A value out of bounds
	// gives a *FieldError and nothing changes.
	UpdateEnv(ctx context.Context, patch EnvPatch) (Env, error)

	// Types returns the task types, as configured.
	Types() []TaskType

	// Create makes a task; it does not start it. A wrong field gives a
	// *FieldError, an unknown type ErrTypeUnknown.
	Create(ctx context.Context, spec TaskSpec) (Task, error)

	// Task returns the task with that TID, or ErrTaskNotFound.
	Task(ctx context.Context, tid int64) (Task, error)

	// Tasks lists all tasks in rising order of TID, page by page.
	Tasks(ctx context.Context) iter.Seq2[TaskInfo, error]

	// Groups lists the task groups in rising order of ID.
	Groups(ctx context.Context) ([]Group, error)

	// Archived returns those of the keys that are in the archive of what was
	// ever saved; the others are not in the map.
	Archived(ctx context.Context, keys ...string) (map[string]bool, error)

	// Archive lists the entries of the archive whose key comes after the given
	// one, "" for all, in the order of their keys, page by page. What is added
	// meanwhile may be missing.
	Archive(ctx context.Context, after string) iter.Seq2[ArchiveEntry, error]

	// ImportArchive adds entries to the archive, so that what somebody has
	// already is not fetched again. It stops at the first error of the list and
	// at a key that is empty or longer than MaxArchiveKey, which gives a
	// *FieldError; what came before stays. Importing a list again changes
	// nothing. The list may have any length.
	ImportArchive(ctx context.Context, entries iter.Seq2[ArchiveEntry, error]) (ArchiveImport, error)

	// Events yields a snapshot, then every change, until ctx is cancelled or
	// the client is shut down. The kernel never waits for the reader; see
	// EventLost.
	Events(ctx context.Context) iter.Seq[Event]

	// Do sends a request of your own: paced, with the site's token when it
	// goes to one of Site.Hosts, over the road of the environment. Methods that
	// may be sent twice (GET, PUT, ...) are repeated after passing faults. An
	// answer that is not a success, or has more than 16 MiB, becomes an error.
	// The caller closes the body.
	Do(request *http.Request) (*http.Response, error)

	// Shutdown stops all tasks, keeps what is on disk for the next start, and
	// waits until nothing runs. When ctx ends first it returns an error that
	// names the stages that still run. The store stays open.
	Shutdown(ctx context.Context) error
}

// Config makes a Client. Store is required; every other zero value is sane.
type Config struct {
	// Store keeps tasks, settings and the token. The client does not close it.
	Store Store
	// Site is the site to log in to.
	Site Site
	// Types are the task types that can be created.
	Types []TaskType
	// Env changes the stored environment for this client without saving it,
	// as flags of a command line do.
	Env EnvPatch
	// Transport overrides parts of the road: resolver, certificates, idle
	// connections. Its Mode, Proxy and Hosts come from Env; Env's Timeout is kept
	// by the client, so Timeout here should stay 0.
	Transport TransportConfig
	// HTTP, when set, takes the place of the Transport and of its modes, for
	// tests and for embedders with a road of their own.
	HTTP http.RoundTripper
	// MaxRunning is how many tasks run at a time; 0 means 3. A task that waits
	// for a login or for room on the disk does not count, up to 16 of them.
	MaxRunning int
	// MaxIdleRounds is after how many rounds without any progress a task ends
	// in StateError; 0 means 20, which with the pauses between rounds is a
	// quarter of an hour.
	MaxIdleRounds int
	// AutoStart starts the tasks again that were queued or running when the
	// last process ended, and obeys the schedules of tasks. Otherwise the former
	// are StateStopped, or StateScheduled when they have a schedule, and nothing
	// starts by itself.
	AutoStart bool
	// NoSync gives up the guarantee that a finished file survives a power
	// cut; it still survives the death of the process. Open the store with
	// the same choice.
	NoSync bool
	// SHA256 puts a SHA-256 into the record of each file in place of CRC-32C.
	SHA256 bool
	// Logger gets, at level Info, what events and TaskInfo tell as well, and at
	// Warn and Error what they do not. Nil discards it. It never gets a secret.
	Logger *slog.Logger
}
