package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReleaseIsTheSameTwice builds for this system twice and compares all that
// came out.
func TestReleaseIsTheSameTwice(t *testing.T) {
	target := runtime.GOOS + "/" + runtime.GOARCH
	switch {
	case testing.Short():
		t.Skip("building takes long")
	case !slices.Contains(allTargets(), target):
		t.Skip("no releases are made for " + target)
	}
	if exec.Command("git", "rev-parse", "HEAD").Run() != nil {
		t.Skip("not in a git repository, so there is no version")
	}
	var sums []string
	var log strings.Builder
	for range 2 {
		r := release{out: filepath.Join(t.TempDir(), "dist"), targets: []string{target}, dirty: true, starts: 3, log: &log}
		require.NoError(t, r.run(t.Context()), log.String())
		raw, err := os.ReadFile(filepath.Join(r.out, "SHA256SUMS"))
		require.NoError(t, err)
		sums = append(sums, string(raw))
		checkArchive(t, filepath.Join(r.out, r.name(target)+".tar.gz"))
		checkBill(t, r.out)
		assert.NoDirExists(t, filepath.Join(r.out, "build"))
	}
	assert.Equal(t, sums[0], sums[1])
	assert.Equal(t, 2, strings.Count(sums[0], "\n"))
	assert.Contains(t, log.String(), "median of 3 starts")
	t.Log("\n" + log.String())
}

// checkArchive wants both programs in an archive, and that the first can run.
func checkArchive(t *testing.T, name string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	in, err := os.Open(name)
	require.NoError(t, err)
	defer func() { assert.NoError(t, in.Close()) }()
	plain, err := gzip.NewReader(in)
	require.NoError(t, err)
	archive := tar.NewReader(plain)
	var names []string
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, filepath.Base(header.Name))
		if filepath.Base(header.Name) != "pixivoc" {
			continue
		}
		program := filepath.Join(t.TempDir(), "pixivoc")
		out, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, os.FileMode(header.Mode))
		require.NoError(t, err)
		_, err = io.Copy(out, archive)
		require.NoError(t, errors.Join(err, out.Close()))
		text, err := exec.CommandContext(t.Context(), program, "version").Output()
		require.NoError(t, err)
		assert.Contains(t, string(text), "pixivoc ")
	}
	assert.Equal(t, []string{"LICENSE", "README.md", "pixivoc", "pixivocd"}, names)
}

func checkBill(t *testing.T, folder string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.cdx.json"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	raw, err := os.ReadFile(found[0])
	require.NoError(t, err)
	var b bill
	require.NoError(t, json.Unmarshal(raw, &b))
	assert.Equal(t, "CycloneDX", b.Format)
	assert.Regexp(t, `^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, b.SerialNumber)
	names := map[string]bool{}
	for _, c := range b.Components {
		assert.NotEmpty(t, c.Version, c.Name)
		names[c.Name] = true
	}
	for _, name := range []string{"std", "github.com/spf13/cobra", "modernc.org/sqlite"} {
		assert.True(t, names[name], name)
	}
}

func TestWrongReleasesAreRefused(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "file"), nil, 0o600))
	r := release{out: full, targets: allTargets(), dirty: true, log: io.Discard}
	assert.ErrorContains(t, r.run(t.Context()), "is not empty")
	r = release{out: filepath.Join(t.TempDir(), "dist"), targets: []string{"plan9/386"}, dirty: true, log: io.Discard}
	assert.ErrorContains(t, r.run(t.Context()), `"plan9/386" is none of linux/amd64`)
	assert.Len(t, allTargets(), 8)
}
