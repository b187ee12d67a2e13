package pixiv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// Options is pixivoc.TaskSpec.Options of the task types that save works, as
// JSON. The zero value of each field changes nothing. A task is refused with a
// *pixivoc.FieldError that names the field, as "Options.path" for instance, when
// a value is wrong or a key is unknown.
type Options struct {
	// Path is where the picture of a work with one page is saved below
	// SavePath, as a template: "{user.name}/{date:2006-01}/{id} {title}.{ext}".
	// TemplateFields lists the fields. {?title}...{/} is shown when a field is
	// not empty, {!title}...{/} when it is; {{ and }} are braces. A folder
	// that turns out empty is left out. The extension follows the content,
	// with or without ".{ext}" at the end.
	//
	// Two pictures never get one path: where the template alone would not
	// see to that, "_ID", "_pN" or both are added to the name of the file.
	// "": the folder named like the task, and ID_pN.EXT in it.
	Path string `json:"path,omitempty"`
	// MultiPath is Path for works with several pages; "" is as Path.
	MultiPath string `json:"multi_path,omitempty"`
	// Pages chooses pages of each work, counted from 1: "3", "2-5", "-3" (up to
	// 3), "4-", "first 3", "last 2", "LAST", "ALL", or several with commas
	// between. An animation is one page. "": all.
	Pages string `json:"pages,omitempty"`
	// DelayMS is the least time in milliseconds between the starts of two
	// downloads of the task, an hour at most. 0: none.
	DelayMS int64 `json:"delay_ms,omitempty"`
	// Filter is what a work must be to be downloaded, see Filter:
	// "bookmarks >= 500 and ai != \"yes\"". A work that is not leaves a
	// SkippedRecord. "": everything is wanted.
	Filter string `json:"filter,omitempty"`
	// BlockedUsers and BlockedTags are whose works and which works are not
	// wanted. A tag is compared with the tags and their translations, capitals
	// or not.
	BlockedUsers []ID     `json:"blocked_users,omitempty"`
	BlockedTags  []string `json:"blocked_tags,omitempty"`
	// Revision says what becomes of a picture whose artist uploaded another in
	// its place since the task was run before, see pixivoc.TaskSpec.Key:
	// "keep" saves the new one beside the old, with "_r" and the time of the
	// upload added to its name; "replace" puts it in the place of the old, but
	// for one of the very same length. "": the old one stays, the new one is
	// not fetched. Animations stay as they are.
	Revision string `json:"revision,omitempty"`
	// FileTime says of when a picture that is saved is: "upload" for when its
	// work was published, "saved" or "" for when it was saved.
	FileTime string `json:"file_time,omitempty"`
	// Metadata names what is saved beside the pictures of each work: "json",
	// "xmp" and "text", see MetadataJSON. It is named as the first picture that
	// was chosen, or by the ID where no template names pictures. A file of that
	// name that is older than the task stays as it is.
	Metadata []string `json:"metadata,omitempty"`
	// Archive leaves out what is in the archive of what was ever saved, by any
	// task or by what was imported; see ArchiveKey. It leaves a SkippedRecord
	// with RuleArchive. What is saved enters the archive with or without.
	Archive bool `json:"archive,omitempty"`
	// Ugoira names the formats that animations are written in beside their
	// archive, under its name: "gif", "apng", "webp", "mkv" and "cbz", and "mp4"
	// and "webm" where ffmpeg is found; see ugoira.Format. One animation is
	// converted at a time, over all tasks. A file of that name that is older
	// than the task stays as it is. Animations that the task saved before it
	// was given formats stay without.
	Ugoira []string `json:"ugoira,omitempty"`
	// FullAuditEvery is for tasks with a schedule whose lists begin with the
	// newest. Their runs stop at the first page of a list whose works are all
	// recorded, but each so many runs one reads to the end. 1: all of them do.
	// 0: each tenth. At most 1000.
	FullAuditEvery int `json:"full_audit_every,omitempty"`
}

// maxDelay is the longest Options.DelayMS.
const maxDelay = time.Hour

// settings are Options made ready for use.
type settings struct {
	paths *pathTemplates // nil for names as ever
	pages pageSelection
	delay time.Duration
	works selection

	metadata   []string
	revision   string // Options.Revision
	uploadTime bool   // Options.FileTime is FileTimeUpload
	archive    bool   // Options.Archive
	formats    []string
}

func (o *Options) settings() (*settings, error) {
	var s settings
	var err error
	if s.paths, err = newPathTemplates(o.Path, o.MultiPath); err != nil {
		return nil, err
	}
	if s.pages, err = parsePages(o.Pages); err != nil {
		return nil, fieldError("Options.pages", "%v", err)
	}
	if s.works, err = newSelection(o); err != nil {
		return nil, err
	}
	if err := o.checkWords(); err != nil {
		return nil, err
	}
	if err := checkMetadata(o.Metadata); err != nil {
		return nil, err
	}
	if err := checkFormats(o.Ugoira); err != nil {
		return nil, err
	}
	s.metadata, s.archive, s.formats = o.Metadata, o.Archive, o.Ugoira
	s.revision, s.uploadTime = o.Revision, o.FileTime == FileTimeUpload
	s.delay = time.Duration(o.DelayMS) * time.Millisecond
	if o.FullAuditEvery < 0 || o.FullAuditEvery > maxAuditEvery {
		return nil, fieldError("Options.full_audit_every", "is %d, want 0 to %d", o.FullAuditEvery, maxAuditEvery)
	}
	if o.DelayMS < 0 || o.DelayMS > maxDelay.Milliseconds() {
		return nil, fieldError("Options.delay_ms", "is %d, want 0 to %d", o.DelayMS, maxDelay.Milliseconds())
	}
	return &s, nil
}

// readSettings reads the options of a task that was made; keys of others are
// passed over.
func readSettings(raw json.RawMessage) (*settings, error) {
	var options Options
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &options); err != nil {
			return nil, optionsError(err)
		}
	}
	return options.settings()
}

// ownOptions returns the structures whose keys a task type takes beside those of
// Options.
func ownOptions(typeName string) []any {
	if typeName == Search {
		return []any{SearchOptions{}}
	}
	return nil
}

// checkOptions refuses wrong options and keys that the task type does not know.
func checkOptions(raw json.RawMessage, typeName string) error {
	if _, err := readSettings(raw); err != nil {
		return err
	}
	if len(bytes.TrimSpace(raw)) == 0 || typeName == "" {
		return nil // without a type no key can be called unknown
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return optionsError(err)
	}
	var known []string
	for _, fields := range append(ownOptions(typeName), Options{}) {
		known = append(known, jsonKeys(reflect.TypeOf(fields))...)
	}
	for key := range given {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, key) }) {
			slices.Sort(known)
			return fieldError("Options", "there is no option %q; known are %s", clean(key), strings.Join(slices.Compact(known), ", "))
		}
	}
	return nil
}

// jsonKeys returns the keys of a structure in JSON.
func jsonKeys(structure reflect.Type) []string {
	var keys []string
	for field := range structure.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			keys = append(keys, jsonKeys(field.Type)...)
		case name != "" && name != "-":
			keys = append(keys, name)
		}
	}
	return keys
}

// optionsError explains JSON that does not fit.
func optionsError(err error) error {
	field, reason := "Options", "is no JSON object of options"
	switch wrong := err.(type) {
	case *json.UnmarshalTypeError:
		if wrong.Field != "" {
			field, reason = "Options."+wrong.Field, fmt.Sprintf("JSON %s does not fit %s", clean(wrong.Value), wrong.Type)
		}
	case *json.SyntaxError:
		reason = fmt.Sprintf("is no JSON at byte %d: %v", wrong.Offset, wrong)
	}
	return &pixivoc.FieldError{Field: field, Reason: reason}
}
