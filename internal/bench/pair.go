package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Bench measures in a folder of its own.
type Bench struct {
	// Folder is where runs put their files. It is the caller's to remove.
	Folder string
	// Command measures the command line program in place of the library.
	Command bool
	// Profile, when not empty, is the folder for profiles of the clients.
	Profile string

	runs int
}

// Guarantee is what a client promises of a file that it calls done.
type Guarantee string

// The guarantees.
const (
	PowerCut Guarantee = "P" // survives a power cut; against LS
	Kill     Guarantee = "K" // survives the death of the process; against L
)

// Case is what is measured: a set, fetched with some concurrency from an
// origin with some latency.
type Case struct {
	Set         Set
	Concurrency int
	LatencyMS   int
	FaultShare  float64
	TimeoutMS   int
}

// Pair is a client and the loop it is compared with, measured one after the
// other.
type Pair struct {
	Loop, Client Usage
}

// Share is how much of the loop's throughput the client has.
func (p Pair) Share() float64 { return p.Loop.Wall.Seconds() / p.Client.Wall.Seconds() }

// CPU is how much processor time the client needs for each second of the loop's.
func (p Pair) CPU() float64 { return p.Client.CPU.Seconds() / p.Loop.CPU.Seconds() }

// remote is an origin in another process.
type remote struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	address string
}

func startRemote(ctx context.Context, c Case) (*remote, error) {
	r := &remote{}
	var stdout io.Reader
	var err error
	job := Job{Role: RoleOrigin, Set: c.Set, LatencyMS: c.LatencyMS, FaultShare: c.FaultShare}
	r.cmd, err = start(ctx, job, func(cmd *exec.Cmd) (err error) {
		if stdout, err = cmd.StdoutPipe(); err != nil {
			return err
		}
		r.stdin, err = cmd.StdinPipe()
		return err
	})
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("origin: %w", err), r.close())
	}
	r.address = strings.TrimSpace(line)
	return r, nil
}

func (r *remote) close() error { return errors.Join(r.stdin.Close(), r.cmd.Wait()) }

// log returns what the origin was asked since clear.
func (r *remote) log(ctx context.Context, files bool) (Log, error) {
	query := ""
	if files {
		query = "?files=1"
	}
	var told Log
	return told, r.ask(ctx, http.MethodGet, query, &told)
}

func (r *remote) clear(ctx context.Context) error { return r.ask(ctx, http.MethodDelete, "", nil) }

func (r *remote) ask(ctx context.Context, method, query string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+r.address+logPath+query, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// Pairs measures a case under a guarantee that many times. The order of the two
// changes from one time to the next.
func (b *Bench) Pairs(ctx context.Context, c Case, guarantee Guarantee, times int) (pairs []Pair, err error) {
	origin, err := startRemote(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, origin.close()) }()
	for i := range times {
		var pair Pair
		steps := []func() error{
			func() (err error) { pair.Loop, err = b.one(ctx, origin, c, RoleLoop, guarantee); return err },
			func() (err error) { pair.Client, err = b.one(ctx, origin, c, b.clientRole(), guarantee); return err },
		}
		if i%2 == 1 {
			steps[0], steps[1] = steps[1], steps[0]
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return pairs, fmt.Errorf("%s at %d, %s: %w", c.Set.Name, c.Concurrency, guarantee, err)
			}
		}
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

func (b *Bench) clientRole() Role {
	if b.Command {
		return RoleCommand
	}
	return RoleClient
}

// one measures one fetch of the whole set and looks that all files are right.
func (b *Bench) one(ctx context.Context, origin *remote, c Case, role Role, guarantee Guarantee) (usage Usage, err error) {
	job, err := b.job(origin, c, role, guarantee)
	if err != nil {
		return Usage{}, err
	}
	defer func() { err = errors.Join(err, emptyFiles(job.Folder)) }()
	if err := origin.clear(ctx); err != nil {
		return Usage{}, err
	}
	settleDisk()
	if usage, err = measure(ctx, job); err != nil {
		return usage, err
	}
	if usage.Log, err = origin.log(ctx, true); err != nil {
		return usage, err
	}
	return usage, verify(job)
}

// job makes the folders of one run.
func (b *Bench) job(origin *remote, c Case, role Role, guarantee Guarantee) (Job, error) {
	b.runs++
	folder := filepath.Join(b.Folder, fmt.Sprintf("run-%d", b.runs))
	job := Job{
		Role: role, Set: c.Set, Address: origin.address, Concurrency: c.Concurrency, TimeoutMS: c.TimeoutMS,
		Folder: filepath.Join(folder, "files"), Data: filepath.Join(folder, "data"),
		Sync: guarantee == PowerCut,
	}
	if b.Profile != "" && role != RoleLoop {
		job.Profile = filepath.Join(b.Profile, fmt.Sprintf("%s-%s-%d-%s-%d.pprof", role, c.Set.Name, c.Concurrency, guarantee, b.runs))
	}
	return job, errors.Join(os.MkdirAll(job.Folder, 0o755), os.MkdirAll(job.Data, 0o700))
}

// emptyFiles gives the room back that files take, but keeps them: ext4 makes
// creating files much slower for minutes after thousands were removed, since it
// does not use their inodes again so soon.
func emptyFiles(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.Truncate(filepath.Join(folder, entry.Name()), 0); err != nil {
			return err
		}
	}
	return nil
}

// verify looks that every file of the set is there, as the origin has it, and
// nothing else.
func verify(job Job) error {
	for number := range job.Set.Count {
		f := job.Set.File(number)
		if err := f.Verify(filepath.Join(job.Folder, f.Name)); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(job.Folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if _, known := job.Set.Number(entry.Name()); !known {
			return fmt.Errorf("%s was left over", entry.Name())
		}
	}
	return nil
}
