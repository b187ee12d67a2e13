package socketapi

import (
	"context"
	"encoding/json"
	"fmt"
)

// TaskDetails are the nine attributes of a task in PixivOC's protocol, where
// they are a list in this order.
type TaskDetails struct {
	Over      bool
	TID       int64
	TaskName  string
	TypeName  string
	StageName string
	Running   bool
	Now       int
	Total     int
	SavePath  string
}

// UnmarshalJSON reads the list.
func (d *TaskDetails) UnmarshalJSON(text []byte) error {
	return unmarshalList(text, &d.Over, &d.TID, &d.TaskName, &d.TypeName, &d.StageName, &d.Running, &d.Now, &d.Total, &d.SavePath)
}

// Environment is what command 9 tells.
type Environment struct {
	Status            string // "Direct", "Proxy" or "IP"
	Address           string // of the proxy
	Timeout           int    // seconds
	ConcurrencyNumber int
	IntervalTime      int // seconds
}

// UnmarshalJSON reads the list.
func (e *Environment) UnmarshalJSON(text []byte) error {
	return unmarshalList(text, &e.Status, &e.Address, &e.Timeout, &e.ConcurrencyNumber, &e.IntervalTime)
}

func unmarshalList(text []byte, places ...any) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	if len(list) != len(places) {
		return fmt.Errorf("list of %d in place of %d", len(list), len(places))
	}
	for i, place := range places {
		if err := json.Unmarshal(list[i], place); err != nil {
			return err
		}
	}
	return nil
}

// boolean sends one of PixivOC's commands whose reply is true or false.
func (c *Conn) boolean(ctx context.Context, r wireRequest, again repetition) (ok bool, err error) {
	err = c.simple(ctx, r, &ok, again)
	return ok, err
}

// Exit asks the server to end. It may not reply, when Exit is not allowed;
// bound ctx.
func (c *Conn) Exit(ctx context.Context) error {
	ok, err := c.boolean(ctx, c.request(CommandExit), onceOnly)
	if err == nil && !ok {
		err = fmt.Errorf("exit: %w", ErrRefused)
	}
	return err
}

// Login begins a login and reports whether it was begun. The outcome is a
// ReportToken. LoginGrant is the better way where the server knows it.
func (c *Conn) Login(ctx context.Context, account, password string) (begun bool, err error) {
	r := c.request(CommandLogin)
	r.Account, r.Password = account, password
	return c.boolean(ctx, r, onceOnly)
}

// Logout forgets the token and reports whether there was one.
func (c *Conn) Logout(ctx context.Context) (bool, error) {
	return c.boolean(ctx, c.request(CommandLogout), onceOnly)
}

// IsLogin reports whether a token is held.
func (c *Conn) IsLogin(ctx context.Context) (bool, error) {
	return c.boolean(ctx, c.request(CommandIsLogin), isRepeatable)
}

// SetProxyMode sets the road: 0 direct, 1 through the HTTP proxy at
// "http://d.d.d.d:port", 2 to known addresses. It is false when refused.
func (c *Conn) SetProxyMode(ctx context.Context, mode int, proxy string) (bool, error) {
	r := c.request(CommandSetProxyMode)
	r.ProxyMode, r.Proxy = mode, proxy
	return c.boolean(ctx, r, isRepeatable)
}

// SetTimeout sets the time-out in seconds. It is false when refused.
func (c *Conn) SetTimeout(ctx context.Context, seconds int) (bool, error) {
	r := c.request(CommandSetTimeout)
	r.Timeout = seconds
	return c.boolean(ctx, r, isRepeatable)
}

// SetConcurrencyNumber sets how many downloads run at a time. It is false when
// refused.
func (c *Conn) SetConcurrencyNumber(ctx context.Context, n int) (bool, error) {
	r := c.request(CommandSetConcurrencyNumber)
	r.ConcurrencyNumber = n
	return c.boolean(ctx, r, isRepeatable)
}

// SetIntervalTime sets the least time between two requests in seconds. It is
// false when refused.
func (c *Conn) SetIntervalTime(ctx context.Context, seconds int) (bool, error) {
	r := c.request(CommandSetIntervalTime)
	r.IntervalTime = seconds
	return c.boolean(ctx, r, isRepeatable)
}

// SetIncrement sets whether time-outs grow from round to round.
func (c *Conn) SetIncrement(ctx context.Context, on bool) (bool, error) {
	r := c.request(CommandSetIncrement)
	r.Increment = on
	return c.boolean(ctx, r, isRepeatable)
}

// Environment returns what PixivOC tells of the environment. Env tells all.
func (c *Conn) Environment(ctx context.Context) (e Environment, err error) {
	err = c.simple(ctx, c.request(CommandGetEnvironment), &e, isRepeatable)
	return e, err
}

// StartTask starts a task and reports whether there is one with that TID.
// Without a login it is an error that is pixivoc.ErrNoToken; so with StopTask,
// DeleteTask and AddTask.
func (c *Conn) StartTask(ctx context.Context, tid int64) (bool, error) {
	r := c.request(CommandStartTask)
	r.TID = tid
	return c.boolean(ctx, r, isRepeatable)
}

// StopTask stops a task and reports whether there is one with that TID.
func (c *Conn) StopTask(ctx context.Context, tid int64) (bool, error) {
	r := c.request(CommandStopTask)
	r.TID = tid
	return c.boolean(ctx, r, isRepeatable)
}

// DeleteTask deletes a task, but not its files, and reports whether there was
// one with that TID.
func (c *Conn) DeleteTask(ctx context.Context, tid int64) (bool, error) {
	r := c.request(CommandDeleteTask)
	r.TID = tid
	return c.boolean(ctx, r, onceOnly)
}

// TaskDetails returns the attributes of a task; found is false when there is
// none with that TID.
func (c *Conn) TaskDetails(ctx context.Context, tid int64) (d TaskDetails, found bool, err error) {
	r := c.request(CommandTaskDetails)
	r.TID = tid
	var list []json.RawMessage
	if err := c.simple(ctx, r, &list, isRepeatable); err != nil || len(list) == 0 {
		return TaskDetails{}, false, err
	}
	return d, true, remarshal(list, &d)
}

// AllTaskDetails returns the attributes of all tasks.
func (c *Conn) AllTaskDetails(ctx context.Context) (list []TaskDetails, err error) {
	err = c.simple(ctx, c.request(CommandAllTaskDetails), &list, isRepeatable)
	return list, err
}

// AddTask adds a task with one of the commands from CommandAddWorkDetailsTask
// to CommandAddUserWorksTask. The keyword is an ID in digits. A refused one is
// an error that is ErrRefused. Create says why, and takes any type.
func (c *Conn) AddTask(ctx context.Context, command Command, keyword, name, savePath string) (d TaskDetails, err error) {
	r := c.request(command)
	r.KeyWord, r.TaskName, r.SavePath = keyword, name, savePath
	var list []json.RawMessage
	if err := c.simple(ctx, r, &list, onceOnly); err != nil {
		return TaskDetails{}, err
	}
	if len(list) == 0 || string(list[0]) != "true" {
		return TaskDetails{}, fmt.Errorf("add task %q: %w", name, ErrRefused)
	}
	return d, remarshal(list[1:], &d)
}

func remarshal(list []json.RawMessage, to *TaskDetails) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}
