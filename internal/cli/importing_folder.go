package cli

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoders of what Pixiv has
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/pixivoc/pixivoc"
)

// pictureFile is the name of a file that holds a page of a work, or an
// animation.
var pictureFile = regexp.MustCompile(`(?i)(?:^|[^0-9])([1-9][0-9]{0,18})_(?:p([0-9]{1,4})(?:[^0-9].*)?\.(?:jpe?g|png|gif)|ugoira[^.]*\.zip)$`)

// maxDecodedPixels bounds what is decoded; the largest picture of Pixiv has
// less.
const maxDecodedPixels = 200_000_000

func readFolder(ctx context.Context, folder string, count *importCount) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return func(yield func(pixivoc.ArchiveEntry, error) bool) {
		err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil && name == folder:
				return err
			case err != nil:
				count.broken++
				count.told("not read: " + err.Error())
				return nil
			case !entry.Type().IsRegular():
				return nil
			}
			key, ok := pictureKey(entry.Name())
			if !ok {
				return nil
			}
			if err := decodeWhole(name); err != nil {
				count.broken++
				count.told(fmt.Sprintf("broken: %s: %v", name, err))
				return nil
			}
			at := pixivoc.ArchiveEntry{Key: key}
			if stat, err := entry.Info(); err == nil {
				at.At = stat.ModTime()
			}
			if !yield(at, nil) {
				return filepath.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(pixivoc.ArchiveEntry{}, err)
		}
	}
}

// pictureKey is the key of the archive for a file of that name.
func pictureKey(name string) (string, bool) {
	found := pictureFile.FindStringSubmatch(name)
	if found == nil {
		return "", false
	}
	page := 0
	if found[2] != "" {
		page, _ = strconv.Atoi(found[2])
	}
	return archiveKey(found[1], page, found[2] == "")
}

// decodeWhole says whether a file holds a whole picture, or a whole archive of
// frames.
func decodeWhole(name string) error {
	if filepath.Ext(name) == ".zip" || filepath.Ext(name) == ".ZIP" {
		return readWholeZip(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	config, _, err := image.DecodeConfig(bufio.NewReader(file))
	if err != nil {
		return err
	}
	if int64(config.Width)*int64(config.Height) > maxDecodedPixels {
		return fmt.Errorf("has %d x %d pixels, which is no picture of Pixiv", config.Width, config.Height)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, _, err = image.Decode(bufio.NewReader(file))
	return err
}

// readWholeZip reads each entry, which checks its checksum.
func readWholeZip(name string) (err error) {
	const maxEntries, maxBytes = 2000, 1 << 30
	archive, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	if len(archive.File) == 0 || len(archive.File) > maxEntries {
		return fmt.Errorf("has %d frames", len(archive.File))
	}
	left := int64(maxBytes)
	for _, entry := range archive.File {
		n, err := readEntry(entry, left)
		if err != nil {
			return fmt.Errorf("frame %s: %w", printable(entry.Name), err)
		}
		left -= n
	}
	return nil
}

func readEntry(entry *zip.File, limit int64) (int64, error) {
	frame, err := entry.Open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = frame.Close() }()
	n, err := io.Copy(io.Discard, io.LimitReader(frame, limit+1))
	if err == nil && n > limit {
		err = errors.New("the frames are too large")
	}
	return n, err
}
