package pixiv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// fallbackAfter is after how many failed rounds the largest preview is taken in
// place of an original that the image host answers with status 500. A few
// originals are broken there for good (gallery-dl issue 6762).
const fallbackAfter = 2

// previewSuffix is how the names of the largest previews end.
const previewSuffix = "_master1200.jpg"

// picture is what DownloadPicture needs: a page of a work, a ugoira, or the
// reason why there is neither.
type picture struct {
	Work   ID     `json:"work_id"`
	Page   int    `json:"page,omitempty"`
	URL    string `json:"url,omitempty"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	Ugoira bool   `json:"ugoira,omitempty"`
	Masked string `json:"masked,omitempty"` // MaskedError.Kind
	Broken string `json:"broken,omitempty"`
	// Name is the path of the file below the save path, without extension. ""
	// is the name as ever, in the folder named like the task.
	Name string `json:"name,omitempty"`
	// Suffix is added to the name, whatever made it.
	Suffix string `json:"suffix,omitempty"`
	// Revision is when the picture was uploaded anew, as digits.
	Revision string `json:"revision,omitempty"`
	// Published is the time that the file is to have, "" for none.
	Published string `json:"published,omitempty"`
	// Sidecar is the kind of metadata that the item is, "" for a picture, and
	// Illust the work that it is of.
	Sidecar string          `json:"sidecar,omitempty"`
	Illust  json.RawMessage `json:"illust,omitempty"`
	// Comic describes a ugoira that becomes a comic book too.
	Comic *comic `json:"comic,omitempty"`
}

func (p picture) key() string { return p.Work.String() + "_p" + strconv.Itoa(p.Page) }

// path is the path of the file below the save path, without extension. Where
// no template made it, it is made of numbers alone: nothing of the address,
// which Pixiv chooses, gets into a path.
func (p picture) path(taskName string) string {
	switch {
	case p.Name != "":
		return p.Name + p.Suffix
	case p.Ugoira, p.Sidecar != "":
		return taskName + "/" + p.Work.String()
	}
	return taskName + "/" + p.key() + p.Suffix
}

// modTime is the time that the file is to have, zero for none.
func (p picture) modTime() time.Time {
	at, err := time.Parse(time.RFC3339, p.Published)
	if err != nil {
		return time.Time{}
	}
	return at
}

// pictureStage is DownloadPicture. It looks at Item.Attempts, which
// pixivoc.NewStage does not show.
type pictureStage struct{ saver *saver }

func (pictureStage) Name() string { return StageDownloadPicture }

func (s pictureStage) Run(ctx context.Context, rt pixivoc.Runtime, item pixivoc.Item) (pixivoc.Output, error) {
	var p picture
	if err := json.Unmarshal(item.Payload, &p); err != nil {
		return pixivoc.Output{}, pixivoc.Permanent(pixivoc.ReasonPayload, fmt.Errorf("payload of item %q: %w", item.Key, err))
	}
	settings, err := s.saver.options.read(rt.Options())
	if err != nil {
		return pixivoc.Output{}, err
	}
	if p.Masked == "" && p.Broken == "" && p.Sidecar == "" {
		if err := s.saver.turn(ctx, rt, item.Key, settings.delay); err != nil {
			return pixivoc.Output{}, err
		}
	}
	run := pictureRun{rt: rt, picture: p}
	var record FileRecord
	switch {
	case p.Masked != "":
		err = masked(p.Work, p.Masked)
	case p.Broken != "":
		err = content(errors.New(p.Broken))
	case p.Sidecar != "":
		record, err = run.sidecar(ctx)
	case p.Ugoira:
		record, err = run.ugoira(ctx)
	default:
		record, err = run.page(ctx, item.Attempts)
	}
	var out pixivoc.Output
	if err != nil {
		p.entomb(&out, err)
		return out, err
	}
	record.WorkID, record.Page, record.Revision = p.Work, p.Page, p.Revision
	key := record.Path
	if p.Revision != "" && p.Suffix == "" { // the path has a record of what was replaced
		key += " " + p.Revision
	}
	out.Record(RecordFile, key, record)
	if p.Sidecar == "" {
		p.archive(&out, &record)
		settings.queueConversion(&out, p, &record)
	}
	return out, nil
}

// FileNames implements pixivoc.FileNamer.
func (pictureStage) FileNames(task pixivoc.TaskInfo, item pixivoc.Item) []string {
	var p picture
	if json.Unmarshal(item.Payload, &p) != nil {
		return nil
	}
	var names []string
	if p.Sidecar != "" {
		return []string{p.path(task.TaskName) + sidecarSuffix(p.Sidecar)}
	}
	if p.Ugoira {
		for _, suffix := range []string{largeArchive, smallArchive, onlyArchive} {
			names = append(names, p.path(task.TaskName)+suffix)
		}
		return names
	}
	for _, extension := range pictureExtensions() { // a replaced picture may have another
		names = append(names, p.path(task.TaskName)+extension)
	}
	return append(names, p.path(task.TaskName)+previewSuffix)
}

// pictureRun is one run of DownloadPicture.
type pictureRun struct {
	rt      pixivoc.Runtime
	picture picture
}

// page saves one page of a work.
func (r pictureRun) page(ctx context.Context, attempts int) (FileRecord, error) {
	record, err := r.original(ctx, r.picture.URL)
	switch {
	case isGone(err):
		return r.replaced(ctx)
	case isForbidden(err):
		return FileRecord{}, forbidden(err)
	case statusOf(err) == http.StatusInternalServerError && attempts >= fallbackAfter:
		return r.preview(ctx, err)
	}
	return record, err
}

// original saves the page from that address.
func (r pictureRun) original(ctx context.Context, address string) (FileRecord, error) {
	file, err := r.save(ctx, address, pictureExtension(address))
	if err != nil {
		return FileRecord{}, err
	}
	record := fileRecord(file, address)
	record.Width, record.Height = r.picture.Width, r.picture.Height
	return record, nil
}

// replaced asks once where the page is now: the address of a picture changes
// when its author uploads it anew.
func (r pictureRun) replaced(ctx context.Context) (FileRecord, error) {
	work, err := NewAPI(r.rt).IllustDetail(ctx, r.picture.Work)
	if err != nil {
		return FileRecord{}, err
	}
	if kind, hidden := work.Masked(); hidden {
		return FileRecord{}, masked(work.ID, kind)
	}
	originals, err := work.Originals()
	if err != nil {
		return FileRecord{}, content(err)
	}
	at := slices.IndexFunc(originals, func(o Original) bool { return o.Page == r.picture.Page })
	if at < 0 {
		return FileRecord{}, r.gone("the work has %d pages now", len(originals))
	}
	address := originals[at].URL
	if address == r.picture.URL {
		return FileRecord{}, r.gone("the image host does not have it, and Pixiv names no other address")
	}
	r.rt.Logger().Info("picture was replaced, taking the new one", "work", r.picture.Work, "page", r.picture.Page)
	r.picture.Width, r.picture.Height = 0, 0
	if r.picture.Page == 0 {
		r.picture.Width, r.picture.Height = work.Width, work.Height
	}
	record, err := r.original(ctx, address)
	switch {
	case isGone(err):
		return FileRecord{}, r.gone("the image host does not have its new address either")
	case isForbidden(err):
		return FileRecord{}, forbidden(err)
	}
	return record, err
}

// preview saves the largest preview. It returns the failure of the original
// when there is none.
func (r pictureRun) preview(ctx context.Context, cause error) (FileRecord, error) {
	address, ok := previewOf(r.picture.URL)
	if !ok {
		return FileRecord{}, cause
	}
	file, err := r.save(ctx, address, previewSuffix)
	if err != nil {
		return FileRecord{}, fmt.Errorf("%w; its preview: %w", cause, err)
	}
	r.rt.Logger().Info("original is broken at Pixiv, took the preview", "work", r.picture.Work, "page", r.picture.Page, "cause", cause)
	record := fileRecord(file, address)
	record.Fallback = true
	return record, nil
}

// previewOf turns .../img-original/img/D/ID_pN.EXT into
// .../img-master/img/D/ID_pN_master1200.jpg.
func previewOf(original string) (string, bool) {
	const from, to = "https://" + imageHost + "/img-original/", "https://" + imageHost + "/img-master/"
	rest, ok := strings.CutPrefix(original, from)
	if !ok || strings.ContainsAny(rest, "?#") {
		return "", false
	}
	return to + strings.TrimSuffix(rest, path.Ext(rest)) + previewSuffix, true
}

// save downloads what is named as the picture, with that suffix.
func (r pictureRun) save(ctx context.Context, address, suffix string) (pixivoc.File, error) {
	name := r.picture.path(r.rt.Task().TaskName) + suffix
	if err := checkPicture(address); err != nil {
		return pixivoc.File{}, content(fmt.Errorf("address of %s: %w", name, err))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return pixivoc.File{}, content(fmt.Errorf("address of %s: %w", name, err))
	}
	request.Header.Set("Referer", appReferer)
	file, err := r.rt.Download(ctx, pixivoc.Download{
		Request: request,
		Name:    name,
		ModTime: r.picture.modTime(),
		Refuse:  r.refuse,
	})
	if blocked, ok := errors.AsType[*pixivoc.BlockedError](err); ok {
		err = blocked // passes, also where the kernel takes a refusal for final
	}
	return file, err
}

// refuse looks at where redirects led.
func (r pictureRun) refuse(address *url.URL) error {
	if kind, found := placeholder(address); found {
		return masked(r.picture.Work, kind)
	}
	if !isPictureHost(address.Hostname()) {
		return &pixivoc.BlockedError{Host: imageHost, Err: fmt.Errorf("it leads to %s", address.Hostname())}
	}
	return nil
}

// gone says that the work is there and lacks the page.
func (r pictureRun) gone(format string, values ...any) error {
	return pixivoc.Permanent(pixivoc.ReasonDeleted,
		&pageGoneError{r.picture.Work, r.picture.Page, fmt.Sprintf(format, values...)})
}

// pageGoneError says why a page of a work is not to be had any more.
type pageGoneError struct {
	work   ID
	page   int
	reason string
}

func (e *pageGoneError) Error() string {
	return fmt.Sprintf("work %s, page %d: %s", e.work, e.page, e.reason)
}

// entomb leaves a tombstone of the work, or of the page, that is gone.
func (p picture) entomb(out *pixivoc.Output, err error) {
	if page, ok := errors.AsType[*pageGoneError](err); ok && !p.Ugoira {
		out.Record(RecordTombstone, p.key(), TombstoneRecord{WorkID: p.Work, Page: &page.page})
		return
	}
	entomb(out, p.Work, err)
}

// forbidden explains a 403 of the image host. It passes: what the host refuses
// is the network we come from or the way there, hardly ever one picture.
func forbidden(err error) error {
	status, _ := errors.AsType[*pixivoc.StatusError](err)
	return &pixivoc.BlockedError{
		Host: imageHost,
		Err:  fmt.Errorf("it refuses this network, or something on the way removes the Referer: %w", status),
	}
}

// isPictureExtension knows the extensions of what pixivoc checks as a picture.
func isPictureExtension(extension string) bool {
	return slices.Contains(pictureExtensions(), strings.ToLower(extension))
}

func pictureExtensions() []string { return []string{".jpg", ".png", ".gif", ".jpeg", ".webp"} }

// pictureExtension returns the extension of an address, ".jpg" when it has none
// that a picture can have. The kernel mends one that does not fit the content.
func pictureExtension(address string) string {
	if parsed, err := url.Parse(address); err == nil {
		if extension := path.Ext(parsed.Path); isPictureExtension(extension) {
			return strings.ToLower(extension)
		}
	}
	return ".jpg"
}
