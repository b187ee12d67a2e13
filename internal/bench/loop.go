package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// copyBuffer is the buffer of one worker of the loop.
const copyBuffer = 256 << 10

// runLoop is the bare loop: workers that send GETs and write files.
func runLoop(ctx context.Context, job Job) error {
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConns:        job.Concurrency,
		MaxIdleConnsPerHost: job.Concurrency,
		DisableCompression:  true,
	}}
	defer client.CloseIdleConnections()
	numbers := make(chan int)
	workers, ctx := errgroup.WithContext(ctx)
	for range job.Concurrency {
		workers.Go(func() error {
			buffer := make([]byte, copyBuffer)
			for number := range numbers {
				if err := loopFile(ctx, client, job, job.Set.File(number), buffer); err != nil {
					return err
				}
			}
			return nil
		})
	}
	workers.Go(func() error {
		defer close(numbers)
		for number := range job.Set.Count {
			select {
			case numbers <- number:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return workers.Wait()
}

// loopFile fetches one file. The buffer is really used: the writer hides that
// an *os.File would rather bring its own, smaller one.
func loopFile(ctx context.Context, client *http.Client, job Job, f File, buffer []byte) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address(job.Address), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", f.Name, response.StatusCode)
	}
	file, err := os.Create(filepath.Join(job.Folder, f.Name))
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	if _, err := io.CopyBuffer(struct{ io.Writer }{file}, response.Body, buffer); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if job.Sync {
		return file.Sync()
	}
	return nil
}
