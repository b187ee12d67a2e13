package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// packed is a file in an archive.
type packed struct {
	name, from string
	mode       int64
}

// name is that of the archive of a system, without extension.
func (r *release) name(target string) string {
	return "pixivoc-" + strings.ReplaceAll(r.version, "+", "-") + "-" + strings.ReplaceAll(target, "/", "-")
}

// pack puts the programs of a system into an archive: a zip for Windows, a
// compressed tar for the others. Times are those of the commit.
func (r *release) pack(target string, all []built) (err error) {
	files := []packed{
		{"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644},
		{"README.md", filepath.Join(r.root, "README.md"), 0o644},
	}
	for _, b := range all {
		if b.target == target {
			files = append(files, packed{b.program, b.file, 0o755})
		}
	}
	name, write := r.name(target)+".tar.gz", r.writeTar
	if strings.HasPrefix(target, "windows/") {
		name, write = r.name(target)+".zip", r.writeZip
	}
	out, err := os.Create(filepath.Join(r.out, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return write(out, r.name(target), files)
}

func (r *release) writeTar(out io.Writer, folder string, files []packed) error {
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, file := range files {
		err := copyFile(file.from, func(size int64) (io.Writer, error) {
			return archive, archive.WriteHeader(&tar.Header{
				Name: folder + "/" + file.name, Mode: file.mode, Size: size, ModTime: r.date, Format: tar.FormatPAX,
			})
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

func (r *release) writeZip(out io.Writer, folder string, files []packed) error {
	archive := zip.NewWriter(out)
	for _, file := range files {
		err := copyFile(file.from, func(int64) (io.Writer, error) {
			return archive.CreateHeader(&zip.FileHeader{Name: folder + "/" + file.name, Method: zip.Deflate, Modified: r.date.UTC()})
		})
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

// copyFile writes a file into an archive.
func copyFile(name string, open func(size int64) (io.Writer, error)) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	stat, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := open(stat.Size())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}

// writeSums writes the checksums of all files beside it, as sha256sum -c reads
// them.
func (r *release) writeSums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		sum, err := hashFile(filepath.Join(r.out, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

func hashFile(name string) (string, error) {
	in, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
