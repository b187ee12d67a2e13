package dataapi

// SetPageBytes bounds the rows of an answer. It is for before the first
// request.
func (a *API) SetPageBytes(n int) { a.pageBytes = n }
