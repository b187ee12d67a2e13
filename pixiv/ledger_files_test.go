package pixiv_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
	"github.com/stretchr/testify/assert"
)

// misplaced is a task whose record of a file of one work names another one.
type misplaced struct {
	pixivoc.Task
	from, to string
}

func (m misplaced) Records(ctx context.Context, query pixivoc.RecordQuery) iter.Seq2[pixivoc.Record, error] {
	return func(yield func(pixivoc.Record, error) bool) {
		for record, err := range m.Task.Records(ctx, query) {
			if record.Kind == pixiv.RecordFile {
				record.Data = []byte(strings.Replace(string(record.Data), `"work_id":`+m.from, `"work_id":`+m.to, 1))
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// A file that one work has too many makes up for none that another one lacks.
func TestReport_FilesMissingOfEachWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := pixivtest.NewUnstartedServer(pixivtest.Config{})
		defer server.Close()
		user := server.AddUser(pixivtest.User{}).ID
		var works []string
		for range 3 {
			works = append(works, fmt.Sprint(server.AddWork(pixivtest.Work{UserID: user, PageCount: 1}).ID))
		}
		task, _, _ := finish(t, logIn(t, server), pixivoc.TaskSpec{Type: pixiv.UserWorks, Name: "n", SavePath: t.TempDir(), Keyword: fmt.Sprint(user)})
		for _, part := range []int{1, 100} {
			ledger, _ := entries(t, task, part)
			assert.Zero(t, ledger.FilesMissing)
			assert.True(t, ledger.Complete)
			ledger, _ = entries(t, misplaced{task, works[0], works[1]}, part)
			assert.Equal(t, 3, ledger.Files)
			assert.Equal(t, 1, ledger.FilesMissing)
			assert.False(t, ledger.Complete)
		}
	})
}
