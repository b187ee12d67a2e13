package pixiv_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArchiveKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind string
		page int
		want string
	}{
		{pixiv.TypeIllust, 0, "pixiv:7_p0"},
		{pixiv.TypeManga, 12, "pixiv:7_p12"},
		{pixiv.TypeUgoira, 0, "pixiv:7_ugoira"},
		{pixiv.TypeNovel, 0, "pixiv:novel:7"},
	} {
		assert.Equal(t, test.want, pixiv.ArchiveKey(test.kind, 7, test.page))
	}
}

// archiveOf lists the archive.
func archiveOf(t *testing.T, client pixivoc.Client) (keys []string) {
	t.Helper()
	for entry, err := range client.Archive(t.Context(), "") {
		require.NoError(t, err)
		keys = append(keys, entry.Key)
	}
	return keys
}

func imported(keys ...string) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return func(yield func(pixivoc.ArchiveEntry, error) bool) {
		for _, key := range keys {
			if !yield(pixivoc.ArchiveEntry{Key: key}, nil) {
				return
			}
		}
	}
}

// skippedRecords returns the records of skipped works by key.
func skippedRecords(t *testing.T, task pixivoc.Task) map[string]pixiv.SkippedRecord {
	t.Helper()
	found := map[string]pixiv.SkippedRecord{}
	for record, err := range task.Records(t.Context(), pixivoc.RecordQuery{Kind: pixiv.RecordSkipped}) {
		require.NoError(t, err)
		var data pixiv.SkippedRecord
		require.NoError(t, json.Unmarshal(record.Data, &data))
		found[record.Key] = data
	}
	return found
}

func imageRequests(server *pixivtest.Server) (count int) {
	for _, request := range server.Requests() {
		if request.Host == pixivtest.HostImages {
			count++
		}
	}
	return count
}

// What is saved enters the archive, and a task that asks for it fetches nothing
// that is there, whoever saved it, also when it is opened again.
func TestOptions_Archive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		one := server.AddWork(pixivtest.Work{PageCount: 1})
		many := server.AddWork(pixivtest.Work{UserID: one.UserID, PageCount: 3})
		movie := server.AddWork(pixivtest.Work{UserID: one.UserID, Type: pixivtest.Ugoira})
		other := server.AddWork(pixivtest.Work{UserID: one.UserID, Type: pixivtest.Ugoira})
		broken := server.AddWork(pixivtest.Work{UserID: one.UserID, AllPages: pixivtest.Page{Broken: true}})
		client := logIn(t, server)

		known := []string{fmt.Sprintf("pixiv:%d_p1", many.ID), fmt.Sprintf("pixiv:%d_p0", movie.ID)} // as other programs know an animation
		_, err := client.ImportArchive(t.Context(), imported(known...))
		require.NoError(t, err)
		spec := pixivoc.TaskSpec{
			Type: pixiv.UserWorks, Name: "first", Keyword: fmt.Sprint(one.UserID), SavePath: t.TempDir(),
			Options: options(t, pixiv.Options{Archive: true, Metadata: []string{pixiv.MetadataJSON}}), Key: "first",
		}
		task, _, failed := finish(t, client, spec)
		assert.Empty(t, failed)
		assert.Equal(t, map[string]pixiv.SkippedRecord{
			fmt.Sprint(many.ID):  {WorkID: pixiv.ID(many.ID), Rule: pixiv.RuleArchive, Detail: "1 of 3 pages"},
			fmt.Sprint(movie.ID): {WorkID: pixiv.ID(movie.ID), Rule: pixiv.RuleArchive},
		}, skippedRecords(t, task))
		ledger, fates := entries(t, task, 100)
		assert.True(t, ledger.Complete, "%+v", ledger)
		assert.Equal(t, map[string]int{pixiv.RuleArchive: 1}, ledger.Filtered)
		assert.Equal(t, pixiv.FateSaved, fates[fmt.Sprint(many.ID)].Fate)
		assert.ElementsMatch(t, append(known,
			fmt.Sprintf("pixiv:%d_p0", one.ID), fmt.Sprintf("pixiv:%d_p0", many.ID), fmt.Sprintf("pixiv:%d_p2", many.ID),
			fmt.Sprintf("pixiv:%d_ugoira", other.ID),
		), archiveOf(t, client), "a preview in the place of an original does not count")

		asked := imageRequests(server)
		task, _, failed = finish(t, client, spec)
		assert.Empty(t, failed)
		assert.Equal(t, asked, imageRequests(server))
		assert.Len(t, skippedRecords(t, task), 2, "what the task saved itself is not skipped")

		spec.Name, spec.Key, spec.SavePath = "second", "second", t.TempDir()
		task, _, _ = finish(t, client, spec)
		assert.Len(t, skippedRecords(t, task), 4)
		ledger, _ = entries(t, task, 100)
		assert.True(t, ledger.Complete, "%+v", ledger)
		for _, name := range filesUnder(t, spec.SavePath) {
			assert.Contains(t, name, fmt.Sprint(broken.ID))
		}
	})
}
