package pixiv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/pixivoc/pixivoc"
)

// Doer sends requests. pixivoc.Client and pixivoc.Runtime are Doers that pace
// requests, put the token on them and turn bad answers into errors.
type Doer interface {
	Do(request *http.Request) (*http.Response, error)
}

// API is Pixiv's App API with typed answers. It holds nothing but its Doer and
// is as safe for concurrent use as that.
//
// Errors are those of the Doer, see NewSite for what they say of Pixiv, and
// errors about answers that do not fit; these name the field.
type API struct {
	doer Doer
}

// NewAPI returns the API over doer.
func NewAPI(doer Doer) *API { return &API{doer: doer} }

// UserDetail is what Pixiv tells of a user.
type UserDetail struct {
	User    User    `json:"user"`
	Profile Profile `json:"profile"`
}

// Profile holds the counts and addresses of a user's profile.
type Profile struct {
	Webpage                    string `json:"webpage"`
	TotalIllusts               int    `json:"total_illusts"`
	TotalManga                 int    `json:"total_manga"`
	TotalNovels                int    `json:"total_novels"`
	TotalIllustBookmarksPublic int    `json:"total_illust_bookmarks_public"`
	TotalFollowUsers           int    `json:"total_follow_users"`
	BackgroundImageURL         string `json:"background_image_url"`
	TwitterAccount             string `json:"twitter_account"`
	IsPremium                  bool   `json:"is_premium"`
}

// Ugoira tells how to show a ugoira.
type Ugoira struct {
	// ZipURLs are addresses of the archive of frames by size; Pixiv names
	// "medium" alone, of 600 pixels (fixtures ugoira_metadata*.json).
	ZipURLs map[string]string `json:"zip_urls"`
	// Frames are the files in the archive in the order they are shown.
	Frames []Frame `json:"frames"`
}

// Frame is one picture of a ugoira.
type Frame struct {
	File  string `json:"file"`
	Delay int    `json:"delay"` // milliseconds
}

const (
	apiHost = "app-api.pixiv.net"
	apiBase = "https://" + apiHost

	pathIllustDetail   = "/v1/illust/detail"
	pathUserDetail     = "/v1/user/detail"
	pathUserIllusts    = "/v1/user/illusts"
	pathUgoiraMetadata = "/v1/ugoira/metadata"

	maxAnswer = 16 << 20 // bytes; a page of 30 works has some 100 KB
	// maxValues bounds what an answer becomes in memory: a page of 30 works
	// of 200 pages each has some 60,000 values.
	maxValues = 300_000
)

// IllustDetail returns one work. A work that is deleted, private or was never
// there is a *pixivoc.PermanentError with pixivoc.ReasonDeleted.
func (a *API) IllustDetail(ctx context.Context, work ID) (Work, error) {
	var answer struct {
		Illust *Work `json:"illust"`
	}
	query := url.Values{"illust_id": {work.String()}}
	if err := a.get(ctx, pathIllustDetail, query, &answer); err != nil {
		return Work{}, err
	}
	if answer.Illust == nil {
		return Work{}, answerError(pathIllustDetail, errors.New("illust is missing"))
	}
	if answer.Illust.ID != work {
		return Work{}, answerError(pathIllustDetail, fmt.Errorf("illust.id is %s, want %s", answer.Illust.ID, work))
	}
	return *answer.Illust, nil
}

// UserDetail returns one user. A user who is gone is a
// *pixivoc.PermanentError with pixivoc.ReasonDeleted.
func (a *API) UserDetail(ctx context.Context, user ID) (UserDetail, error) {
	var answer UserDetail
	query := url.Values{"user_id": {user.String()}}
	if err := a.get(ctx, pathUserDetail, query, &answer); err != nil {
		return UserDetail{}, err
	}
	switch answer.User.ID {
	case user:
		return answer, nil
	case 0:
		return UserDetail{}, pixivoc.Permanent(pixivoc.ReasonDeleted, fmt.Errorf("user %s is gone or was never there", user))
	}
	return UserDetail{}, answerError(pathUserDetail, fmt.Errorf("user.id is %s, want %s", answer.User.ID, user))
}

// UgoiraMetadata returns the archive and the frames of a ugoira.
func (a *API) UgoiraMetadata(ctx context.Context, work ID) (Ugoira, error) {
	var answer struct {
		Ugoira *Ugoira `json:"ugoira_metadata"`
	}
	query := url.Values{"illust_id": {work.String()}}
	if err := a.get(ctx, pathUgoiraMetadata, query, &answer); err != nil {
		return Ugoira{}, err
	}
	if answer.Ugoira == nil {
		return Ugoira{}, answerError(pathUgoiraMetadata, errors.New("ugoira_metadata is missing"))
	}
	return *answer.Ugoira, nil
}

// get asks one path and decodes the answer into result.
func (a *API) get(ctx context.Context, path string, query url.Values, result any) error {
	body, err := a.ask(ctx, path, query)
	if err != nil {
		return err
	}
	if err := decode(body, result); err != nil {
		return answerError(path, err)
	}
	return nil
}

// ask asks one path and returns the body of a good answer.
func (a *API) ask(ctx context.Context, path string, query url.Values) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, apiBase+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := a.doer.Do(request)
	if err != nil {
		return nil, asked(path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", path, err)
	}
	// A Doer that is a bare http.Client judges nothing.
	if err := judge(response, body); err != nil {
		return nil, asked(path, err)
	}
	return body, nil
}

// asked names the path in an error that does not do so itself, as most do by
// the whole address.
func asked(path string, err error) error {
	if strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("ask %s: %w", path, err)
}

func answerError(path string, err error) error {
	return fmt.Errorf("answer of %s: %w", path, err)
}

// decode reads one JSON object of bounded size. Its errors name the field.
func decode(body []byte, result any) error {
	if len(body) > maxAnswer {
		return fmt.Errorf("is longer than %d bytes", maxAnswer)
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return errors.New("is empty")
	}
	if body[0] != '{' {
		return errors.New("is no JSON object")
	}
	values := bytes.Count(body, []byte{','}) + bytes.Count(body, []byte{'{'}) + bytes.Count(body, []byte{'['})
	if values > maxValues {
		return fmt.Errorf("has more than %d values", maxValues)
	}
	err := json.Unmarshal(body, result)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: JSON %s does not fit %s", wrong.Field, clean(wrong.Value), wrong.Type)
	}
	return err
}
