package dataapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/guard"
	"github.com/pixivoc/pixivoc/internal/sender"
)

// API is the handler. Make one with New. It is safe for concurrent use.
type API struct {
	client  pixivoc.Client
	config  Config
	log     *slog.Logger
	handler http.Handler
	routes  map[string]route
	quotas  *quotas
	ledgers *ledgers
	// pageBytes ends a page early when its rows are large.
	pageBytes int

	cancel context.CancelFunc
	work   sync.WaitGroup
}

// route is one call.
type route struct {
	method string
	scope  Scope
	serve  func(a *API, c *call) error
}

// call is a request of somebody who was recognised.
type call struct {
	w          http.ResponseWriter
	r          *http.Request
	account    Account
	parameters parameters
}

// gettopPath is the one GET that changes something.
const gettopPath = "api/notexportdata/gettop"

// routeTable has the paths in lower case.
func routeTable() map[string]route {
	const get, post = http.MethodGet, http.MethodPost
	const read, control, export = credential.ScopeRead, credential.ScopeControl, credential.ScopeExport
	return map[string]route{
		"token":                              {method: post},
		"api/taskgroup":                      {get, read, (*API).listGroups},
		"api/task":                           {get, read, (*API).listTasks},
		"api/alldata/getdataoftaskbyoffset":  {get, read, (*API).rowsByOffset},
		gettopPath:                           {get, export, (*API).takeRows},
		"api/notexportdata/update":           {post, export, (*API).confirmRows},
		"api/task/removedatabytaskid":        {post, export, (*API).removeRows},
		"api/task/starttask":                 {post, control, (*API).startTask},
		"api/task/stoptask":                  {post, control, (*API).stopTask},
		"api/task/gettaskstatusbyidlist":     {post, control, (*API).listStatuses},
		"api/task/gettaskrulepropertybyname": {post, control, (*API).listProperty},
		"api/task/updatetaskrule":            {post, control, (*API).changeProperty},
		"api/task/addurlortexttotask":        {post, control, (*API).changeProperty},
	}
}

// New makes an API for client. A wrong Config gives a *pixivoc.FieldError.
// Close ends it.
func New(client pixivoc.Client, config Config) (*API, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, &pixivoc.FieldError{Field: "client", Reason: "is required"}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &API{
		client: client, config: config, log: config.Logger, routes: routeTable(), cancel: cancel,
		quotas:  newQuotas(config.QuotaRate, config.QuotaSeconds, config.Now),
		ledgers: newLedgers(config.Settings), pageBytes: maxPageBytes,
	}
	a.handler = guard.New(guard.Config{
		Hosts: config.Hosts, Origins: config.Origins, MaxBody: config.MaxBody, Refuse: a.refuse,
		Changes: func(r *http.Request) bool { return routePath(r) == gettopPath },
	}).Wrap(http.HandlerFunc(a.serve))
	a.work.Go(func() { a.followDeletions(ctx) })
	return a, nil
}

// ServeHTTP serves /token and all paths under /api/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Close ends what the API runs by itself and waits for it. The client stays
// open. Closing twice does no harm.
func (a *API) Close() error {
	a.cancel()
	a.work.Wait()
	return nil
}

// routePath is the path of a request as the table has it. A path with
// anything escaped in it is in no table.
func routePath(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	return strings.ToLower(strings.TrimSuffix(path, "/"))
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	path := routePath(r)
	to, known := a.routes[path]
	switch {
	case !known:
		a.fail(w, r, notFound(r))
	case r.Method != to.method:
		a.fail(w, r, wrongMethod(r, to.method))
	case to.serve == nil:
		a.serveToken(w, r)
	default:
		if err := a.serveCall(to, &call{w: w, r: r}); err != nil {
			a.fail(w, r, err)
		}
	}
}

// serveCall lets a call through to its handler. A call without a valid token
// costs no account anything.
func (a *API) serveCall(to route, c *call) (err error) {
	if c.account, err = a.authenticate(c.r); err != nil {
		return err
	}
	if err := a.quotas.admit(c.account.Name); err != nil {
		return err
	}
	if !c.account.May(to.scope) {
		return errNotAllowed
	}
	if c.parameters, err = readParameters(c.r); err != nil {
		return err
	}
	return to.serve(a, c)
}

// authenticate knows access tokens, and the tokens for scripts that every door
// takes, in the Authorization header and no other place.
func (a *API) authenticate(r *http.Request) (Account, error) {
	token, ok := sender.Bearer(r.Header)
	if !ok {
		return Account{}, errUnauthorized
	}
	for _, kind := range []string{kindAccess, credential.KindBearer} {
		account, err := a.config.Accounts.Look(r.Context(), kind, token)
		if !errors.Is(err, ErrWrong) {
			return account, err
		}
	}
	return Account{}, errUnauthorized
}
