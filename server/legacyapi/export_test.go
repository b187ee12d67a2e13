package legacyapi

import "github.com/pixivoc/pixivoc"

// Integer is integer.
func Integer(text string) (string, bool) { return integer(text) }

// WaitLogins waits until no login is under way.
func (a *API) WaitLogins() { a.logins.work.Wait() }

// Details are the attributes of a task.
func (a *API) Details(info pixivoc.TaskInfo) []any { return a.details(info) }

// Sessions counts the tokens that are remembered.
func (a *API) Sessions() int {
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	return len(a.sessions.byToken)
}
