package pixivtest

import (
	"net/http"
	"strconv"
)

// PictureChanged changes the picture that is asked for under its address (see [Server.ChangePicture]), then answers
// honestly.
type PictureChanged struct{}

func (PictureChanged) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	if id, ok := workAskedFor(t.server, r); ok {
		page, _ := numberAfter(r.URL.Path, "_p")
		t.server.ChangePicture(id, page)
	}
	return next(r)
}

// WorkReplaced replaces the work that is asked for (see [Server.ReplaceWork]), then answers honestly: with 404 when it
// was asked for a picture.
type WorkReplaced struct{}

func (WorkReplaced) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	if id, ok := workAskedFor(t.server, r); ok {
		t.server.ReplaceWork(id)
	}
	return next(r)
}

// WorkDeleted deletes the work that is asked for, then answers honestly: with 404.
type WorkDeleted struct{}

func (WorkDeleted) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	if id, ok := workAskedFor(t.server, r); ok {
		t.server.DeleteWork(id)
	}
	return next(r)
}

// TokensExpired ends the life of all access tokens, then answers honestly: with 400 when the request had one.
type TokensExpired struct{}

func (TokensExpired) answer(t *turn, r *http.Request, next func(*http.Request) *answer) *answer {
	t.server.ExpireAccessTokens()
	return next(r)
}

// workAskedFor is the work that a request names in its query or its path.
func workAskedFor(s *Server, r *http.Request) (int64, bool) {
	id, ok := leadingNumber(r.URL.Path)
	if given := r.URL.Query().Get("illust_id"); given != "" {
		n, err := strconv.ParseInt(given, 10, 64)
		id, ok = n, err == nil
	}
	if !ok {
		return 0, false
	}
	_, ok = s.catalog.work(id)
	return id, ok
}
