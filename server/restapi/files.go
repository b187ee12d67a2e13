package restapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/pixivoc/pixivoc"
)

// errNoPicture: the record is of no picture, or the file is gone.
var errNoPicture = errors.New("the file is gone, or it is none that a browser shows")

// pictureTypes are what is served. Everything else a browser might run.
var pictureTypes = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

type fileView struct {
	// Seq is the Seq of the record of the file, and its name in addresses.
	Seq          int64  `json:"seq"`
	Path         string `json:"path"`
	Bytes        int64  `json:"bytes"`
	Checksum     string `json:"checksum"`
	ChecksumKind string `json:"checksum_kind"`
	// Picture says that the file has a form that a browser shows.
	Picture bool `json:"picture"`
}

type filesPage struct {
	Files []fileView `json:"files"`
	page
}

func (a *API) listFiles(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	after, limit := q.number("after", 0, 0, math.MaxInt64), int(q.number("limit", defaultPage, 1, maxPage))
	if err := q.check(); err != nil {
		return err
	}
	task, err := a.task(r)
	if err != nil {
		return err
	}
	list := filesPage{Files: []fileView{}}
	for record, err := range task.Records(r.Context(), pixivoc.RecordQuery{Kind: pixivoc.RecordFile, After: after}) {
		if err != nil {
			return err
		}
		if len(list.Files) == limit {
			list.Next = list.Files[limit-1].Seq
			break
		}
		var file pixivoc.File
		if err := json.Unmarshal(record.Data, &file); err != nil {
			return fmt.Errorf("read record %d: %w", record.Seq, err)
		}
		list.Files = append(list.Files, fileView{
			record.Seq, file.Name, file.Bytes, file.Checksum, file.ChecksumKind,
			slices.Contains(pictureTypes, mime.TypeByExtension(path.Ext(file.Name))),
		})
	}
	return writeJSON(w, http.StatusOK, list)
}

// picture is an open file that is known to begin like a picture.
type picture struct {
	*os.File
	name        string
	contentType string
	info        fs.FileInfo
}

// version changes when the file does.
func (p *picture) version() string {
	return fmt.Sprintf("%x-%x", p.info.ModTime().UnixNano(), p.info.Size())
}

// openPicture opens the file of a record. The address names a record, not a
// path; the path in the record cannot leave the task's save path.
func (a *API) openPicture(r *http.Request) (*picture, error) {
	task, err := a.task(r)
	if err != nil {
		return nil, err
	}
	seq, ok := pathNumber(r, "seq")
	if !ok {
		return nil, fs.ErrNotExist
	}
	var file pixivoc.File
	for record, err := range task.Records(r.Context(), pixivoc.RecordQuery{Kind: pixivoc.RecordFile, After: seq - 1}) {
		if err != nil {
			return nil, err
		}
		if record.Seq != seq || json.Unmarshal(record.Data, &file) != nil {
			return nil, fs.ErrNotExist
		}
		break
	}
	info, err := task.Info(r.Context())
	if err != nil {
		return nil, err
	}
	if file.Name == "" || info.SavePath == "" {
		return nil, fs.ErrNotExist
	}
	return openIn(info.SavePath, file.Name)
}

// openIn opens a picture below a folder. Whatever is wrong with it is
// errNoPicture: a caller learns nothing of the file system.
func openIn(folder, name string) (*picture, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoPicture, err)
	}
	defer root.Close()
	// A pipe or a device would be opened, or even waited for, by Open.
	if info, err := root.Lstat(filepath.FromSlash(name)); err != nil || !info.Mode().IsRegular() {
		return nil, errNoPicture
	}
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, errNoPicture
	}
	p := &picture{File: file, name: path.Base(name)}
	if p.info, err = file.Stat(); err == nil && p.info.Mode().IsRegular() {
		p.contentType, err = sniff(file)
	}
	if err != nil || !slices.Contains(pictureTypes, p.contentType) {
		_ = file.Close()
		return nil, errNoPicture
	}
	return p, nil
}

// sniff says what a file is by how it begins, not by its name.
func sniff(file *os.File) (string, error) {
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	_, err = file.Seek(0, io.SeekStart)
	return http.DetectContentType(head[:n]), err
}

func (a *API) getFile(w http.ResponseWriter, r *http.Request) error {
	if err := query(r).check(); err != nil {
		return err
	}
	p, err := a.openPicture(r)
	if err != nil {
		return err
	}
	defer p.Close()
	setPictureHeader(w, p.contentType, p.name, p.version())
	http.ServeContent(w, r, "", p.info.ModTime(), p)
	return nil
}

func setPictureHeader(w http.ResponseWriter, contentType, name, version string) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": name}))
	header.Set("ETag", `"`+version+`"`)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}
