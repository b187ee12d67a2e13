package pixivoc

import "errors"

// AccountError says that the site finds fault with the account itself: it is
// suspended or locked, or its owner must do something there first. Site.Judge
// returns it. The kernel stops all tasks, and sends no request to the site
// before somebody logs in, logs out, or starts a task.
type AccountError struct{ Err error }

func (e *AccountError) Error() string { return "trouble with the account: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *AccountError) Unwrap() error { return e.Err }

// noteTrouble stops everything when err says that the account is in trouble.
func (c *client) noteTrouble(err error) {
	trouble, ok := errors.AsType[*AccountError](err)
	if !ok || !c.trouble.CompareAndSwap(nil, trouble) {
		return
	}
	c.log.Warn("the site finds fault with the account; all tasks stop", "error", trouble.Err)
	c.events.publish(Event{Kind: EventAccount, Error: shorten(trouble.Error())})
	c.troubled.raise()
}

// accountTrouble returns the *AccountError that keeps requests back, or nil.
func (c *client) accountTrouble() error {
	if trouble := c.trouble.Load(); trouble != nil {
		return trouble
	}
	return nil
}

// endTrouble lets requests go again: somebody has acted.
func (c *client) endTrouble() { c.trouble.Store(nil) }
