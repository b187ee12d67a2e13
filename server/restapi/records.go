package restapi

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
)

// maxColumns bounds the columns of a CSV file.
const maxColumns = 256

type recordsPage struct {
	Records []pixivoc.Record `json:"records"`
	page
}

func (a *API) listRecords(w http.ResponseWriter, r *http.Request) error {
	q := query(r)
	format := q.word("format", "json", "csv", "jsonl")
	selected := pixivoc.RecordQuery{Kind: q.text("kind"), After: q.number("after", 0, 0, math.MaxInt64)}
	limit := int(q.number("limit", 0, 1, maxPage))
	if err := q.check(); err != nil {
		return err
	}
	task, err := a.task(r)
	if err != nil {
		return err
	}
	if format == "csv" || format == "jsonl" {
		if limit != 0 {
			return fieldError("limit", "is for pages; a download has all records after \"after\"")
		}
		return a.downloadRecords(w, r, task, selected, format)
	}
	limit = orDefault(limit, defaultPage)
	list := recordsPage{Records: []pixivoc.Record{}}
	for record, err := range task.Records(r.Context(), selected) {
		if err != nil {
			return err
		}
		if len(list.Records) == limit {
			list.Next = list.Records[limit-1].Seq
			break
		}
		list.Records = append(list.Records, record)
	}
	return writeJSON(w, http.StatusOK, list)
}

// downloadRecords sends all records as a file. What goes wrong after the first
// byte cuts the connection, so that nobody takes a part for the whole.
func (a *API) downloadRecords(w http.ResponseWriter, r *http.Request, task pixivoc.Task, selected pixivoc.RecordQuery, format string) error {
	if !callerOf(r).account.May(credential.ScopeExport) {
		return &scopeError{credential.ScopeExport}
	}
	contentType, send := "application/jsonl", sendLines
	if format == "csv" {
		contentType, send = "text/csv; charset=utf-8; header=present", sendCSV
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"records-%d.%s\"", task.ID(), format))
	out := &countedWriter{ResponseWriter: w}
	err := send(out, r, task, selected)
	if err == nil || !out.began {
		return err
	}
	if r.Context().Err() == nil {
		a.log.ErrorContext(r.Context(), "download of records cut", "task", task.ID(), "error", err)
	}
	panic(http.ErrAbortHandler)
}

// countedWriter knows whether an answer has begun, and gives each piece of it
// its own deadline.
type countedWriter struct {
	http.ResponseWriter
	began bool
}

func (c *countedWriter) Write(p []byte) (int, error) {
	c.began = true
	_ = http.NewResponseController(c.ResponseWriter).SetWriteDeadline(time.Now().Add(time.Minute))
	return c.ResponseWriter.Write(p)
}

func sendLines(w *countedWriter, r *http.Request, task pixivoc.Task, selected pixivoc.RecordQuery) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for record, err := range task.Records(r.Context(), selected) {
		if err != nil {
			return err
		}
		if err := encoder.Encode(record); err != nil {
			return err
		}
	}
	return nil
}

// fixedColumns come first in every CSV file; the members of the data follow.
var fixedColumns = [...]string{"seq", "task", "kind", "key", "at"}

// sendCSV goes over the records twice: once for the columns, once for the rows
// that it has seen the columns of.
func sendCSV(w *countedWriter, r *http.Request, task pixivoc.Task, selected pixivoc.RecordQuery) error {
	var columns []string
	last := selected.After
	for record, err := range task.Records(r.Context(), selected) {
		if err != nil {
			return err
		}
		last = record.Seq
		for _, name := range memberNames(record.Data) {
			if !slices.Contains(columns, name) && len(columns) < maxColumns {
				columns = append(columns, name)
			}
		}
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180 section 2
	head := slices.Clone(fixedColumns[:])
	for _, name := range columns {
		if slices.Contains(fixedColumns[:], name) {
			name = "data_" + name
		}
		head = append(head, guardCell(name))
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for record, err := range task.Records(r.Context(), selected) {
		if err != nil {
			return err
		}
		if record.Seq > last {
			break
		}
		if err := out.Write(row(record, columns)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func row(record pixivoc.Record, columns []string) []string {
	cells := []string{
		strconv.FormatInt(record.Seq, 10), strconv.FormatInt(record.Task, 10),
		guardCell(record.Kind), guardCell(record.Key), record.At.UTC().Format(time.RFC3339),
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(record.Data, &members) != nil {
		members = map[string]json.RawMessage{"value": record.Data}
	}
	for _, name := range columns {
		cells = append(cells, cell(members[name]))
	}
	return cells
}

// memberNames returns the names in a JSON object in their order; data that is
// no object is one column.
func memberNames(data json.RawMessage) []string {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return []string{"value"}
	}
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return names
		}
		if text, ok := name.(string); ok {
			names = append(names, text)
		}
	}
	return names
}

// cell writes a value: a string as its text, null as nothing, everything else
// as JSON.
func cell(raw json.RawMessage) string {
	var text string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		return guardCell(text)
	}
	return string(raw)
}

// guardCell keeps a spreadsheet from taking text for a formula.
func guardCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
