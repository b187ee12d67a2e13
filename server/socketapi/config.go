package socketapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/saveroot"
)

// The defaults of a Config.
const (
	DefaultMaxFrame              = 64 << 10
	DefaultFrameTimeout          = 10 * time.Second
	DefaultWriteTimeout          = 10 * time.Second
	DefaultCommandTimeout        = time.Minute
	DefaultAuthenticationTimeout = 10 * time.Second
	DefaultMaxClients            = 256
	DefaultReportQueue           = 1024
	DefaultMaxInput              = 16 << 20
	DefaultMaxOpenTasks          = 1000
)

const (
	minMaxFrame = 1 << 10
	// maxMaxFrame keeps every head of an HTTP request above the limit.
	maxMaxFrame = 16 << 20
)

// Config makes a Server. The zero value serves PixivOC's clients on a loopback
// address or a Unix socket, without login and with Exit refused.
type Config struct {
	// MaxFrame is the greatest length of a request's body in bytes, from 1 KiB
	// to 16 MiB; 0 means DefaultMaxFrame. A longer one ends the connection.
	MaxFrame int
	// FrameTimeout is how long a frame that has begun may take; 0 means
	// DefaultFrameTimeout. Between two frames a client may be silent for ever.
	FrameTimeout time.Duration
	// WriteTimeout is how long a client may take to accept one frame; 0 means
	// DefaultWriteTimeout.
	WriteTimeout time.Duration
	// CommandTimeout bounds the work for one request, for instance a deletion
	// that waits for a running stage; 0 means DefaultCommandTimeout.
	CommandTimeout time.Duration
	// MaxClients is how many connections there are at a time; 0 means
	// DefaultMaxClients. When there is no place, a new connection takes that
	// of the oldest one which never sent a valid request, or is refused.
	MaxClients int
	// ReportQueue is how many reports may wait for one client before it is
	// given up; 0 means DefaultReportQueue.
	ReportQueue int
	// MaxInput bounds the list that CommandInput collects for one task, in
	// bytes, and eight times as much bounds those of all connections; 0 means
	// DefaultMaxInput. A list is kept in a temporary file.
	MaxInput int
	// MaxOpenTasks bounds the tasks that wait or run, and ten times as many
	// bound those that are not over: further ones are refused until some are
	// over, stopped or deleted. 0 means DefaultMaxOpenTasks.
	MaxOpenTasks int

	// SaveRoots are the folders below which tasks may save. Symbolic links on
	// the way are followed first. Empty, or with "*" among them: anywhere. With
	// roots, a path of the new commands may be empty or relative and then means
	// the first root.
	SaveRoots []string
	// TypeNames are the task types that commands 101 to 104 add; nil means
	// DefaultTypeNames. A command that is missing there is answered like one
	// whose input is refused.
	TypeNames map[Command]string
	// Results make the values of report 14 by type name; nil means
	// DefaultResults.
	Results map[string]Result
	// Grant makes the grant of command 1; nil means DefaultGrant.
	Grant func(account, password string) pixivoc.Grant
	// Exit is called, once for each time, after the reply to command 0 was
	// written. It must return soon: cancel the context of Serve, among others.
	// Nil refuses the command.
	Exit func()

	// TLS makes the server speak TLS, 1.2 or later, from the first byte. To
	// renew a certificate without a restart, set GetCertificate.
	// With ClientAuth RequireAndVerifyClientCert whoever has a certificate has
	// all rights and needs no token.
	TLS *tls.Config
	// Token is a secret that gives all rights; a client sends it as Token in a
	// request. When Token or Authenticate is set every client must send one,
	// on loopback too.
	Token string
	// Authenticate says what a token lets a client do; an error refuses it.
	// remote is the zero Addr for a Unix socket. It is called from many
	// goroutines, and again every 15 s for each connection unless the Rights
	// say how else to look at them: an error ends the connection then.
	Authenticate func(ctx context.Context, token string, remote netip.Addr) (Rights, error)
	// AuthenticationTimeout is how long a connection may be without a valid
	// token; 0 means DefaultAuthenticationTimeout.
	AuthenticationTimeout time.Duration
	// DangerousOpenToTheNetwork lets Serve listen without TLS, and without a
	// token if none is set, on an address that others can reach. Whoever
	// reaches it can then read what is sent, delete tasks and write files.
	DangerousOpenToTheNetwork bool

	// Logger gets what a person should know; nil discards it. It never gets an
	// account, a password or a token.
	Logger *slog.Logger

	roots *saveroot.Roots // of SaveRoots
}

// Rights is what a client may do beyond asking.
type Rights struct {
	// Control allows to create, start, stop, change and delete tasks.
	Control bool
	// Admin allows to log in and out, to change the environment, and Exit.
	Admin bool
	// Renew returns what the client may do now, and an error when it is nothing
	// any more. It is called every 15 s in place of Authenticate, for one that
	// costs much. Nil means Authenticate.
	Renew func(ctx context.Context) (Rights, error)
}

// DefaultTypeNames returns the task types of PixivOC's commands. The caller may
// change the table.
func DefaultTypeNames() map[Command]string {
	return map[Command]string{
		CommandAddWorkDetailsTask:   "WorkDetails",
		CommandAddSingleWorkTask:    "SingleWork",
		CommandAddUserWorksLinkTask: "UserWorksLink",
		CommandAddUserWorksTask:     "UserWorks",
	}
}

// DefaultGrant is the grant of a user name and a password. When account is
// empty, password is taken for a refresh token: Pixiv refuses passwords, and
// this lets an old client log in that can send nothing else.
func DefaultGrant(account, password string) pixivoc.Grant {
	if account == "" {
		return pixivoc.RefreshToken(password)
	}
	return pixivoc.Password(account, password)
}

// filled returns the config with its defaults, or a *pixivoc.FieldError.
func (c Config) filled() (Config, error) {
	for _, number := range []struct {
		name            string
		value           *int
		least, greatest int
		standard        int
	}{
		{"MaxFrame", &c.MaxFrame, minMaxFrame, maxMaxFrame, DefaultMaxFrame},
		{"MaxClients", &c.MaxClients, 1, 1 << 20, DefaultMaxClients},
		{"ReportQueue", &c.ReportQueue, 1, 1 << 20, DefaultReportQueue},
		{"MaxInput", &c.MaxInput, 1, 1 << 30, DefaultMaxInput},
		{"MaxOpenTasks", &c.MaxOpenTasks, 1, 1 << 30, DefaultMaxOpenTasks},
	} {
		if *number.value == 0 {
			*number.value = number.standard
		}
		if *number.value < number.least || *number.value > number.greatest {
			return c, &pixivoc.FieldError{Field: number.name, Reason: fmt.Sprintf("%d is not between %d and %d", *number.value, number.least, number.greatest)}
		}
	}
	for _, timeout := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
	}{
		{"FrameTimeout", &c.FrameTimeout, DefaultFrameTimeout},
		{"WriteTimeout", &c.WriteTimeout, DefaultWriteTimeout},
		{"CommandTimeout", &c.CommandTimeout, DefaultCommandTimeout},
		{"AuthenticationTimeout", &c.AuthenticationTimeout, DefaultAuthenticationTimeout},
	} {
		if *timeout.value == 0 {
			*timeout.value = timeout.standard
		}
		if *timeout.value < 0 {
			return c, &pixivoc.FieldError{Field: timeout.name, Reason: fmt.Sprintf("%s is negative", *timeout.value)}
		}
	}
	if c.Token != "" && c.Authenticate != nil {
		return c, &pixivoc.FieldError{Field: "Token", Reason: "is set, and Authenticate too; choose one"}
	}
	return c.tables()
}

// tables fills in what is no number, and copies what the caller might change.
func (c Config) tables() (Config, error) {
	if c.TypeNames == nil {
		c.TypeNames = DefaultTypeNames()
	}
	c.TypeNames = maps.Clone(c.TypeNames)
	c.Results = resultsOf(c)
	if c.Grant == nil {
		c.Grant = DefaultGrant
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS12)
	}
	if slices.Contains(c.SaveRoots, "") {
		return c, &pixivoc.FieldError{Field: "SaveRoots", Reason: `"" is not a path`}
	}
	roots, err := saveroot.New(c.SaveRoots)
	if err != nil {
		return c, &pixivoc.FieldError{Field: "SaveRoots", Reason: err.Error()}
	}
	c.SaveRoots, c.roots = roots.Folders(), roots
	return c, nil
}
