package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Resumed is what a client cost that was killed at half and started again.
type Resumed struct {
	// Needless is the share of the set that the origin sent twice.
	Needless float64
	// Again counts requests for files that were recorded as done.
	Again int64
	// Done is the number of files that were recorded when it was killed.
	Done int
}

// Faulty measures a client against an origin with faults in a share of its
// answers.
func (b *Bench) Faulty(ctx context.Context, c Case, guarantee Guarantee, times int) (usages []Usage, err error) {
	origin, err := startRemote(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, origin.close()) }()
	for range times {
		usage, err := b.one(ctx, origin, c, b.clientRole(), guarantee)
		if err != nil {
			return usages, err
		}
		usages = append(usages, usage)
	}
	return usages, nil
}

// Killed kills a client when the origin has sent half of the set, starts it
// again, and looks that all files are right.
func (b *Bench) Killed(ctx context.Context, c Case, guarantee Guarantee) (resumed Resumed, err error) {
	origin, err := startRemote(ctx, c)
	if err != nil {
		return Resumed{}, err
	}
	defer func() { err = errors.Join(err, origin.close()) }()
	job, err := b.job(origin, c, b.clientRole(), guarantee)
	if err != nil {
		return Resumed{}, err
	}
	defer func() { err = errors.Join(err, emptyFiles(job.Folder)) }()
	if err := killAtHalf(ctx, origin, job); err != nil {
		return Resumed{}, err
	}
	first, err := origin.log(ctx, true)
	if err != nil {
		return Resumed{}, err
	}
	done, err := recorded(ctx, job)
	if err != nil {
		return Resumed{}, err
	}
	if err := origin.clear(ctx); err != nil {
		return Resumed{}, err
	}
	usage, err := measure(ctx, job)
	if err != nil {
		return Resumed{}, err
	}
	if usage.Log, err = origin.log(ctx, true); err != nil {
		return Resumed{}, err
	}
	resumed.Done = len(done)
	for _, number := range done {
		resumed.Again += usage.Log.Files[number]
	}
	resumed.Needless = float64(first.Bytes+usage.Log.Bytes-c.Set.Bytes()) / float64(c.Set.Bytes())
	return resumed, verify(job)
}

// killAtHalf starts a client and kills it.
func killAtHalf(ctx context.Context, origin *remote, job Job) error {
	half := job.Set.Bytes() / 2
	cmd, err := start(ctx, job, nothing)
	if err != nil {
		return err
	}
	for {
		told, err := origin.log(ctx, false)
		if err != nil || told.Bytes >= half || !wait(ctx, time.Millisecond) {
			killing := cmd.Process.Kill()
			_ = cmd.Wait() // says that it was killed
			return errors.Join(err, killing, ctx.Err())
		}
	}
}

// Opening is how a client gets on with a task of very many pending items.
type Opening struct {
	// First is the time from the start of the process to the first request.
	First time.Duration
	// Memory is the most memory that was resident, in bytes.
	Memory int64
}

// openingFiles is how many files a client fetches of a very long list.
const openingFiles = 500

// Pending measures the start of a task with as many pending items as the set of
// the case has. Each time some of them are fetched; there must be enough.
func (b *Bench) Pending(ctx context.Context, c Case, guarantee Guarantee, times int) (openings []Opening, err error) {
	origin, err := startRemote(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, origin.close()) }()
	job, err := b.job(origin, c, RoleClient, guarantee)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, emptyFiles(job.Folder)) }()
	seed := job
	seed.Role, seed.Profile = RoleSeed, ""
	if _, err := measure(ctx, seed); err != nil {
		return nil, err
	}
	job.StopAfter = min(openingFiles, c.Set.Count/(10*times))
	for range times {
		if err := origin.clear(ctx); err != nil {
			return openings, err
		}
		settleDisk()
		began := time.Now()
		usage, err := measure(ctx, job)
		if err != nil {
			return openings, err
		}
		told, err := origin.log(ctx, false)
		if err != nil {
			return openings, err
		}
		if told.First == 0 {
			return openings, errors.New("the client sent no request")
		}
		openings = append(openings, Opening{First: time.Unix(0, told.First).Sub(began), Memory: usage.Memory})
	}
	return openings, nil
}

// Records measures how many records a second are committed by that many
// writers, batch in one Commit.
func (b *Bench) Records(ctx context.Context, count, writers, batch int, guarantee Guarantee) (perSecond float64, err error) {
	b.runs++
	folder := filepath.Join(b.Folder, fmt.Sprintf("run-%d", b.runs))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	settleDisk()
	usage, err := measure(ctx, Job{
		Role: RoleRecords, Set: Set{Name: "small", Count: count}, Data: folder,
		Concurrency: writers, Batch: batch, Sync: guarantee == PowerCut,
	})
	if err != nil {
		return 0, err
	}
	return float64(usage.Records) / time.Duration(usage.RecordsNS).Seconds(), nil
}
