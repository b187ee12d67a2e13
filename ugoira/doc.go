// Package ugoira converts the animations of Pixiv, a zip of pictures and a
// table of delays, into formats that other programs play. It needs neither cgo
// nor ffmpeg, and uses ffmpeg where it is found for those formats that have no
// encoder here ([FindFFmpeg]).
//
//	archive, err := ugoira.Open(file, size, frames, ugoira.Limits{})
//	if err != nil {
//		return err
//	}
//	_, err = archive.Encode(ctx, out, ugoira.GIF, ugoira.Options{})
//
// The archive comes from outside and is read as such: [Open] accepts one plain
// zip whose entries are the frames of the table, and nothing else. Whatever it
// refuses is an [*ArchiveError] with a reason; fetching the archive again may
// mend it. Sizes are limited by what is really read ([Limits]), and no picture
// is decoded before its width and height are known.
//
// Frames are decoded and written one by one. The memory needed is that of three
// pictures and of the encoder, whatever the number of frames. A [Converter] holds
// the number of conversions that run at once.
package ugoira
