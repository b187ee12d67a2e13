package taskapi

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/setting"
	"github.com/pixivoc/pixivoc/internal/webhook"
)

const (
	// DefaultMaxOpenTasks is Config.MaxOpenTasks where that is 0.
	DefaultMaxOpenTasks = 1000
	// MaxUnresolved is how many addresses that could not be understood are
	// kept as failed tasks.
	MaxUnresolved = 1000
	// MaxListedPaths bounds SavePaths in lists and webhooks, for each task.
	MaxListedPaths = 32
	// MaxPaths bounds SavePaths in the answer to /get-tasks/{id}.
	MaxPaths = 1000
)

// Account is a caller of the interface, and Scope a thing that one may do:
// "read", "control", or "admin", which includes them.
type (
	Account = credential.Account
	Scope   = credential.Scope
)

// ErrWrong is what Accounts return for a wrong token.
var ErrWrong = credential.ErrWrong

// Accounts know who may call. Look must be safe for concurrent use.
type Accounts interface {
	// Look returns the account of a token of that kind, or an error that is
	// ErrWrong. The kind is always TokenKind.
	Look(ctx context.Context, kind, token string) (Account, error)
}

// TokenKind is the kind of the tokens that callers send. It is that of the
// bearer tokens of package restapi, so that one token opens both doors.
const TokenKind = "rest_bearer"

// Resolved is what an address stands for.
type Resolved struct {
	// Spec is the task to make. Its SavePath and Key are not looked at.
	Spec pixivoc.TaskSpec
	// Aid is the short name of what is fetched, as "12345" or "user:11". Of
	// the tasks made here with the same Aid and type only one can be running.
	Aid string
	// Ignored names options that mean nothing for this address.
	Ignored []string
}

// Description is what a task is about. Empty fields are not known.
type Description struct {
	Title     string
	Cover     string // the address of a picture
	Published time.Time
}

// Webhooks say how CallBackWebHook is treated. The zero value sends to
// addresses of the public internet, signed with a random secret that is kept
// in Config.Settings; see API.WebhookSecret.
type Webhooks struct {
	// Off ignores CallBackWebHook.
	Off bool
	// Allow names receivers, as host:port, that may have private addresses.
	Allow []string
	// Secrets sign the messages: the one that counts, and while receivers
	// change over, the one before. Each is "whsec_" and base64, as Standard
	// Webhooks writes them.
	Secrets []string
	// Timeout bounds a try; 0 is 10 s. BackOff is about the pause after the
	// first of three tries, and that before more is sent when too much waits;
	// 0 is 5 s.
	Timeout, BackOff time.Duration
}

// Config makes an API. Resolve, SavePath, and Accounts or Anyone are required;
// every other zero value is sane.
type Config struct {
	// Resolve turns an address into a task. An error that is a
	// *pixivoc.FieldError of the field "Url" makes a failed task; of another
	// field it refuses the request.
	Resolve func(url string, options Options) (Resolved, error)
	// SavePath decides where a task may save: it turns the option WorkDir, ""
	// for none, into the folder to use, or refuses it with a
	// *pixivoc.FieldError.
	SavePath func(wish string) (string, error)
	// Accounts know who may call: every request must then have a token, in
	// "Authorization: Bearer" or in X-Token.
	Accounts Accounts
	// Anyone lets everybody who reaches the handler do everything, as BBDown
	// does. It is for loopback only; a request that a proxy marked as passed on
	// (Forwarded, Via, X-Forwarded-*) is refused with 403.
	Anyone bool
	// Describe says what a task is about. It is called when a task has ended,
	// and now and then while it runs; it must be quick. Nil: titles are names
	// of tasks.
	Describe func(ctx context.Context, task pixivoc.Task) (Description, error)
	// Aid names a task that was made at another door. Nil: its Aid is type
	// and keyword with a colon between them, its Url the keyword.
	Aid func(info pixivoc.TaskInfo) (aid, url string)
	// Settings remember what the client does not know of the tasks made here.
	// Nil: that is forgotten with the process.
	Settings pixivoc.SettingStore
	// Hosts are further names under which the interface may be addressed, and
	// Origins the web origins whose pages may use it; "*" is all of them, and
	// must only be used where no page can be hostile. None are needed for
	// programs on the same machine.
	Hosts, Origins []string
	// MaxOpenTasks bounds the tasks that wait to run or run, whoever made
	// them: further ones are refused with 429. Tasks that were never started,
	// are stopped, or wait for their schedule do not count.
	MaxOpenTasks int
	// Webhooks say how CallBackWebHook is treated.
	Webhooks Webhooks
	// Logger gets the errors whose details callers do not see. Nil discards.
	Logger *slog.Logger
}

func (c Config) complete() (Config, error) {
	switch {
	case c.Resolve == nil:
		return c, &pixivoc.FieldError{Field: "Resolve", Reason: "is required: it says what an address stands for"}
	case c.SavePath == nil:
		return c, &pixivoc.FieldError{Field: "SavePath", Reason: "is required: it says where callers may save"}
	case c.Accounts == nil && !c.Anyone:
		return c, &pixivoc.FieldError{Field: "Accounts", Reason: "is required, unless Anyone says that everybody may do everything"}
	case c.Accounts != nil && c.Anyone:
		return c, &pixivoc.FieldError{Field: "Anyone", Reason: "contradicts Accounts"}
	case c.MaxOpenTasks < 0:
		return c, &pixivoc.FieldError{Field: "MaxOpenTasks", Reason: "must not be negative"}
	case c.Webhooks.Timeout < 0:
		return c, &pixivoc.FieldError{Field: "Webhooks.Timeout", Reason: "must not be negative"}
	case c.Webhooks.BackOff < 0:
		return c, &pixivoc.FieldError{Field: "Webhooks.BackOff", Reason: "must not be negative"}
	}
	if c.MaxOpenTasks == 0 {
		c.MaxOpenTasks = DefaultMaxOpenTasks
	}
	if c.Webhooks.BackOff == 0 {
		c.Webhooks.BackOff = webhook.DefaultBackOff
	}
	if c.Settings == nil {
		c.Settings = &setting.Memory{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Aid == nil {
		c.Aid = func(info pixivoc.TaskInfo) (aid, url string) { return info.TypeName + ":" + info.Keyword, info.Keyword }
	}
	return c, nil
}

// openWebhooks makes the sender, nil when there is to be none.
func (c Config) openWebhooks(ctx context.Context) (*webhook.Sender, error) {
	if c.Webhooks.Off {
		return nil, nil
	}
	sender, err := webhook.Open(ctx, webhook.Options{
		Store: c.Settings, Prefix: settingPrefix + "webhook", Allow: c.Webhooks.Allow, Secrets: c.Webhooks.Secrets,
		Timeout: c.Webhooks.Timeout, BackOff: c.Webhooks.BackOff, Logger: c.Logger,
	})
	if wrong, ok := errors.AsType[*webhook.OptionError](err); ok {
		return nil, &pixivoc.FieldError{Field: "Webhooks." + wrong.Option, Reason: wrong.Err.Error()}
	}
	return sender, err
}
