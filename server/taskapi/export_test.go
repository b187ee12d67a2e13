package taskapi

import (
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
)

// ParseRequest is parseRequest, for tests.
func ParseRequest(raw []byte) (url string, options Options, ignored []string, err error) {
	given, err := parseRequest(raw)
	return given.url, given.options, given.ignored, err
}

// ParsePath is parsePath, for tests.
func ParsePath(escaped string) (name, id string, ok bool) {
	p, ok := parsePath(escaped)
	return p.name, p.id, ok
}

// HeaderText is headerText, for tests.
func HeaderText(text string) string { return headerText(text) }

// Text is appendText, for tests.
func Text(text string) string { return string(appendText(nil, text)) }

// Number is appendNumber, for tests.
func Number(number float64) string { return string(appendNumber(nil, number)) }

// Encode writes a task of a few texts, for tests.
func Encode(aid, title string, paths ...string) string {
	task := downloadTask{aid: aid, title: title, paths: pathList{"", strings.Join(paths, pathEnd)}, created: time.Unix(1, 0)}
	return string(task.append(nil))
}

// Shown says how a task of a state is shown.
type Shown struct {
	Status                          string
	Listed, Finished, Open, Success bool
}

// Show returns how a task of a state is shown that was or was not made here.
func Show(state pixivoc.State, made bool) Shown {
	r := &row{info: pixivoc.TaskInfo{State: state}, entry: entry{Made: made}}
	return Shown{r.status(), r.isShown(), r.isFinished(), r.isOpen(), r.isSuccessful()}
}
