package pixiv_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/pixivoc/pixivoc/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logIn makes a client of the fake Pixiv. Call it inside a synctest bubble: all
// pauses pass at once there.
func logIn(t *testing.T, server *pixivtest.Server) pixivoc.Client {
	t.Helper()
	client, err := pixivoc.New(pixivoc.Config{
		Store: memory.New(), Site: pixiv.Site(), Types: pixiv.Types(), HTTP: server.RoundTripper(), NoSync: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Shutdown(context.Background())) })
	account, err := client.Login(t.Context(), pixivoc.RefreshToken(server.RefreshToken()))
	require.NoError(t, err)
	require.Equal(t, "testuser", account.Name)
	return client
}

// finish runs a task to its end and returns it with its failed items by key.
func finish(t *testing.T, client pixivoc.Client, spec pixivoc.TaskSpec) (pixivoc.Task, pixivoc.TaskInfo, map[string]string) {
	t.Helper()
	task, err := client.Create(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, task.Start(t.Context()))
	info, err := task.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, pixivoc.StateOver, info.State, info.Error)
	failed := map[string]string{}
	for item, err := range task.Items(t.Context(), pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		require.NoError(t, err)
		failed[item.Key] = item.Reason
	}
	return task, info, failed
}

func countRecords(t *testing.T, task pixivoc.Task, kind string) int {
	t.Helper()
	count := 0
	for _, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: kind}) {
		require.NoError(t, err)
		count++
	}
	return count
}

// equalFiles wants every picture of the server in the folder, byte for byte, and
// returns how many there are.
func equalFiles(t *testing.T, server *pixivtest.Server, folder string) int {
	t.Helper()
	count := 0
	for picture := range server.Pictures() {
		work, _ := server.Work(picture.WorkID)
		if work.Type == pixivtest.Ugoira {
			continue
		}
		name := fmt.Sprintf("%d_p%d.%s", picture.WorkID, picture.Page, picture.Format)
		got, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		require.True(t, string(picture.Bytes()) == string(got), "%s differs", name)
		count++
	}
	return count
}

// An artist with everything that can be wrong with a work, through the real
// kernel.
func TestKernel_UserWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.Populate(pixivtest.Population{
			Works: 60, Pages: pixivtest.Between{Min: 1, Max: 3}, Sizes: pixivtest.Between{Min: 4 << 10, Max: 8 << 10},
		})[0]
		add := func(work pixivtest.Work) string {
			work.UserID = user.ID
			return fmt.Sprint(server.AddWork(work).ID)
		}
		masked := add(pixivtest.Work{Mask: pixivtest.MaskMyPixiv})
		gone := add(pixivtest.Work{Access: pixivtest.Deleted, StillListed: true})
		missing := add(pixivtest.Work{PageCount: 2, Pages: []pixivtest.Page{{}, {Missing: true}}})
		broken := add(pixivtest.Work{AllPages: pixivtest.Page{Broken: true}})
		moved := add(pixivtest.Work{StaleAnswers: 1})
		hashed := add(pixivtest.Work{HashedNames: true})
		movie := add(pixivtest.Work{Type: pixivtest.Ugoira})
		server.Script(
			pixivtest.Rule{Match: pixivtest.Match{Path: "/v1/user/illusts"}, After: 1, Times: 1, Do: pixivtest.RateLimit{}},
			pixivtest.Rule{Match: pixivtest.Match{Path: "/v1/user/illusts"}, After: 2, Times: 1, Do: pixivtest.TokensExpired{}},
			pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostImages}, After: 5, Times: 3, Do: pixivtest.ErrorPage{}},
		)

		client, folder := logIn(t, server), t.TempDir()
		task, info, failed := finish(t, client, pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprintf("https://www.pixiv.net/en/users/%d", user.ID), SavePath: folder,
		})
		assert.Equal(t, map[string]string{
			masked: pixivoc.ReasonMasked, gone + "_p0": pixivoc.ReasonDeleted, missing + "_p1": pixivoc.ReasonDeleted,
		}, failed)
		assert.Equal(t, 3, info.Failed)

		folder = filepath.Join(folder, "works")
		whole := equalFiles(t, server, folder)
		assert.Greater(t, whole, 60)
		for _, name := range []string{moved + "_p0.jpg", hashed + "_p0.jpg", movie + "_ugoira1920x1080.zip", broken + "_p0_master1200.jpg"} {
			assert.FileExists(t, filepath.Join(folder, name))
		}
		assert.Equal(t, whole+2, countRecords(t, task, pixiv.RecordFile))
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Len(t, entries, whole+2, "nothing else is left in the folder")
		for _, request := range server.Requests() {
			assert.NotEqual(t, pixivtest.HostStatic, request.Host, "no placeholder is asked for")
			if request.Host == pixivtest.HostImages {
				assert.Empty(t, request.Header.Get("Authorization"))
			}
		}
	})
}

func TestKernel_SingleWorkAndDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		work := server.AddWork(pixivtest.Work{Title: "<b>sunrise</b>", PageCount: 3})
		deleted := server.AddWork(pixivtest.Work{Access: pixivtest.Deleted})
		client, folder := logIn(t, server), t.TempDir()

		task, _, failed := finish(t, client, pixivoc.TaskSpec{
			Type: "102", Name: "one", Keyword: fmt.Sprint(work.ID), SavePath: folder,
		})
		assert.Empty(t, failed)
		assert.Equal(t, 3, equalFiles(t, server, filepath.Join(folder, "one")))
		assert.Equal(t, 3, countRecords(t, task, pixiv.RecordFile))

		task, _, failed = finish(t, client, pixivoc.TaskSpec{Type: pixiv.WorkDetails, Name: "details", Keyword: fmt.Sprint(work.ID)})
		assert.Empty(t, failed)
		assert.Equal(t, 1, countRecords(t, task, pixiv.RecordWork))

		_, _, failed = finish(t, client, pixivoc.TaskSpec{Type: pixiv.WorkDetails, Name: "gone", Keyword: fmt.Sprint(deleted.ID)})
		assert.Equal(t, map[string]string{fmt.Sprint(deleted.ID): pixivoc.ReasonDeleted}, failed)

		_, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: pixiv.SingleWork, Name: "bad", Keyword: "x", SavePath: folder})
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok)
		assert.Equal(t, "Keyword", field.Field)
	})
}

func TestKernel_LinksOfUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.Populate(pixivtest.Population{Works: 35, Pages: pixivtest.Between{Min: 1, Max: 2}})[0]
		masked := server.AddWork(pixivtest.Work{UserID: user.ID, Mask: pixivtest.MaskSanityLevel})
		client, folder := logIn(t, server), t.TempDir()

		task, _, failed := finish(t, client, pixivoc.TaskSpec{Type: pixiv.UserWorksLink, Name: "links", Keyword: fmt.Sprint(user.ID)})
		assert.Equal(t, map[string]string{fmt.Sprintf("work %d", masked.ID): pixivoc.ReasonMasked}, failed)
		var list strings.Builder
		for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordLink}) {
			require.NoError(t, err)
			fmt.Fprintln(&list, record.Key)
		}
		_, err := client.Logout(t.Context())
		require.NoError(t, err)
		_, _, failed = finish(t, client, pixivoc.TaskSpec{
			Type: pixiv.Links, Name: "list", Input: strings.NewReader(list.String()), SavePath: folder,
		})
		assert.Empty(t, failed, "a list needs no login")
		assert.Equal(t, strings.Count(list.String(), "\n"), equalFiles(t, server, folder))
	})
}

// A task that was over and is created again fetches what is new and nothing
// else.
func TestKernel_OpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.Populate(pixivtest.Population{Works: 40})[0]
		client, folder := logIn(t, server), t.TempDir()
		spec := pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "works", Keyword: fmt.Sprint(user.ID), SavePath: folder, Key: "same"}
		first, _, _ := finish(t, client, spec)

		fresh := server.AddWork(pixivtest.Work{UserID: user.ID, PageCount: 2})
		server.ResetLog()
		second, _, failed := finish(t, client, spec)
		assert.Equal(t, first.ID(), second.ID())
		assert.Empty(t, failed)
		assert.Equal(t, 42, equalFiles(t, server, filepath.Join(folder, "works")))
		assert.EqualValues(t, 2, server.Load(pixivtest.HostImages).Total)
		assert.Equal(t, 41, countRecords(t, second, pixiv.RecordWork))
		assert.Contains(t, server.Requests()[len(server.Requests())-1].Path, fmt.Sprint(fresh.ID))
	})
}

func TestKernel_EmptyAndGoneUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		empty := server.AddUser(pixivtest.User{})
		suspended := server.AddUser(pixivtest.User{Suspended: true})
		client := logIn(t, server)
		for keyword, reason := range map[int64]string{
			empty.ID: "", suspended.ID: pixivoc.ReasonForbidden, 987654321: pixivoc.ReasonDeleted,
		} {
			_, info, failed := finish(t, client, pixivoc.TaskSpec{
				Type: pixiv.UserWorks, Name: fmt.Sprint(keyword), Keyword: fmt.Sprint(keyword), SavePath: t.TempDir(),
			})
			assert.Equal(t, reason, failed[fmt.Sprint(keyword)], "user %d", keyword)
			assert.True(t, info.Over)
		}
	})
}

func TestKernel_OffsetLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{PageSize: 5, OffsetLimit: 10})
		defer server.Close()
		user := server.Populate(pixivtest.Population{Works: 40})[0]
		task, _, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{Type: pixiv.UserWorksLink, Name: "links", Keyword: fmt.Sprint(user.ID)})
		assert.Empty(t, failed)
		assert.Equal(t, 1, countRecords(t, task, pixiv.RecordLimit))
		assert.Equal(t, 15, countRecords(t, task, pixiv.RecordWork))
	})
}

// The grants against the fake's token endpoint, which checks the hash, the
// verifier and the constants.
func TestKernel_Logins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{Rotation: pixivtest.RotateAtOnce})
		defer server.Close()
		client := logIn(t, server)
		login := pixiv.NewLogin()
		grant, err := login.Grant("pixiv://account/login?via=login&code=" + server.AuthorizationCode(pixiv.Challenge(login.Verifier)))
		require.NoError(t, err)
		_, err = client.Login(t.Context(), grant)
		require.NoError(t, err)
		_, err = client.Login(t.Context(), grant)
		require.ErrorIs(t, err, pixivoc.ErrTokenRejected)
		assert.ErrorContains(t, err, "begin the login again")

		late, err := login.Grant(server.AuthorizationCode(pixiv.Challenge(login.Verifier)))
		require.NoError(t, err)
		time.Sleep(31 * time.Second) // of the bubble's clock
		_, err = client.Login(t.Context(), late)
		require.ErrorIs(t, err, pixivoc.ErrTokenRejected)

		_, err = client.Login(t.Context(), pixivoc.Password("me", "secret"))
		require.ErrorIs(t, err, pixivoc.ErrTokenRejected)
		assert.ErrorContains(t, err, "refresh token")
		_, err = client.Account()
		assert.NoError(t, err, "A8: a login that fails leaves the one before")

		api := pixiv.NewAPI(client)
		work := server.AddWork(pixivtest.Work{Title: "sunrise"})
		time.Sleep(2 * time.Hour)
		got, err := api.IllustDetail(t.Context(), pixiv.ID(work.ID))
		require.NoError(t, err, "after the access token ran out")
		assert.Equal(t, "sunrise", got.Title)
	})
}

func TestKernel_Blocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		client := logIn(t, server)
		work := server.AddWork(pixivtest.Work{})
		server.Script(pixivtest.Rule{Match: pixivtest.Match{Host: pixivtest.HostAPI}, Do: pixivtest.BlockPage{}})
		_, err := pixiv.NewAPI(client).IllustDetail(t.Context(), pixiv.ID(work.ID))
		blocked, ok := errors.AsType[*pixivoc.BlockedError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, "app-api.pixiv.net", blocked.Host)
		assert.NotContains(t, err.Error(), "<")
		assert.Equal(t, http.StatusForbidden, statusCode(err))
	})
}
