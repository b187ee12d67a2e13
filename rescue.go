package pixivoc

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
)

// rescue turns a panic of code that is not ours into a permanent error, and
// writes the stack to the log. It is deferred.
func rescue(log *slog.Logger, what string, err *error) {
	if cause := recover(); cause != nil {
		log.Error(what+" panicked", "panic", cause, "stack", string(debug.Stack()))
		*err = Permanent(ReasonPanic, fmt.Errorf("%s panicked: %v", what, cause))
	}
}

// first lists the first items of a task. A panic ends the list with an error.
func (c *client) first(ctx context.Context, kind *TaskType, spec TaskSpec) iter.Seq2[Item, error] {
	list := func(yield func(Item, error) bool) (err error) {
		defer rescue(c.log, "First of task type "+kind.Name, &err)
		kind.First(ctx, spec)(yield)
		return nil
	}
	return func(yield func(Item, error) bool) {
		open := true
		err := list(func(item Item, err error) bool {
			open = open && yield(item, err)
			return open
		})
		if err != nil && open {
			yield(Item{}, err)
		}
	}
}

// siteAuthorize calls Site.Authorize.
func (c *client) siteAuthorize(request *http.Request, token Token) (err error) {
	defer rescue(c.log, "Site.Authorize", &err)
	c.config.Site.Authorize(request, token)
	return nil
}

// siteJudge calls Site.Judge.
func (c *client) siteJudge(response *http.Response, head []byte) (err error) {
	defer rescue(c.log, "Site.Judge", &err)
	return c.config.Site.Judge(response, head)
}

// guarded returns Download.Refuse with panics turned into errors, so that the
// fetcher comes to its end and lets go of the file.
func (d Download) guarded(log *slog.Logger) func(*url.URL) error {
	if d.Refuse == nil {
		return nil
	}
	return func(address *url.URL) (err error) {
		defer rescue(log, "Download.Refuse", &err)
		return d.Refuse(address)
	}
}
