package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/sqlite"
)

const recordStage = "stage"

// runRecords commits one record for each item of the set, from as many
// goroutines as Concurrency says, Batch at a time. Claiming and seeding are
// not counted.
func runRecords(ctx context.Context, job Job, outcome *Outcome) (err error) {
	store, err := sqlite.Open(ctx, filepath.Join(job.Data, databaseName), sqlite.Options{NoSync: !job.Sync})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	claimed, err := claimItems(ctx, store, job.Set.Count)
	if err != nil {
		return err
	}
	batches := make(chan []pixivoc.ClaimedItem)
	began := time.Now()
	writers, ctx := errgroup.WithContext(ctx)
	for range job.Concurrency {
		writers.Go(func() error {
			for batch := range batches {
				if err := errors.Join(store.Commit(ctx, commitsOf(batch))...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	writers.Go(func() error {
		defer close(batches)
		for at := 0; at < len(claimed); at += job.Batch {
			select {
			case batches <- claimed[at:min(at+job.Batch, len(claimed))]:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	err = writers.Wait()
	outcome.Records, outcome.RecordsNS = len(claimed), int64(time.Since(began))
	return err
}

func claimItems(ctx context.Context, store *sqlite.Store, count int) ([]pixivoc.ClaimedItem, error) {
	task, _, err := store.CreateTask(ctx, pixivoc.StoredTask{
		Name: "records", Type: "records", State: pixivoc.StateWaitStart, Stage: recordStage, Seeded: true,
	}, nil)
	if err != nil {
		return nil, err
	}
	const page = 1000
	for at := 0; at < count; at += page {
		var items []pixivoc.Item
		for number := at; number < min(at+page, count); number++ {
			items = append(items, pixivoc.Item{Stage: recordStage, Key: fmt.Sprintf("item %d", number), Payload: json.RawMessage(`{}`)})
		}
		if _, err := store.AddItems(ctx, task.TID, items); err != nil {
			return nil, err
		}
	}
	var claimed []pixivoc.ClaimedItem
	for {
		items, err := store.Claim(ctx, pixivoc.ClaimRequest{
			Task: task.TID, Stage: recordStage, Owner: "bench", Limit: page, Lease: time.Hour,
		})
		if err != nil || len(items) == 0 {
			return claimed, err
		}
		claimed = append(claimed, items...)
	}
}

func commitsOf(items []pixivoc.ClaimedItem) []pixivoc.Commit {
	commits := make([]pixivoc.Commit, 0, len(items))
	for _, item := range items {
		data := fmt.Sprintf(`{"url":"https://i.pximg.net/img-original/img/%s.jpg","path":"bench/%s.jpg","bytes":250000,"checksum":"0123abcd","checksum_kind":"crc32c"}`, item.Key, item.Key)
		commits = append(commits, pixivoc.Commit{
			Claim: item.Claim, Outcome: pixivoc.OutcomeDone, Bytes: 250000,
			Records: []pixivoc.Record{{Kind: "file", Key: item.Key, Data: json.RawMessage(data)}},
		})
	}
	return commits
}
