package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/pixivoc/pixivoc"
)

// style is an SGR parameter (ECMA-48, 8.3.117); 0 is plain.
type style int

const (
	stylePlain  style = 0
	styleStrong style = 1
	styleFaint  style = 2
	styleRed    style = 31
	styleGreen  style = 32
	styleYellow style = 33
	styleCyan   style = 36
)

// paint puts text into a style where colours are wanted.
func (s screen) paint(st style, text string) string {
	if !s.color || st == stylePlain || text == "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", st, text)
}

// span is a piece of a line. The pieces with the greatest drop go first when
// the line is too long; 0 stays.
type span struct {
	text  string
	style style
	drop  int
}

const (
	barSpan    = 40 // columns of a bar where there is room
	barLeast   = 10
	labelSpan  = 28
	spanMargin = 2 // blanks between spans
)

// barLine is the line with the bar. It is never wider than width.
func (v *view) barLine(label string, s screen, width int, now time.Time) string {
	spans := v.barSpans(label, s, now)
	for leastWidth(spans) > width {
		last := nextDrop(spans)
		if last < 0 {
			return shorten(spans[len(spans)-1].text, width, s)
		}
		spans = append(spans[:last], spans[last+1:]...)
	}
	columns := min(width-leastWidth(spans)+barLeast, barSpan)
	var line strings.Builder
	for i, piece := range spans {
		if piece.text == barMark {
			line.WriteString(bar(v.share(), columns, s))
		} else {
			line.WriteString(s.paint(piece.style, piece.text))
		}
		if i < len(spans)-1 {
			line.WriteString(strings.Repeat(" ", spanMargin))
		}
	}
	return line.String()
}

// barMark stands for the bar, whose width comes from what the rest leaves.
const barMark = "\x00"

func (v *view) barSpans(label string, s screen, now time.Time) []span {
	size, _ := v.bytes()
	count := fmt.Sprintf("%d/%d", v.done(), v.total())
	if len(v.tasks) == 1 && listing(v.tasks[0]) {
		count = ""
	}
	eta := ""
	if left := v.remaining(now); left > 0 {
		eta = "ETA " + etaText(left)
	}
	return []span{
		{text: shorten(printable(label), labelSpan, s), style: styleStrong, drop: 2},
		{text: barMark, drop: 1},
		{text: fmt.Sprintf("%3d%%", int(v.share()*100))},
		{text: pad(count, 2*len(fmt.Sprint(v.total()))+1), drop: 0},
		{text: pad(bytesText(size), 7), drop: 4},
		{text: pad(bytesText(v.speed(now))+"/s", 9), style: styleCyan, drop: 5},
		{text: pad(eta, 9), drop: 3},
	}
}

// leastWidth is how many columns the spans need, with a short bar.
func leastWidth(spans []span) int {
	width := (len(spans) - 1) * spanMargin
	for _, piece := range spans {
		if piece.text == barMark {
			width += barLeast + 2 // the brackets
			continue
		}
		width += runewidth.StringWidth(piece.text)
	}
	return width
}

func nextDrop(spans []span) int {
	found := -1
	for i, piece := range spans {
		if piece.drop > 0 && (found < 0 || piece.drop > spans[found].drop) {
			found = i
		}
	}
	return found
}

// bar draws a bar of that many columns between brackets. With block characters
// it moves by an eighth of a column.
func bar(share float64, columns int, s screen) string {
	share = min(max(share, 0), 1)
	if !s.unicode {
		full := int(share * float64(columns))
		return "[" + s.paint(styleGreen, strings.Repeat("#", full)) + strings.Repeat("-", columns-full) + "]"
	}
	eighths := int(share * float64(columns) * 8)
	filled := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		filled += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	rest := strings.Repeat(" ", columns-runewidth.StringWidth(filled))
	return "[" + s.paint(styleGreen, filled) + rest + "]"
}

// taskRows is how many tasks have a line of their own while several run.
const taskRows = 6

// taskLines has a line with a short bar for each task that is at work, when
// there are several. None is wider than width.
func (v *view) taskLines(s screen, width int) []string {
	if len(v.tasks) < 2 {
		return nil
	}
	name := min(labelSpan, max(width/3, 6))
	var lines []string
	more := 0
	for _, info := range v.tasks {
		if !info.Running {
			continue
		}
		if len(lines) == taskRows {
			more++
			continue
		}
		left := pad(shorten(printable(info.TaskName), name, s), name)
		right := shorten(stageTitle(info.StageName), max(width-name-3, 0), s)
		if !listing(info) && info.Total > 0 && width >= name+barLeast+16 {
			count := fmt.Sprintf("%d/%d", info.Now, info.Total)
			right = bar(float64(info.Now)/float64(info.Total), barLeast, s) + " " + shorten(count, width-name-barLeast-6, s)
		}
		lines = append(lines, "  "+s.paint(styleFaint, left)+" "+right)
	}
	if more > 0 {
		lines = append(lines, s.paint(styleFaint, shorten(fmt.Sprintf("  and %d more", more), width, s)))
	}
	return lines
}

// statusLine says in words what goes on, in a line no wider than width.
func (v *view) statusLine(s screen, width int, now time.Time) string {
	text, st := v.status(now)
	if st == styleFaint && len(v.tasks) > 1 && v.lead().Running {
		text = "" // each task says it in its own line
	}
	if failed := v.failed(); failed > 0 {
		rest := fmt.Sprintf("  %d not saved", failed)
		if runewidth.StringWidth(text)+len(rest) <= width {
			return s.paint(st, text) + s.paint(styleRed, rest)
		}
	}
	return s.paint(st, shorten(text, width, s))
}

// status is what goes on and how it should look.
func (v *view) status(now time.Time) (string, style) {
	lead := v.lead()
	waits := printable(lead.Error)
	if v.paused(now) {
		return limitText(v.why, v.limited, now), styleYellow
	}
	switch lead.State {
	case pixivoc.StateWaitToken:
		return "waiting for a login", styleYellow
	case pixivoc.StateDiskFull:
		return "disk full: goes on when there is room in " + printable(lead.SavePath), styleYellow
	case pixivoc.StateQueued:
		return "queued", styleFaint
	case pixivoc.StateScheduled:
		return "done until " + clockText(lead.NextRun, now), styleGreen
	case pixivoc.StateOver:
		return "done", styleGreen
	case pixivoc.StateError:
		return "given up: " + waits, styleRed
	case pixivoc.StateStopped, pixivoc.StateWaitStart:
		return "stopped", styleYellow
	}
	text := stageTitle(lead.StageName)
	if len(v.tasks) > 1 {
		text = fmt.Sprintf("%s: %s", printable(lead.TaskName), text)
		if lead.Total > 1 {
			text += fmt.Sprintf(" %d/%d", lead.Now, lead.Total)
		}
	}
	if waits != "" {
		return text + "; waiting: " + waits, styleYellow
	}
	return text, styleFaint
}

// limitText says why requests wait, and until when.
func limitText(why pixivoc.LimitReason, until, now time.Time) string {
	text := "the site asks for a pause: goes on at "
	switch why {
	case pixivoc.LimitDailyCap:
		text = "enough requests for today: goes on at "
	case pixivoc.LimitQuietHours:
		text = "quiet hours: goes on at "
	case pixivoc.LimitOutage:
		text = "the site cannot be reached: next try at "
	}
	return text + clockText(until, now)
}

// plainLine is the state in one line for a log.
func (v *view) plainLine(label string, now time.Time) string {
	text, _ := v.status(now)
	line := printable(label) + ": " + text
	if len(v.tasks) == 1 && listing(v.tasks[0]) {
		return line
	}
	size, _ := v.bytes()
	line += fmt.Sprintf(", %d/%d (%d%%), %s", v.done(), v.total(), int(v.share()*100), bytesText(size))
	if speed := v.speed(now); speed > 0 {
		line += ", " + bytesText(speed) + "/s"
	}
	if left := v.remaining(now); left > 0 {
		line += ", about " + etaText(left) + " left"
	}
	if failed := v.failed(); failed > 0 {
		line += fmt.Sprintf(", %d not saved", failed)
	}
	return line
}
