package ugoira

import (
	"io"
	"strings"
	"time"
)

const (
	minDelay = 10 * time.Millisecond
	maxDelay = time.Minute

	// foreignTable is the table of frames that gallery-dl and PixivUtil2 add
	// to archives they keep. It is left unread.
	foreignTable = "animation.json"
)

// Frame is one row of the table of frames: a picture of the archive and how
// long it is shown.
type Frame struct {
	// File is the name of the entry: six digits, then .jpg, .png or .gif.
	File string
	// Delay is how long the frame is shown, in whole milliseconds. Less than
	// 10 ms counts as 10 ms, more than a minute as a minute.
	Delay time.Duration
}

// Limits bounds what an archive may ask for. A zero field stands for its
// default; a negative one lets nothing through.
type Limits struct {
	// Frames is the largest number of rows of the table and of entries of the
	// archive. Default 1,000.
	Frames int
	// FrameBytes is the largest size of one unpacked frame. Default 32 MiB.
	FrameBytes int64
	// TotalBytes is the largest size of all frames of the table together,
	// unpacked. Default 512 MiB.
	TotalBytes int64
	// Ratio is how many times larger than its packed form a frame may be.
	// Default 200.
	Ratio int64
	// Pixels is the largest product of width and height of a frame. Default
	// 16,777,216, eight times what Pixiv gives.
	Pixels int64
}

func (l Limits) withDefaults() Limits {
	if l.Frames == 0 {
		l.Frames = 1000
	}
	if l.FrameBytes == 0 {
		l.FrameBytes = 32 << 20
	}
	if l.TotalBytes == 0 {
		l.TotalBytes = 512 << 20
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	if l.Pixels == 0 {
		l.Pixels = 1 << 24
	}
	return l
}

// Archive is an archive of frames whose directory was found sound. Its methods
// may be called from several goroutines at once if its reader may be.
type Archive struct {
	source io.ReaderAt
	limits Limits
	frames []Frame
	// entries has one element for each of frames.
	entries []entry
}

// Open checks the directory of the archive of size bytes that r holds against
// the table of frames, and reads no picture. r must stay usable as long as the
// archive is used; closing it is left to the caller.
//
// The archive is refused with an [*ArchiveError] unless each of its entries is
// a frame of the table (a table animation.json of other programs apart), each
// frame of the table is an entry, and the limits hold. Zip64, encryption,
// methods other than store and deflate, entries that overlap, and directories
// that can be read in two ways are refused.
func Open(r io.ReaderAt, size int64, frames []Frame, limits Limits) (*Archive, error) {
	a := &Archive{source: r, limits: limits.withDefaults()}
	listed, err := a.table(frames)
	if err != nil {
		return nil, err
	}
	directory, err := readDirectory(r, size, a.limits)
	if err != nil {
		return nil, err
	}
	found := make(map[string]entry, len(directory))
	for _, e := range directory {
		if e.name != foreignTable && !listed[e.name] {
			return nil, refuse(e.name, "is not in the table of frames")
		}
		if _, twice := found[e.name]; twice {
			return nil, refuse(e.name, "is there twice")
		}
		found[e.name] = e
	}
	return a, a.match(found)
}

// Names returns the names of the entries of an archive, as they stand in its
// directory, which is checked as [Open] checks it. It is for who has an archive
// and no table of frames.
func Names(r io.ReaderAt, size int64, limits Limits) ([]string, error) {
	directory, err := readDirectory(r, size, limits.withDefaults())
	if err != nil {
		return nil, err
	}
	names := make([]string, len(directory))
	for i, e := range directory {
		names[i] = e.name
	}
	return names, nil
}

// table takes over the table of frames.
func (a *Archive) table(frames []Frame) (listed map[string]bool, err error) {
	if len(frames) == 0 {
		return nil, refuse("", "the table of frames is empty")
	}
	if len(frames) > a.limits.Frames {
		return nil, refuse("", "the table has %d frames, more than %d", len(frames), a.limits.Frames)
	}
	listed = make(map[string]bool, len(frames))
	a.frames = make([]Frame, len(frames))
	for i, frame := range frames {
		if !isFrameName(frame.File) {
			return nil, refuse(frame.File, "row %d of the table is no name of a frame", i)
		}
		listed[frame.File] = true
		a.frames[i] = Frame{File: frame.File, Delay: clampDelay(frame.Delay)}
	}
	return listed, nil
}

// match finds the entry of each frame, and adds up what reading them all
// yields. A reader never gets more than the entry declares, so the sum of the
// declared sizes bounds what is really read.
func (a *Archive) match(found map[string]entry) error {
	a.entries = make([]entry, len(a.frames))
	var total int64
	for i, frame := range a.frames {
		e, ok := found[frame.File]
		if !ok {
			return refuse(frame.File, "is in the table of frames but not in the archive")
		}
		if err := e.check(a.limits); err != nil {
			return err
		}
		if total += e.size; total > a.limits.TotalBytes {
			return refuse("", "the frames have more than %d bytes", a.limits.TotalBytes)
		}
		a.entries[i] = e
	}
	return nil
}

// Frames returns the table of frames with delays as they are used.
func (a *Archive) Frames() []Frame {
	return append([]Frame(nil), a.frames...)
}

// Duration is how long one pass of the animation takes.
func (a *Archive) Duration() time.Duration {
	var sum time.Duration
	for _, frame := range a.frames {
		sum += frame.Delay
	}
	return sum
}

func clampDelay(delay time.Duration) time.Duration {
	return min(max(delay.Round(time.Millisecond), minDelay), maxDelay)
}

// isFrameName tells whether name is one that Pixiv gives to a frame
// (ugoira_metadata fixture: 000000.jpg).
func isFrameName(name string) bool {
	const digits = 6
	if len(name) < digits || strings.Trim(name[:digits], "0123456789") != "" {
		return false
	}
	switch name[digits:] {
	case ".jpg", ".png", ".gif":
		return true
	}
	return false
}
