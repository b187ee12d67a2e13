package socketapi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Remote is the kernel of a server, seen through a Conn: programs written for
// a pixivoc.Client work with it. Make one with NewRemote.
//
// What cannot be done from afar gives an error that is pixivoc.ErrState: Do.
// Shutdown closes the Conn and leaves the server at work.
type Remote struct {
	conn *Conn

	mu    sync.Mutex
	env   pixivoc.Env // as last seen
	types []pixivoc.TaskType
}

var _ pixivoc.Client = (*Remote)(nil)

// NewRemote asks a server for its environment and task types and returns it as
// a pixivoc.Client. The Remote owns conn from then on.
func NewRemote(ctx context.Context, conn *Conn) (*Remote, error) {
	env, err := conn.Env(ctx)
	if err != nil {
		return nil, err
	}
	described, err := conn.Types(ctx)
	if err != nil {
		return nil, err
	}
	r := &Remote{conn: conn, env: env}
	for _, t := range described {
		kind := pixivoc.TaskType{Name: t.Name, Aliases: t.Aliases, Title: t.Title, Files: t.Files, First: firstAfar}
		for _, name := range t.Stages {
			kind.Stages = append(kind.Stages, pixivoc.StageSpec{Stage: pixivoc.NewStage(name, runAfar)})
		}
		r.types = append(r.types, kind)
	}
	return r, nil
}

// errAfar is what parts of a kernel give that are only at the server.
func errAfar(what string) error {
	return fmt.Errorf("%s works at the server only: %w", what, pixivoc.ErrState)
}

func firstAfar(context.Context, pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
	return func(yield func(pixivoc.Item, error) bool) { yield(pixivoc.Item{}, errAfar("a task type")) }
}

func runAfar(context.Context, pixivoc.Runtime, any) (pixivoc.Output, error) {
	return pixivoc.Output{}, errAfar("a stage")
}

// Login logs the server in; see Conn.LoginGrant.
func (r *Remote) Login(ctx context.Context, grant pixivoc.Grant) (pixivoc.Account, error) {
	return r.conn.LoginGrant(ctx, grant)
}

// Logout logs the server out.
func (r *Remote) Logout(ctx context.Context) (bool, error) { return r.conn.Logout(ctx) }

// askTimeout bounds questions that have no context.
const askTimeout = 10 * time.Second

// Account asks the server who is logged in, for 10 seconds at most.
func (r *Remote) Account() (pixivoc.Account, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	return r.conn.Account(ctx)
}

// Env asks the server for the environment, for 10 seconds at most. When there
// is no answer it is the one last seen. The password of the proxy is left out.
func (r *Remote) Env() pixivoc.Env {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	env, err := r.conn.Env(ctx)
	return r.keepEnv(env, err)
}

// keepEnv notes an environment, or returns the last one when there was none.
func (r *Remote) keepEnv(env pixivoc.Env, err error) pixivoc.Env {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.env = env
	}
	return r.env
}

// UpdateEnv changes the environment of the server.
func (r *Remote) UpdateEnv(ctx context.Context, patch pixivoc.EnvPatch) (pixivoc.Env, error) {
	env, err := r.conn.UpdateEnv(ctx, patch)
	if err != nil {
		return pixivoc.Env{}, err
	}
	return r.keepEnv(env, nil), nil
}

// Types returns the task types of the server by name, title and stages. They
// cannot be run here.
func (r *Remote) Types() []pixivoc.TaskType {
	return append([]pixivoc.TaskType(nil), r.types...)
}

// Create makes a task at the server; see Conn.Create.
func (r *Remote) Create(ctx context.Context, spec pixivoc.TaskSpec) (pixivoc.Task, error) {
	info, err := r.conn.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	return remoteTask{r.conn, info.TID}, nil
}

// Task returns the task with that TID, or an error that is
// pixivoc.ErrTaskNotFound.
func (r *Remote) Task(ctx context.Context, tid int64) (pixivoc.Task, error) {
	if _, err := r.conn.Task(ctx, tid); err != nil {
		return nil, err
	}
	return remoteTask{r.conn, tid}, nil
}

// Tasks lists all tasks in rising order of TID.
func (r *Remote) Tasks(ctx context.Context) iter.Seq2[pixivoc.TaskInfo, error] {
	return func(yield func(pixivoc.TaskInfo, error) bool) {
		list, err := r.conn.Tasks(ctx)
		if err != nil {
			yield(pixivoc.TaskInfo{}, err)
			return
		}
		for _, info := range list {
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Groups lists the task groups in rising order of ID.
func (r *Remote) Groups(ctx context.Context) ([]pixivoc.Group, error) { return r.conn.Groups(ctx) }

// Archived returns those of the keys that are in the archive of the server.
func (r *Remote) Archived(ctx context.Context, keys ...string) (map[string]bool, error) {
	return r.conn.Archived(ctx, keys...)
}

// Archive lists the archive of the server in the order of its keys.
func (r *Remote) Archive(ctx context.Context, after string) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return r.conn.Archive(ctx, after)
}

// ImportArchive adds entries to the archive of the server.
func (r *Remote) ImportArchive(ctx context.Context, entries iter.Seq2[pixivoc.ArchiveEntry, error]) (pixivoc.ArchiveImport, error) {
	return r.conn.ImportArchive(ctx, entries)
}

// Do is not possible: requests are made by the server.
func (r *Remote) Do(*http.Request) (*http.Response, error) { return nil, errAfar("Do") }

// Shutdown closes the connection. The server and its tasks stay at work.
func (r *Remote) Shutdown(context.Context) error { return r.conn.Close() }

// Events yields a snapshot and then the changes, as pixivoc.Client.Events does,
// but for items that were done. When the connection was lost, or events came
// faster than they were read, there is an EventLost and a new snapshot.
func (r *Remote) Events(ctx context.Context) iter.Seq[pixivoc.Event] {
	return func(yield func(pixivoc.Event) bool) {
		release, err := r.conn.Subscribe(ctx, false)
		if err != nil {
			return
		}
		defer release()
		l := r.conn.listen()
		defer r.conn.unlisten(l)
		if !r.yieldSnapshot(ctx, l, yield) {
			return
		}
		for {
			report, ok := l.next(ctx)
			if !ok {
				return
			}
			switch report.Kind {
			case ReportEvent:
				if !yield(report.Event) {
					return
				}
			case ReportConnected, ReportLost:
				lost := pixivoc.Event{At: time.Now().UTC(), Kind: pixivoc.EventLost}
				if !yield(lost) || !r.yieldSnapshot(ctx, l, yield) {
					return
				}
			}
		}
	}
}

// yieldSnapshot yields how things stand. Events that came before that are
// forgotten. open is false when the reader wants no more or may have none.
func (r *Remote) yieldSnapshot(ctx context.Context, l *listener, yield func(pixivoc.Event) bool) (open bool) {
	var list taskList
	if err := r.conn.invokeThen(ctx, CommandTasks, nil, &list, isRepeatable, l.clear); err != nil {
		return false
	}
	env, err := r.conn.Env(ctx)
	if err != nil {
		return false
	}
	env = r.keepEnv(env, nil)
	event := pixivoc.Event{Seq: list.Seq, At: time.Now().UTC(), Kind: pixivoc.EventSnapshot, Tasks: list.Tasks, Env: &env}
	account, err := r.conn.Account(ctx)
	switch {
	case err == nil:
		event.TokenOK, event.Account = true, &account
	case !errors.Is(err, pixivoc.ErrNoToken):
		return false
	}
	return yield(event)
}

// remoteTask is a task at a server.
type remoteTask struct {
	conn *Conn
	tid  int64
}

var _ pixivoc.Task = remoteTask{}

func (t remoteTask) ID() int64 { return t.tid }

func (t remoteTask) Info(ctx context.Context) (pixivoc.TaskInfo, error) {
	return t.conn.Task(ctx, t.tid)
}

func (t remoteTask) Start(ctx context.Context) error { return t.conn.Start(ctx, t.tid) }

func (t remoteTask) Reopen(ctx context.Context) error { return t.conn.Reopen(ctx, t.tid) }

func (t remoteTask) Stop(ctx context.Context) error { return t.conn.Stop(ctx, t.tid) }

func (t remoteTask) Delete(ctx context.Context, options pixivoc.DeleteOptions) error {
	return t.conn.Delete(ctx, t.tid, options)
}

func (t remoteTask) SetSchedule(ctx context.Context, schedule string) error {
	return t.conn.SetSchedule(ctx, t.tid, schedule)
}

func (t remoteTask) SetBandwidthLimit(ctx context.Context, limit int64) error {
	return t.conn.SetBandwidthLimit(ctx, t.tid, limit)
}

// Wait looks at the task each time something is told of it.
func (t remoteTask) Wait(ctx context.Context) (pixivoc.TaskInfo, error) {
	l := t.conn.listen()
	defer t.conn.unlisten(l)
	release, err := t.conn.Subscribe(ctx, false)
	if err != nil {
		return pixivoc.TaskInfo{}, err
	}
	defer release()
	for {
		info, err := t.Info(ctx)
		if err != nil || hasEnded(info) {
			return info, err
		}
		for {
			report, ok := l.next(ctx)
			if !ok && ctx.Err() != nil {
				return pixivoc.TaskInfo{}, ctx.Err()
			}
			if !ok {
				return pixivoc.TaskInfo{}, pixivoc.ErrClosed
			}
			if report.TID == t.tid || report.Kind == ReportConnected || report.Kind == ReportLost {
				break
			}
		}
	}
}

// hasEnded says whether a task neither runs nor waits to run.
func hasEnded(info pixivoc.TaskInfo) bool {
	switch info.State {
	case pixivoc.StateWaitStart, pixivoc.StateStopped, pixivoc.StateScheduled, pixivoc.StateOver, pixivoc.StateError:
		return !info.Running
	}
	return false
}

func (t remoteTask) Items(ctx context.Context, query pixivoc.ItemQuery) iter.Seq2[pixivoc.ItemStatus, error] {
	return t.conn.Items(ctx, t.tid, query)
}

func (t remoteTask) Records(ctx context.Context, query pixivoc.RecordQuery) iter.Seq2[pixivoc.Record, error] {
	return t.conn.Records(ctx, t.tid, query)
}

func (t remoteTask) CountRecords(ctx context.Context, query pixivoc.RecordQuery) (int, error) {
	return t.conn.CountRecords(ctx, t.tid, query)
}
