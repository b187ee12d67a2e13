package pixiv

import (
	"context"
	"fmt"
	"strings"
)

const (
	// The API names the small archive; the large one lies beside it
	// (gallery-dl issue 6056).
	smallArchive = "_ugoira600x600.zip"
	largeArchive = "_ugoira1920x1080.zip"
	// onlyArchive is for an archive whose address says nothing of its size.
	onlyArchive = "_ugoira.zip"

	maxFrames  = 1000
	maxDelayMS = 60_000
)

// ugoira saves the archive of frames of a ugoira, the largest that is there.
func (r pictureRun) ugoira(ctx context.Context) (FileRecord, error) {
	metadata, err := NewAPI(r.rt).UgoiraMetadata(ctx, r.picture.Work)
	if err != nil {
		return FileRecord{}, err
	}
	frames, err := frameRecords(metadata.Frames)
	if err != nil {
		return FileRecord{}, content(fmt.Errorf("ugoira %s: %w", r.picture.Work, err))
	}
	small := metadata.ZipURLs["medium"]
	if err := checkPicture(small); err != nil {
		return FileRecord{}, content(fmt.Errorf("ugoira %s: zip_urls.medium: %w", r.picture.Work, err))
	}
	stem, known := strings.CutSuffix(small, smallArchive)
	if !known {
		return r.archive(ctx, small, onlyArchive, frames)
	}
	record, err := r.archive(ctx, stem+largeArchive, largeArchive, frames)
	if isGone(err) {
		record, err = r.archive(ctx, small, smallArchive, frames)
	}
	switch {
	case isGone(err):
		return FileRecord{}, r.gone("the image host does not have its archive")
	case isForbidden(err):
		return FileRecord{}, forbidden(err)
	}
	return record, err
}

func (r pictureRun) archive(ctx context.Context, address, suffix string, frames []FrameRecord) (FileRecord, error) {
	file, err := r.save(ctx, address, suffix)
	if err != nil {
		return FileRecord{}, err
	}
	record := fileRecord(file, address)
	record.Frames = frames
	return record, nil
}

// frameRecords checks what is said of frames, so that who unpacks the archive
// can trust the names: six digits and the extension of a picture.
func frameRecords(frames []Frame) ([]FrameRecord, error) {
	if len(frames) > maxFrames {
		return nil, fmt.Errorf("has %d frames, more than %d", len(frames), maxFrames)
	}
	records := make([]FrameRecord, len(frames))
	for i, frame := range frames {
		if !isFrameName(frame.File) {
			return nil, fmt.Errorf("frames[%d].file is no name of a frame", i)
		}
		records[i] = FrameRecord{File: frame.File, DelayMS: min(max(frame.Delay, 0), maxDelayMS)}
	}
	return records, nil
}

func isFrameName(name string) bool {
	const digits = 6
	if len(name) < digits || !isDigits(name[:digits]) {
		return false
	}
	switch name[digits:] {
	case ".jpg", ".png", ".gif":
		return true
	}
	return false
}
