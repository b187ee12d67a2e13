package dataapi

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
)

// What a Config has where a value is zero.
const (
	// DefaultAccessTokenLife is what the original gives: a day less a second.
	DefaultAccessTokenLife  = 86399 * time.Second
	DefaultRefreshTokenLife = 30 * 24 * time.Hour
	DefaultGroupName        = "Default"
)

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
	// Issue gives out a token of that kind for an account. Tokens must be made
	// of letters, digits, hyphens and underscores, since clients cut them out
	// of the answer.
	Issue(ctx context.Context, account Account, kind string, life time.Duration) (token string, err error)
	// Look returns the account of a token, or an error that is ErrWrong.
	Look(ctx context.Context, kind, token string) (Account, error)
	// Spend does as Look does and ends the token. Of any number of calls with
	// one token exactly one gets the account.
	Spend(ctx context.Context, kind, token string) (Account, error)
}

// Config makes an API. Accounts and Settings are required; every other zero
// value is sane.
type Config struct {
	// Accounts know who may call.
	Accounts Accounts
	// Settings remember which rows were exported. They must be durable where
	// the tasks are.
	Settings pixivoc.SettingStore

	// AccessTokenLife and RefreshTokenLife are how long tokens live, in whole
	// seconds.
	AccessTokenLife, RefreshTokenLife time.Duration
	// QuotaRate and QuotaSeconds are the quota of each account, as in
	// pixivoc.NewQuota; 0 means pixivoc.QuotaRate and pixivoc.QuotaSeconds.
	QuotaRate, QuotaSeconds int
	// Now is the clock of the quota. Nil means time.Now, whose readings are
	// monotonic.
	Now func() time.Time

	// Owns says whether an account may see a task. Nil: every account sees
	// every task. A task that it may not see does not exist for it.
	Owns func(account Account, task pixivoc.TaskInfo) bool
	// Columns names the columns of the rows of tasks of a type, after the
	// fixed ones. The name "other" stands for a last column that takes, as a
	// JSON object, what has no column; without it that is left out. Nil, or a
	// nil result, means all that were seen in a task.
	Columns func(typeName string) []string
	// DefaultGroup is the name of the group of tasks without one.
	DefaultGroup string

	// Hosts are further names under which the interface may be addressed, and
	// Origins the web origins whose pages may use it. None are needed for
	// loopback.
	Hosts, Origins []string
	// MaxBody bounds the bodies of requests in bytes; 0 means 64 KiB.
	MaxBody int64
	// Logger gets the errors whose details callers do not see. Nil discards.
	Logger *slog.Logger
}

func (c Config) complete() (Config, error) {
	switch {
	case c.Accounts == nil:
		return c, &pixivoc.FieldError{Field: "Accounts", Reason: "is required: it says who may call"}
	case c.Settings == nil:
		return c, &pixivoc.FieldError{Field: "Settings", Reason: "is required: it remembers which rows were exported"}
	}
	for name, number := range map[string]int64{
		"AccessTokenLife": int64(c.AccessTokenLife), "RefreshTokenLife": int64(c.RefreshTokenLife),
		"QuotaRate": int64(c.QuotaRate), "QuotaSeconds": int64(c.QuotaSeconds), "MaxBody": c.MaxBody,
	} {
		if number < 0 {
			return c, &pixivoc.FieldError{Field: name, Reason: "must not be negative"}
		}
	}
	c.AccessTokenLife = orDefault(c.AccessTokenLife, DefaultAccessTokenLife)
	c.RefreshTokenLife = orDefault(c.RefreshTokenLife, DefaultRefreshTokenLife)
	if c.AccessTokenLife < time.Second {
		return c, &pixivoc.FieldError{Field: "AccessTokenLife", Reason: "must be at least a second"}
	}
	if c.RefreshTokenLife < time.Second {
		return c, &pixivoc.FieldError{Field: "RefreshTokenLife", Reason: "must be at least a second"}
	}
	c.QuotaRate = orDefault(c.QuotaRate, pixivoc.QuotaRate)
	c.QuotaSeconds = orDefault(c.QuotaSeconds, pixivoc.QuotaSeconds)
	c.DefaultGroup = orDefault(c.DefaultGroup, DefaultGroupName)
	if c.Now == nil {
		c.Now = time.Now
	}
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
