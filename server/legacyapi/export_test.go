package legacyapi

// Integer is integer.
func Integer(text string) (string, bool) { return integer(text) }

// WaitLogins waits until no login is under way.
func (a *API) WaitLogins() { a.logins.work.Wait() }
