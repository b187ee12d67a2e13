package ugoira

import (
	"archive/zip"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
)

// Comic describes a work in the words of ComicInfo.xml 2.1 of the Anansi
// Project, which comic readers show. Empty fields are left out.
type Comic struct {
	Title   string
	Writer  string
	Summary string
	Tags    []string
	// Web is the address of the work.
	Web string
	// Date is the day of publication, in the time zone it carries.
	Date time.Time
}

// comicInfo has the fields in the order of the schema.
type comicInfo struct {
	XMLName   xml.Name `xml:"ComicInfo"`
	Title     string   `xml:",omitempty"`
	Summary   string   `xml:",omitempty"`
	Year      int      `xml:",omitempty"`
	Month     int      `xml:",omitempty"`
	Day       int      `xml:",omitempty"`
	Writer    string   `xml:",omitempty"`
	Tags      string   `xml:",omitempty"`
	Web       string   `xml:",omitempty"`
	PageCount int      `xml:",omitempty"`
}

// animation is the table of frames in the form and with the names that Pixiv
// has for it (ugoira_metadata fixture); delays are in milliseconds.
type animation struct {
	Frames []animationFrame `json:"frames"`
}

type animationFrame struct {
	File  string `json:"file"`
	Delay int64  `json:"delay"`
}

// encodeCBZ writes the frames in the order they are shown, their bytes as they
// are, and the delays as a file that comic readers skip.
func (a *Archive) encodeCBZ(ctx context.Context, out io.Writer, options Options) (Result, error) {
	archive := zip.NewWriter(out)
	var table animation
	var buffer []byte
	var err error
	for i, frame := range a.frames {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if buffer, err = a.read(i, buffer); err != nil {
			return Result{}, err
		}
		if _, _, err = a.dimensions(i, buffer); err != nil {
			return Result{}, err
		}
		name := fmt.Sprintf("%06d%s", i, kindOf(buffer).extension())
		table.Frames = append(table.Frames, animationFrame{name, frame.Delay.Milliseconds()})
		if err := storeFile(archive, name, buffer); err != nil {
			return Result{}, err
		}
	}
	text, err := json.Marshal(table)
	if err != nil {
		return Result{}, fmt.Errorf("encode table of frames: %w", err)
	}
	if err := storeFile(archive, foreignTable, text); err != nil {
		return Result{}, err
	}
	if options.Comic != nil {
		if err := storeComic(archive, options.Comic, len(a.frames)); err != nil {
			return Result{}, err
		}
	}
	return Result{Frames: len(a.frames)}, archive.Close()
}

func storeComic(archive *zip.Writer, comic *Comic, pages int) error {
	description := comicInfo{
		Title:     comic.Title,
		Summary:   comic.Summary,
		Writer:    comic.Writer,
		Tags:      strings.Join(comic.Tags, ", "),
		Web:       comic.Web,
		PageCount: pages,
	}
	if !comic.Date.IsZero() {
		description.Year, description.Month, description.Day = comic.Date.Year(), int(comic.Date.Month()), comic.Date.Day()
	}
	text, err := xml.MarshalIndent(description, "", "  ")
	if err != nil {
		return fmt.Errorf("encode comic description: %w", err)
	}
	return storeFile(archive, "ComicInfo.xml", append([]byte(xml.Header), text...))
}

// storeFile writes checksum and sizes in front of the bytes, so that also
// readers without a look at the directory manage.
func storeFile(archive *zip.Writer, name string, content []byte) error {
	file, err := archive.CreateRaw(&zip.FileHeader{
		Name:               name,
		Method:             zip.Store,
		CRC32:              crc32.ChecksumIEEE(content),
		CompressedSize64:   uint64(len(content)),
		UncompressedSize64: uint64(len(content)),
	})
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return err
}
