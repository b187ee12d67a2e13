package pixiv

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc"
	"golang.org/x/text/unicode/norm"
)

// maxStem is the longest file name in bytes without extension. What is left of
// the 200 bytes of pixivoc.CheckName is for the longest suffixes,
// "_r20260131235959" and "_ugoira1920x1080.zip".
const maxStem = 164

// aiMade is the illust_ai_type of a work made by AI.
const aiMade = 2

// pathValues are what the fields of a template get their values from.
type pathValues struct {
	task        string
	work        *Work
	page        int // from 0
	date        time.Time
	userName    string
	userAccount string
}

// newPathValues takes the artist's names as they are now.
func newPathValues(task string, work *Work) pathValues {
	v := pathValues{task: task, work: work, userName: work.User.Name, userAccount: work.User.Account}
	// Without a date that can be read it is the year 1: a name of equal length.
	v.date, _ = time.Parse(time.RFC3339, work.CreateDate)
	for _, name := range []*string{&v.userName, &v.userAccount} { // they are pinned, so they are short
		*name = cmp.Or(cutText(strings.ToValidUTF8(*name, "_"), maxFolder), "user "+work.User.ID.String())
	}
	return v
}

func pad(n int64, format string) string {
	n = max(n, 0)
	if format == "" {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%0*d", int(format[1]-'0'), n)
}

func rating(work *Work) string {
	switch work.XRestrict {
	case 1:
		return "R-18"
	case 2:
		return "R-18G"
	}
	return ""
}

func series(work *Work) Series {
	if work.Series == nil {
		return Series{}
	}
	return *work.Series
}

func tagNames(work *Work) string {
	names := make([]string, len(work.Tags))
	for i, tag := range work.Tags {
		names[i] = tag.Name
	}
	return strings.Join(names, ", ")
}

// pathTemplate is a template whose paths tell pictures apart.
type pathTemplate struct {
	template
	// tails has for each segment the first part that stays when the name is
	// too long, or the number of parts.
	tails []int
}

// render fills a template. Each folder and the name of the file are made legal
// after they were filled, so nothing that Pixiv says gets a path elsewhere.
// The result has no extension.
func (t *pathTemplate) render(v *pathValues) string {
	var path []string
	last := len(t.segments) - 1
	for i, segment := range t.segments {
		var head, tail strings.Builder
		renderParts(&head, segment[:t.tails[i]], v)
		renderParts(&tail, segment[t.tails[i]:], v)
		switch {
		case i == last:
			path = append(path, fit(head.String(), tail.String(), maxStem))
		case !isDroppable(segment) || strings.TrimSpace(head.String()+tail.String()) != "":
			path = append(path, fit(head.String(), tail.String(), maxFolder))
		}
	}
	return strings.Join(path, "/")
}

func renderParts(to *strings.Builder, parts []part, v *pathValues) {
	for _, p := range parts {
		switch {
		case p.field == nil:
			to.WriteString(p.literal)
		case !p.conditional:
			to.WriteString(p.field.value(v, p.format))
		case p.isShown(v):
			renderParts(to, p.parts, v)
		}
	}
}

func (p *part) isShown(v *pathValues) bool {
	value := strings.TrimSpace(p.field.value(v, ""))
	empty := value == "" || p.field.digits && value == "0"
	return empty == p.negated
}

// maxFolder is the longest name of a folder in bytes, that of CheckName.
const maxFolder = 200

// fit makes a legal name of at most limit bytes. What is too long loses the end
// of head and gets a hash of it there; tail, which is short, stays.
func fit(head, tail string, limit int) string {
	whole := norm.NFC.String(strings.ToValidUTF8(head+tail, "_"))
	if len(whole) < limit { // by one, for a device name of Windows gets a "_" in front
		return pixivoc.CleanName(whole)
	}
	sum := sha256.Sum256([]byte(head))
	mark := "~" + hex.EncodeToString(sum[:4])
	head = norm.NFC.String(strings.ToValidUTF8(head, "_"))
	return pixivoc.CleanName(cutText(head, limit-len(mark)-len(tail)-1) + mark + tail)
}

// cutText returns at most limit bytes of a valid text and ends between two
// characters.
func cutText(text string, limit int) string {
	limit = max(limit, 0)
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	const longest = 32 // of a character with its marks; more is cut between two marks
	_, next := utf8.DecodeRuneInString(text[limit:])
	if border := norm.NFC.LastBoundary([]byte(text[:limit+next])); border > limit-longest {
		limit = max(min(limit, border), 0)
	}
	return text[:limit]
}
