package restapi_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type filesList struct {
	Files []struct {
		Seq     int64
		Path    string
		Bytes   int64
		Picture bool
	}
	Next int64 `json:"next_after"`
}

// paint makes a task with n pictures and returns the address of its files.
func (k *kit) paint(n int) (path string, list filesList) {
	k.t.Helper()
	path = fmt.Sprintf("/tasks/%d/files", k.finished("Paint", n).TID)
	k.call("GET", path+"?limit=1000", nil).is(200).into(&list)
	require.Len(k.t, list.Files, n)
	return path, list
}

func TestFiles_ListAndBytes(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path, list := k.paint(3)
	var first filesList
	k.call("GET", path+"?limit=2", nil).is(200).into(&first)
	assert.Equal(t, list.Files[1].Seq, first.Next)

	file := list.Files[0]
	assert.True(t, file.Picture)
	want, err := os.ReadFile(filepath.Join(k.folder, filepath.FromSlash(file.Path)))
	require.NoError(t, err)
	one := fmt.Sprintf("%s/%d", path, file.Seq)
	answer := k.call("GET", one, nil).is(200)
	assert.True(t, bytes.Equal(want, answer.body))
	assert.Equal(t, "image/png", answer.header.Get("Content-Type"))
	assert.Equal(t, "nosniff", answer.header.Get("X-Content-Type-Options"))
	assert.Regexp(t, `^inline; filename=\d+\.png$`, answer.header.Get("Content-Disposition"))
	assert.Contains(t, answer.header.Get("Content-Security-Policy"), "sandbox")

	tag := answer.header.Get("ETag")
	require.NotEmpty(t, tag)
	k.call("GET", one, nil, "If-None-Match", tag).is(304)
	part := k.call("GET", one, nil, "Range", "bytes=0-7", "If-Range", tag).is(206)
	assert.Equal(t, want[:8], part.body)
	assert.Empty(t, k.call("HEAD", one, nil).is(200).body)
}

func TestFiles_Thumbnails(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path, list := k.paint(2)
	var wait sync.WaitGroup
	for i := range 12 {
		wait.Go(func() {
			answer := k.call("GET", fmt.Sprintf("%s/%d/thumbnail", path, list.Files[i%2].Seq), nil).is(200)
			config, kind, err := image.DecodeConfig(bytes.NewReader(answer.body))
			assert.NoError(t, err)
			assert.Equal(t, "jpeg", kind)
			assert.Equal(t, [2]int{320, 240}, [2]int{config.Width, config.Height})
		})
	}
	wait.Wait()
}

// hugePNG announces more pixels than anybody should decode.
func hugePNG() []byte {
	body := pngOf(4, 4)
	binary.BigEndian.PutUint32(body[16:], 65535)
	binary.BigEndian.PutUint32(body[20:], 65535)
	binary.BigEndian.PutUint32(body[29:], crc32.ChecksumIEEE(body[12:29]))
	return body
}

func TestZ5_PictureBombIsNotDecoded(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path, list := k.paint(1)
	require.NoError(t, os.WriteFile(filepath.Join(k.folder, filepath.FromSlash(list.Files[0].Path)), hugePNG(), 0o600))
	k.call("GET", fmt.Sprintf("%s/%d/thumbnail", path, list.Files[0].Seq), nil).problem(422, "picture_too_large")
}

// TestF7_OnlyRegularPicturesInTheFolder puts other things where a picture was.
func TestF7_OnlyRegularPicturesInTheFolder(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path, list := k.paint(1)
	name := filepath.Join(k.folder, filepath.FromSlash(list.Files[0].Path))
	outside := filepath.Join(t.TempDir(), "outside.png")
	require.NoError(t, os.WriteFile(outside, pngOf(4, 4), 0o600))
	inside := filepath.Join(filepath.Dir(name), "inside.png")
	require.NoError(t, os.WriteFile(inside, pngOf(4, 4), 0o600))
	folder := filepath.Dir(name)
	for what, place := range map[string]func() error{
		"missing":         func() error { return nil },
		"folder":          func() error { return os.Mkdir(name, 0o700) },
		"link out":        func() error { return os.Symlink(outside, name) },
		"link in":         func() error { return os.Symlink(inside, name) },
		"page":            func() error { return os.WriteFile(name, []byte("<html><script>alert(1)</script>"), 0o600) },
		"vector graphics": func() error { return os.WriteFile(name, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 0o600) },
		"archive":         func() error { return os.WriteFile(name, []byte("PK\x03\x04 and more"), 0o600) },
		"empty":           func() error { return os.WriteFile(name, nil, 0o600) },
	} {
		require.NoError(t, os.RemoveAll(name))
		require.NoError(t, place(), what)
		for _, end := range []string{"", "/thumbnail"} {
			answer := k.call("GET", fmt.Sprintf("%s/%d%s", path, list.Files[0].Seq, end), nil)
			assert.Equal(t, 404, answer.status, "%s%s: %s", what, end, answer.body)
			assert.NotContains(t, string(answer.body), k.folder)
		}
	}
	// The folder itself replaced by a link out.
	require.NoError(t, os.RemoveAll(folder))
	require.NoError(t, os.Symlink(filepath.Dir(outside), folder))
	require.NoError(t, os.Rename(outside, filepath.Join(filepath.Dir(outside), filepath.Base(name))))
	k.call("GET", fmt.Sprintf("%s/%d", path, list.Files[0].Seq), nil).problem(404, "no_picture")
}

func TestFiles_RecordOfAnotherTask(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	_, list := k.paint(1)
	other := k.finished("Count", 1)
	k.call("GET", fmt.Sprintf("/tasks/%d/files/%d", other.TID, list.Files[0].Seq), nil).problem(404, "not_found")
}
