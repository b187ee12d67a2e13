package socketapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc"
)

// Hello tells what the server is and what this connection may do.
func (c *Conn) Hello(ctx context.Context) (g Greeting, err error) {
	err = c.invoke(ctx, CommandHello, nil, &g, isRepeatable)
	return g, err
}

// chunkSize is how much of a list goes into one frame. Escaped as JSON a byte
// may become six; the rest of a request has less than 512 bytes.
func chunkSize(maxFrame int) int { return min(8<<10, (maxFrame-512)/6) }

// Create makes a task, as pixivoc.Client.Create does. spec.SavePath is a folder
// of the server's machine; it may be empty where the server has save roots.
// After an error that is ErrDisconnected the task may have been made; give a
// spec.Key to be able to try again.
func (c *Conn) Create(ctx context.Context, spec pixivoc.TaskSpec) (info pixivoc.TaskInfo, err error) {
	if spec.Input != nil {
		if err := c.sendInput(ctx, spec.Input); err != nil {
			return info, err
		}
	}
	again := onceOnly
	if spec.Key != "" && spec.Input == nil {
		again = isRepeatable
	}
	err = c.invoke(ctx, CommandCreate, createArguments{
		Type: spec.Type, Name: spec.Name, Keyword: spec.Keyword, SavePath: spec.SavePath,
		Group: spec.Group, Options: spec.Options, Key: spec.Key, Input: spec.Input != nil,
		Schedule: spec.Schedule, BandwidthLimit: spec.BandwidthLimit,
	}, &info, again)
	return info, err
}

// sendInput sends a list piece by piece. The server keeps it with the
// connection, so it is lost when that is.
func (c *Conn) sendInput(ctx context.Context, input io.Reader) error {
	hello, err := c.Hello(ctx)
	if err != nil {
		return err
	}
	reader := bufio.NewReader(input)
	for first := true; ; first = false {
		text, err := readChunk(reader, chunkSize(hello.MaxFrame))
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read list: %w", err)
		}
		if err := c.invoke(ctx, CommandInput, inputArguments{Text: text, Reset: first}, nil, onceOnly); err != nil {
			return err
		}
	}
}

// readChunk reads what fits into a frame and ends with a whole character.
func readChunk(reader *bufio.Reader, size int) (string, error) {
	text := make([]byte, 0, size)
	for len(text)+utf8.UTFMax <= size {
		r, width, err := reader.ReadRune()
		switch {
		case err != nil && len(text) > 0 && errors.Is(err, io.EOF):
			return string(text), nil
		case err != nil:
			return "", err
		case r == utf8.RuneError && width == 1:
			return "", &pixivoc.FieldError{Field: "Input", Reason: "is not UTF-8"}
		}
		text = utf8.AppendRune(text, r)
	}
	return string(text), nil
}

// Task returns a task as it stands, or an error that is
// pixivoc.ErrTaskNotFound.
func (c *Conn) Task(ctx context.Context, tid int64) (info pixivoc.TaskInfo, err error) {
	err = c.invoke(ctx, CommandTask, taskArguments{tid}, &info, isRepeatable)
	return info, err
}

// Tasks returns all tasks in rising order of TID.
func (c *Conn) Tasks(ctx context.Context) ([]pixivoc.TaskInfo, error) {
	var list taskList
	err := c.invoke(ctx, CommandTasks, nil, &list, isRepeatable)
	return list.Tasks, err
}

// Start starts a task, as pixivoc.Task.Start does.
func (c *Conn) Start(ctx context.Context, tid int64) error {
	return c.invoke(ctx, CommandStart, taskArguments{tid}, nil, isRepeatable)
}

// Reopen opens a task again, as pixivoc.Task.Reopen does. It is not repeated
// when the connection is lost: the task may be over by then.
func (c *Conn) Reopen(ctx context.Context, tid int64) error {
	return c.invoke(ctx, CommandReopen, taskArguments{tid}, nil, onceOnly)
}

// Stop stops a task, as pixivoc.Task.Stop does.
func (c *Conn) Stop(ctx context.Context, tid int64) error {
	return c.invoke(ctx, CommandStop, taskArguments{tid}, nil, isRepeatable)
}

// Delete deletes a task, as pixivoc.Task.Delete does.
func (c *Conn) Delete(ctx context.Context, tid int64, options pixivoc.DeleteOptions) error {
	return c.invoke(ctx, CommandDelete, deleteArguments{tid, options.Files}, nil, onceOnly)
}

// SetSchedule changes the schedule of a task, as pixivoc.Task.SetSchedule does.
func (c *Conn) SetSchedule(ctx context.Context, tid int64, schedule string) error {
	return c.invoke(ctx, CommandChange, changeArguments{TID: tid, Schedule: &schedule}, nil, isRepeatable)
}

// SetBandwidthLimit changes the limit of a task, as
// pixivoc.Task.SetBandwidthLimit does.
func (c *Conn) SetBandwidthLimit(ctx context.Context, tid int64, limit int64) error {
	return c.invoke(ctx, CommandChange, changeArguments{TID: tid, BandwidthLimit: &limit}, nil, isRepeatable)
}

// Items lists the items of a task, page by page. query.Task and query.Limit
// are ignored.
func (c *Conn) Items(ctx context.Context, tid int64, query pixivoc.ItemQuery) iter.Seq2[pixivoc.ItemStatus, error] {
	in := itemsArguments{TID: tid, Stage: query.Stage, State: query.State, After: query.After, Limit: maxPage}
	return allPages(func() (p page[pixivoc.ItemStatus], err error) {
		err = c.invoke(ctx, CommandItems, in, &p, isRepeatable)
		if len(p.List) > 0 {
			in.After = p.List[len(p.List)-1].ID
		}
		return p, err
	})
}

// Records lists what a task found, page by page. query.Task and query.Limit
// are ignored.
func (c *Conn) Records(ctx context.Context, tid int64, query pixivoc.RecordQuery) iter.Seq2[pixivoc.Record, error] {
	in := recordsArguments{TID: tid, Kind: query.Kind, After: query.After, Through: query.Through, Limit: maxPage}
	return allPages(func() (p page[pixivoc.Record], err error) {
		err = c.invoke(ctx, CommandRecords, in, &p, isRepeatable)
		if len(p.List) > 0 {
			in.After = p.List[len(p.List)-1].Seq
		}
		return p, err
	})
}

// CountRecords returns how many records Records would list. query.Task and
// query.Limit are ignored.
func (c *Conn) CountRecords(ctx context.Context, tid int64, query pixivoc.RecordQuery) (int, error) {
	var counted recordCount
	in := recordsArguments{TID: tid, Kind: query.Kind, After: query.After, Through: query.Through}
	err := c.invoke(ctx, CommandCountRecords, in, &counted, isRepeatable)
	return counted.Count, err
}

func allPages[T any](next func() (page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			p, err := next()
			for _, entry := range p.List {
				if !yield(entry, nil) {
					return
				}
			}
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if !p.More {
				return
			}
		}
	}
}

// Types returns the task types that can be created.
func (c *Conn) Types(ctx context.Context) (list []TaskType, err error) {
	err = c.invoke(ctx, CommandTypes, nil, &list, isRepeatable)
	return list, err
}

// Groups returns the task groups in rising order of ID.
func (c *Conn) Groups(ctx context.Context) (list []pixivoc.Group, err error) {
	err = c.invoke(ctx, CommandGroups, nil, &list, isRepeatable)
	return list, err
}

// Account returns who is logged in, or an error that is pixivoc.ErrNoToken.
func (c *Conn) Account(ctx context.Context) (account pixivoc.Account, err error) {
	err = c.invoke(ctx, CommandAccount, nil, &account, isRepeatable)
	return account, err
}

// LoginGrant logs in with a grant of any kind and waits for the outcome. When
// ctx ends first the login goes on.
func (c *Conn) LoginGrant(ctx context.Context, grant pixivoc.Grant) (pixivoc.Account, error) {
	l := c.listen()
	defer c.unlisten(l)
	in := loginArguments{RefreshToken: grant.RefreshToken()}
	in.Code, in.Verifier = grant.Code()
	in.Username, in.Password = grant.Password()
	var begun loginAttempt
	if err := c.invoke(ctx, CommandLoginGrant, in, &begun, onceOnly); err != nil {
		return pixivoc.Account{}, err
	}
	for {
		report, ok := l.next(ctx)
		switch {
		case !ok && ctx.Err() != nil:
			return pixivoc.Account{}, fmt.Errorf("wait for the login: %w", ctx.Err())
		case !ok:
			return pixivoc.Account{}, pixivoc.ErrClosed
		case report.Kind == ReportConnected, report.Kind == ReportLost:
			return pixivoc.Account{}, fmt.Errorf("login: %w", ErrDisconnected)
		case report.Kind != reportLogin || report.login.Attempt != begun.Attempt:
		case report.login.OK && report.login.Account != nil:
			return *report.login.Account, nil
		case report.login.Error != nil:
			return pixivoc.Account{}, report.login.Error
		default:
			return pixivoc.Account{}, fmt.Errorf("login: %w", ErrRefused)
		}
	}
}

// Env returns the environment in force, without the password of the proxy.
func (c *Conn) Env(ctx context.Context) (pixivoc.Env, error) {
	var s Settings
	err := c.invoke(ctx, CommandEnv, nil, &s, isRepeatable)
	return s.env(), err
}

// UpdateEnv changes the environment, as pixivoc.Client.UpdateEnv does.
// Durations are sent in milliseconds.
func (c *Conn) UpdateEnv(ctx context.Context, patch pixivoc.EnvPatch) (pixivoc.Env, error) {
	in := SettingsPatch{
		ProxyMode: patch.ProxyMode, Proxy: patch.Proxy, Hosts: patch.Hosts,
		ConcurrencyNumber: patch.ConcurrencyNumber, Increment: patch.Increment,
		BandwidthLimit: patch.BandwidthLimit, DailyCap: patch.DailyCap, QuietHours: patch.QuietHours,
	}
	if patch.Timeout != nil {
		in.TimeoutMS = new(patch.Timeout.Milliseconds())
	}
	if patch.IntervalTime != nil {
		in.IntervalTimeMS = new(patch.IntervalTime.Milliseconds())
	}
	var s Settings
	err := c.invoke(ctx, CommandUpdateEnv, in, &s, isRepeatable)
	return s.env(), err
}

func (s Settings) env() pixivoc.Env {
	return pixivoc.Env{
		ProxyMode: s.ProxyMode, Proxy: s.Proxy, Hosts: s.Hosts,
		Timeout:           time.Duration(s.TimeoutMS) * time.Millisecond,
		ConcurrencyNumber: s.ConcurrencyNumber,
		IntervalTime:      time.Duration(s.IntervalTimeMS) * time.Millisecond,
		Increment:         s.Increment,
		BandwidthLimit:    s.BandwidthLimit,
		DailyCap:          s.DailyCap,
		QuietHours:        s.QuietHours,
	}
}
