package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// plan is what a table is made of.
type plan struct {
	seed        uint64
	runs        int
	sets        []string
	concurrency []int
	guarantees  []Guarantee
	variants    []string
	quick       bool
	pending     int
}

// The variants beside the sets.
const (
	variantSingle  = "single"
	variantLatency = "latency"
	variantFaults  = "faults"
	variantKilled  = "killed"
	variantMemory  = "memory"
	variantPending = "pending"
	variantRecords = "records"
)

func allVariants() []string {
	return []string{variantSingle, variantLatency, variantFaults, variantKilled, variantMemory, variantPending, variantRecords}
}

// table measures and prints, row by row, so that a long run shows how far it
// is.
type table struct {
	bench *Bench
	plan  plan
	out   io.Writer
}

func (t *table) print(ctx context.Context) error {
	t.printf("%s/%s, %d processors, %s; medians of %d runs, ratios within one run\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), t.plan.runs)
	if len(t.plan.sets) > 0 {
		if err := t.printSets(ctx); err != nil {
			return err
		}
	}
	if len(t.plan.variants) == 0 {
		return nil
	}
	t.printf("\n| variant | measure | result | aim |\n|---|---|---:|---:|\n")
	for _, variant := range t.plan.variants {
		if err := t.variant(ctx, variant); err != nil {
			return fmt.Errorf("%s: %w", variant, err)
		}
	}
	return nil
}

func (t *table) printf(format string, values ...any) { _, _ = fmt.Fprintf(t.out, format, values...) }

func (t *table) set(name string) (Set, error) {
	set, err := Full(name, t.plan.seed)
	if t.plan.quick {
		set = set.Short()
	}
	return set, err
}

// printSets prints the throughput of each set, concurrency and guarantee.
func (t *table) printSets(ctx context.Context) error {
	t.printf("\n| set | at once | guarantee | loop MB/s | client MB/s | share | range | aim | CPU | aim | memory MiB | requests/file |\n")
	t.printf("|---|---:|---|---:|---:|---:|---|---:|---:|---:|---:|---:|\n")
	for _, name := range t.plan.sets {
		set, err := t.set(name)
		if err != nil {
			return err
		}
		for _, concurrency := range t.plan.concurrency {
			for _, guarantee := range t.plan.guarantees {
				c := Case{Set: set, Concurrency: concurrency}
				pairs, err := t.bench.Pairs(ctx, c, guarantee, t.plan.runs)
				if err != nil {
					return err
				}
				t.setRow(c, guarantee, pairs)
			}
		}
	}
	return nil
}

func (t *table) setRow(c Case, guarantee Guarantee, pairs []Pair) {
	bytes := float64(c.Set.Bytes())
	least, greatest := spreadOf(pairs, Pair.Share)
	aim, cpuAim := aims(c, guarantee)
	loop := "L"
	if guarantee == PowerCut {
		loop = "LS"
	}
	t.printf("| %s | %d | %s / %s | %.0f | %.0f | **%.2f** | %.2f-%.2f | %s | %.2f | %s | %.0f | %.3f |\n",
		c.Set.Name, c.Concurrency, guarantee, loop,
		bytes/megabyte/medianOf(pairs, func(p Pair) float64 { return p.Loop.Wall.Seconds() }),
		bytes/megabyte/medianOf(pairs, func(p Pair) float64 { return p.Client.Wall.Seconds() }),
		medianOf(pairs, Pair.Share), least, greatest, aim,
		medianOf(pairs, Pair.CPU), cpuAim,
		medianOf(pairs, func(p Pair) float64 { return mebibytes(p.Client.Memory) }),
		medianOf(pairs, func(p Pair) float64 { return float64(p.Client.Log.Requests) / float64(c.Set.Count) }))
}

// aims are what a client should reach at 16.
func aims(c Case, guarantee Guarantee) (share, cpu string) {
	if c.Concurrency != 16 {
		return "", ""
	}
	shares := map[Guarantee]map[string]string{
		Kill:     {"small": "≥ 0.85", "mixed": "≥ 0.92", "large": "≥ 1.00"},
		PowerCut: {"small": "≥ 0.75", "mixed": "≥ 0.90"},
	}
	if guarantee == Kill {
		cpu = "≤ 1.30"
	}
	return shares[guarantee][c.Set.Name], cpu
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func (t *table) row(variant, measure, aim, format string, values ...any) {
	t.printf("| %s | %s | %s | %s |\n", variant, measure, fmt.Sprintf(format, values...), aim)
}

func (t *table) variant(ctx context.Context, name string) error {
	small, err := t.set("small")
	if err != nil {
		return err
	}
	switch name {
	case variantSingle:
		return t.single(ctx, small)
	case variantLatency:
		return t.latency(ctx, small)
	case variantFaults:
		return t.faults(ctx, small)
	case variantKilled:
		return t.killed(ctx, small)
	case variantMemory:
		return t.memory(ctx)
	case variantPending:
		return t.pending(ctx, small)
	case variantRecords:
		return t.records(ctx)
	}
	return fmt.Errorf("is not one of %s", strings.Join(allVariants(), ", "))
}

// single measures a set of one file: what it costs to start, to open a database
// and to close it, which is part of every other number.
func (t *table) single(ctx context.Context, set Set) error {
	set.Count = 1
	for _, guarantee := range t.plan.guarantees {
		pairs, err := t.bench.Pairs(ctx, Case{Set: set, Concurrency: 1}, guarantee, 2*t.plan.runs)
		if err != nil {
			return err
		}
		t.row("one file", fmt.Sprintf("%s: wall beyond the loop's", guarantee), "", "%.3f s",
			medianOf(pairs, func(p Pair) float64 { return (p.Client.Wall - p.Loop.Wall).Seconds() }))
	}
	return nil
}

func (t *table) latency(ctx context.Context, set Set) error {
	for _, guarantee := range t.plan.guarantees {
		pairs, err := t.bench.Pairs(ctx, Case{Set: set, Concurrency: 16, LatencyMS: 20}, guarantee, t.plan.runs)
		if err != nil {
			return err
		}
		aim := ""
		if guarantee == Kill {
			aim = "≤ 1.05"
		}
		t.row("20 ms a request", fmt.Sprintf("small at 16, %s: wall of the loop's", guarantee), aim,
			"%.3f", medianOf(pairs, func(p Pair) float64 { return 1 / p.Share() }))
	}
	return nil
}

// faultCase is what is measured with faults: a client that waits a second for
// what stalls.
func faultCase(set Set) Case {
	return Case{Set: set, Concurrency: 16, FaultShare: 0.16, TimeoutMS: 1000}
}

func (t *table) faults(ctx context.Context, set Set) error {
	for _, guarantee := range t.plan.guarantees {
		usages, err := t.bench.Faulty(ctx, faultCase(set), guarantee, min(3, t.plan.runs))
		if err != nil {
			return err
		}
		label := fmt.Sprintf("small at 16, %s: ", guarantee)
		t.row("16 % faults", label+"files identical to the origin's", "all", "%d of %d", set.Count, set.Count)
		t.row("16 % faults", label+"requests a file", "≤ 1.25", "%.3f",
			medianOf(usages, func(u Usage) float64 { return float64(u.Log.Requests) / float64(set.Count) }))
		t.row("16 % faults", label+"resumed by range", "", "%.0f",
			medianOf(usages, func(u Usage) float64 { return float64(u.Log.Ranged) }))
		t.row("16 % faults", label+"wall", "", "%.1f s",
			medianOf(usages, func(u Usage) float64 { return u.Wall.Seconds() }))
	}
	return nil
}

func (t *table) killed(ctx context.Context, set Set) error {
	for _, guarantee := range t.plan.guarantees {
		var all []Resumed
		for range min(3, t.plan.runs) {
			resumed, err := t.bench.Killed(ctx, Case{Set: set, Concurrency: 16}, guarantee)
			if err != nil {
				return err
			}
			all = append(all, resumed)
		}
		label := fmt.Sprintf("small at 16, %s: ", guarantee)
		t.row("killed at half", label+"needless bytes", "≤ 1 %", "%.2f %%",
			100*medianOf(all, func(r Resumed) float64 { return r.Needless }))
		again := int64(0)
		for _, resumed := range all {
			again += resumed.Again
		}
		t.row("killed at half", label+"requests for finished files", "0", "%d", again)
	}
	return nil
}

func (t *table) memory(ctx context.Context) error {
	set, err := t.set("mixed")
	if err != nil {
		return err
	}
	pairs, err := t.bench.Pairs(ctx, Case{Set: set, Concurrency: 64}, Kill, min(3, t.plan.runs))
	if err != nil {
		return err
	}
	_, most := spreadOf(pairs, func(p Pair) float64 { return mebibytes(p.Client.Memory) })
	t.row("memory", "mixed at 64: most resident", "≤ 64 MiB", "%.0f MiB", most)
	return nil
}

func (t *table) pending(ctx context.Context, set Set) error {
	few, many := set, set
	few.Count, many.Count = 10*openingFiles, t.plan.pending
	if t.plan.quick {
		many.Count = min(many.Count, 100_000)
	}
	for _, set := range []Set{few, many} {
		openings, err := t.bench.Pending(ctx, Case{Set: set, Concurrency: 64}, Kill, min(3, t.plan.runs))
		if err != nil {
			return err
		}
		label := fmt.Sprintf("%d pending at 64: ", set.Count)
		t.row("opening", label+"first request after", "≤ 0.5 s", "%.3f s",
			medianOf(openings, func(o Opening) float64 { return o.First.Seconds() }))
		_, most := spreadOf(openings, func(o Opening) float64 { return mebibytes(o.Memory) })
		t.row("opening", label+"most resident", "≤ 64 MiB", "%.0f MiB", most)
	}
	return nil
}

func (t *table) records(ctx context.Context) error {
	const writers = 16
	for _, batch := range []int{1, 16} {
		for _, guarantee := range t.plan.guarantees {
			count := 2000 * batch
			var rates []float64
			for range t.plan.runs {
				rate, err := t.bench.Records(ctx, count, writers, batch, guarantee)
				if err != nil {
					return err
				}
				rates = append(rates, rate)
			}
			aim := ""
			if guarantee == PowerCut && batch > 1 {
				aim = "≥ 10000"
			}
			t.row("records", fmt.Sprintf("%d writers, %d in a commit, %s: records a second", writers, batch, guarantee), aim, "%.0f", median(rates))
		}
	}
	return nil
}

// check refuses a plan that makes no sense.
func (p plan) check() error {
	var errs []error
	for _, name := range p.sets {
		_, err := Full(name, 0)
		errs = append(errs, err)
	}
	for _, name := range p.variants {
		if !slices.Contains(allVariants(), name) {
			errs = append(errs, fmt.Errorf("variant %q is not one of %s", name, strings.Join(allVariants(), ", ")))
		}
	}
	for _, guarantee := range p.guarantees {
		if guarantee != Kill && guarantee != PowerCut {
			errs = append(errs, fmt.Errorf("guarantee %q is not one of K, P", guarantee))
		}
	}
	for _, concurrency := range p.concurrency {
		if concurrency < 1 || concurrency > 64 {
			errs = append(errs, fmt.Errorf("concurrency %d is not between 1 and 64", concurrency))
		}
	}
	if p.runs < 1 {
		errs = append(errs, fmt.Errorf("runs %d is less than 1", p.runs))
	}
	return errors.Join(errs...)
}

// elapsed is shown at the end, so that one can plan for the next time.
func elapsed(began time.Time) time.Duration { return time.Since(began).Round(time.Second) }
