package dataapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pixivoc/pixivoc"
)

// The fixed columns, and the one that takes what has no column.
const (
	columnKind  = "kind"
	columnKey   = "key"
	columnTime  = "time"
	columnOther = "other"
	// columnValue is for data that is no object.
	columnValue = "value"
)

const (
	// maxColumns bounds the columns of a task after the fixed ones.
	maxColumns = 500
	// maxColumnName bounds the name of a column, in bytes.
	maxColumnName = 256
	// maxDepth is how many objects inside one another become columns; what is
	// deeper is JSON text.
	maxDepth = 8
)

var fixedColumns = [...]string{columnKind, columnKey, columnTime}

// field is a member of a record, flattened.
type field struct {
	name, value string
	isNumber    bool
}

// flatten turns the data of a record into fields.
func flatten(data json.RawMessage) []field {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil
	}
	if !json.Valid(data) {
		return []field{{name: columnValue, value: strings.ToValidUTF8(string(data), "\ufffd")}}
	}
	if data[0] != '{' {
		return flattenInto(nil, columnValue, data, maxDepth)
	}
	return flattenInto(nil, "", data, 0)
}

func flattenInto(fields []field, name string, data json.RawMessage, depth int) []field {
	if data[0] == '{' && depth < maxDepth {
		before := len(fields)
		fields = flattenMembers(fields, name, data, depth)
		if len(fields) > before || name == "" {
			return fields
		}
	}
	one := field{name: columnName(name)}
	switch data[0] {
	case '{', '[':
		var b bytes.Buffer
		_ = json.Compact(&b, data) // it is valid
		one.value = b.String()
	case '"':
		_ = json.Unmarshal(data, &one.value)
	case 'n':
	case 't', 'f':
		one.value = string(data)
	default:
		one.value, one.isNumber = string(data), true
	}
	return append(fields, one)
}

func flattenMembers(fields []field, name string, data json.RawMessage, depth int) []field {
	decoder := json.NewDecoder(bytes.NewReader(data))
	_, _ = decoder.Token()
	for decoder.More() {
		key, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return fields
		}
		member := escapeName(key.(string))
		if name != "" {
			member = name + "." + member
		}
		fields = flattenInto(fields, member, value, depth+1)
	}
	return fields
}

// escapeName keeps a dot in a name apart from the dot between names.
func escapeName(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), ".", `\.`)
}

// columnName moves a member out of the way of the fixed columns. Different
// members keep different names.
func columnName(name string) string {
	if name == columnOther || slices.Contains(fixedColumns[:], name) || strings.HasPrefix(name, "data.") {
		return "data." + name
	}
	return name
}

// columns are the columns of a task after the fixed ones.
type columns struct {
	Names []string `json:"names"`
	// Other says that there were more members than columns.
	Other bool `json:"other,omitempty"`
	// Scanned is the Seq of the last record whose members are known.
	Scanned int64 `json:"scanned"`

	unsaved int            // records scanned since it was stored
	known   map[string]int // the place of each name
	// chosen columns are those of Config.Columns; what they do not name is
	// left out, unless there is Other.
	chosen bool
}

// chosenColumns are those that Config.Columns names.
func chosenColumns(names []string) *columns {
	c := &columns{chosen: true}
	for _, name := range names {
		if name == columnOther {
			c.Other = true
			continue
		}
		c.take(name)
	}
	return c
}

// learn takes up the members of a record. It reports whether there was a new
// one.
func (c *columns) learn(record pixivoc.Record) (isNew bool) {
	for _, f := range flatten(record.Data) {
		if c.take(f.name) {
			isNew = true
		}
	}
	c.Scanned = record.Seq
	c.unsaved++
	return isNew
}

func (c *columns) take(name string) (isNew bool) {
	c.index()
	if _, known := c.known[name]; known {
		return false
	}
	if !c.chosen && (len(c.Names) >= maxColumns || len(name) > maxColumnName) {
		isNew, c.Other = !c.Other, true
		return isNew
	}
	c.known[name] = len(c.Names)
	c.Names = append(c.Names, name)
	return true
}

// index makes what is not stored.
func (c *columns) index() {
	if c.known != nil {
		return
	}
	c.known = make(map[string]int, len(c.Names))
	for i, name := range c.Names {
		c.known[name] = i
	}
}

// all names every column.
func (c *columns) all() []string {
	names := append(fixedColumns[:len(fixedColumns):len(fixedColumns)], c.Names...)
	if c.Other {
		names = append(names, columnOther)
	}
	return names
}

// cell is a value of a row.
type cell struct {
	text     string
	isNumber bool
}

// row makes the values of all columns. Of two members of one name the first
// counts.
func (c *columns) row(record pixivoc.Record) []cell {
	c.index()
	cells := make([]cell, len(fixedColumns)+len(c.Names), len(fixedColumns)+len(c.Names)+1)
	cells[0].text, cells[1].text = record.Kind, record.Key
	cells[2].text = record.At.UTC().Format(time.RFC3339Nano)
	filled := make([]bool, len(c.Names))
	var rest []field
	for _, f := range flatten(record.Data) {
		at, known := c.known[f.name]
		switch {
		case !known && c.chosen && f.value == "": // as of an object that is null
		case !known:
			rest = append(rest, f)
		case !filled[at]:
			filled[at] = true
			cells[len(fixedColumns)+at] = cell{f.value, f.isNumber}
		}
	}
	if c.Other {
		cells = append(cells, cell{text: restText(rest)})
	}
	return cells
}

// restText is the members without a column as a JSON object.
func restText(rest []field) string {
	if len(rest) == 0 {
		return ""
	}
	b := []byte{'{'}
	for i, f := range rest {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendText(b, f.name), ':'), appendText(nil, f.value)...)
	}
	return string(append(b, '}'))
}

// appendText appends a JSON string.
func appendText(b []byte, text string) []byte {
	isPlain := true
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			isPlain = false
			break
		}
	}
	if isPlain {
		return append(append(append(b, '"'), text...), '"')
	}
	quoted, err := compact(text)
	if err != nil { // there is no such text
		return append(b, `""`...)
	}
	return append(b, quoted...)
}
