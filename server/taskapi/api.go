package taskapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/guard"
	"github.com/pixivoc/pixivoc/internal/webhook"
)

// API is the handler. Make one with New. It is safe for concurrent use.
type API struct {
	client  pixivoc.Client
	config  Config
	log     *slog.Logger
	handler http.Handler
	// sender is nil when there are no webhooks.
	sender *webhook.Sender
	view   *view
	chores *chores
	// adding lets one request at a time make a task, so that neither the
	// bound on tasks nor the rule of one running task for an Aid and type can
	// be run around. editing does the same for what is kept of a task.
	adding, editing turn
	// removals are those of the store. Whoever has the turn to edit owns them.
	removals removals
	// intended is the key of the task that was last about to be made.
	intended atomic.Pointer[string]

	cancel context.CancelFunc
	work   sync.WaitGroup
}

// New makes an API for client. A wrong Config gives a *pixivoc.FieldError; other
// errors are those of Settings. Close ends it.
func New(client pixivoc.Client, config Config) (*API, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &API{
		client: client, config: config, log: config.Logger, cancel: cancel,
		view: newView(), chores: newChores(), adding: newTurn(), editing: newTurn(),
	}
	if a.sender, err = config.openWebhooks(ctx); err != nil {
		cancel()
		return nil, err
	}
	a.handler = guard.New(guard.Config{
		Hosts: config.Hosts, Origins: config.Origins, Changes: changes,
	}).Wrap(http.HandlerFunc(a.dispatch))
	a.work.Go(func() { a.follow(ctx) })
	a.work.Go(func() { a.doChores(ctx) })
	return a, nil
}

// ServeHTTP serves the paths of the package comment, and answers all others
// with 404.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// WebhookSecret returns the secret that signs webhooks, "" when there are none.
// Receivers need it to tell a message from a forged one.
func (a *API) WebhookSecret() string {
	if a.sender == nil {
		return ""
	}
	return a.sender.Secret()
}

// Close ends what the API runs by itself, webhooks among it, and waits for
// that. Webhooks that were not delivered are sent by the next API on the same
// Settings. The client stays open. Closing twice does no harm.
func (a *API) Close() error {
	a.cancel()
	a.work.Wait()
	if a.sender == nil {
		return nil
	}
	return a.sender.Close()
}

// turn lets one goroutine at a time do something that may take a while.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) (release func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
