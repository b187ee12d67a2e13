package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivocmock"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
)

// stage returns a stage of the type by its name.
func stage(t *testing.T, name string) pixivoc.Stage {
	t.Helper()
	for _, spec := range album("http://gallery.example").Stages {
		if spec.Stage.Name() == name {
			return spec.Stage
		}
	}
	t.Fatalf("there is no stage %s", name)
	return nil
}

// answers lets a mocked kernel answer a request for an address.
func answers(rt *pixivocmock.Runtime, address, body string) {
	rt.EXPECT().
		Do(mock.MatchedBy(func(request *http.Request) bool { return request.URL.String() == address })).
		Return(&http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil)
}

func TestList_QueuesPicturesAndTheNextPage(t *testing.T) {
	t.Parallel()
	for options, want := range map[string][]string{
		``:             {" a", " b", stageList + " 3"},
		`{"limit": 1}`: {" a"}, // the second picture is one too many, and so is the next page
		`{"limit": 9}`: {" a", " b", stageList + " 3"},
	} {
		rt := pixivocmock.NewRuntime(t)
		rt.EXPECT().Options().Return(json.RawMessage(options))
		answers(rt, "http://gallery.example/albums/sunsets?page=2",
			`{"pictures": [{"id": "a", "number": 1}, {"id": "b", "number": 2}], "next": 3}`)
		out, err := stage(t, stageList).Run(t.Context(), rt, pixivoc.NewItem("2", pageItem{"sunsets", 2}))
		require.NoError(t, err)
		require.NoError(t, out.Err())
		var queued []string
		for _, item := range out.Items {
			queued = append(queued, item.Stage+" "+item.Key)
		}
		require.Equal(t, want, queued, options)
	}
}

func TestList_LeavesFaultsToTheKernel(t *testing.T) {
	t.Parallel()
	gone := pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("status 404"))
	rt := pixivocmock.NewRuntime(t)
	rt.EXPECT().Do(mock.Anything).Return(nil, gone)
	_, err := stage(t, stageList).Run(t.Context(), rt, pixivoc.NewItem("1", pageItem{"none", 1}))
	require.ErrorIs(t, err, gone)

	rt = pixivocmock.NewRuntime(t)
	answers(rt, "http://gallery.example/albums/sunsets?page=1", `<html>come back later</html>`)
	_, err = stage(t, stageList).Run(t.Context(), rt, pixivoc.NewItem("1", pageItem{"sunsets", 1}))
	require.True(t, pixivoc.Retryable(err), "%v", err)
}

func TestSave(t *testing.T) {
	t.Parallel()
	const name = "evenings/003 a_b.png"
	item := pixivoc.NewItem("c", picture{ID: "c", Number: 3, Title: "a/b", Path: "/pictures/3.png"})
	rt := pixivocmock.NewRuntime(t)
	rt.EXPECT().Task().Return(pixivoc.TaskInfo{TaskName: "evenings"})
	rt.EXPECT().Download(mock.Anything, mock.Anything).
		RunAndReturn(func(_ context.Context, d pixivoc.Download) (pixivoc.File, error) {
			require.Equal(t, "http://gallery.example/pictures/3.png", d.Request.URL.String())
			return pixivoc.File{Name: d.Name, Bytes: 10}, nil
		})
	out, err := stage(t, stageSave).Run(t.Context(), rt, item)
	require.NoError(t, err)
	require.Len(t, out.Records, 2)
	require.Equal(t, name, out.Records[0].Key)
	require.Equal(t, pixivoc.RecordFile, out.Records[0].Kind)

	namer, ok := stage(t, stageSave).(pixivoc.FileNamer)
	require.True(t, ok)
	require.Equal(t, []string{name}, namer.FileNames(pixivoc.TaskInfo{TaskName: "evenings"}, item))
}

func TestSave_GivesUpWhatWasWithdrawn(t *testing.T) {
	t.Parallel()
	// No call of the kernel is expected.
	_, err := stage(t, stageSave).Run(t.Context(), pixivocmock.NewRuntime(t), pixivoc.NewItem("c", picture{Withdrawn: true}))
	permanent, ok := errors.AsType[*pixivoc.PermanentError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, pixivoc.ReasonDeleted, permanent.Reason)
}

func TestFirst_RefusesByField(t *testing.T) {
	t.Parallel()
	for field, spec := range map[string]pixivoc.TaskSpec{
		"Keyword":       {Keyword: "../secrets"},
		"Options":       {Keyword: "sunsets", Options: json.RawMessage(`{"limit": "all"}`)},
		"Options.limit": {Keyword: "sunsets", Options: json.RawMessage(`{"limit": -1}`)},
	} {
		for _, err := range first(t.Context(), spec) {
			refused, ok := errors.AsType[*pixivoc.FieldError](err)
			require.True(t, ok, "%s: %v", field, err)
			require.Equal(t, field, refused.Field)
		}
	}
}
