package pixivoc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
)

func startUser(t *testing.T, client pixivoc.Client, user int64, folder string) pixivoc.Task {
	t.Helper()
	return start(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user), SavePath: folder})
}

// U5: a picture is changed between its first half and its second.
func TestU5_PictureChangesInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, etag := range []pixivtest.ETag{pixivtest.ETagNone, pixivtest.ETagStrong, pixivtest.ETagWeak} {
		t.Run(fmt.Sprint("ETag ", etag), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{ETag: etag})
				work := server.AddWork(pixivtest.Work{PageCount: 3, AllPages: pixivtest.Page{Size: 64 << 10}})
				server.Script(once(pixivtest.Cut{At: aHalf}, pixivtest.PictureChanged{})...)
				old := originals(server)
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				task := startWork(t, client, work.ID, folder)
				if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
					t.Errorf("%+v", info)
				}
				wantOriginals(t, server, folder)
				for name, content := range originals(server) {
					if string(old[name]) == string(content) {
						t.Errorf("%s did not change", name)
					}
				}
			})
		})
	}
}

// U10, U11: what an artist has that cannot be had, each with its reason. The
// rest is there and the task is over.
func TestU10_U11_WhatCannotBeHad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 10})
		user := server.Populate(pixivtest.Population{Works: 25, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})[0]
		want := map[string]string{}
		for _, mask := range []pixivtest.Mask{pixivtest.MaskSanityLevel, pixivtest.MaskUnviewable, pixivtest.MaskMyPixiv, pixivtest.MaskUnknown} {
			want[fmt.Sprint(server.AddWork(pixivtest.Work{UserID: user.ID, Mask: mask}).ID)] = pixivoc.ReasonMasked
		}
		for _, access := range []pixivtest.Access{pixivtest.Deleted, pixivtest.Private} {
			gone := server.AddWork(pixivtest.Work{UserID: user.ID, Access: access, StillListed: true})
			want[fmt.Sprintf("%d_p0", gone.ID)] = pixivoc.ReasonDeleted
		}
		missing := server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 2, Pages: []pixivtest.Page{{}, {Missing: true}}})
		want[fmt.Sprintf("%d_p1", missing.ID)] = pixivoc.ReasonDeleted
		client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
		begin := time.Now()
		task := startUser(t, client, user.ID, folder)
		info := wait(t, task, pixivoc.StateOver)
		got := failures(t, task)
		if len(got) != len(want) || info.Failed != len(want) {
			t.Errorf("failed %v, want %v", got, want)
		}
		for key, reason := range want {
			if got[key] != reason {
				t.Errorf("%s failed as %q, want %q", key, got[key], reason)
			}
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("took %s: something was tried again", took)
		}
		wantOriginals(t, server, folder)
		wantRecords(t, task, folder)
		if n := server.Load(pixivtest.HostStatic).Total; n != 0 {
			t.Errorf("%d requests for placeholders", n)
		}
	})
}

// U15: entries that repeat, ids that are text, and works that come and go while
// the list is read. Each work is fetched once.
func TestU15_ListThatShifts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		aboutNow()
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 10})
		user := server.AddUser(pixivtest.User{ListShift: 3})
		var works []pixivtest.Work
		for range 60 {
			works = append(works, server.AddWork(pixivtest.Work{UserID: user.ID}))
		}
		server.Script(pixivtest.Rule{Match: pixivtest.Match{Path: "/v1/user/illusts"}, After: 1, Times: 2, Do: pixivtest.EditJSON{
			Set: map[string]any{"illusts.0.id": "123456789012", "illusts.0.meta_single_page.original_image_url": "https://i.pximg.net/nothing.jpg"},
		}})
		client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
		task := startUser(t, client, user.ID, folder)
		elapse(5 * time.Second) // within the listing
		server.AddWork(pixivtest.Work{UserID: user.ID})
		server.DeleteWork(works[30].ID)
		info := wait(t, task, pixivoc.StateOver)
		for key, reason := range failures(t, task) {
			if !strings.HasPrefix(key, "123456789012") && key != fmt.Sprintf("%d_p0", works[30].ID) || reason != pixivoc.ReasonDeleted {
				t.Errorf("%s failed as %s", key, reason)
			}
		}
		files := filesBelow(t, folder)
		if len(files) < 55 {
			t.Errorf("%d files: %+v", len(files), info)
		}
		for picture := range server.Pictures() {
			if n := server.Counts(picture.Path).Requests; n > 1 {
				t.Errorf("%s was asked for %d times", picture.Path, n)
			}
		}
		wantRecords(t, task, folder)
	})
}

// U14: a listing that leads elsewhere or nowhere. What was found is fetched, and
// the failed item says that the list is not complete.
func TestU14_ListingThatLeadsAstray(t *testing.T) {
	t.Parallel()
	list := pixivtest.Match{Path: "/v1/user/illusts"}
	for name, next := range map[string]string{
		"to another host":       "https://evil.example.org/v1/user/illusts?user_id=%d&offset=10",
		"to another path":       "https://app-api.pixiv.net/v1/user/follow/add?user_id=%d&offset=10",
		"to another user":       "https://app-api.pixiv.net/v1/user/illusts?user_id=1%d&offset=10",
		"to http":               "http://app-api.pixiv.net/v1/user/illusts?user_id=%d&offset=10",
		"in a circle":           "https://app-api.pixiv.net/v1/user/illusts?user_id=%d&offset=0",
		"to nonsense":           "::%d",
		"with a name in it":     "https://me:secret@app-api.pixiv.net/v1/user/illusts?user_id=%d&offset=10",
		"to an offset too high": "https://app-api.pixiv.net/v1/user/illusts?user_id=%d&offset=6000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 10})
				user := server.Populate(pixivtest.Population{Works: 10, Sizes: pixivtest.Between{Min: 4 << 10, Max: 5 << 10}})[0]
				server.Script(pixivtest.Rule{Match: list, Do: pixivtest.EditJSON{Set: map[string]any{"next_url": fmt.Sprintf(next, user.ID)}}})
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				task := startUser(t, client, user.ID, folder)
				info := wait(t, task, pixivoc.StateOver)
				wantOriginals(t, server, folder)
				if name == "to an offset too high" {
					limits := 0
					for range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordLimit}) {
						limits++
					}
					if info.Failed != 0 || limits != 1 {
						t.Errorf("%d limits recorded, %+v", limits, info)
					}
					return
				}
				if got := failures(t, task); len(got) != 1 || got[fmt.Sprint("listing ", user.ID)] != pixivoc.ReasonContent {
					t.Errorf("failed %v", got)
				}
				for _, request := range server.Requests() {
					if strings.Contains(request.Host, "evil") || strings.Contains(request.Path, "follow") {
						t.Errorf("went to %s%s", request.Host, request.Path)
					}
				}
			})
		})
	}
}
