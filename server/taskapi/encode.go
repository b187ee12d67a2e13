package taskapi

import (
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	contentType = "application/json; charset=utf-8"
	// flushSize is how much of an answer is collected before it is sent, in
	// bytes: a list of any length needs no more memory than this.
	flushSize = 32 << 10
)

// downloadTask is a task as callers see it, in the order of BBDown's
// DownloadTask. The members from TaskID on are ours.
type downloadTask struct {
	aid, url   string
	created    time.Time
	title, pic string    // "" is written as null
	published  time.Time // zero is written as null
	finished   time.Time // the same
	progress   float64
	speed      float64
	bytes      int64
	successful bool
	paths      pathList

	taskID, status, reason, stage string // an empty reason or stage is null
}

// append writes the task as JSON.
func (t *downloadTask) append(b []byte) []byte {
	b = append(b, `{"Aid":`...)
	b = appendText(b, t.aid)
	b = append(b, `,"Url":`...)
	b = appendText(b, t.url)
	b = append(b, `,"TaskCreateTime":`...)
	b = strconv.AppendInt(b, t.created.Unix(), 10)
	b = append(b, `,"Title":`...)
	b = appendOptional(b, t.title)
	b = append(b, `,"Pic":`...)
	b = appendOptional(b, t.pic)
	b = append(b, `,"VideoPubTime":`...)
	b = appendTime(b, t.published)
	b = append(b, `,"TaskFinishTime":`...)
	b = appendTime(b, t.finished)
	b = append(b, `,"Progress":`...)
	b = appendNumber(b, min(max(t.progress, 0), 1))
	b = append(b, `,"DownloadSpeed":`...)
	b = appendNumber(b, max(t.speed, 0))
	b = append(b, `,"TotalDownloadedBytes":`...)
	b = strconv.AppendInt(b, t.bytes, 10)
	b = append(b, `,"IsSuccessful":`...)
	b = strconv.AppendBool(b, t.successful)
	b = append(b, `,"SavePaths":`...)
	b = t.paths.append(b)
	b = append(b, `,"TaskId":`...)
	b = appendText(b, t.taskID)
	b = append(b, `,"Status":`...)
	b = appendText(b, t.status)
	b = append(b, `,"ErrorMessage":`...)
	b = appendOptional(b, t.reason)
	b = append(b, `,"Stage":`...)
	b = appendOptional(b, t.stage)
	return append(b, '}')
}

func appendOptional(b []byte, text string) []byte {
	if text == "" {
		return append(b, "null"...)
	}
	return appendText(b, text)
}

func appendTime(b []byte, at time.Time) []byte {
	if at.IsZero() {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, at.Unix(), 10)
}

// appendNumber writes a number without needless fraction. JSON has no infinity
// and no NaN; they are 0.
func appendNumber(b []byte, number float64) []byte {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		number = 0
	}
	return strconv.AppendFloat(b, number, 'f', -1, 64)
}

// appendText writes a string as .NET does by default: letters beyond ASCII and
// what might mean something to HTML as \uXXXX.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	for _, r := range text { // bytes that are not UTF-8 come as U+FFFD
		switch {
		case r == '\\':
			b = append(b, `\\`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = appendEscape(appendEscape(b, high), low)
		case r < ' ' || r >= 0x7f || isMarkup(r):
			b = appendEscape(b, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func isMarkup(r rune) bool {
	switch r {
	case '<', '>', '&', '\'', '"', '+', '`':
		return true
	}
	return false
}

func appendEscape(b []byte, r rune) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// writer sends an answer in pieces.
type writer struct {
	w      http.ResponseWriter
	buffer []byte
	failed bool // nobody reads any more
}

func newWriter(w http.ResponseWriter) *writer {
	w.Header().Set("Content-Type", contentType)
	return &writer{w: w, buffer: make([]byte, 0, flushSize+4<<10)}
}

func (w *writer) text(text string) { w.buffer = append(w.buffer, text...) }

// array writes tasks with brackets around them.
func (w *writer) array(tasks []listed) {
	w.text("[")
	for i, each := range tasks {
		if i > 0 {
			w.text(",")
		}
		task := each.task()
		w.buffer = task.append(w.buffer)
		if len(w.buffer) >= flushSize {
			w.flush()
		}
	}
	w.text("]")
}

func (w *writer) flush() {
	if !w.failed {
		_, err := w.w.Write(w.buffer)
		w.failed = err != nil
	}
	w.buffer = w.buffer[:0]
}
