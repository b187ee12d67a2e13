package dataapi

// SetPageBytes bounds the rows of an answer. It is for before the first
// request.
func (a *API) SetPageBytes(n int) { a.pageBytes = n }

// StatusOf is the number of a state, and whether there is a row for it.
var StatusOf = statusOf
