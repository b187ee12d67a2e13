package restapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/csvrow"
)

// maxColumns bounds the columns of a CSV file after the fixed ones. What comes
// after them is a JSON object in one more column.
const maxColumns = 256

// columnOther is the name of that column.
const columnOther = "other"

// fixedColumns come first in every CSV file; the members of the data follow.
var fixedColumns = [...]string{"seq", "task", "kind", "key", "at"}

// columns are those of the members of records.
type columns struct {
	names []string
	known map[string]bool
	other bool // there are more members than columns
}

func (c *columns) learn(record pixivoc.Record) {
	for _, name := range memberNames(record.Data) {
		switch {
		case c.known[name]:
		case len(c.names) == maxColumns:
			c.other = true
		default:
			c.known[name] = true
			c.names = append(c.names, name)
		}
	}
}

// head names all columns. A member does not take the name of another column.
func (c *columns) head() []string {
	head := slices.Clone(fixedColumns[:])
	for _, name := range c.names {
		if name == columnOther || slices.Contains(fixedColumns[:], name) {
			name = "data_" + name
		}
		head = append(head, csvrow.Guard(name))
	}
	if c.other {
		head = append(head, columnOther)
	}
	return head
}

func (c *columns) row(record pixivoc.Record) []string {
	cells := []string{
		strconv.FormatInt(record.Seq, 10), strconv.FormatInt(record.Task, 10),
		csvrow.Guard(record.Kind), csvrow.Guard(record.Key), record.At.UTC().Format(time.RFC3339),
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(record.Data, &members) != nil {
		members = map[string]json.RawMessage{"value": record.Data}
	}
	for _, name := range c.names {
		cells = append(cells, cell(members[name]))
		delete(members, name)
	}
	if c.other {
		cells = append(cells, rest(members))
	}
	return cells
}

// rest is the members without a column, in the order of their names.
func rest(members map[string]json.RawMessage) string {
	if len(members) == 0 {
		return ""
	}
	text, err := json.Marshal(members)
	if err != nil { // they were read as JSON
		return ""
	}
	return string(text)
}

// sendCSV goes over the records twice: once for the columns, once for the rows
// that it has seen the columns of.
func sendCSV(w *countedWriter, r *http.Request, task pixivoc.Task, selected pixivoc.RecordQuery) error {
	found := columns{known: map[string]bool{}}
	last := selected.After
	for record, err := range task.Records(r.Context(), selected) {
		if err != nil {
			return err
		}
		last = record.Seq
		found.learn(record)
	}
	lines := csvrow.Append(nil, found.head())
	for record, err := range task.Records(r.Context(), selected) {
		if err != nil {
			return err
		}
		if record.Seq > last {
			break
		}
		if lines = csvrow.Append(lines, found.row(record)); len(lines) < sendPiece {
			continue
		}
		if _, err := w.Write(lines); err != nil {
			return err
		}
		lines = lines[:0]
	}
	_, err := w.Write(lines)
	return err
}

// sendPiece is how much of a file is written at a time, in bytes.
const sendPiece = 4 << 10

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
		return csvrow.Guard(text)
	}
	return string(raw)
}
