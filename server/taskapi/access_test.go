package taskapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/taskapi"
)

// accounts know one account for each token.
type accounts map[string][]credential.Scope

func (a accounts) Look(_ context.Context, kind, token string) (taskapi.Account, error) {
	scopes, ok := a[token]
	if !ok || kind != taskapi.TokenKind {
		return taskapi.Account{}, taskapi.ErrWrong
	}
	return taskapi.Account{Name: token, Scopes: scopes}, nil
}

func withAccounts(c *taskapi.Config) {
	c.Anyone = false
	c.Accounts = accounts{"owner": {credential.ScopeAdmin}, "reader": {credential.ScopeRead}, "controller": {credential.ScopeControl}}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	k := newKit(t, withAccounts)
	for name, headers := range map[string][]string{
		"none":         {},
		"wrong":        {"X-Token", "nobody"},
		"empty":        {"X-Token", ""},
		"basic":        {"Authorization", "Basic b3duZXI6b3duZXI="},
		"no scheme":    {"Authorization", "owner"},
		"both":         {"Authorization", "Bearer owner", "X-Token", "owner"},
		"cookie":       {"Cookie", "token=owner"},
		"of BBDown":    {"X-BBDown-Token", "owner"},
		"bearer twice": {"Authorization", "Bearer owner, Bearer owner"},
	} {
		for _, request := range [][2]string{{"GET", "/get-tasks"}, {"GET", "/get-tasks?token=owner"}, {"POST", "/add-task"}, {"GET", "/remove-finished"}, {"POST", "/cancel-task/1"}} {
			answer := k.call(request[0], request[1], body("Count/1"), headers...)
			assert.Equal(t, 401, answer.status, "%s: %v", name, request)
			assert.Empty(t, answer.body)
			assert.Contains(t, answer.header.Get("WWW-Authenticate"), "Bearer")
		}
	}
	for _, row := range []struct {
		token              string
		read, add, removal int
	}{{"owner", 200, 200, 200}, {"reader", 200, 403, 403}, {"controller", 403, 200, 200}} {
		for _, headers := range [][]string{{"X-Token", row.token}, {"Authorization", "bearer " + row.token}} {
			k.call("GET", "/get-tasks", "", headers...).is(row.read)
			k.call("POST", "/add-task", body("Count/1"), headers...).is(row.add)
			k.call("GET", "/remove-finished", "", headers...).is(row.removal)
			k.call("DELETE", "/remove-finished", "", headers...).is(row.removal)
		}
	}
}

func TestAccountsThatCannotAnswer(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *taskapi.Config) { c.Anyone, c.Accounts = false, brokenAccounts{} })
	answer := k.call("GET", "/get-tasks", "", "X-Token", "owner").is(http.StatusInternalServerError)
	assert.NotContains(t, answer.header.Get("X-Pixivoc-Error"), "disk")
	assert.Contains(t, k.logged.String(), "disk")
}

type brokenAccounts struct{}

func (brokenAccounts) Look(context.Context, string, string) (taskapi.Account, error) {
	return taskapi.Account{}, &pixivoc.FieldError{Field: "disk", Reason: "is broken"}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	good := taskapi.Config{
		Resolve: resolve, SavePath: func(string) (string, error) { return "", nil }, Anyone: true, Logger: slog.New(slog.DiscardHandler),
	}
	for field, change := range map[string]func(*taskapi.Config){
		"Resolve":          func(c *taskapi.Config) { c.Resolve = nil },
		"SavePath":         func(c *taskapi.Config) { c.SavePath = nil },
		"Accounts":         func(c *taskapi.Config) { c.Anyone = false },
		"Anyone":           func(c *taskapi.Config) { c.Accounts = accounts{} },
		"MaxOpenTasks":     func(c *taskapi.Config) { c.MaxOpenTasks = -1 },
		"Webhooks.Timeout": func(c *taskapi.Config) { c.Webhooks.Timeout = -1 },
		"Webhooks.BackOff": func(c *taskapi.Config) { c.Webhooks.BackOff = -1 },
		"Webhooks.Allow":   func(c *taskapi.Config) { c.Webhooks.Allow = []string{"no port"} },
		"Webhooks.Secrets": func(c *taskapi.Config) { c.Webhooks.Secrets = []string{"no secret"} },
	} {
		config := good
		change(&config)
		_, err := taskapi.New(nil, config)
		var wrong *pixivoc.FieldError
		require.ErrorAs(t, err, &wrong, field)
		assert.Equal(t, field, wrong.Field)
	}
}

// TestForwardedIsNotLocal: behind a proxy that nobody named, everybody would be
// a program of this machine.
func TestForwardedIsNotLocal(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	open := newKit(t, withAccounts)
	for _, name := range []string{"X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Host", "Forwarded", "Via"} {
		for _, request := range [][2]string{{"GET", "/get-tasks"}, {"POST", "/add-task"}, {"GET", "/remove-finished"}, {"POST", "/cancel-task/1"}} {
			answer := k.call(request[0], request[1], body("Count/1"), name, "1.1 proxy.example").is(403)
			assert.Contains(t, answer.header.Get("X-Pixivoc-Error"), "--trusted-proxy")
		}
		open.call("GET", "/get-tasks", "", name, "1.1 proxy.example", "X-Token", "owner").is(200)
	}
	assert.Empty(t, k.lists().Finished)
}
