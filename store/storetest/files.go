package storetest

import (
	"encoding/json"
	"fmt"

	"github.com/pixivoc/pixivoc"
)

// taskIn makes a task with a save path whose one item wrote these records.
func (f *fixture) taskIn(savePath string, records ...pixivoc.Record) int64 {
	f.Helper()
	task, _, err := f.store.CreateTask(f.Context(), pixivoc.StoredTask{SavePath: savePath}, items("one", "a"))
	f.ok(err)
	commit := done(f.one(task.TID).Claim)
	commit.Records = records
	f.commit(commit)
	return task.TID
}

func fileRecord(key, path string) pixivoc.Record {
	data, _ := json.Marshal(pixivoc.File{Name: path, Bytes: 1})
	return pixivoc.Record{Kind: pixivoc.RecordFile, Key: key, Data: data}
}

func testRecordedFiles(f *fixture) {
	ctx := f.Context()
	first := f.taskIn("/p", fileRecord("any key", "t/1.jpg"), fileRecord("t/2.jpg 2026", "t/2.jpg"),
		pixivoc.Record{Kind: "work", Key: "w", Data: json.RawMessage(`{"path":"t/work.jpg"}`)},
		pixivoc.Record{Kind: pixivoc.RecordFile, Key: "t/broken.jpg", Data: json.RawMessage(`{"path":`)},
		pixivoc.Record{Kind: pixivoc.RecordFile, Key: "t/number.jpg", Data: json.RawMessage(`{"path":7}`)},
		pixivoc.Record{Kind: pixivoc.RecordFile, Key: "t/empty.jpg"})
	second := f.taskIn("/p", fileRecord("x", "t/2.jpg"), fileRecord("y", "ä/%3.jpg"))
	f.taskIn("/p/t", fileRecord("x", "1.jpg"))
	f.taskIn("/other", fileRecord("x", "t/4.jpg"))
	paths := []string{"t/1.jpg", "t/2.jpg", "ä/%3.jpg", "1.jpg", "t/4.jpg", "t/work.jpg", "t/broken.jpg", "t/number.jpg", "t/empty.jpg", "any key", "x", ""}
	recorded := func(what string, except int64, want ...string) {
		f.Helper()
		found, err := f.store.RecordedFiles(ctx, "/p", except, paths)
		f.ok(err)
		f.same(what, fmt.Sprint(found), fmt.Sprint(setOf(want)))
	}
	recorded("by any task", 0, "t/1.jpg", "t/2.jpg", "ä/%3.jpg")
	recorded("by another than the first", first, "t/2.jpg", "ä/%3.jpg")
	recorded("by another than the second", second, "t/1.jpg", "t/2.jpg")
	found, err := f.store.RecordedFiles(ctx, "/p", 0, nil)
	f.ok(err)
	f.same("none", len(found), 0)
	f.ok(f.store.DeleteTask(ctx, second))
	recorded("after the second was deleted", 0, "t/1.jpg", "t/2.jpg")
	recorded("after that, by another", first)
}

func setOf(words []string) map[string]bool {
	set := map[string]bool{}
	for _, word := range words {
		set[word] = true
	}
	return set
}
