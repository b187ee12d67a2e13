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
// animation. Behind the page nothing stands but the number of a copy, " (1)", and
// what pixivoc writes there for a revision: _master1200 and the like are
// previews.
var pictureFile = regexp.MustCompile(`(?i)^(|.*[^0-9])([1-9][0-9]{0,18})_(?:p([0-9]{1,4})(?:_r[0-9]{14})?(?: \([0-9]{1,3}\))?\.(?:jpe?g|png|gif)|ugoira(?:[0-9]+x[0-9]+)?(?:_again)?(?: \([0-9]{1,3}\))?\.zip)$`)

// dayBefore is the year and the month before the day of a date, which is no work.
var dayBefore = regexp.MustCompile(`[0-9]{4}([-._ ])[0-9]{1,2}[-._ ]$`)

// maxDecodedPixels bounds what is decoded; the largest picture of Pixiv has
// less.
const maxDecodedPixels = 200_000_000

func readFolder(ctx context.Context, folder string, count *importCount) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return func(yield func(pixivoc.ArchiveEntry, error) bool) {
		count.hint = "No file there is named ID_pN or ID_ugoira, as pixivoc and Pixiv name them."
		folder, err := filepath.EvalSymlinks(folder) // of links, a walk sees no more than that
		if err != nil {
			yield(pixivoc.ArchiveEntry{}, err)
			return
		}
		err = filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil && name == folder:
				return err
			case err != nil:
				count.broken++
				count.told("not read: " + err.Error())
				return nil
			case entry.Type()&fs.ModeSymlink != 0:
				count.links++
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
	before, id, digits := found[1], found[2], found[3]
	if len(id) <= 2 && dayBefore.MatchString(before) {
		return "", false
	}
	page := 0
	if digits != "" {
		page, _ = strconv.Atoi(digits)
	}
	return archiveKey(id, page, digits == "")
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

// readWholeZip reads each entry, which checks its checksum, and wants a picture
// of each but the table of frames.
func readWholeZip(name string) (err error) {
	const maxEntries, maxBytes = 2000, 1 << 30
	archive, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	left, frames := int64(maxBytes), 0
	if len(archive.File) > maxEntries {
		return fmt.Errorf("has %d entries", len(archive.File))
	}
	for _, entry := range archive.File {
		if entry.Name != animationTable {
			frames++
		}
		n, err := readEntry(entry, left)
		if err != nil {
			return fmt.Errorf("frame %s: %w", printable(entry.Name), err)
		}
		left -= n
	}
	if frames == 0 {
		return errors.New("has no frames")
	}
	return nil
}

func readEntry(entry *zip.File, limit int64) (int64, error) {
	frame, err := entry.Open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = frame.Close() }()
	counted := &io.LimitedReader{R: frame, N: limit + 1}
	if entry.Name != animationTable {
		if _, _, err := image.DecodeConfig(counted); err != nil {
			return 0, err
		}
	}
	_, err = io.Copy(io.Discard, counted)
	if err == nil && counted.N == 0 {
		err = errors.New("the frames are too large")
	}
	return limit + 1 - counted.N, err
}
