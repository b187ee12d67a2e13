package pixivoc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/pixivoc/pixivoc/internal/breaker"
	"github.com/pixivoc/pixivoc/internal/fetch"
	"github.com/pixivoc/pixivoc/internal/schedule"
)

const (
	defaultMaxRunning    = 3
	defaultMaxIdleRounds = 20
)

// client is the Client that New returns.
type client struct {
	config Config
	types  map[string]*TaskType // by name and by alias
	log    *slog.Logger
	owner  string // names this client on claims

	env     *envKeeper
	road    *Transport // nil when Config.HTTP takes its place
	http    http.RoundTripper
	files   *http.Client // for the fetcher, which bounds and repeats by itself
	tokens  *TokenManager
	token   signal // raised when the token changed
	flights flights
	pace    Interval
	// governor keeps quiet hours and the cap of the day.
	governor *governor
	bytes    *rate.Limiter // of files, over all tasks
	slots    gate          // for items of concurrent stages
	hosts    *breaker.Breaker
	outages  outages
	fetcher  *fetch.Fetcher
	// trouble keeps all requests back that would go to the site.
	trouble  atomic.Pointer[AccountError]
	troubled signal // raised when it came
	events   *eventHub

	locks    taskLocks[int64]
	makers   taskLocks[string] // of Create, by TaskSpec.Key
	pins     taskLocks[string] // of Runtime.Pin, by name
	queue    *taskQueue
	agenda   *schedule.Agenda // of tasks that their schedule opens again
	planning sync.WaitGroup   // its goroutine
	stopPlan context.CancelFunc
	closed   atomic.Bool
	shutdown sync.Once
}

// New makes a Client and loads its environment and token from the store. With
// Config.AutoStart it starts the tasks that ran when the last process ended.
// A wrong Config gives a *FieldError.
func New(config Config) (Client, error) {
	c, err := newClient(config)
	if err != nil {
		return nil, err
	}
	if err := c.open(context.Background()); err != nil {
		return nil, errors.Join(err, c.Shutdown(context.Background()))
	}
	return c, nil
}

func newClient(config Config) (*client, error) {
	if config.Store == nil {
		return nil, &FieldError{"Store", "is required: use sqlite.Open for a durable one or memory.New for a passing one"}
	}
	types, err := typesByName(config.Types)
	if err != nil {
		return nil, err
	}
	if config.MaxRunning < 0 || config.MaxIdleRounds < 0 {
		return nil, &FieldError{"MaxRunning", "must not be negative, nor may MaxIdleRounds"}
	}
	if config.MaxRunning == 0 {
		config.MaxRunning = defaultMaxRunning
	}
	if config.MaxIdleRounds == 0 {
		config.MaxIdleRounds = defaultMaxIdleRounds
	}
	c := &client{config: config, types: types, log: config.Logger, events: newEventHub(), hosts: breaker.New(breaker.Config{})}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.owner = fmt.Sprintf("%d-%s", os.Getpid(), rand.Text())
	c.queue = &taskQueue{max: config.MaxRunning, run: c.runTask, jobs: map[int64]*job{}}
	c.bytes = newBandwidth(0)
	c.governor = &governor{store: config.Store, now: time.Now, tell: c.tellLimit}
	c.agenda = schedule.NewAgenda(time.Now, c.runDue, c.moveRun)
	c.fetcher = fetch.New(fetch.Options{})
	if c.config.Transport.Logger == nil {
		c.config.Transport.Logger = c.log
	}
	if c.http = config.HTTP; c.http == nil {
		if c.road, err = NewTransport(c.config.Transport); err != nil {
			return nil, err
		}
		c.http = c.road
	}
	c.files = &http.Client{Transport: c.http, CheckRedirect: c.checkRedirect}
	return c, nil
}

func typesByName(types []TaskType) (map[string]*TaskType, error) {
	named := map[string]*TaskType{}
	for i := range types {
		kind := &types[i]
		if err := kind.check(); err != nil {
			return nil, err
		}
		for _, name := range append([]string{kind.Name}, kind.Aliases...) {
			if _, taken := named[name]; taken || name == "" {
				return nil, &FieldError{"Types", fmt.Sprintf("the name %q is empty or taken", name)}
			}
			named[name] = kind
		}
	}
	return named, nil
}

// check refuses a task type that could not run.
func (t *TaskType) check() error {
	if len(t.Stages) == 0 || t.First == nil {
		return &FieldError{"Types", fmt.Sprintf("task type %q needs First and at least one stage", t.Name)}
	}
	for i, spec := range t.Stages {
		switch {
		case spec.Stage == nil:
			return &FieldError{"Types", fmt.Sprintf("stage %d of task type %q is missing", i+1, t.Name)}
		case spec.Stage.Name() == "", spec.Stage.Name() == StageOver, t.stageIndex(spec.Stage.Name()) != i:
			return &FieldError{"Types", fmt.Sprintf("the name %q of stage %d of task type %q is empty or taken", spec.Stage.Name(), i+1, t.Name)}
		}
	}
	return nil
}

// open loads what the store keeps.
func (c *client) open(ctx context.Context) (err error) {
	c.env, err = newEnvKeeper(ctx, c.config.Store, c.config.Env, c.applyEnv)
	if err != nil {
		return err
	}
	if err := c.governor.load(ctx); err != nil {
		return err
	}
	if c.config.Site.Exchange != nil {
		if c.tokens, err = c.newTokens(ctx); err != nil {
			return err
		}
	}
	for stored, err := range c.storedTasks(ctx) {
		if err != nil {
			return err
		}
		if err := c.takeUp(ctx, stored); err != nil {
			return err
		}
	}
	if c.config.AutoStart {
		ctx, c.stopPlan = context.WithCancel(ctx)
		c.planning.Go(func() { c.agenda.Run(ctx) })
	}
	return nil
}

// takeUp gives a task that was at work when the last process ended its state.
func (c *client) takeUp(ctx context.Context, stored StoredTask) error {
	_, known := c.types[stored.Type]
	if stored.State != StateQueued {
		if known {
			c.plan(stored)
		}
		return nil
	}
	if known && c.config.AutoStart {
		return c.queue.add(newJob(stored))
	}
	change := TaskChange{State: new(StateStopped)}
	if stored.Schedule != "" { // somebody who obeys schedules makes up for the run that was cut off
		change = TaskChange{State: new(StateScheduled), NextRun: new(time.Now())}
	}
	if err := c.config.Store.UpdateTask(ctx, stored.TID, change); err != nil {
		return fmt.Errorf("open task %d: %w", stored.TID, err)
	}
	return nil
}

func (c *client) applyEnv(env Env) error {
	c.pace.SetInterval(env.IntervalTime)
	c.slots.Resize(env.ConcurrencyNumber)
	setBandwidth(c.bytes, env.BandwidthLimit)
	if err := c.governor.configure(env); err != nil {
		return err
	}
	if c.road == nil {
		return nil
	}
	c.endOutages() // what could not be reached on the old road may be near on the new
	road := c.config.Transport
	road.Mode, road.Proxy, road.Hosts = env.ProxyMode, env.Proxy, env.Hosts
	return c.road.Configure(road)
}

func (c *client) newTokens(ctx context.Context) (*TokenManager, error) {
	tokens, err := NewTokenManager(TokenConfig{
		Store:  c.config.Store,
		Logger: c.log,
		Exchange: func(ctx context.Context, grant Grant) (Token, error) {
			return c.config.Site.Exchange(ctx, c.plainHTTP(), grant)
		},
		Changed: func(account Account, err error) {
			event := Event{Kind: EventToken, TokenOK: err == nil && account != Account{}}
			if event.TokenOK {
				event.Account = &account
			}
			c.events.publish(event)
			c.token.raise()
		},
	})
	if err != nil {
		return nil, err
	}
	return tokens, tokens.Load(ctx)
}

func (c *client) isClosed() bool { return c.closed.Load() }

func (c *client) Login(ctx context.Context, grant Grant) (Account, error) {
	switch {
	case c.isClosed():
		return Account{}, ErrClosed
	case c.tokens == nil:
		return Account{}, fmt.Errorf("login: Config.Site has no login: %w", ErrState)
	}
	account, err := c.tokens.Login(ctx, grant)
	if err == nil {
		c.endTrouble()
	}
	return account, err
}

func (c *client) Logout(ctx context.Context) (bool, error) {
	switch {
	case c.isClosed():
		return false, ErrClosed
	case c.tokens == nil:
		return false, nil
	}
	had, err := c.tokens.Logout(ctx)
	if err == nil {
		c.endTrouble()
		c.flights.end(ErrNoToken)
	}
	return had, err
}

func (c *client) Account() (Account, error) {
	switch {
	case c.isClosed():
		return Account{}, ErrClosed
	case c.tokens == nil:
		return Account{}, ErrNoToken
	}
	return c.tokens.Account()
}

func (c *client) Env() Env { return c.env.env() }

func (c *client) UpdateEnv(ctx context.Context, patch EnvPatch) (Env, error) {
	if c.isClosed() {
		return Env{}, ErrClosed
	}
	env, err := c.env.update(ctx, patch)
	if err == nil {
		c.events.publish(Event{Kind: EventEnv, Env: &env})
	}
	return env, err
}

func (c *client) Types() []TaskType { return slices.Clone(c.config.Types) }

func (c *client) taskType(name string) (*TaskType, error) {
	if kind, ok := c.types[name]; ok {
		return kind, nil
	}
	return nil, fmt.Errorf("%w %q", ErrTypeUnknown, name)
}

func (c *client) Task(ctx context.Context, tid int64) (Task, error) {
	if c.isClosed() {
		return nil, ErrClosed
	}
	if _, err := c.loadTask(ctx, tid); err != nil {
		return nil, err
	}
	return task{c, tid}, nil
}

func (c *client) loadTask(ctx context.Context, tid int64) (StoredTask, error) {
	stored, err := c.config.Store.LoadTask(ctx, tid)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return stored, fmt.Errorf("task %d: %w", tid, ErrTaskNotFound)
	case err != nil:
		return stored, fmt.Errorf("load task %d: %w", tid, err)
	}
	return stored, nil
}

// storedTasks lists what the store has.
func (c *client) storedTasks(ctx context.Context) iter.Seq2[StoredTask, error] {
	var after int64
	return pages(func() ([]StoredTask, error) {
		page, err := c.config.Store.ListTasks(ctx, after, pageSize)
		if len(page) > 0 {
			after = page[len(page)-1].TID
		}
		return page, err
	})
}

func (c *client) Tasks(ctx context.Context) iter.Seq2[TaskInfo, error] {
	return func(yield func(TaskInfo, error) bool) {
		if c.isClosed() {
			yield(TaskInfo{}, ErrClosed)
			return
		}
		for stored, err := range c.storedTasks(ctx) {
			var info TaskInfo
			if err == nil {
				info, err = c.describe(ctx, stored)
			}
			if errors.Is(err, ErrTaskNotFound) {
				continue // deleted since the page was read
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// describe adds to a stored task what is known of its run.
func (c *client) describe(ctx context.Context, stored StoredTask) (TaskInfo, error) {
	j, position := c.queue.find(stored.TID)
	if j != nil {
		if info, known := j.live.info(); known {
			return c.withLimit(info), nil
		}
	}
	counts, err := c.config.Store.CountItems(ctx, stored.TID)
	if err != nil {
		return TaskInfo{}, fmt.Errorf("count items of task %d: %w", stored.TID, notFound(err))
	}
	info := infoOf(stored, counts)
	info.QueuePosition = position
	switch {
	case j != nil: // the state is that of the run; it has not counted yet
		live, _ := j.live.info()
		info.State, info.Running, info.Error = live.State, live.Running, live.Error
	case info.State == StateQueued:
		info.State = StateStopped // its end could not be written
	}
	return info, nil
}

func (c *client) taskInfo(ctx context.Context, tid int64) (TaskInfo, error) {
	stored, err := c.loadTask(ctx, tid)
	if err != nil {
		return TaskInfo{}, err
	}
	return c.describe(ctx, stored)
}

func (c *client) Groups(ctx context.Context) ([]Group, error) {
	if c.isClosed() {
		return nil, ErrClosed
	}
	return c.config.Store.ListGroups(ctx)
}

func (c *client) Events(ctx context.Context) iter.Seq[Event] {
	return c.events.subscribe(ctx, func() Event {
		env := c.Env()
		event := Event{Kind: EventSnapshot, Env: &env}
		if account, err := c.Account(); err == nil {
			event.TokenOK, event.Account = true, &account
		}
		for info, err := range c.Tasks(ctx) {
			if err != nil {
				if ctx.Err() == nil && !c.isClosed() {
					c.log.Error("list tasks for a snapshot of events", "error", err)
				}
				break
			}
			event.Tasks = append(event.Tasks, info)
		}
		return event
	})
}

// publishTask tells how a task stands. An error means that the task or the
// store is gone, and then there is nothing to tell.
func (c *client) publishTask(ctx context.Context, kind EventKind, tid int64) {
	if info, err := c.taskInfo(ctx, tid); err == nil {
		c.events.publish(Event{Kind: kind, Task: info})
	}
}

func (c *client) Shutdown(ctx context.Context) error {
	c.closed.Store(true)
	c.flights.close(ErrClosed)
	if c.stopPlan != nil {
		c.stopPlan()
		c.planning.Wait()
	}
	if err := c.queue.close(ctx); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	landed := make(chan struct{})
	go func() { // ends with the last request, which Shutdown may have to leave behind
		defer close(landed)
		c.flights.wait()
		if c.tokens != nil {
			c.tokens.Close()
		}
	}()
	select {
	case <-landed:
	case <-ctx.Done():
		return fmt.Errorf("shutdown: requests are still under way: %w", ctx.Err())
	}
	var err error
	c.shutdown.Do(func() {
		err = c.governor.close(context.WithoutCancel(ctx))
		c.events.close()
		if c.road != nil {
			c.road.CloseIdleConnections()
		}
	})
	if err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	return nil
}
