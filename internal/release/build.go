package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// allTargets are the systems that releases are made for.
func allTargets() []string {
	var targets []string
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		for _, arch := range []string{"amd64", "arm64"} {
			targets = append(targets, system+"/"+arch)
		}
	}
	return targets
}

// programs are what is built: the name of a program and its package.
func programs() [][2]string {
	return [][2]string{{"pixivoc", "./examples/cli"}, {"pixivocd", "./examples/server"}}
}

// release is one run.
type release struct {
	out     string
	targets []string
	dirty   bool
	starts  int
	log     io.Writer

	root    string
	date    time.Time // of the commit
	version string
}

// built is a program for one system.
type built struct {
	target, program, file string
	size                  int64
}

func (r *release) run(ctx context.Context) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	var all []built
	for _, target := range r.targets {
		found, err := r.buildTarget(ctx, target)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	info, err := buildinfo.ReadFile(all[0].file)
	if err != nil {
		return err
	}
	r.version = strings.Trim(cmp.Or(info.Main.Version, "devel"), "()")
	if r.version == "devel" && !r.dirty {
		return errors.New("the Go tool found no version; build in a clone, which is no worktree of another one")
	}
	for _, target := range r.targets {
		if err := r.pack(target, all); err != nil {
			return fmt.Errorf("archive of %s: %w", target, err)
		}
	}
	if err := r.writeSBOM(all); err != nil {
		return fmt.Errorf("bill of materials: %w", err)
	}
	if err := r.writeSums(); err != nil {
		return fmt.Errorf("checksums: %w", err)
	}
	if err := r.measure(ctx, all); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(r.out, "build"))
}

// look finds the tree and its commit, and makes the folder.
func (r *release) look(ctx context.Context) error {
	gomod, err := output(ctx, "go", "env", "GOMOD")
	if err != nil {
		return err
	}
	r.root = filepath.Dir(gomod)
	if !r.dirty {
		changes, err := output(ctx, "git", "-C", r.root, "status", "--porcelain", "--untracked-files=no")
		if err != nil {
			return err
		}
		if changes != "" {
			return errors.New("the tree has changes that are not committed; commit them, or say -dirty")
		}
	}
	stamp, err := output(ctx, "git", "-C", r.root, "show", "-s", "--format=%cI", "HEAD")
	if err != nil {
		return err
	}
	if r.date, err = time.Parse(time.RFC3339, stamp); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.out)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty", r.out)
	}
	return err
}

// buildTarget builds all programs for a system. Nothing of this machine gets
// into them: no paths, no C libraries, no build ID.
func (r *release) buildTarget(ctx context.Context, target string) ([]built, error) {
	system, arch, ok := strings.Cut(target, "/")
	if !ok || !slices.Contains(allTargets(), target) {
		return nil, fmt.Errorf("%q is none of %s", target, strings.Join(allTargets(), " "))
	}
	var all []built
	for _, program := range programs() {
		name := program[0]
		if system == "windows" {
			name += ".exe"
		}
		file := filepath.Join(r.out, "build", system+"-"+arch, name)
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w -buildid=", "-o", file, program[1])
		command.Dir = r.root
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOAMD64=v1", "GOARM64=v8.0", "GOWORK=off", "GOEXPERIMENT=")
		command.Stdout, command.Stderr = r.log, r.log
		if err := command.Run(); err != nil {
			return nil, fmt.Errorf("build %s for %s: %w", program[0], target, err)
		}
		stat, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		all = append(all, built{target, name, file, stat.Size()})
	}
	return all, nil
}

// output runs a program and returns what it wrote, without the end of the line.
func output(ctx context.Context, name string, args ...string) (string, error) {
	raw, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// measure writes how large the programs are, and how long the one of this
// system takes to start.
func (r *release) measure(ctx context.Context, all []built) error {
	for _, b := range all {
		if _, err := fmt.Fprintf(r.log, "%-14s %-14s %6.1f MB\n", b.target, b.program, float64(b.size)/1e6); err != nil {
			return err
		}
	}
	for _, b := range all {
		if b.target != runtime.GOOS+"/"+runtime.GOARCH || !strings.HasPrefix(b.program, "pixivoc") || strings.HasPrefix(b.program, "pixivocd") || r.starts < 1 {
			continue
		}
		took := make([]time.Duration, r.starts)
		for i := range took {
			began := time.Now()
			if _, err := output(ctx, b.file, "version"); err != nil {
				return err
			}
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		if _, err := fmt.Fprintf(r.log, "%s version: %v (median of %d starts)\n", b.program, took[len(took)/2].Round(100*time.Microsecond), r.starts); err != nil {
			return err
		}
	}
	return nil
}
