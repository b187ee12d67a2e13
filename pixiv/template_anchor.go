package pixiv

import (
	"slices"
	"strings"
	"unicode"
)

// anchor is a place of a template where a number can be read back from the
// path, whatever stands around it: what makes sure that two pictures never get
// one path. From one end of a folder or file name up to the number there is
// nothing but literal text, numbers and dates of fixed width, with something
// that is no digit on both sides of each number.
type anchor struct {
	segment int  // from the end, 0 is the file
	right   bool // read from the right end
	steps   []anchorStep
	part    int // the first part of the tail that holds it, for right
}

// anchorStep is what is passed on the way to the number, then the number, then
// what stands behind it.
type anchorStep struct {
	literal string
	field   string // with its format for a date
	end     bool   // nothing is left
}

// maxAnchor bounds the bytes up to a number, so that it is in the part of a long
// name that stays.
const maxAnchor = 80

// anchors finds the places of a field with one of the names.
func (t *template) anchors(names ...string) []anchor {
	var found []anchor
	for i := len(t.segments) - 1; i >= 0; i-- {
		segment := t.segments[i]
		fromEnd := len(t.segments) - 1 - i
		for _, right := range []bool{false, true} {
			for _, a := range segmentAnchors(segment, right, names) {
				a.segment = fromEnd
				found = append(found, a)
			}
		}
		if fromEnd > 0 && isDroppable(segment) {
			break // folders before it are not always so far from the end
		}
	}
	return found
}

// segmentAnchors goes through a folder or file name from one end.
func segmentAnchors(segment []part, right bool, names []string) []anchor {
	var found []anchor
	var steps []anchorStep
	length := 0
	for i := range segment {
		at := i
		if right {
			at = len(segment) - 1 - i
		}
		p := segment[at]
		step, width, ok := p.step()
		if length += width; !ok || length > maxAnchor {
			return found
		}
		steps = append(steps, step)
		if p.field == nil || !p.field.digits {
			continue
		}
		if !endsNumber(segment, at, right) {
			return found
		}
		if slices.Contains(names, p.field.Name) {
			behind := anchorStep{end: true}
			first := at
			if next, ok := neighbour(segment, at, right); ok {
				behind, first = anchorStep{}, min(at, next)
				if segment[next].field == nil {
					behind.literal = strings.ToLower(segment[next].literal)
				}
			}
			found = append(found, anchor{right: right, steps: append(slices.Clone(steps), behind), part: first})
		}
	}
	return found
}

// step says what a part is on the way to a number and how many bytes it may
// take; false for what can be anything.
func (p *part) step() (step anchorStep, width int, ok bool) {
	const digits = 20
	switch {
	case p.field == nil:
		return anchorStep{literal: strings.ToLower(p.literal)}, len(p.literal), true
	case p.conditional:
		return anchorStep{}, 0, false
	case p.field.digits:
		return anchorStep{field: p.field.Name}, digits, true
	case p.field.Name == "date" && hasFixedWidth(dateLayout(p.format)):
		return anchorStep{field: "date " + dateLayout(p.format)}, len(p.format), true
	}
	return anchorStep{}, 0, false
}

func neighbour(segment []part, at int, right bool) (int, bool) {
	if right {
		return at - 1, at > 0
	}
	return at + 1, at+1 < len(segment)
}

// endsNumber says whether no digit can follow, in the direction of reading, on
// the number at a part.
func endsNumber(segment []part, at int, right bool) bool {
	next, ok := neighbour(segment, at, right)
	switch {
	case !ok:
		return true
	case right:
		p := segment[next]
		return p.field == nil && !isDigit(p.literal[len(p.literal)-1])
	}
	return beginsWithoutDigit(segment[next:])
}

// beginsWithoutDigit says whether what the parts give cannot begin with a digit.
func beginsWithoutDigit(parts []part) bool {
	for _, p := range parts {
		switch {
		case p.field == nil:
			return !isDigit(p.literal[0])
		case !p.conditional || !beginsWithoutDigit(p.parts):
			return false
		}
	}
	return true
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// isDroppable says whether a folder may be empty, and then is left out.
func isDroppable(segment []part) bool {
	for _, p := range segment {
		switch {
		case p.field == nil && strings.TrimSpace(p.literal) != "":
			return false
		case p.field == nil || p.conditional:
		case p.field.digits, slices.Contains([]string{"date", "task", "type", fieldUserName, fieldUserAccount}, p.field.Name):
			return false
		}
	}
	return true
}

// areApart says whether no path of one template can be one of the other, but
// for works with the same ID.
func areApart(a, b *template) bool {
	if len(a.segments) != len(b.segments) && !a.isFlexible() && !b.isFlexible() {
		return true
	}
	for _, x := range a.anchors("id") {
		for _, y := range b.anchors("id") {
			if x.segment == y.segment && x.right == y.right && apart(x.steps, y.steps, x.right) {
				return true
			}
		}
	}
	return false
}

func (t *template) isFlexible() bool {
	return slices.ContainsFunc(t.segments[:len(t.segments)-1], isDroppable)
}

// apart compares two ways to an ID. They are apart when both lead to it in the
// same steps, or where one step shows which of the two it is.
func apart(a, b []anchorStep, right bool) bool {
	same := true
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		switch {
		case x.isDate() || y.isDate():
			if x != y {
				return false
			}
		case x.field != "" && y.field != "":
			if same = same && x.field == y.field; same && x.field == "id" {
				return true
			}
		case x != y:
			return areUnlike(x.at(i, right), y.at(i, right), right)
		}
	}
	return false
}

func (s anchorStep) isDate() bool { return strings.HasPrefix(s.field, "date ") }

// at is the step without what making a name legal may trim or add at its edge.
func (s anchorStep) at(place int, right bool) anchorStep {
	if place == 0 {
		s.literal = strings.TrimFunc(s.literal, func(r rune) bool { return r == '.' || r == '_' && !right || unicode.IsSpace(r) })
	}
	return s
}

// areUnlike says whether two different steps, one of them literal text or the
// end, cannot give the same characters.
func areUnlike(a, b anchorStep, right bool) bool {
	x, y := a.literal, b.literal
	switch {
	case a.field != "" || b.field != "": // a number
		text := x + y
		return text != "" && !isDigit(text[edge(text, right)])
	case a.end || b.end:
		return x+y != ""
	case x == "" || y == "":
		return false
	case right:
		return !strings.HasSuffix(x, y) && !strings.HasSuffix(y, x)
	}
	return !strings.HasPrefix(x, y) && !strings.HasPrefix(y, x)
}

func edge(text string, right bool) int {
	if right {
		return len(text) - 1
	}
	return 0
}
