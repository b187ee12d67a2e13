package pixiv

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// saving is a Runtime that knows its save path and nothing else.
type saving struct {
	pixivoc.Runtime
	folder   string
	created  time.Time
	recorded map[string]bool // by path
}

func (s saving) Recorded(context.Context, string, ...string) (map[string]bool, error) {
	return s.recorded, nil
}

func (s saving) Task() pixivoc.TaskInfo {
	return pixivoc.TaskInfo{TaskName: "task", SavePath: s.folder, CreatedAt: s.created}
}
func (saving) Options() json.RawMessage { return nil }
func (saving) Logger() *slog.Logger     { return slog.New(slog.DiscardHandler) }
func (saving) Do(*http.Request) (*http.Response, error) {
	return nil, errors.New("nothing is asked here")
}

func writes(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	rt := saving{folder: t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(rt.folder, "task"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(rt.folder, "task", "5.txt.part"), []byte("a crash left this, and it is longer"), 0o644))
	for _, content := range []string{"first", "the second one"} {
		record, err := writeFile(rt, "task/5.txt", writes(content))
		require.NoError(t, err)
		assert.Equal(t, int64(len(content)), record.Bytes)
		assert.Equal(t, "crc32c", record.ChecksumKind)
		have, err := os.ReadFile(filepath.Join(rt.folder, "task", "5.txt"))
		require.NoError(t, err)
		assert.Equal(t, content, string(have))
	}
	record, err := writeFile(rt, "check.txt", writes("123456789"))
	require.NoError(t, err)
	assert.Equal(t, "e3069283", record.Checksum, "the check value of CRC-32C")
	entries, err := os.ReadDir(filepath.Join(rt.folder, "task"))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no part is left")
}

func TestWriteFile_Fails(t *testing.T) {
	t.Parallel()
	rt := saving{folder: t.TempDir()}
	outside := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(rt.folder, "away")))
	for _, name := range []string{"../x", "a/../x", "con", "away/x", "/x"} {
		_, err := writeFile(rt, name, writes("x"))
		require.Error(t, err, name)
	}
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Empty(t, left, "nothing leads out of the save path")

	for _, cause := range diskFull() {
		_, err = writeFile(rt, "full.txt", func(io.Writer) error { return &fs.PathError{Op: "write", Err: cause} })
		require.ErrorIs(t, err, pixivoc.ErrDiskFull)
	}
	for _, cause := range append(readOnly(), fs.ErrPermission) {
		_, err = writeFile(rt, "locked.txt", func(io.Writer) error { return cause })
		require.ErrorIs(t, err, pixivoc.ErrSavePath)
	}
	_, err = writeFile(rt, "half.txt", func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return io.ErrUnexpectedEOF
	})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	for _, name := range []string{"full.txt", "locked.txt", "half.txt", "half.txt.part"} {
		assert.NoFileExists(t, filepath.Join(rt.folder, name))
	}
}

func TestWriteBeside(t *testing.T) {
	t.Parallel()
	rt := saving{folder: t.TempDir(), created: time.Now()}
	older := rt.created.Add(-time.Hour)
	mine := filepath.Join(rt.folder, "5.txt")
	require.NoError(t, os.WriteFile(mine, []byte("what I wrote"), 0o644))
	require.NoError(t, os.Chtimes(mine, older, older))

	record, err := writeBeside(t.Context(), rt, "5", ".txt", writes("what I wrote"))
	require.NoError(t, err)
	assert.True(t, record.Existing, "the same bytes adopt the file")
	for range 2 { // the second time as after a crash
		record, err = writeBeside(t.Context(), rt, "5", ".txt", writes("what Pixiv has"))
		require.NoError(t, err)
		assert.False(t, record.Existing)
		assert.Equal(t, "5_"+record.Checksum+".txt", record.Path)
	}
	text, err := os.ReadFile(mine)
	require.NoError(t, err)
	assert.Equal(t, "what I wrote", string(text), "what was there stays")

	rt.recorded = map[string]bool{"6.txt": true}
	for _, content := range []string{"one", "two"} { // the task's own file
		record, err = writeBeside(t.Context(), rt, "6", ".txt", writes(content))
		require.NoError(t, err)
		assert.Equal(t, "6.txt", record.Path)
	}
	// One that was written while the task ran is as much somebody's own.
	note := filepath.Join(rt.folder, "8.txt")
	require.NoError(t, os.WriteFile(note, []byte("a note"), 0o644))
	record, err = writeBeside(t.Context(), rt, "8", ".txt", writes("what Pixiv has"))
	require.NoError(t, err)
	assert.Equal(t, "8_"+record.Checksum+".txt", record.Path)
	text, err = os.ReadFile(note)
	require.NoError(t, err)
	assert.Equal(t, "a note", string(text))
	record, err = writeBeside(t.Context(), rt, "8", ".txt", writes("a note"))
	require.NoError(t, err)
	assert.Equal(t, "8.txt", record.Path)
	assert.False(t, record.Existing, "a crash kept the task from recording it")

	require.NoError(t, os.Mkdir(filepath.Join(rt.folder, "7.txt"), 0o755))
	require.NoError(t, os.Chtimes(filepath.Join(rt.folder, "7.txt"), older, older))
	record, err = writeBeside(t.Context(), rt, "7", ".txt", writes("x"))
	require.NoError(t, err)
	assert.Equal(t, "7_"+record.Checksum+".txt", record.Path, "a folder stands there")
}

// A stage that ran twice, because its process died before the commit, leaves
// the same files.
func TestSaveNovel_Twice(t *testing.T) {
	t.Parallel()
	rt := saving{folder: t.TempDir()}
	novel := novelFile{NovelRecord: NovelRecord{ID: 5, Title: "\x00", CreateDate: "nonsense"}, Text: strings.Repeat("text\n[newpage]", 3), Cover: true}
	var books []string
	for range 2 {
		out, err := saveNovel(context.Background(), rt, novel)
		require.NoError(t, err)
		assert.Len(t, out.Records, 2)
		book, err := os.ReadFile(filepath.Join(rt.folder, "task", "5.epub"))
		require.NoError(t, err)
		books = append(books, string(book))
	}
	assert.True(t, books[0] == books[1])
	payload, err := json.Marshal(novel)
	require.NoError(t, err)
	assert.Equal(t, []string{"task/5.txt", "task/5.epub"}, novelFileStage{}.FileNames(rt.Task(), pixivoc.Item{Payload: payload}))
	assert.Nil(t, novelFileStage{}.FileNames(rt.Task(), pixivoc.Item{Payload: []byte("x")}))
	assert.Nil(t, novelPictureStage{}.FileNames(rt.Task(), pixivoc.Item{Payload: []byte("x")}))
	assert.Nil(t, userPictureStage{}.FileNames(rt.Task(), pixivoc.Item{Payload: []byte("x")}))
}
