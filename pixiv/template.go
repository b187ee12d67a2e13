package pixiv

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc"
	"golang.org/x/text/unicode/norm"
)

const (
	maxTemplate = 1000 // bytes
	maxFolders  = 16   // folders in a template
	maxNesting  = 8    // conditional parts within each other
)

// TemplateField is a field of a path template.
type TemplateField struct {
	Name string `json:"name"`
	// Title says what the field is.
	Title string `json:"title"`
	// Format says what may follow the name after a colon, "" when nothing may.
	Format string `json:"format,omitempty"`

	value  func(*pathValues, string) string
	layout func(string) bool // what Format allows; nil for no format
	digits bool              // the value is digits alone and never empty
}

// TemplateFields lists the fields of the path templates in Options.Path and
// Options.MultiPath.
func TemplateFields() []TemplateField {
	const padded = "02 to 09: so many digits at least"
	count := func(name, title string, value func(*pathValues) int64) TemplateField {
		return TemplateField{
			Name: name, Title: title, Format: padded, layout: isPadding, digits: true,
			value: func(v *pathValues, format string) string { return pad(value(v), format) },
		}
	}
	text := func(name, title string, value func(*pathValues) string) TemplateField {
		return TemplateField{Name: name, Title: title, value: func(v *pathValues, _ string) string { return value(v) }}
	}
	return []TemplateField{
		count("id", "ID of the work", func(v *pathValues) int64 { return int64(v.work.ID) }),
		count("page", "page, counted from 0 as in Pixiv's file names", func(v *pathValues) int64 { return int64(v.page) }),
		count("number", "page, counted from 1 as people see it", func(v *pathValues) int64 { return int64(v.page) + 1 }),
		count("pages", "number of pages of the work", func(v *pathValues) int64 { return int64(max(v.work.PageCount, 1)) }),
		text("title", "title of the work", func(v *pathValues) string { return v.work.Title }),
		text("type", "illust, manga or ugoira", func(v *pathValues) string { return cmp.Or(v.work.Type, TypeIllust) }),
		{
			Name: "date", Title: "when the work was published, in Japan's time", Format: "layout of Go, 2006-01-02 when there is none",
			value: func(v *pathValues, format string) string { return v.date.Format(dateLayout(format)) }, layout: isLayout,
		},
		text("tags", "tags, with commas between", func(v *pathValues) string { return tagNames(v.work) }),
		text("rating", "R-18 or R-18G, nothing for all ages", func(v *pathValues) string { return rating(v.work) }),
		text("ai", "AI for works made by AI, else nothing", func(v *pathValues) string {
			if v.work.AIType == aiMade {
				return "AI"
			}
			return ""
		}),
		count("width", "pixels of the first page", func(v *pathValues) int64 { return int64(v.work.Width) }),
		count("height", "pixels of the first page", func(v *pathValues) int64 { return int64(v.work.Height) }),
		count("user.id", "ID of the artist", func(v *pathValues) int64 { return int64(v.work.User.ID) }),
		text(fieldUserName, "name of the artist as it was when first used", func(v *pathValues) string { return v.userName }),
		text(fieldUserAccount, "login name of the artist as it was when first used", func(v *pathValues) string { return v.userAccount }),
		count("series.id", "ID of the series, 0 without one", func(v *pathValues) int64 { return int64(series(v.work).ID) }),
		text("series.title", "title of the series", func(v *pathValues) string { return series(v.work).Title }),
		text("task", "name of the task", func(v *pathValues) string { return v.task }),
	}
}

// Fields whose value is pinned; see saver.pathValues.
const (
	fieldUserName    = "user.name"
	fieldUserAccount = "user.account"
)

// extensionField may stand at the end of a template, where it changes nothing.
const extensionField = ".{ext}"

// part is a piece of a template: literal text, a field, or a conditional part.
type part struct {
	literal string
	field   *TemplateField
	format  string
	// parts of a conditional part are shown when field is not empty or, when
	// negated, when it is.
	parts       []part
	conditional bool
	negated     bool
}

// template is a path template: the parts of each folder and of the file's name
// without extension.
type template struct {
	segments [][]part
	pinned   map[string]bool // pinned fields that it has
}

// parseTemplate reads Options.Path or Options.MultiPath:
//
//	{field}  {field:format}          the value of a field
//	{?field} ... {/}                 shown when the field is not empty, nor 0
//	{!field} ... {/}                 shown when it is
//	{{ and }}                        braces
//	/                                between folders
func parseTemplate(text string) (template, error) {
	text = norm.NFC.String(text)
	switch {
	case len(text) > maxTemplate:
		return template{}, fmt.Errorf("is longer than %d bytes", maxTemplate)
	case strings.TrimSpace(text) == "":
		return template{}, errors.New("is blank")
	}
	p := templateParser{text: strings.TrimSuffix(text, extensionField), pinned: map[string]bool{}}
	var t template
	for {
		segment, err := p.parts(0)
		if err != nil {
			return template{}, err
		}
		if err := p.checkSegment(segment); err != nil {
			return template{}, err
		}
		t.segments = append(t.segments, segment)
		if p.at == len(p.text) {
			break
		}
		p.at++ // the slash
		p.begin = p.at
		if len(t.segments) > maxFolders {
			return template{}, p.wrong(p.at, "has more than %d folders", maxFolders)
		}
	}
	t.pinned = p.pinned
	return t, nil
}

// templateParser stands at a byte of a text.
type templateParser struct {
	text   string
	at     int
	begin  int // of the segment
	pinned map[string]bool
}

func (p *templateParser) wrong(at int, format string, values ...any) error {
	return errorAt(p.text, at, format, values...)
}

// parts reads up to a slash, the end of the text, or the end of a conditional
// part, which it takes.
func (p *templateParser) parts(depth int) ([]part, error) {
	start := p.at
	var parts []part
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{literal: literal.String()})
			literal.Reset()
		}
	}
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			literal.WriteByte(rest[0])
			p.at += 2
		case rest[0] == '}':
			return nil, p.wrong(p.at, `"}" without "{"; write "}}" for a brace`)
		case strings.HasPrefix(rest, "{/}") && depth > 0:
			p.at += len("{/}")
			flush()
			return parts, nil
		case rest[0] == '{':
			flush()
			next, err := p.braces(depth)
			if err != nil {
				return nil, err
			}
			parts = append(parts, next)
		case rest[0] == '/' && depth == 0:
			flush()
			return parts, nil
		default:
			if err := p.literal(&literal); err != nil {
				return nil, err
			}
		}
	}
	if depth > 0 {
		return nil, p.wrong(start-1, `conditional part without its end "{/}"`)
	}
	flush()
	return parts, nil
}

// literal takes one character.
func (p *templateParser) literal(to *strings.Builder) error {
	r, size := utf8.DecodeRuneInString(p.text[p.at:])
	char := p.text[p.at : p.at+size]
	if r == '/' {
		return p.wrong(p.at, `a conditional part ends at "/"; put the whole folder in it, empty folders are left out`)
	}
	// Between two letters nothing but the character itself can be wrong.
	if err := pixivoc.CheckName("a" + char + "a"); err != nil {
		return p.wrong(p.at, "%q cannot be in a name", r)
	}
	to.WriteString(char)
	p.at += size
	return nil
}

// braces reads a field or a conditional part.
func (p *templateParser) braces(depth int) (part, error) {
	begin := p.at
	inside, _, closed := strings.Cut(p.text[begin+1:], "}")
	if !closed {
		return part{}, p.wrong(begin, `"{" without "}"; write "{{" for a brace`)
	}
	p.at = begin + len("{") + len(inside) + len("}")
	if inside == "/" {
		return part{}, p.wrong(begin, `"{/}" ends nothing`)
	}
	if inside == "ext" {
		return part{}, p.wrong(begin, `{ext} can only stand at the end, after a dot`)
	}
	var found part
	name := inside
	if name != "" && (name[0] == '?' || name[0] == '!') {
		found.conditional, found.negated, name = true, name[0] == '!', name[1:]
	}
	name, format, formatted := strings.Cut(name, ":")
	for _, field := range TemplateFields() {
		if field.Name == name {
			found.field = &field
		}
	}
	switch {
	case found.field == nil:
		return part{}, p.wrong(begin+1, "there is no field %q", clean(name))
	case formatted && (found.conditional || found.field.layout == nil):
		return part{}, p.wrong(begin+1, "{%s} takes no format here", name)
	case formatted && !found.field.layout(format):
		return part{}, p.wrong(begin+1, "%q is no format of {%s}; want %s", clean(format), name, found.field.Format)
	}
	if name == fieldUserName || name == fieldUserAccount {
		p.pinned[name] = true
	}
	found.format = format
	if !found.conditional {
		return found, nil
	}
	if depth == maxNesting {
		return part{}, p.wrong(begin, "more than %d conditional parts within each other", maxNesting)
	}
	var err error
	found.parts, err = p.parts(depth + 1)
	return found, err
}

// checkSegment refuses a folder that could only be a mistake.
func (p *templateParser) checkSegment(segment []part) error {
	if len(segment) == 0 {
		return p.wrong(p.begin, "a folder or file without a name")
	}
	for _, s := range segment {
		if s.field != nil {
			return nil
		}
	}
	if err := pixivoc.CheckName(segment[0].literal); err != nil {
		return p.wrong(p.begin, "%v", err)
	}
	return nil
}

// isPadding accepts 02 to 09.
func isPadding(format string) bool {
	return len(format) == 2 && format[0] == '0' && format[1] >= '2' && format[1] <= '9'
}

// isLayout accepts layouts that show something of a time and make legal names.
func isLayout(layout string) bool {
	first := time.Date(2011, 1, 1, 1, 1, 1, 0, time.UTC)
	second := time.Date(2022, 12, 31, 22, 59, 58, 0, time.UTC)
	if first.Format(layout) == second.Format(layout) {
		return false
	}
	return pixivoc.CheckName("a"+first.Format(layout)+"a") == nil
}

func dateLayout(format string) string {
	if format == "" {
		return time.DateOnly
	}
	return format
}

// hasFixedWidth says whether all times look equally long in a layout.
func hasFixedWidth(layout string) bool {
	for _, r := range layout {
		if unicode.IsLetter(r) {
			return false // names of months and zones
		}
	}
	for _, unpadded := range []string{"_2", "__2"} {
		if strings.Contains(layout, unpadded) {
			return false
		}
	}
	short := time.Date(2011, 1, 1, 1, 1, 1, 0, time.UTC).Format(layout)
	long := time.Date(2022, 12, 31, 22, 59, 58, 0, time.UTC).Format(layout)
	return len(short) == len(long) && strings.Trim(short, "0123456789-_. ()") == ""
}
