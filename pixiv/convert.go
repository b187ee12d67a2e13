package pixiv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/ugoira"
)

// StageConvertUgoira writes a ugoira in other formats; see Options.Ugoira. It is
// a stage of its own, so that a crash repeats a conversion and no download.
const StageConvertUgoira = "ConvertUgoira"

// converter is what all conversions of a saver share.
type converter struct {
	// turn holds a place: one work is converted at a time, over all tasks. Two
	// that write to one folder never have the same part under way.
	turn chan struct{}
	*ugoira.Converter
}

func newConverter() *converter {
	ffmpeg, err := ugoira.FindFFmpeg()
	if err != nil {
		ffmpeg = nil // its formats are refused, see checkFormats
	}
	return &converter{turn: make(chan struct{}, 1), Converter: ugoira.NewConverter(1, ffmpeg)}
}

// formats are those that Options.Ugoira may name.
func formats() []ugoira.Format {
	return []ugoira.Format{ugoira.GIF, ugoira.APNG, ugoira.WebP, ugoira.MKV, ugoira.CBZ, ugoira.MP4, ugoira.WebM}
}

func checkFormats(words []string) error {
	for i, word := range words {
		if !slices.Contains(formats(), ugoira.Format(word)) || slices.Contains(words[:i], word) {
			return fieldError("Options.ugoira", "word %d is %q, want each of gif, apng, webp, mkv, cbz, mp4 and webm once at most", i+1, clean(word))
		}
	}
	return nil
}

// checkFormats refuses what this machine has no program for.
func (s *saver) checkFormats(raw json.RawMessage) error {
	settings, err := s.options.read(raw)
	if err != nil {
		return err
	}
	for i, word := range settings.formats {
		if needsFFmpeg(word) && !slices.Contains(s.converter().Formats(), ugoira.Format(word)) {
			return fieldError("Options.ugoira", "word %d, %s, needs ffmpeg, which is not in the folders of PATH", i+1, word)
		}
	}
	return nil
}

func needsFFmpeg(word string) bool { return word == string(ugoira.MP4) || word == string(ugoira.WebM) }

// conversion is what ConvertUgoira needs: a saved archive.
type conversion struct {
	Work    ID            `json:"work_id"`
	Archive string        `json:"archive"` // path below the save path
	URL     string        `json:"url"`     // where the archive was fetched
	Frames  []FrameRecord `json:"frames"`
	Formats []string      `json:"formats"`
	Comic   comic         `json:"comic"`
	// Stem is the path of the results without extension.
	Stem string `json:"stem"`
	// Again says that the archive was fetched a second time.
	Again bool `json:"again,omitempty"`
}

// comic is ugoira.Comic in JSON.
type comic struct {
	Title   string    `json:"title"`
	Writer  string    `json:"writer"`
	Summary string    `json:"summary"`
	Tags    []string  `json:"tags"`
	Web     string    `json:"web"`
	Date    time.Time `json:"date,omitzero"`
}

// comicOf describes a work to readers of comic books.
func comicOf(work *Work) *comic {
	c := &comic{Title: work.Title, Writer: work.User.Name, Summary: plainText(work.Caption), Web: workAddress(work.ID)}
	for _, tag := range work.Tags {
		c.Tags = append(c.Tags, tag.Name)
	}
	c.Date, _ = time.Parse(time.RFC3339, work.CreateDate) // zero when Pixiv wrote nonsense
	return c
}

// queueConversion queues what is to be made of an archive that was saved.
func (s *settings) queueConversion(out *pixivoc.Output, p picture, record *FileRecord) {
	if !p.Ugoira || len(s.formats) == 0 {
		return
	}
	item := conversion{
		Work: p.Work, Archive: record.Path, URL: record.URL, Frames: record.Frames, Formats: s.formats,
		Stem: strings.TrimSuffix(record.Path, path.Ext(record.Path)),
	}
	if p.Comic != nil {
		item.Comic = *p.Comic
	}
	out.QueueTo(StageConvertUgoira, p.Work.String()+"_convert", item)
}

// conversionStage is ConvertUgoira.
type conversionStage struct {
	pixivoc.Stage
}

func (s *saver) conversions() pixivoc.Stage {
	return conversionStage{pixivoc.NewStage(StageConvertUgoira, func(ctx context.Context, rt pixivoc.Runtime, item conversion) (pixivoc.Output, error) {
		shared := s.converter()
		select {
		case shared.turn <- struct{}{}:
			defer func() { <-shared.turn }()
		case <-ctx.Done():
			return pixivoc.Output{}, ctx.Err()
		}
		return item.run(ctx, rt, shared.Converter)
	})}
}

// FileNames implements pixivoc.FileNamer.
func (conversionStage) FileNames(_ pixivoc.TaskInfo, item pixivoc.Item) []string {
	var c conversion
	if json.Unmarshal(item.Payload, &c) != nil {
		return nil
	}
	names := []string{c.again()}
	for _, format := range c.Formats {
		names = append(names, c.Stem+ugoira.Format(format).Extension())
	}
	return names
}

// again is the name under which the archive is fetched a second time. The first
// one stays: it is what Pixiv gave out.
func (c conversion) again() string { return c.Stem + "_again" + path.Ext(c.Archive) }

// run writes the formats that are not there. Of a bad archive it fetches another
// one, once.
func (c conversion) run(ctx context.Context, rt pixivoc.Runtime, converter *ugoira.Converter) (out pixivoc.Output, err error) {
	root, err := os.OpenRoot(rt.Task().SavePath)
	if err != nil {
		return out, onDisk(err)
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(c.Archive)
	if errors.Is(err, fs.ErrNotExist) {
		return out, content(fmt.Errorf("convert ugoira %s: its archive %s is not there any more", c.Work, c.Archive))
	}
	if err != nil {
		return out, onDisk(err)
	}
	defer func() { _ = file.Close() }() // was only read
	err = c.convert(ctx, rt, root, file, converter, &out)
	bad, ok := errors.AsType[*ugoira.ArchiveError](err)
	switch {
	case ok && !c.Again:
		rt.Logger().Info("archive of ugoira is bad, fetching it again", "work", c.Work, "cause", bad)
		return c.fetch(ctx, rt)
	case ok:
		return out, content(fmt.Errorf("convert ugoira %s, fetched twice: %w", c.Work, err))
	}
	return out, err
}

// convert writes the formats one after the other. One that cannot be written
// does not hinder the others.
func (c conversion) convert(ctx context.Context, rt pixivoc.Runtime, root *os.Root, file *os.File, converter *ugoira.Converter, out *pixivoc.Output) error {
	info, err := file.Stat()
	if err != nil {
		return onDisk(err)
	}
	frames := make([]ugoira.Frame, len(c.Frames))
	for i, frame := range c.Frames {
		frames[i] = ugoira.Frame{File: frame.File, Delay: time.Duration(frame.DelayMS) * time.Millisecond}
	}
	archive, err := ugoira.Open(file, info.Size(), frames, ugoira.Limits{})
	if err != nil {
		return err
	}
	var refused []error
	for _, word := range c.Formats {
		format := ugoira.Format(word)
		record, err := c.write(ctx, rt, root, archive, format, converter)
		switch {
		case err == nil:
			out.Record(RecordFile, record.Path, record)
		case isFinal(ctx, err):
			refused = append(refused, fmt.Errorf("convert ugoira %s to %s: %w", c.Work, word, err))
		default:
			return err
		}
	}
	if len(refused) > 0 {
		return content(errors.Join(refused...))
	}
	return nil
}

// isFinal says that it would be of no use to try a conversion again.
func isFinal(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, pixivoc.ErrDiskFull) || errors.Is(err, pixivoc.ErrSavePath) {
		return false
	}
	if _, bad := errors.AsType[*ugoira.ArchiveError](err); bad {
		return false // see run
	}
	_, onPath := errors.AsType[*fs.PathError](err)
	_, system := errors.AsType[syscall.Errno](err)
	return !onPath && !system
}

// write makes one file, unless it is there: since before the task, or recorded by
// it. A newer one that the task has no record of is an item's that a crash kept
// from its end, if it has the same bytes, or else somebody's own, which stays.
func (c conversion) write(ctx context.Context, rt pixivoc.Runtime, root *os.Root, archive *ugoira.Archive, format ugoira.Format, converter *ugoira.Converter) (FileRecord, error) {
	name, sum := c.Stem+format.Extension(), newMeasured(io.Discard)
	there, err := stands(ctx, rt, root, name)
	switch {
	case err != nil:
	case there.FileInfo != nil && !there.Mode().IsRegular():
		err = pixivoc.Permanent(pixivoc.ReasonName, fmt.Errorf("write %s: something that is no file stands there", name))
	case there.FileInfo != nil && (there.recorded || there.older):
		err = onDisk(sum.copyFrom(root, name))
	default:
		encode := func(file *os.File) error { return c.encode(ctx, archive, file, format, converter, sum) }
		own := name
		err = placeFile(rt, own, encode, func(root *os.Root) (string, error) {
			if there.FileInfo == nil {
				return own, nil
			}
			same, err := sum.isIn(root, own)
			if same || err != nil {
				return "", err
			}
			name = nameBeside(c.Stem, format.Extension(), sum.record(own).Checksum)
			return name, nil
		})
	}
	record := sum.record(name)
	record.WorkID, record.URL, record.Existing = c.Work, c.URL, there.older
	return record, err
}

// encode writes one format and measures it.
func (c conversion) encode(ctx context.Context, archive *ugoira.Archive, file *os.File, format ugoira.Format, converter *ugoira.Converter, sum *measured) error {
	described := ugoira.Comic(c.Comic)
	if _, err := converter.Encode(ctx, archive, file, format, ugoira.Options{Comic: &described}); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil { // formats are not written from front to back
		return err
	}
	_, err := io.Copy(sum, file)
	return err
}

// fetch gets the archive another time, under another name, and queues its
// conversion.
func (c conversion) fetch(ctx context.Context, rt pixivoc.Runtime) (out pixivoc.Output, err error) {
	if err := checkPicture(c.URL); err != nil {
		return out, content(fmt.Errorf("address of %s: %w", c.Archive, err))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return out, content(fmt.Errorf("address of %s: %w", c.Archive, err))
	}
	request.Header.Set("Referer", appReferer)
	file, err := rt.Download(ctx, pixivoc.Download{Request: request, Name: c.again(), Refuse: refuseElsewhere})
	switch {
	case isGone(err):
		return out, pixivoc.Permanent(pixivoc.ReasonDeleted, fmt.Errorf("the archive of ugoira %s was bad and is gone now: %w", c.Work, err))
	case isForbidden(err):
		return out, forbidden(err)
	case err != nil:
		return out, err
	}
	record := fileRecord(file, c.URL)
	record.WorkID, record.Frames = c.Work, c.Frames
	out.Record(RecordFile, record.Path, record)
	c.Archive, c.Again = file.Name, true
	out.QueueTo(StageConvertUgoira, c.Work.String()+"_convert_again", c)
	return out, nil
}
