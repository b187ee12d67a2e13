package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"time"
)

// jobVariable holds, in a process that does one job, the Job as JSON.
const jobVariable = "PIXIVOC_BENCH_JOB"

// Role is what a process does.
type Role string

// The roles.
const (
	RoleOrigin  Role = "origin"
	RoleLoop    Role = "loop"    // the bare loop
	RoleClient  Role = "client"  // the library
	RoleCommand Role = "command" // the command line program
	RoleSeed    Role = "seed"    // stores a task without starting it
	RoleRecords Role = "records" // commits records to a store
)

// Job is the work of one process.
type Job struct {
	Role Role `json:"role"`
	Set  Set  `json:"set"`

	// Of an origin.
	LatencyMS  int     `json:"latency_ms,omitempty"`
	FaultShare float64 `json:"fault_share,omitempty"`

	// Of those who fetch. Address is the origin's host and port, Folder where
	// the files go, Data where the database is.
	Address     string `json:"address,omitempty"`
	Folder      string `json:"folder,omitempty"`
	Data        string `json:"data,omitempty"`
	Concurrency int    `json:"concurrency,omitempty"`
	Sync        bool   `json:"sync,omitempty"`
	TimeoutMS   int    `json:"timeout_ms,omitempty"`
	// StopAfter ends a client after that many more files; zero: when all are
	// there.
	StopAfter int `json:"stop_after,omitempty"`
	// Batch is how many items go into one Commit in RoleRecords.
	Batch int `json:"batch,omitempty"`
	// Profile is a file for a profile of the processor time.
	Profile string `json:"profile,omitempty"`
}

// Outcome is what a process has to tell when its job is done.
type Outcome struct {
	// Memory is the most memory that was resident, in bytes; 0 where the
	// system does not tell.
	Memory int64 `json:"memory"`
	// Wall is the time without the start and the end of the process.
	WallNS int64 `json:"wall_ns"`
	// Records is the number of records committed in RoleRecords, RecordsNS
	// the time this took.
	Records   int    `json:"records,omitempty"`
	RecordsNS int64  `json:"records_ns,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Usage is what a process cost.
type Usage struct {
	Outcome
	Wall time.Duration // from the start of the process to its end
	CPU  time.Duration // user and system
	Log  Log           // of the origin, meanwhile
}

// Assigned returns the job of this process. A program that measures calls
// RunAssigned first of all, since it is started again for each job.
func Assigned() (Job, bool) {
	text, ok := os.LookupEnv(jobVariable)
	if !ok {
		return Job{}, false
	}
	var job Job
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		panic(fmt.Sprintf("bench: %s: %v", jobVariable, err))
	}
	return job, true
}

// RunAssigned does a job, tells the outcome on standard output, and returns
// the exit code of the process.
func RunAssigned(ctx context.Context, job Job) int {
	if job.Role == RoleOrigin {
		return runOrigin(ctx, job)
	}
	log.SetOutput(io.Discard) // net/http tells everybody of bytes behind an answer
	started := time.Now()
	var outcome Outcome
	err := profiled(job.Profile, func() error { return run(ctx, job, &outcome) })
	outcome.WallNS = int64(time.Since(started))
	outcome.Memory = peakMemory()
	code := 0
	if err != nil {
		outcome.Error, code = err.Error(), 1
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcome); err != nil {
		return 1
	}
	return code
}

func run(ctx context.Context, job Job, outcome *Outcome) error {
	switch job.Role {
	case RoleLoop:
		return runLoop(ctx, job)
	case RoleClient:
		return runClient(ctx, job)
	case RoleCommand:
		return runCommand(ctx, job)
	case RoleSeed:
		return runSeed(ctx, job)
	case RoleRecords:
		return runRecords(ctx, job, outcome)
	}
	return fmt.Errorf("there is no role %q", job.Role)
}

// runOrigin serves until standard input ends, so that an origin never outlives
// who started it.
func runOrigin(ctx context.Context, job Job) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	err := serveOrigin(ctx, job, func(address string) error {
		_, err := fmt.Println(address)
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "origin:", err)
		return 1
	}
	return 0
}

// nothing prepares nothing.
func nothing(*exec.Cmd) error { return nil }

// start begins a process of this program that does a job.
func start(ctx context.Context, job Job, prepare func(*exec.Cmd) error) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	if err := prepare(cmd); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", job.Role, err)
	}
	return cmd, nil
}

// measure does a job in a process of its own and waits for its end.
func measure(ctx context.Context, job Job) (Usage, error) {
	var told outcomeReader
	began := time.Now()
	cmd, err := start(ctx, job, func(cmd *exec.Cmd) error { cmd.Stdout = &told; return nil })
	if err != nil {
		return Usage{}, err
	}
	waiting := cmd.Wait()
	usage := Usage{Wall: time.Since(began), CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage.Outcome, err = told.outcome(); err != nil {
		return usage, fmt.Errorf("%s: %w", job.Role, firstOf(waiting, err))
	}
	if usage.Error != "" {
		return usage, fmt.Errorf("%s: %s", job.Role, usage.Error)
	}
	return usage, waiting
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// outcomeReader keeps the last line of what a process prints: the command line
// program has things to say before it.
type outcomeReader struct{ text []byte }

func (o *outcomeReader) Write(text []byte) (int, error) {
	o.text = append(o.text, text...)
	return len(text), nil
}

func (o *outcomeReader) outcome() (Outcome, error) {
	lines := splitLines(o.text)
	if len(lines) == 0 {
		return Outcome{}, io.ErrUnexpectedEOF
	}
	var outcome Outcome
	err := json.Unmarshal(lines[len(lines)-1], &outcome)
	return outcome, err
}
