package legacyapi

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/guard"
)

// What a Config has where a value is zero.
const (
	DefaultAccountName  = "admin"
	DefaultSessionLife  = time.Hour // as in the original
	DefaultMaxOpenTasks = 1000
)

// Account is who opened a console session, and Scope a thing that one may do:
// "read", "control", or "admin", which includes the others.
type (
	Account = credential.Account
	Scope   = credential.Scope
)

// ErrWrong is what Accounts return for a wrong name, password or token.
var ErrWrong = credential.ErrWrong

// Accounts know who may call. All methods must be safe for concurrent use.
type Accounts interface {
	// Check returns the account of a name and password, or an error that is
	// ErrWrong. remote is where the attempt comes from; slowing down who
	// guesses is up to Check.
	Check(ctx context.Context, name, password string, remote netip.Addr) (Account, error)
	// Issue gives out a token of that kind for an account.
	Issue(ctx context.Context, account Account, kind string, life time.Duration) (token string, err error)
	// Look returns the account of a token, or an error that is ErrWrong.
	Look(ctx context.Context, kind, token string) (Account, error)
	// Revoke ends a token. One that is unknown is no error.
	Revoke(ctx context.Context, kind, token string) error
}

// Config makes an API. Accounts and SavePath are required; every other zero
// value is sane.
type Config struct {
	// Accounts know who may call.
	Accounts Accounts
	// AccountName is the account whose password /permission/login takes; the
	// interface knows no names. "" means DefaultAccountName.
	AccountName string
	// SavePath decides where a task may save: it turns the path that a caller
	// wants, which is never empty, into the folder to use, or refuses it with
	// a *pixivoc.FieldError. The folder must exist.
	SavePath func(wish string) (string, error)

	// SingleWork, UserWorks, WorkDetails and UserWorksLink are the names that
	// the client's task types have for the four of PixivOC; "" means the same
	// name.
	SingleWork, UserWorks, WorkDetails, UserWorksLink string

	// Grant makes the grant of /user/login; nil means DefaultGrant.
	Grant func(account, password string) pixivoc.Grant
	// RefreshToken renews the token for /user/refreshToken; an error is
	// answered with false. Nil: the client renews its token in time by itself,
	// and the answer is whether somebody is logged in.
	RefreshToken func(ctx context.Context) error
	// Token returns the token that the client holds, for /user/tokenMsg. Nil:
	// the time of its last change is not known.
	Token func(ctx context.Context) (pixivoc.Token, error)
	// ShowTokens makes /user/tokenMsg show the tokens in the clear, as the
	// original did. It needs Token. Whoever sees a refresh token has the
	// login for as long as it lasts.
	ShowTokens bool
	// Exit is called once, when the answer to /sys/exit was sent, in the
	// goroutine of that request. It must return soon: cancel a context, among
	// others. Nil refuses the call.
	Exit func()
	// Static are the files below /static/, the page of the original for
	// instance. They are shown to everybody. Nil: there are none.
	Static fs.FS

	// Hosts are further names under which the interface may be addressed.
	// None are needed for loopback.
	Hosts []string
	// Secure puts the attribute Secure on the cookie even when a request came
	// without TLS, as behind a proxy that ends it.
	Secure bool
	// SessionLife is how long a console session lasts after its last answer;
	// 0 means DefaultSessionLife. A restart of the program may lengthen it to
	// twice that.
	SessionLife time.Duration
	// MaxOpenTasks bounds the tasks that wait or run, and ten times as many
	// bound those that are not over: further ones are refused until some are
	// over, stopped or deleted. 0 means DefaultMaxOpenTasks.
	MaxOpenTasks int
	// Logger gets the errors whose details callers do not see. Nil discards.
	Logger *slog.Logger
}

// DefaultGrant is the grant of a user name and a password. When account is
// empty, password is taken for a refresh token: Pixiv refuses passwords, and
// this lets a page log in that can send nothing else.
func DefaultGrant(account, password string) pixivoc.Grant {
	if account == "" {
		return pixivoc.RefreshToken(password)
	}
	return pixivoc.Password(account, password)
}

// Prefixes returns the first parts of the paths of the interface, for mounting
// it beside other handlers. "/" and "/static/" are not among them.
func Prefixes() []string {
	return []string{"permission", "sys", "user", "environment", "operation", "create"}
}

// API is the handler. Make one with New. It is safe for concurrent use.
type API struct {
	client   pixivoc.Client
	config   Config
	log      *slog.Logger
	handler  http.Handler
	routes   map[string]route
	words    map[string]string // PixivOC's name of a task type by ours
	sessions *sessions
	creating chan struct{} // holds one element while a task is being made
	exited   atomic.Bool   // an exit was ordered

	logins background
}

// New makes an API for client. A wrong Config gives a *pixivoc.FieldError.
// Close ends it.
func New(client pixivoc.Client, config Config) (*API, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	a := &API{
		client: client, config: config, log: config.Logger,
		sessions: newSessions(config.Accounts, config.SessionLife, config.Logger),
		creating: make(chan struct{}, 1),
		words: map[string]string{
			config.SingleWork: wordSingleWork, config.UserWorks: wordUserWorks,
			config.WorkDetails: wordWorkDetails, config.UserWorksLink: wordUserWorksLink,
		},
	}
	a.logins.open()
	a.routes = a.table()
	a.handler = guard.New(guard.Config{Hosts: config.Hosts, Refuse: refuse}).Wrap(http.HandlerFunc(a.serve))
	return a, nil
}

func (c Config) complete() (Config, error) {
	switch {
	case c.Accounts == nil:
		return c, &pixivoc.FieldError{Field: "Accounts", Reason: "is required"}
	case c.SavePath == nil:
		return c, &pixivoc.FieldError{Field: "SavePath", Reason: "is required: it says where callers may save"}
	case c.ShowTokens && c.Token == nil:
		return c, &pixivoc.FieldError{Field: "ShowTokens", Reason: "needs Token"}
	case c.SessionLife < 0:
		return c, &pixivoc.FieldError{Field: "SessionLife", Reason: "must not be negative"}
	case c.SessionLife > 0 && c.SessionLife < time.Second:
		return c, &pixivoc.FieldError{Field: "SessionLife", Reason: "must be at least a second"}
	case c.MaxOpenTasks < 0:
		return c, &pixivoc.FieldError{Field: "MaxOpenTasks", Reason: "must not be negative"}
	}
	c.AccountName = cmp.Or(c.AccountName, DefaultAccountName)
	c.SingleWork = cmp.Or(c.SingleWork, wordSingleWork)
	c.UserWorks = cmp.Or(c.UserWorks, wordUserWorks)
	c.WorkDetails = cmp.Or(c.WorkDetails, wordWorkDetails)
	c.UserWorksLink = cmp.Or(c.UserWorksLink, wordUserWorksLink)
	c.SessionLife = cmp.Or(c.SessionLife, DefaultSessionLife)
	c.MaxOpenTasks = cmp.Or(c.MaxOpenTasks, DefaultMaxOpenTasks)
	if c.Grant == nil {
		c.Grant = DefaultGrant
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// ServeHTTP serves all paths: those that are not of the interface are answered
// as the original did.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Close cancels the logins that are under way and waits for them. The client
// stays open. Closing twice does no harm.
func (a *API) Close() error {
	a.logins.close()
	return nil
}

// background runs functions until it is closed. Make it ready with open.
type background struct {
	run    func(f func(context.Context))
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	count  int
	work   sync.WaitGroup
}

func (b *background) open() {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.run = func(f func(context.Context)) { f(ctx) }
}

// start runs f unless most others are running. f ends soon when its context
// does.
func (b *background) start(most int, f func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.count >= most {
		return false
	}
	b.count++
	b.work.Go(func() {
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.count--
		}()
		b.run(f)
	})
	return true
}

func (b *background) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.work.Wait()
}
