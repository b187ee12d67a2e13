package credential

import (
	"errors"
	"fmt"
	"slices"
)

// Scope is a thing that an account may do.
type Scope string

// The scopes. None includes another but ScopeAdmin, which includes all.
const (
	ScopeRead    Scope = "read"    // look at tasks, records and files
	ScopeControl Scope = "control" // create, start, stop and delete tasks
	ScopeExport  Scope = "export"  // take records and mark them as exported
	ScopeAdmin   Scope = "admin"   // log in to the site, change settings and accounts
)

func (s Scope) isKnown() bool {
	return slices.Contains([]Scope{ScopeRead, ScopeControl, ScopeExport, ScopeAdmin}, s)
}

// Account is who was recognised.
type Account struct {
	Name   string
	Scopes []Scope

	epoch    string // of the password
	isNarrow bool   // the scopes are those of a token, not all of the account
}

// May says whether the account has the scope. The zero Account has none.
func (a Account) May(scope Scope) bool {
	return slices.Contains(a.Scopes, scope) || slices.Contains(a.Scopes, ScopeAdmin)
}

// Narrow returns the account with some of its scopes alone: a token that is
// issued for it may do no more. A scope that the account does not have, and no
// scope at all, are errors.
func (a Account) Narrow(scopes ...Scope) (Account, error) {
	if len(scopes) == 0 {
		return Account{}, errors.New("must name at least one scope")
	}
	for _, scope := range scopes {
		switch {
		case !scope.isKnown():
			return Account{}, fmt.Errorf("there is no scope %q", scope)
		case !a.May(scope):
			return Account{}, fmt.Errorf("the account does not have the scope %q", scope)
		}
	}
	return a.limit(scopes), nil
}

// limit leaves of the account the scopes that it has and that are named.
func (a Account) limit(scopes []Scope) Account {
	kept := []Scope{}
	for _, scope := range scopes {
		if a.May(scope) && !slices.Contains(kept, scope) {
			kept = append(kept, scope)
		}
	}
	a.Scopes, a.isNarrow = kept, true
	return a
}
