package pixiv_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/gif"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// frameSize makes the frames of an animation equally large, as Pixiv's are.
func frameSize() pixivtest.Page { return pixivtest.Page{Width: 64, Height: 48} }

// convertedFiles are the files of a task by name, without folder.
func convertedFiles(t *testing.T, folder string) []string {
	t.Helper()
	var names []string
	for _, name := range filesUnder(t, folder) {
		names = append(names, filepath.Base(name))
	}
	return names
}

// An animation is written beside its archive in each format that was asked for,
// and each file is recorded as it is.
func TestOptions_Ugoira(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		movie := server.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, Frames: 3, Title: "a <walk>", AllPages: frameSize()})
		server.AddWork(pixivtest.Work{UserID: movie.UserID, PageCount: 1})
		folder := t.TempDir()
		task, _, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "movies", Keyword: fmt.Sprint(movie.UserID), SavePath: folder,
			Options: options(t, pixiv.Options{Ugoira: []string{"gif", "apng", "webp", "mkv", "cbz"}}),
		})
		require.Empty(t, failed)
		stem := fmt.Sprintf("%d_ugoira1920x1080", movie.ID)
		assert.Subset(t, convertedFiles(t, folder), []string{stem + ".zip", stem + ".gif", stem + ".apng", stem + ".webp", stem + ".mkv", stem + ".cbz"})
		assert.Len(t, filesUnder(t, folder), 7)
		wantRecorded(t, task, folder, 7)

		text, err := os.ReadFile(filepath.Join(folder, "movies", stem+".gif"))
		require.NoError(t, err)
		animation, err := gif.DecodeAll(bytes.NewReader(text))
		require.NoError(t, err)
		assert.Equal(t, []int{6, 7, 6}, animation.Delay)
		book, err := zip.OpenReader(filepath.Join(folder, "movies", stem+".cbz"))
		require.NoError(t, err)
		defer func() { require.NoError(t, book.Close()) }()
		info, err := book.Open("ComicInfo.xml")
		require.NoError(t, err)
		var xml bytes.Buffer
		_, err = xml.ReadFrom(info)
		require.NoError(t, err)
		assert.Contains(t, xml.String(), "a &lt;walk&gt;")

		ledger, _ := entries(t, task, 100)
		assert.True(t, ledger.Complete, "%+v", ledger)
		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{Files: true}))
		assert.Empty(t, filesUnder(t, folder))
	})
}

// The sidecar of an animation has what no archive has: how long each frame is
// shown.
func TestSidecar_Frames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		movie := server.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, Frames: 3, AllPages: frameSize()})
		folder := t.TempDir()
		task, _, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{
			Type: pixiv.SingleWork, Name: "movie", Keyword: fmt.Sprint(movie.ID), SavePath: folder,
			Options: options(t, pixiv.Options{Metadata: []string{pixiv.MetadataJSON}}),
		})
		require.Empty(t, failed)
		text, err := os.ReadFile(filepath.Join(folder, "movie", fmt.Sprintf("%d.json", movie.ID)))
		require.NoError(t, err)
		var sidecar struct {
			Frames []pixiv.FrameRecord `json:"frames"`
		}
		require.NoError(t, json.Unmarshal(text, &sidecar))
		archive := recordedFiles(t, task)[fmt.Sprintf("movie/%d_ugoira1920x1080.zip", movie.ID)]
		assert.Len(t, sidecar.Frames, 3)
		assert.Equal(t, archive.Frames, sidecar.Frames)
	})
}

// recordedFiles are the records of the files of a task by path.
func recordedFiles(t *testing.T, task pixivoc.Task) map[string]pixiv.FileRecord {
	t.Helper()
	found := map[string]pixiv.FileRecord{}
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordFile}) {
		require.NoError(t, err)
		var data pixiv.FileRecord
		require.NoError(t, json.Unmarshal(record.Data, &data))
		found[data.Path] = data
	}
	return found
}

// wantRecorded wants a record of so many files that says what they hold.
func wantRecorded(t *testing.T, task pixivoc.Task, folder string, count int) {
	t.Helper()
	found := recordedFiles(t, task)
	assert.Len(t, found, count)
	for name, record := range found {
		text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		require.NoError(t, err)
		assert.Equal(t, int64(len(text)), record.Bytes, name)
		assert.Equal(t, fmt.Sprintf("%08x", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))), record.Checksum, name)
	}
}

// badArchive is a whole zip that is not the one of the table of frames.
func badArchive(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	file, err := archive.Create("../000000.jpg")
	require.NoError(t, err)
	_, err = file.Write([]byte("no picture"))
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	return out.String()
}

// A bad archive is fetched once more, and what is good then is converted. One
// that stays bad fails with its reason, and both are there to be looked at.
func TestOptions_UgoiraBadArchive(t *testing.T) {
	t.Parallel()
	for bad, test := range map[int]struct{ files, failed int }{
		1: {files: 3, failed: 0},
		2: {files: 2, failed: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := pixivtest.NewUnstartedServer(pixivtest.Config{})
			defer server.Close()
			movie := server.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, AllPages: frameSize()})
			server.Script(pixivtest.Rule{
				Match: pixivtest.Match{Host: pixivtest.HostImages, Path: "/img-zip-ugoira/*"}, Times: bad,
				Do: pixivtest.Respond{ContentType: "application/zip", Body: badArchive(t)},
			})
			folder := t.TempDir()
			task, _, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{
				Type: pixiv.SingleWork, Name: "movie", Keyword: fmt.Sprint(movie.ID), SavePath: folder,
				Options: options(t, pixiv.Options{Ugoira: []string{"gif"}}),
			})
			assert.Len(t, failed, test.failed)
			names := convertedFiles(t, folder)
			assert.Len(t, names, test.files)
			stem := fmt.Sprintf("%d_ugoira1920x1080", movie.ID)
			assert.Subset(t, names, []string{stem + ".zip", stem + "_again.zip"})
			wantRecorded(t, task, folder, test.files)
			_, fates := entries(t, task, 100)
			fate := fates[fmt.Sprint(movie.ID)]
			if test.failed == 0 {
				assert.Contains(t, names, stem+".gif")
				assert.Equal(t, pixiv.FateSaved, fate.Fate)
				return
			}
			assert.Equal(t, pixivoc.ReasonContent, failed[fmt.Sprintf("%d_convert_again", movie.ID)])
			assert.Equal(t, pixiv.FateFailed, fate.Fate)
			assert.Equal(t, 2, imageRequests(server))
		})
	}
}

// A crash repeats the conversions that it kept from their end, and no download.
func TestOptions_UgoiraCrash(t *testing.T) {
	t.Parallel()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer server.Close()
	movie := server.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, AllPages: frameSize()})
	client, folder := logIn(t, server), t.TempDir()
	spec := pixivoc.TaskSpec{
		Type: pixiv.SingleWork, Name: "movie", Keyword: fmt.Sprint(movie.ID), SavePath: folder,
		Options: options(t, pixiv.Options{Ugoira: []string{"gif", "mkv"}}),
	}
	task, _, failed := finish(t, client, spec)
	require.Empty(t, failed)
	var item pixivoc.Item
	for found, err := range task.Items(t.Context(), pixivoc.ItemQuery{Stage: pixiv.StageConvertUgoira}) {
		require.NoError(t, err)
		item = found.Item
	}
	stem := filepath.Join(folder, "movie", fmt.Sprintf("%d_ugoira1920x1080", movie.ID))
	require.NoError(t, os.Remove(stem+".mkv"))
	require.NoError(t, os.WriteFile(stem+".mkv.part", []byte("half"), 0o600))
	before, err := os.Stat(stem + ".gif")
	require.NoError(t, err)

	kind := typeNamed(t, pixiv.SingleWork)
	stage := kind.Stages[len(kind.Stages)-1].Stage
	rt := newRuntime(newRoad(nil))
	rt.task, rt.options = pixivoc.TaskInfo{SavePath: folder, TaskName: "movie"}, spec.Options
	out, err := stage.Run(t.Context(), rt, item)
	require.NoError(t, err)
	assert.Len(t, out.Records, 2)
	after, err := os.Stat(stem + ".gif")
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after), "what was whole is taken as it is")
	assert.FileExists(t, stem+".mkv")
	assert.NoFileExists(t, stem+".mkv.part")

	// A file that somebody else made is not written over.
	require.NoError(t, os.WriteFile(stem+".gif", []byte("mine"), 0o600))
	long := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, os.Chtimes(stem+".gif", long, long))
	rt.task.CreatedAt = long.Add(time.Hour)
	out, err = stage.Run(t.Context(), rt, item)
	require.NoError(t, err)
	assert.Contains(t, string(out.Records[0].Data), `"existing":true`)
	text, err := os.ReadFile(stem + ".gif")
	require.NoError(t, err)
	assert.Equal(t, "mine", string(text))

	// Nor is one that was made while the task ran: ours lies beside it.
	require.NoError(t, os.Chtimes(stem+".gif", time.Now(), time.Now()))
	out, err = stage.Run(t.Context(), rt, item)
	require.NoError(t, err)
	text, err = os.ReadFile(stem + ".gif")
	require.NoError(t, err)
	assert.Equal(t, "mine", string(text))
	assert.Regexp(t, `1080_[0-9a-f]{8}\.gif$`, out.Records[0].Key)
	assert.FileExists(t, filepath.Join(folder, out.Records[0].Key))
	assert.NoFileExists(t, stem+".gif.part")
	assert.NotContains(t, string(out.Records[0].Data), `"existing"`)

	// A task that is stopped leaves nothing half-made.
	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, os.Remove(stem+".mkv"))
	_, err = stage.Run(stopped, rt, item)
	require.ErrorIs(t, err, context.Canceled)
	_, permanent := errors.AsType[*pixivoc.PermanentError](err)
	assert.False(t, permanent)
	assert.NoFileExists(t, stem+".mkv.part")

	// An archive that is gone cannot be converted.
	require.NoError(t, os.Remove(stem+".zip"))
	_, err = stage.Run(t.Context(), rt, item)
	verdict, ok := errors.AsType[*pixivoc.PermanentError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, pixivoc.ReasonContent, verdict.Reason)
}

// One format that the frames do not allow keeps no other one from being made.
func TestOptions_UgoiraRefusedFormat(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var frames bytes.Buffer
	archive := zip.NewWriter(&frames)
	frame, err := archive.Create("000000.png")
	require.NoError(t, err)
	require.NoError(t, png.Encode(frame, image.NewGray(image.Rect(0, 0, 4, 4))))
	require.NoError(t, archive.Close())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "7.zip"), frames.Bytes(), 0o600))
	rt := newRuntime(newRoad(nil))
	rt.task = pixivoc.TaskInfo{SavePath: folder, TaskName: "movie"}
	kind := typeNamed(t, pixiv.SingleWork)
	out, err := kind.Stages[len(kind.Stages)-1].Stage.Run(t.Context(), rt, pixivoc.Item{
		Key: "7_convert", Payload: []byte(`{"work_id":7,"archive":"7.zip","stem":"7","frames":[{"file":"000000.png","delay_ms":50}],"formats":["mkv","gif"]}`),
	})
	verdict, ok := errors.AsType[*pixivoc.PermanentError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, pixivoc.ReasonContent, verdict.Reason)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	require.Len(t, out.Records, 1)
	assert.Equal(t, "7.gif", out.Records[0].Key)
	assert.Equal(t, []string{"7.gif", "7.zip"}, filesUnder(t, folder))
}

// Formats are words that are known, and ffmpeg's need ffmpeg.
func TestOptions_UgoiraFormats(t *testing.T) {
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer server.Close()
	t.Setenv("PATH", "")
	client := logIn(t, server)
	for text, want := range map[string]string{
		`{"ugoira":["gif","avi"]}`: `word 2 is "avi"`,
		`{"ugoira":["gif","gif"]}`: `word 2 is "gif"`,
		`{"ugoira":[""]}`:          `word 1 is ""`,
		`{"ugoira":"gif"}`:         "JSON string does not fit",
		`{"ugoira":["gif","mp4"]}`: "needs ffmpeg",
		`{"ugoira":["webm"]}`:      "needs ffmpeg",
	} {
		_, err := client.Create(t.Context(), pixivoc.TaskSpec{
			Type: pixiv.SingleWork, Name: "n", Keyword: "1", SavePath: t.TempDir(), Options: []byte(text),
		})
		field, ok := errors.AsType[*pixivoc.FieldError](err)
		require.True(t, ok, "%s: %v", text, err)
		assert.Equal(t, "Options.ugoira", field.Field)
		assert.Contains(t, field.Reason, want)
	}
}

func TestOptions_UgoiraByFFmpeg(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not here")
	}
	t.Parallel()
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	defer server.Close()
	movie := server.AddWork(pixivtest.Work{Type: pixivtest.Ugoira, AllPages: frameSize()})
	folder := t.TempDir()
	_, _, failed := finish(t, logIn(t, server), pixivoc.TaskSpec{
		Type: pixiv.SingleWork, Name: "movie", Keyword: fmt.Sprint(movie.ID), SavePath: folder,
		Options: options(t, pixiv.Options{Ugoira: []string{"mp4"}}),
	})
	require.Empty(t, failed)
	text, err := os.ReadFile(filepath.Join(folder, "movie", fmt.Sprintf("%d_ugoira1920x1080.mp4", movie.ID)))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text[4:]), "ftyp"))
}
