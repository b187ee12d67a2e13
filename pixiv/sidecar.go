package pixiv

import (
	"bytes"
	"context"
	_ "embed" // for the schema
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Values of Options.Metadata.
const (
	// MetadataJSON is a JSON object, see SidecarSchema: NAME.json.
	MetadataJSON = "json"
	// MetadataXMP is an XMP packet (ISO 16684-1) with title, artist, tags, caption
	// and date: NAME.xmp.
	MetadataXMP = "xmp"
	// MetadataText is the text of the artist: NAME_caption.txt. A work without
	// text has none.
	MetadataText = "text"
)

// maxSidecar is the longest file that is compared with what would be written.
const maxSidecar = 4 << 20

// sidecarSuffix returns how the name of a file ends, or "" for a word that is no
// kind of metadata.
func sidecarSuffix(kind string) string {
	switch kind {
	case MetadataJSON:
		return ".json"
	case MetadataXMP:
		return ".xmp"
	case MetadataText:
		return "_caption.txt"
	}
	return ""
}

func checkMetadata(kinds []string) error {
	seen := map[string]bool{}
	for i, kind := range kinds {
		if sidecarSuffix(kind) == "" || seen[kind] {
			return fieldError("Options.metadata", "word %d is %q, want each of json, xmp and text once at most", i+1, clean(kind))
		}
		seen[kind] = true
	}
	return nil
}

//go:embed schema/work.schema.json
var sidecarSchema string

// SidecarSchema returns the JSON schema (draft 2020-12) of the files that
// Options.Metadata with MetadataJSON saves.
func SidecarSchema() string { return sidecarSchema }

const sidecarSchemaAddress = "https://raw.githubusercontent.com/pixivoc/pixivoc/main/pixiv/schema/work.schema.json"

// queueMetadata queues what is to be written beside the pictures of a work. name
// is that of its first picture, "" for the names as ever.
func (s *settings) queueMetadata(out *pixivoc.Output, work *Work, name string) {
	for _, kind := range s.metadata {
		if kind == MetadataText && plainText(work.Caption) == "" {
			continue
		}
		raw := work.Raw
		if raw == nil {
			raw, _ = json.Marshal(work) // a Work has nothing that JSON does not
		}
		out.QueueTo(StageDownloadPicture, work.ID.String()+"_"+kind, picture{Work: work.ID, Name: name, Sidecar: kind, Illust: raw})
	}
}

// isSidecarKey knows the keys of the items that queueMetadata queues.
func isSidecarKey(key string) bool {
	_, kind, found := strings.Cut(key, "_")
	return found && sidecarSuffix(kind) != ""
}

// sidecar writes a file beside the pictures of a work.
func (r pictureRun) sidecar(ctx context.Context) (FileRecord, error) {
	var work Work
	if err := json.Unmarshal(r.picture.Illust, &work); err != nil {
		return FileRecord{}, pixivoc.Permanent(pixivoc.ReasonPayload, fmt.Errorf("metadata of work %s: %w", r.picture.Work, err))
	}
	frames, err := r.sidecarFrames(ctx, &work)
	if err != nil {
		return FileRecord{}, err
	}
	text, err := sidecarOf(r.picture.Sidecar, &work, frames)
	if err != nil {
		return FileRecord{}, err
	}
	task := r.rt.Task()
	stem, suffix := r.picture.path(task.TaskName), sidecarSuffix(r.picture.Sidecar)
	record, err := keepOlder(ctx, r.rt, stem+suffix)
	if err == nil && record == nil {
		var written FileRecord
		written, err = writeBeside(ctx, r.rt, stem, suffix, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
		record = &written
	}
	if err != nil {
		return FileRecord{}, err
	}
	record.URL = workAddress(work.ID)
	return *record, nil
}

// sidecarFrames asks for the frames of a ugoira, which its archive does not have.
// What Pixiv does not tell, or not as it should, hinders no sidecar.
func (r pictureRun) sidecarFrames(ctx context.Context, work *Work) ([]FrameRecord, error) {
	if r.picture.Sidecar != MetadataJSON || work.Type != TypeUgoira {
		return nil, nil
	}
	metadata, err := NewAPI(r.rt).UgoiraMetadata(ctx, work.ID)
	if isDeleted(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	frames, err := frameRecords(metadata.Frames)
	if err != nil {
		r.rt.Logger().Info("frames of ugoira are left out of its sidecar", "work", work.ID, "cause", err)
		return nil, nil
	}
	return frames, nil
}

// keepOlder returns the record of a file that stands under the name since before
// the task, or nil. Such a file is not ours to replace: people write into sidecars
// too.
func keepOlder(ctx context.Context, rt pixivoc.Runtime, name string) (*FileRecord, error) {
	root, err := os.OpenRoot(rt.Task().SavePath)
	if err != nil {
		return nil, onDisk(err)
	}
	defer func() { _ = root.Close() }()
	info, err := stands(ctx, rt, root, name)
	switch {
	case err != nil:
		return nil, err
	case info.FileInfo == nil:
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, pixivoc.Permanent(pixivoc.ReasonName, fmt.Errorf("write %s: something that is no file stands there", name))
	case !info.older:
		return nil, nil
	case info.Size() > maxSidecar:
		return nil, pixivoc.Permanent(pixivoc.ReasonName, fmt.Errorf("write %s: a file of %d bytes stands there", name, info.Size()))
	}
	there, err := root.ReadFile(name)
	if err != nil {
		return nil, onDisk(err)
	}
	return &FileRecord{
		Path: name, Bytes: int64(len(there)), Existing: true, ChecksumKind: "crc32c",
		Checksum: fmt.Sprintf("%08x", crc32.Checksum(there, crc32.MakeTable(crc32.Castagnoli))),
	}, nil
}

func workAddress(id ID) string { return "https://www.pixiv.net/artworks/" + id.String() }

// sidecarOf makes the content of a file.
func sidecarOf(kind string, work *Work, frames []FrameRecord) ([]byte, error) {
	switch kind {
	case MetadataJSON:
		return sidecarJSON(work, frames)
	case MetadataXMP:
		return sidecarXMP(work), nil
	case MetadataText:
		return []byte(plainText(work.Caption) + "\n"), nil
	}
	return nil, pixivoc.Permanent(pixivoc.ReasonPayload, fmt.Errorf("metadata %q of work %s is of no known kind", kind, work.ID))
}

// sidecarWork is the JSON object in a sidecar; the schema describes it.
type sidecarWork struct {
	Schema      string         `json:"$schema"`
	ID          ID             `json:"id"`
	URL         string         `json:"url"`
	Title       string         `json:"title"`
	Caption     string         `json:"caption"`
	CaptionHTML string         `json:"caption_html"`
	Type        string         `json:"type"`
	User        sidecarUser    `json:"user"`
	Tags        []sidecarTag   `json:"tags"`
	Tools       []string       `json:"tools"`
	Series      *sidecarSeries `json:"series,omitempty"`
	CreatedAt   string         `json:"created_at"`
	Pages       int            `json:"pages"`
	Width       int            `json:"width"`
	Height      int            `json:"height"`
	XRestrict   int            `json:"x_restrict"`
	AI          string         `json:"ai"`
	Bookmarks   int            `json:"bookmarks"`
	Views       int            `json:"views"`
	Frames      []FrameRecord  `json:"frames,omitempty"`
}

type sidecarUser struct {
	ID      ID     `json:"id"`
	Name    string `json:"name"`
	Account string `json:"account"`
}

type sidecarTag struct {
	Name           string `json:"name"`
	TranslatedName string `json:"translated_name,omitempty"`
}

type sidecarSeries struct {
	ID    ID     `json:"id"`
	Title string `json:"title"`
}

func sidecarJSON(work *Work, frames []FrameRecord) ([]byte, error) {
	object := sidecarWork{
		Schema: sidecarSchemaAddress, ID: work.ID, URL: workAddress(work.ID), Title: work.Title,
		Caption: plainText(work.Caption), CaptionHTML: work.Caption, Type: work.Type,
		User: sidecarUser{work.User.ID, work.User.Name, work.User.Account}, Tags: []sidecarTag{}, Tools: work.Tools,
		CreatedAt: publishedUTC(work), Pages: max(work.PageCount, 1), Width: max(work.Width, 0), Height: max(work.Height, 0),
		XRestrict: work.XRestrict, AI: aiWord(work.AIType), Bookmarks: work.TotalBookmarks, Views: work.TotalView, Frames: frames,
	}
	for _, tag := range work.Tags {
		object.Tags = append(object.Tags, sidecarTag(tag))
	}
	if object.Tools == nil {
		object.Tools = []string{}
	}
	if work.Series != nil {
		object.Series = &sidecarSeries{work.Series.ID, work.Series.Title}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(object)
	return text.Bytes(), err
}

// publishedUTC is when the work was published, "" when Pixiv did not say.
func publishedUTC(work *Work) string {
	at, err := time.Parse(time.RFC3339, work.CreateDate)
	if err != nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// sidecarXMP makes an XMP packet with the properties of Dublin Core (ISO 16684-1,
// 8.3) and the date of the XMP basic namespace (8.4).
func sidecarXMP(work *Work) []byte {
	var b strings.Builder
	b.WriteString(`<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?>` + "\n" +
		`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` + "\n" +
		`<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">` + "\n")
	list := func(property, container, attribute string, values ...string) {
		if len(values) == 0 || values[0] == "" {
			return
		}
		b.WriteString("<dc:" + property + "><rdf:" + container + ">")
		for _, value := range values {
			b.WriteString("<rdf:li" + attribute + ">" + escapeXML(value) + "</rdf:li>")
		}
		b.WriteString("</rdf:" + container + "></dc:" + property + ">\n")
	}
	const anyLanguage = ` xml:lang="x-default"`
	list("title", "Alt", anyLanguage, work.Title)
	list("creator", "Seq", "", work.User.Name)
	list("description", "Alt", anyLanguage, plainText(work.Caption))
	var tags []string
	for _, tag := range work.Tags {
		if tag.Name != "" {
			tags = append(tags, tag.Name)
		}
	}
	list("subject", "Bag", "", tags...)
	b.WriteString("<dc:identifier>" + escapeXML(workAddress(work.ID)) + "</dc:identifier>\n")
	if at := publishedUTC(work); at != "" {
		b.WriteString("<xmp:CreateDate>" + escapeXML(at) + "</xmp:CreateDate>\n")
	}
	b.WriteString("</rdf:Description></rdf:RDF></x:xmpmeta>\n" + `<?xpacket end="w"?>` + "\n")
	return []byte(b.String())
}

func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
