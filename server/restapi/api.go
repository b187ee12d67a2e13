package restapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/guard"
)

// What a Config has where a number is 0.
const (
	DefaultSessionLife   = 12 * time.Hour
	DefaultTokenLife     = 30 * 24 * time.Hour
	DefaultMaxOpenTasks  = 1000
	DefaultMaxStreams    = 64
	DefaultHeartbeat     = 15 * time.Second
	DefaultStreamTimeout = 10 * time.Second
)

// MaxTokenLife is the longest life of a bearer token.
const MaxTokenLife = 366 * 24 * time.Hour

// Account is a caller of the interface, and Scope a thing that one may do:
// "read", "control", "export" or "admin", which includes the others.
type (
	Account = credential.Account
	Scope   = credential.Scope
)

// ErrWrong is what Accounts return for a wrong name, password or token.
var ErrWrong = credential.ErrWrong

// Accounts know who may call. All methods must be safe for concurrent use.
type Accounts interface {
	// Check returns the account of a name and password, or an error that is
	// ErrWrong. remote is where the attempt comes from.
	Check(ctx context.Context, name, password string, remote netip.Addr) (Account, error)
	// Issue gives out a token of that kind for an account. It must not have
	// more than the Scopes of account, which may be fewer than those that Check
	// returned.
	Issue(ctx context.Context, account Account, kind string, life time.Duration) (token string, err error)
	// Look returns the account of a token, or an error that is ErrWrong.
	Look(ctx context.Context, kind, token string) (Account, error)
	// Revoke ends a token. One that is unknown is no error.
	Revoke(ctx context.Context, kind, token string) error
}

// Config makes an API. Accounts or Anyone, and SavePath, are required; every
// other zero value is sane.
type Config struct {
	// Accounts know who may call.
	Accounts Accounts
	// Anyone lets everybody who reaches the handler do everything, for an
	// embedder that has a login of its own in front of it.
	Anyone bool
	// SavePath decides where a task may save: it turns the wish of a caller,
	// "" for none, into the folder to use, or refuses it with a
	// *pixivoc.FieldError.
	SavePath func(wish string) (string, error)
	// Resolve turns the address of a page at the site into a task. Nil: the
	// interface takes no addresses.
	Resolve func(address string) (pixivoc.TaskSpec, error)
	// BeginLogin begins a login in the browser: it returns the page to open
	// and a function that makes a grant of what the browser brought back.
	// Nil: there is none.
	BeginLogin func() (page string, finish func(callback string) (pixivoc.Grant, error))
	// ParseRefreshToken finds the refresh token in a text that somebody
	// pasted. Nil takes the text as it is.
	ParseRefreshToken func(text string) (string, error)
	// Settings remember which Idempotency-Key made which task. Nil: that is
	// forgotten with the process.
	Settings pixivoc.SettingStore

	// Hosts are further names under which the interface may be addressed, and
	// Origins the web origins whose pages may use it. None are needed for
	// loopback.
	Hosts, Origins []string
	// Secure puts the attribute Secure on the cookie even when a request came
	// without TLS, as behind a proxy that ends it.
	Secure bool

	// SessionLife is how long a login with a cookie lasts, TokenLife how long
	// a bearer token does unless its maker says otherwise.
	SessionLife, TokenLife time.Duration
	// QuotaRate and QuotaSeconds are the quota of each account, as in
	// pixivoc.NewQuota. A rate of 0 is no quota.
	QuotaRate, QuotaSeconds int
	// MaxOpenTasks bounds the tasks that wait to run or run, and ten times as
	// many those that are not over: further ones are refused until some are
	// over, stopped or deleted.
	MaxOpenTasks int
	// MaxStreams bounds the readers of events.
	MaxStreams int
	// Heartbeat is the time between two signs of life in the stream of
	// events, StreamTimeout how long a reader may take to read an event.
	Heartbeat, StreamTimeout time.Duration
	// Logger gets the errors whose details callers do not see. Nil discards.
	Logger *slog.Logger
}

// API is the handler. Make one with New. It is safe for concurrent use.
type API struct {
	client   pixivoc.Client
	config   Config
	log      *slog.Logger
	handler  http.Handler
	document []byte
	routes   []route

	logins     *logins
	created    *creations
	quotas     *quotas
	feed       *feed
	thumbnails *thumbnails
	streams    streams

	cancel context.CancelFunc
	work   sync.WaitGroup
}

// New makes an API for client. A wrong Config gives a *pixivoc.FieldError.
// Close ends it.
func New(client pixivoc.Client, config Config) (*API, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	document, err := openapi()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &API{
		client: client, config: config, log: config.Logger, document: document, cancel: cancel,
		logins: &logins{}, quotas: newQuotas(config.QuotaRate, config.QuotaSeconds),
		feed: newFeed(), thumbnails: newThumbnails(),
	}
	if a.created, err = loadCreations(ctx, config.Settings); err != nil {
		cancel()
		return nil, err
	}
	a.routes = a.table()
	a.handler = guard.New(guard.Config{
		Hosts: config.Hosts, Origins: config.Origins, Refuse: a.refuse,
	}).Wrap(a.mux())
	a.work.Go(func() { a.feed.follow(ctx, client) })
	return a, nil
}

func (c Config) complete() (Config, error) {
	switch {
	case c.Accounts == nil && !c.Anyone:
		return c, &pixivoc.FieldError{Field: "Accounts", Reason: "is required, unless Anyone says that everybody may do everything"}
	case c.Accounts != nil && c.Anyone:
		return c, &pixivoc.FieldError{Field: "Anyone", Reason: "contradicts Accounts"}
	case c.SavePath == nil:
		return c, &pixivoc.FieldError{Field: "SavePath", Reason: "is required: it says where callers may save"}
	}
	for name, number := range map[string]int64{
		"SessionLife": int64(c.SessionLife), "TokenLife": int64(c.TokenLife), "QuotaRate": int64(c.QuotaRate),
		"QuotaSeconds": int64(c.QuotaSeconds), "MaxOpenTasks": int64(c.MaxOpenTasks), "MaxStreams": int64(c.MaxStreams),
		"Heartbeat": int64(c.Heartbeat), "StreamTimeout": int64(c.StreamTimeout),
	} {
		if number < 0 {
			return c, &pixivoc.FieldError{Field: name, Reason: "must not be negative"}
		}
	}
	if c.TokenLife > MaxTokenLife {
		return c, &pixivoc.FieldError{Field: "TokenLife", Reason: "must be at most " + MaxTokenLife.String()}
	}
	c.SessionLife = orDefault(c.SessionLife, DefaultSessionLife)
	c.TokenLife = orDefault(c.TokenLife, DefaultTokenLife)
	c.MaxOpenTasks = orDefault(c.MaxOpenTasks, DefaultMaxOpenTasks)
	c.MaxStreams = orDefault(c.MaxStreams, DefaultMaxStreams)
	c.Heartbeat = orDefault(c.Heartbeat, DefaultHeartbeat)
	c.StreamTimeout = orDefault(c.StreamTimeout, DefaultStreamTimeout)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func orDefault[T comparable](value, standard T) T {
	var zero T
	if value == zero {
		return standard
	}
	return value
}

// ServeHTTP serves all paths under /api/v1/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Close ends the streams of events and waits for what the API runs by itself.
// The client stays open. Closing twice does no harm.
func (a *API) Close() error {
	a.cancel()
	a.work.Wait()
	return nil
}
