package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/cli"
	"github.com/pixivoc/pixivoc/pixiv"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

// databaseName is the file of the store below Job.Data.
const databaseName = "pixivoc.db"

// taskKey names the task, so that a process that is started again goes on.
const taskKey = "bench"

// runClient fetches the set with the library.
func runClient(ctx context.Context, job Job) (err error) {
	store, err := sqlite.Open(ctx, filepath.Join(job.Data, databaseName), sqlite.Options{NoSync: !job.Sync})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	client, err := pixivoc.New(pixivoc.Config{
		Store: store, Types: pixiv.Types(), NoSync: !job.Sync,
		Env: pixivoc.EnvPatch{
			ConcurrencyNumber: new(job.Concurrency),
			Timeout:           new(job.timeout()),
			Increment:         new(false),
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Shutdown(context.WithoutCancel(ctx))) }()
	task, err := findTask(ctx, client, job)
	if err != nil {
		return err
	}
	if err := task.Start(ctx); err != nil {
		return err
	}
	return finish(ctx, task, job)
}

// timeout is the client's; the default is that of pixivoc.
func (j Job) timeout() time.Duration {
	if j.TimeoutMS == 0 {
		return pixivoc.DefaultEnv().Timeout
	}
	return time.Duration(j.TimeoutMS) * time.Millisecond
}

// findTask returns the task of the job, which RoleSeed may have made.
func findTask(ctx context.Context, client pixivoc.Client, job Job) (pixivoc.Task, error) {
	if job.StopAfter > 0 {
		for info, err := range client.Tasks(ctx) {
			if err != nil {
				return nil, err
			}
			return client.Task(ctx, info.TID)
		}
	}
	return client.Create(ctx, job.spec())
}

func (j Job) spec() pixivoc.TaskSpec {
	return pixivoc.TaskSpec{
		Type: pixiv.Links, Name: "bench", Key: taskKey, SavePath: j.Folder,
		Input: &addressReader{set: j.Set, origin: j.Address},
	}
}

// finish waits for the end of the task, or until enough of it is done.
func finish(ctx context.Context, task pixivoc.Task, job Job) error {
	if job.StopAfter > 0 {
		return stopAfter(ctx, task, job.StopAfter)
	}
	info, err := task.Wait(ctx)
	if err != nil {
		return err
	}
	if info.State != pixivoc.StateOver || info.Failed > 0 {
		return fmt.Errorf("task ended as %s with %d failed: %s", info.State, info.Failed, info.Error)
	}
	return nil
}

// stopAfter stops a task when that many more of its items have ended.
func stopAfter(ctx context.Context, task pixivoc.Task, more int) error {
	for enough := 0; ; {
		info, err := task.Info(ctx)
		if err != nil {
			return err
		}
		switch {
		case info.State == pixivoc.StateError:
			return errors.New(info.Error)
		case enough == 0:
			enough = info.Now + more
		case info.Now >= enough || info.Over:
			return task.Stop(ctx)
		}
		if !wait(ctx, 20*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// runSeed stores the task and does not start it.
func runSeed(ctx context.Context, job Job) (err error) {
	store, err := sqlite.Open(ctx, filepath.Join(job.Data, databaseName), sqlite.Options{NoSync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: pixiv.Types()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Shutdown(context.WithoutCancel(ctx))) }()
	_, err = client.Create(ctx, job.spec())
	return err
}

// runCommand fetches the set as the command line program does.
func runCommand(ctx context.Context, job Job) error {
	list := filepath.Join(job.Data, "list.txt")
	file, err := os.Create(list)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, &addressReader{set: job.Set, origin: job.Address})
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	args := []string{
		"links", "-f", list, "-o", job.Folder, "-j", strconv.Itoa(job.Concurrency),
		"--data", job.Data, "--quiet", "--timeout", job.timeout().String(),
	}
	if !job.Sync {
		args = append(args, "--no-sync")
	}
	if code := cli.Run(ctx, args, strings.NewReader(""), os.Stdout, os.Stderr, os.Environ()); code != cli.ExitComplete {
		return fmt.Errorf("pixivoc %s: exit code %d", strings.Join(args, " "), code)
	}
	return nil
}

// recorded returns the numbers of the files that the store has a record of.
func recorded(ctx context.Context, job Job) (numbers []int, err error) {
	store, err := sqlite.Open(ctx, filepath.Join(job.Data, databaseName), sqlite.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tasks, err := store.ListTasks(ctx, 0, 1)
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	query := pixivoc.RecordQuery{Task: tasks[0].TID, Kind: pixiv.RecordFile}
	for {
		page, err := store.ListRecords(ctx, query)
		if err != nil || len(page) == 0 {
			return numbers, err
		}
		for _, record := range page {
			query.After = record.Seq
			if number, ok := job.Set.Number(record.Key); ok {
				numbers = append(numbers, number)
			}
		}
	}
}

// addressReader is the list of addresses, made as it is read.
type addressReader struct {
	set    Set
	origin string
	next   int
	line   []byte // not read yet
}

func (a *addressReader) Read(p []byte) (int, error) {
	if len(a.line) == 0 {
		if a.next == a.set.Count {
			return 0, io.EOF
		}
		a.line = append(a.line[:0:0], a.set.File(a.next).address(a.origin)+"\n"...)
		a.next++
	}
	n := copy(p, a.line)
	a.line = a.line[n:]
	return n, nil
}
