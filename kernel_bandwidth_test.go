package pixivoc_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/pixivtest"
)

// The limits of all tasks together and of one task hold, and a change of either
// is felt by a file that is under way.
func TestBandwidthLimit(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	for name, test := range map[string]struct {
		global, task int64
		change       func(t *testing.T, client pixivoc.Client, task pixivoc.Task) // after 10 s
		least, most  time.Duration
	}{
		"none":         {0, 0, nil, 0, 5 * time.Second},
		"global":       {128 << 10, 0, nil, 30 * time.Second, 40 * time.Second},
		"of the task":  {1 << 30, 64 << 10, nil, 60 * time.Second, 80 * time.Second},
		"global ends":  {64 << 10, 0, endGlobal, 9 * time.Second, 20 * time.Second},
		"the task's":   {0, 64 << 10, endTask, 9 * time.Second, 20 * time.Second},
		"global comes": {512 << 10, 0, nil, 7 * time.Second, 12 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				aboutNow()
				server := pixivtest.NewUnstartedServer(pixivtest.Config{AccessTokenLife: 24 * time.Hour})
				work := server.AddWork(pixivtest.Work{Sizes: pixivtest.Between{Min: size, Max: size + 1}})
				client := newPixivClient(t, server, pixivoc.Config{Env: pixivoc.EnvPatch{BandwidthLimit: &test.global}})
				folder, begin := t.TempDir(), time.Now()
				task := start(t, client, pixivoc.TaskSpec{
					Type: pixiv.SingleWork, Name: "work", Keyword: fmt.Sprint(work.ID), SavePath: folder, BandwidthLimit: test.task,
				})
				if test.change != nil {
					elapse(10 * time.Second)
					test.change(t, client, task)
				}
				wait(t, task, pixivoc.StateOver)
				if took := time.Since(begin); took < test.least || took > test.most {
					t.Errorf("took %s, want %s to %s", took, test.least, test.most)
				}
				wantOriginals(t, server, folder)
			})
		})
	}
}

func endGlobal(t *testing.T, client pixivoc.Client, _ pixivoc.Task) {
	if _, err := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{BandwidthLimit: new(int64(0))}); err != nil {
		t.Error(err)
	}
}

func endTask(t *testing.T, _ pixivoc.Client, task pixivoc.Task) {
	if err := task.SetBandwidthLimit(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if got := info(t, task); got.BandwidthLimit != 0 {
		t.Errorf("limit is %d", got.BandwidthLimit)
	}
}

func TestBandwidthLimit_Bounds(t *testing.T) {
	t.Parallel()
	client := newClient(t, pixivoc.Config{Types: []pixivoc.TaskType{countTo(1, record("Record"))}})
	for _, bad := range []int64{-1, 1, pixivoc.MinBandwidthLimit - 1} {
		_, err := client.Create(t.Context(), pixivoc.TaskSpec{Type: "Count", Name: "n", BandwidthLimit: bad})
		_, envErr := client.UpdateEnv(t.Context(), pixivoc.EnvPatch{BandwidthLimit: &bad})
		for _, err := range []error{err, envErr} {
			if field, ok := errors.AsType[*pixivoc.FieldError](err); !ok || field.Field != "BandwidthLimit" {
				t.Errorf("%d gave %v", bad, err)
			}
		}
	}
	task := create(t, client)
	wait(t, task, pixivoc.StateOver)
	if err := task.SetBandwidthLimit(t.Context(), 5); err == nil {
		t.Error("a limit of 5 was taken")
	}
	if err := task.SetBandwidthLimit(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	if got := info(t, task); got.BandwidthLimit != 1<<20 {
		t.Errorf("limit is %d", got.BandwidthLimit)
	}
}
