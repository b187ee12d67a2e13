package pixivoc_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/require"
)

// slowPictures makes a work whose pictures take a second each, so that a test
// can do something in the middle.
func slowPictures(pages int) (*pixivtest.Server, pixivtest.Work) {
	server := pixivtest.NewUnstartedServer(pixivtest.Config{})
	work := server.AddWork(pixivtest.Work{PageCount: pages, AllPages: pixivtest.Page{Size: 8192}})
	server.Script(pixivtest.Rule{Match: imageHost, Do: pixivtest.Drip{Bytes: 1024, Every: 125 * time.Millisecond}})
	return server, work
}

// D3: what happens to the folder while a task saves into it.
func TestD3_FolderChangesWhileRunning(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		// change gets the save path, the folder of the task in it, and one that
		// must stay as it is.
		change func(savePath, folder, elsewhere string) error
		// landed is where the pictures are in the end, below the parent of the
		// save path; "" when the task must give up.
		landed string
	}{
		"the save path is moved": {func(savePath, _, _ string) error {
			return os.Rename(savePath, savePath+"-moved")
		}, "save-moved"},
		"the save path becomes a link": {func(savePath, _, elsewhere string) error {
			if err := os.Rename(savePath, savePath+"-moved"); err != nil {
				return err
			}
			return os.Symlink(elsewhere, savePath)
		}, "save-moved"},
		"the save path becomes a file": {func(savePath, _, _ string) error {
			if err := os.Rename(savePath, savePath+"-moved"); err != nil {
				return err
			}
			return os.WriteFile(savePath, []byte("mine"), 0o600)
		}, "save-moved"},
		"the save path is removed": {func(savePath, _, _ string) error {
			return os.RemoveAll(savePath)
		}, ""},
		"the folder of the task becomes a link": {func(savePath, folder, elsewhere string) error {
			if err := os.Rename(folder, savePath+"-moved"); err != nil {
				return err
			}
			return os.Symlink(elsewhere, folder)
		}, ""},
		"the folder of the task becomes a file": {func(savePath, folder, _ string) error {
			if err := os.Rename(folder, savePath+"-moved"); err != nil {
				return err
			}
			return os.WriteFile(folder, []byte("mine"), 0o600)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { folderChanges(t, test.change, test.landed) })
		})
	}
}

func folderChanges(t *testing.T, change func(savePath, folder, elsewhere string) error, landed string) {
	aboutNow()
	server, work := slowPictures(12)
	client, parent, elsewhere := newPixivClient(t, server, pixivoc.Config{}), t.TempDir(), t.TempDir()
	savePath := filepath.Join(parent, "save")
	task := startWork(t, client, work.ID, savePath)
	elapse(2500 * time.Millisecond)
	require.NoError(t, change(savePath, filepath.Join(savePath, "works"), elsewhere))
	if landed != "" {
		if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
			t.Errorf("%+v", info)
		}
		wantOriginals(t, server, filepath.Join(parent, landed))
	} else {
		info := wait(t, task, pixivoc.StateError)
		if !strings.Contains(info.Error, "works") {
			t.Errorf("the error does not name what is in the way: %s", info.Error)
		}
	}
	wantFiles(t, elsewhere)
	if text, err := os.ReadFile(savePath); err == nil && string(text) != "mine" {
		t.Errorf("the file in the way was written to: %q", text)
	}
}

// D5: what may stand under the final name of a picture. D6: what may lie beside
// it from an earlier run.
func TestD5_D6_WhatIsThereAlready(t *testing.T) {
	t.Parallel()
	sidecar := []byte(`{"version":1,"url":"x","total":8192,"synced":10}`)
	for name, test := range map[string]struct {
		prepare func(file string, original []byte) error
		reason  string // why the item fails, "" when the picture is there in the end
		most    int64  // bytes fetched, of 8192
	}{
		"D5 the whole picture":          {func(file string, original []byte) error { return os.WriteFile(file, original, 0o600) }, "", 500},
		"D5 a short one":                {func(file string, original []byte) error { return os.WriteFile(file, original[:5000], 0o600) }, "", 8192},
		"D5 an empty one":               {func(file string, _ []byte) error { return os.WriteFile(file, nil, 0o600) }, "", 8192},
		"D5 a read-only one":            {func(file string, original []byte) error { return os.WriteFile(file, original[:5], 0o400) }, "", 8192},
		"D5 a folder":                   {func(file string, _ []byte) error { return os.Mkdir(file, 0o700) }, pixivoc.ReasonName, 8192},
		"D5 a link that leads out":      {func(file string, _ []byte) error { return os.Symlink("/etc/hostname", file) }, pixivoc.ReasonName, 8192},
		"D5 a link to nowhere":          {func(file string, _ []byte) error { return os.Symlink("nowhere", file) }, pixivoc.ReasonName, 8192},
		"D6 a part without its sidecar": {func(file string, original []byte) error { return os.WriteFile(file+".part", original[:4096], 0o600) }, "", 8192},
		"D6 a sidecar without its part": {func(file string, _ []byte) error { return os.WriteFile(file+".part.json", sidecar, 0o600) }, "", 8192},
		"D6 a part that is too long": {func(file string, original []byte) error {
			return writeAll(file+".part", append(original, original...), file+".part.json", sidecar)
		}, "", 8192},
		"D6 a part of another address": {func(file string, original []byte) error {
			return writeAll(file+".part", original[:4096], file+".part.json", sidecar)
		}, "", 8192},
		"D6 an unreadable sidecar": {func(file string, original []byte) error {
			return writeAll(file+".part", original[:4096], file+".part.json", []byte("{"))
		}, "", 8192},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{})
				work := server.AddWork(pixivtest.Work{AllPages: pixivtest.Page{Size: 8192}})
				picture, folder := server.Picture(work.ID, 0), t.TempDir()
				require.NoError(t, os.Mkdir(filepath.Join(folder, "works"), 0o700))
				file := filepath.Join(folder, "works", fmt.Sprintf("%d_p0.jpg", work.ID))
				require.NoError(t, test.prepare(file, picture.Bytes()))
				client := newPixivClient(t, server, pixivoc.Config{})
				task := startWork(t, client, work.ID, folder)
				wait(t, task, pixivoc.StateOver)
				if n := server.Counts(picture.Path).Bytes; n > test.most {
					t.Errorf("%d bytes were fetched, want %d at most", n, test.most)
				}
				if got := failures(t, task)[fmt.Sprintf("%d_p0", work.ID)]; got != test.reason {
					t.Errorf("failed as %q, want %q", got, test.reason)
				}
				if test.reason == "" {
					wantOriginals(t, server, folder)
					wantRecords(t, task, folder)
				} else if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 || entries[0].Type()&(fs.ModeDir|fs.ModeSymlink) == 0 {
					t.Errorf("what was in the way is no more: %v (%v)", entries, err)
				}
			})
		})
	}
}

func writeAll(name string, content []byte, name2 string, content2 []byte) error {
	if err := os.WriteFile(name, content, 0o600); err != nil {
		return err
	}
	return os.WriteFile(name2, content2, 0o600)
}

// D7: names that differ only in case or in how they are written, and names at
// the limits, are distinct files that fit.
func TestD7_NamesThatAreAlike(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("n", 250)
		names := []string{
			"a.txt", "A.txt", "%C3%A9.txt", "e%CC%81.txt", "b.jpg.txt", "con.txt", "c.txt", "c.txt?2", "..%2f..%2fd.txt", "d.txt.",
			long[:143] + ".txt", long + ".txt", long + "x.txt", strings.Repeat("%E3%81%82", 86) + ".txt", "f.part", "f.part.json", "f",
		}
		var list strings.Builder
		for i, name := range names {
			fmt.Fprintf(&list, "https://www.example.org/%d/%s\n", i, name)
		}
		client := newClient(t, pixivoc.Config{HTTP: greetings, NoSync: true, Types: pixiv.Types()})
		folder := t.TempDir()
		task := start(t, client, pixivoc.TaskSpec{Type: pixiv.Links, Name: "links", Keyword: list.String(), SavePath: folder})
		if info := wait(t, task, pixivoc.StateOver); info.Failed != 0 {
			t.Errorf("failed: %v", failures(t, task))
		}
		texts, folded := map[string]bool{}, map[string]bool{}
		for _, name := range filesBelow(t, folder) {
			text, err := os.ReadFile(filepath.Join(folder, name))
			require.NoError(t, err)
			texts[string(text)], folded[strings.ToLower(name)] = true, true
			if err := pixivoc.CheckName(path.Base(name)); err != nil || strings.Contains(name, "/") {
				t.Errorf("%q: %v", name, err)
			}
		}
		if len(texts) != len(names) || len(folded) != len(names) {
			t.Errorf("%d files, %d of them different in more than case, want %d", len(texts), len(folded), len(names))
		}
		wantRecords(t, task, folder)
	})
}

// Delete removes what the task saved, when told to, and nothing else.
func TestDelete_Files(t *testing.T) {
	t.Parallel()
	for _, remove := range []bool{true, false} {
		t.Run(fmt.Sprint(remove), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server, work := slowPictures(4)
				client, folder := newPixivClient(t, server, pixivoc.Config{}), t.TempDir()
				task := startWork(t, client, work.ID, folder)
				wait(t, task, pixivoc.StateOver)
				require.NoError(t, os.WriteFile(filepath.Join(folder, "mine.txt"), []byte("mine"), 0o600))
				require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{Files: remove}))
				if got := filesBelow(t, folder); remove && len(got) != 1 || !remove && len(got) != 5 {
					t.Errorf("left: %q", got)
				}
				if _, err := os.Stat(filepath.Join(folder, "works")); (err == nil) == remove {
					t.Errorf("the folder of the task: %v", err)
				}
			})
		})
	}
}
