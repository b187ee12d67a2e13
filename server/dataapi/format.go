package dataapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc/internal/csvrow"
)

// rowsAnswer is the answer with rows to either call.
type rowsAnswer struct {
	page  page
	name  string // of the file
	total int
	// current says that the rows are those that are not exported; otherwise
	// offset and rest are for the next call.
	current bool
	batch   string // "" for consumers without a name
	offset  int64
	rest    int
}

// The answers in JSON; their order is that of bazhuayu-dataapi, section 2.
type (
	takenRows struct {
		Total        int             `json:"total"`
		CurrentTotal int             `json:"currentTotal"`
		DataList     json.RawMessage `json:"dataList"`
		Batch        string          `json:"batch,omitempty"`
	}
	listedRows struct {
		Offset    int64           `json:"offset"`
		Total     int             `json:"total"`
		RestTotal int             `json:"restTotal"`
		DataList  json.RawMessage `json:"dataList"`
	}
)

// format returns what writes rows as the call wants them.
func (c *call) format() (func(*API, *call, rowsAnswer) error, error) {
	switch strings.ToLower(c.parameters.text("format")) {
	case "", "json":
		return (*API).writeRows, nil
	case "csv":
		return (*API).writeCSV, nil
	case "jsonl":
		return (*API).writeLines, nil
	}
	return nil, wrongParameter("format", "must be json, csv or jsonl")
}

func (a *API) writeRows(c *call, answer rowsAnswer) error {
	list := []byte{'['}
	objects := newObjects(answer.page.columns)
	for i, row := range answer.page.rows {
		if i > 0 {
			list = append(list, ',')
		}
		list = objects.append(list, row)
	}
	list = append(list, ']')
	if answer.current {
		return a.succeed(c, takenRows{answer.total, len(answer.page.rows), list, answer.batch})
	}
	return a.succeed(c, listedRows{answer.offset, answer.total, answer.rest, list})
}

// objects writes rows as JSON objects whose members are in the order of the
// columns.
type objects struct{ names [][]byte }

func newObjects(columns []string) objects {
	o := objects{}
	for _, name := range columns {
		o.names = append(o.names, append(appendText(nil, name), ':'))
	}
	return o
}

func (o objects) append(b []byte, row []cell) []byte {
	b = append(b, '{')
	for i, cell := range row {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, o.names[i]...), cell.text)
	}
	return append(b, '}')
}

func (a *API) writeLines(c *call, answer rowsAnswer) error {
	var b []byte
	objects := newObjects(answer.page.columns)
	for _, row := range answer.page.rows {
		b = append(objects.append(b, row), '\n')
	}
	a.writeFile(c.w, answer, "application/jsonl; charset=utf-8", "jsonl", b)
	return nil
}

func (a *API) writeCSV(c *call, answer rowsAnswer) error {
	var b []byte
	var line []string
	if len(answer.page.rows) > 0 {
		for _, name := range answer.page.columns {
			line = append(line, csvrow.Guard(name))
		}
		b = csvrow.Append(b, line)
	}
	for _, row := range answer.page.rows {
		line = line[:0]
		for _, cell := range row {
			text := cell.text
			if !cell.isNumber {
				text = csvrow.Guard(text)
			}
			line = append(line, text)
		}
		b = csvrow.Append(b, line)
	}
	a.writeFile(c.w, answer, "text/csv; charset=utf-8; header=present", "csv", b)
	return nil
}

func (a *API) writeFile(w http.ResponseWriter, answer rowsAnswer, contentType, extension string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", answer.name+"."+extension))
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("X-Pixivoc-Total", strconv.Itoa(answer.total))
	switch {
	case !answer.current:
		header.Set("X-Pixivoc-Rest-Total", strconv.Itoa(answer.rest))
		header.Set("X-Pixivoc-Next-Offset", strconv.FormatInt(answer.offset, 10))
	case answer.batch != "":
		header.Set("X-Pixivoc-Batch", answer.batch)
	}
	send(w, http.StatusOK, body)
}
