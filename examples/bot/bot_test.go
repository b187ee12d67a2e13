package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivocmock"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
)

const link = "https://www.pixiv.net/artworks/7"

// newBot makes a bot on a mocked client. Only "friends" may.
func newBot(t *testing.T) (*bot, *pixivocmock.Client) {
	t.Helper()
	client := pixivocmock.NewClient(t)
	return &bot{client: client, folder: "pictures", adults: []string{"friends"}, cache: map[pixiv.ID]shown{}}, client
}

// describes lets the client answer, once, what Pixiv says of work 7.
func describes(client *pixivocmock.Client, work string) {
	client.EXPECT().
		Do(mock.MatchedBy(func(request *http.Request) bool { return request.URL.Query().Get("illust_id") == "7" })).
		Return(&http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"illust": ` + work + `}`))}, nil).Once()
}

// fetches lets the client make a task, once, that ends as told.
func fetches(t *testing.T, client *pixivocmock.Client, info pixivoc.TaskInfo, files ...string) *pixivocmock.Task {
	task := pixivocmock.NewTask(t)
	client.EXPECT().
		Create(mock.Anything, mock.MatchedBy(func(spec pixivoc.TaskSpec) bool { return spec.Key == "bot/7" && spec.Keyword == "7" })).
		Return(task, nil).Once()
	task.EXPECT().Start(mock.Anything).Return(nil).Once()
	task.EXPECT().Wait(mock.Anything).Return(info, nil).Once()
	var records []pixivoc.Record
	for _, file := range files {
		records = append(records, pixivoc.Record{Key: file})
	}
	task.EXPECT().Records(mock.Anything, pixivoc.RecordQuery{Kind: pixiv.RecordFile}).Return(list(records...)).Maybe()
	return task
}

// list makes what Task.Records and Task.Items return.
func list[T any](values ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, value := range values {
			if !yield(value, nil) {
				return
			}
		}
	}
}

func TestAnswer_ShowsPicturesAndRemembers(t *testing.T) {
	t.Parallel()
	b, client := newBot(t)
	describes(client, `{"id": 7, "title": "Sunrise", "user": {"name": "Ann"}, "page_count": 2, "visible": true}`)
	task := fetches(t, client, pixivoc.TaskInfo{State: pixivoc.StateOver}, "7/7_p0.jpg", "7/7_p1.jpg")
	task.EXPECT().Items(mock.Anything, mock.Anything).Return(list[pixivoc.ItemStatus]())
	want := answer{Chat: "family", Pictures: []picture{
		{filepath.Join("pictures", "7", "7_p0.jpg"), "Sunrise by Ann " + link},
		{filepath.Join("pictures", "7", "7_p1.jpg"), "Sunrise by Ann " + link},
	}}
	// The second answer comes from the cache: the mocks take each call once.
	require.Equal(t, want, b.answer(t.Context(), "family", "look, "+link+" is nice"))
	require.Equal(t, want, b.answer(t.Context(), "family", link))
}

func TestAnswer_KeepsThePolicyOfTheChat(t *testing.T) {
	t.Parallel()
	b, client := newBot(t)
	const adult = `{"id": 7, "title": "Night", "user": {"name": "Ann"}, "x_restrict": 1, "visible": true}`
	describes(client, adult)
	require.Equal(t, answer{Chat: "family", Text: "7: not for this chat"}, b.answer(t.Context(), "family", link)) // and nothing is fetched

	describes(client, adult)
	fetches(t, client, pixivoc.TaskInfo{State: pixivoc.StateOver}, "7/7_p0.jpg").
		EXPECT().Items(mock.Anything, mock.Anything).Return(list[pixivoc.ItemStatus]())
	require.Len(t, b.answer(t.Context(), "friends", link).Pictures, 1)
	// The cache does not leak into other chats.
	for _, chat := range []string{"family", "", "friends "} {
		require.Equal(t, "7: not for this chat", b.answer(t.Context(), chat, link).Text, chat)
	}
}

func TestAnswer_IsSilentWithoutALink(t *testing.T) {
	t.Parallel()
	b, _ := newBot(t) // no call is expected
	for _, text := range []string{"", "hello", "79468013", "https://example.com/artworks/7", "https://www.pixiv.net/users/7"} {
		require.Equal(t, answer{Chat: "family"}, b.answer(t.Context(), "family", text), text)
	}
}

func TestAnswer_MakesExcuses(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"7: not to be had, deleted":                 pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("status 404")),
		"7: I am not logged in to Pixiv":            pixivoc.ErrNoToken,
		"7: takes a while, ask again later":         context.DeadlineExceeded,
		"7: Pixiv is out of reach, ask again later": io.ErrUnexpectedEOF,
	} {
		b, client := newBot(t)
		client.EXPECT().Do(mock.Anything).Return(nil, err)
		require.Equal(t, want, b.answer(t.Context(), "family", link).Text)
		require.Empty(t, b.cache, "errors are not remembered")
	}
}

func TestAnswer_TellsWhyNothingWasSaved(t *testing.T) {
	t.Parallel()
	b, client := newBot(t)
	describes(client, `{"id": 7, "visible": true}`)
	fetches(t, client, pixivoc.TaskInfo{State: pixivoc.StateOver, Failed: 1}).
		EXPECT().Items(mock.Anything, pixivoc.ItemQuery{State: pixivoc.ItemFailed}).
		Return(list(pixivoc.ItemStatus{Reason: pixivoc.ReasonMasked, Detail: "limit_unviewable"}))
	require.Equal(t, "7: not to be had, masked", b.answer(t.Context(), "family", link).Text)

	describes(client, `{"id": 7, "visible": true}`)
	fetches(t, client, pixivoc.TaskInfo{State: pixivoc.StateError, Error: "no progress in 20 rounds"})
	require.Equal(t, "7: Pixiv is out of reach, ask again later", b.answer(t.Context(), "family", link).Text)
}

func TestCache_IsBounded(t *testing.T) {
	t.Parallel()
	b, client := newBot(t)
	for id := range pixiv.ID(maxKnown) {
		b.cache[id+100] = shown{}
	}
	describes(client, `{"id": 7, "visible": true}`)
	fetches(t, client, pixivoc.TaskInfo{State: pixivoc.StateOver}, "7/7_p0.jpg").
		EXPECT().Items(mock.Anything, mock.Anything).Return(list[pixivoc.ItemStatus]())
	b.answer(t.Context(), "family", link)
	require.Len(t, b.cache, 1)
	_, err := json.Marshal(b.answer(t.Context(), "family", link))
	require.NoError(t, err)
}
