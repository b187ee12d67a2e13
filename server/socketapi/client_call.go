package socketapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pixivoc/pixivoc"
)

// repetition says what to do when the connection was lost under a request.
type repetition bool

const (
	// isRepeatable: the request changes nothing when it is made a second time.
	isRepeatable repetition = true
	onceOnly     repetition = false
)

// maxTries is how often a request is sent: one that ends the connection each
// time, because it or its reply is too long, must not do so for ever.
const maxTries = 3

// call sends a request and returns the content of the reply.
func (c *Conn) call(ctx context.Context, r wireRequest, arrived func(), again repetition) (json.RawMessage, error) {
	for tries := 0; ; {
		l, err := c.current(ctx)
		if err != nil {
			return nil, fmt.Errorf("command %d: %w", r.Command, err)
		}
		content, err := l.do(ctx, r, arrived)
		switch {
		case err == nil:
			return content, nil
		case errors.Is(err, pixivoc.ErrClosed), !errors.Is(err, errLinkLost):
			return nil, fmt.Errorf("command %d: %w", r.Command, err)
		case !errors.Is(err, errNotSent):
			if tries++; again != isRepeatable || tries == maxTries {
				return nil, fmt.Errorf("command %d: %w: %w", r.Command, ErrDisconnected, err)
			}
		}
		c.forgetLink(l)
	}
}

// forgetLink keeps a lost connection from being used again before keep has
// noticed that it is lost.
func (c *Conn) forgetLink(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
}

// simple sends one of PixivOC's commands and reads the content into result.
func (c *Conn) simple(ctx context.Context, r wireRequest, result any, again repetition) error {
	content, err := c.call(ctx, r, nil, again)
	if err != nil {
		return err
	}
	if isPleaseLogIn(content) {
		return fmt.Errorf("command %d: %w", r.Command, pixivoc.ErrNoToken)
	}
	if err := json.Unmarshal(content, result); err != nil {
		return fmt.Errorf("command %d: read reply: %w", r.Command, err)
	}
	return nil
}

// isPleaseLogIn recognises the reply to what needs a login.
func isPleaseLogIn(content json.RawMessage) bool {
	var pair []any
	return json.Unmarshal(content, &pair) == nil && len(pair) == 2 && pair[0] == false && pair[1] == "Please login."
}

// invoke sends a new command and reads its result, unless result is nil.
func (c *Conn) invoke(ctx context.Context, command Command, arguments, result any, again repetition) error {
	return c.invokeThen(ctx, command, arguments, result, again, nil)
}

// invokeThen is invoke with a function that is called when the reply arrived,
// before any later message is looked at.
func (c *Conn) invokeThen(ctx context.Context, command Command, arguments, result any, again repetition, arrived func()) error {
	r := c.request(command)
	r.Arguments = arguments
	content, err := c.call(ctx, r, arrived, again)
	if err != nil {
		return err
	}
	var o outcome
	if err := json.Unmarshal(content, &o); err != nil {
		return fmt.Errorf("command %d: read reply: %w", command, err)
	}
	switch {
	case !o.OK && o.Error == nil:
		return fmt.Errorf("command %d: %w", command, ErrRefused)
	case !o.OK:
		return o.Error
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(o.Result, result); err != nil {
		return fmt.Errorf("command %d: read result: %w", command, err)
	}
	return nil
}
