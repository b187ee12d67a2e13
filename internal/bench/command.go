package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

// Main is the program that prints the table: it takes the arguments without
// the program's name and returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if job, ok := Assigned(); ok {
		return RunAssigned(ctx, job)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt) // so that the files are removed
	defer stop()
	if err := printTable(ctx, args, stdout, stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintln(stderr, "table:", err)
		}
		return 1
	}
	return 0
}

func printTable(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	t := table{bench: &Bench{}, out: stdout}
	folder, err := t.parse(args, stderr)
	if err != nil {
		return err
	}
	if t.bench.Folder, err = os.MkdirTemp(folder, ".bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(t.bench.Folder)) }()
	if t.bench.Profile != "" {
		if err := os.MkdirAll(t.bench.Profile, 0o755); err != nil {
			return err
		}
	}
	began := time.Now()
	err = t.print(ctx)
	_, _ = fmt.Fprintf(stderr, "took %s\n", elapsed(began))
	return err
}

// parse fills in the plan and returns the folder to work below.
func (t *table) parse(args []string, stderr io.Writer) (folder string, err error) {
	flags := flag.NewFlagSet("table", flag.ContinueOnError)
	flags.SetOutput(stderr)
	sets := flags.String("sets", "small,mixed,large", "sets to fetch, or none")
	concurrency := flags.String("concurrency", "3,16,64", "files at a time")
	guarantees := flags.String("guarantees", "K,P", "K survives kill -9, P also a power cut")
	variants := flags.String("variants", strings.Join(allVariants(), ","), "what else to measure, or none")
	flags.StringVar(&folder, "dir", ".", "folder on the disk to measure on")
	flags.IntVar(&t.plan.runs, "runs", 5, "measurements of each kind")
	flags.Uint64Var(&t.plan.seed, "seed", 1, "seed of the sets and the faults")
	flags.BoolVar(&t.plan.quick, "quick", false, "take a tenth of each set")
	flags.IntVar(&t.plan.pending, "pending", 1_000_000, "items of the very long task")
	flags.BoolVar(&t.bench.Command, "command", false, "measure the command line program in place of the library")
	flags.StringVar(&t.bench.Profile, "profile", "", "folder for profiles of the client's processor time")
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("takes no arguments, not even %q", flags.Arg(0))
	}
	t.plan.sets, t.plan.variants = list(*sets), list(*variants)
	for _, guarantee := range list(*guarantees) {
		t.plan.guarantees = append(t.plan.guarantees, Guarantee(guarantee))
	}
	for _, text := range list(*concurrency) {
		number, err := strconv.Atoi(text)
		if err != nil {
			return "", fmt.Errorf("-concurrency: %q is no number", text)
		}
		t.plan.concurrency = append(t.plan.concurrency, number)
	}
	return folder, t.plan.check()
}

// list splits a list with commas; "none" is empty.
func list(text string) []string {
	if text == "none" {
		return nil
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
