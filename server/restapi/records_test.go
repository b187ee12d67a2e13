package restapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pixivoc/pixivoc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecords_PagesAndDownloads(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path := fmt.Sprintf("/tasks/%d/records", k.finished("Count", 1203).TID)
	seen, after := map[string]bool{}, int64(0)
	for range 20 {
		var list struct {
			Records []pixivoc.Record
			Next    int64 `json:"next_after"`
		}
		k.call("GET", fmt.Sprintf("%s?kind=number&limit=500&after=%d", path, after), nil).is(200).into(&list)
		for _, record := range list.Records {
			assert.False(t, seen[record.Key], record.Key)
			seen[record.Key] = true
		}
		if after = list.Next; after == 0 {
			break
		}
	}
	assert.Len(t, seen, 1203)

	lines := bytes.Split(bytes.TrimSpace(k.call("GET", path+"?format=jsonl", nil).is(200).body), []byte("\n"))
	assert.Len(t, lines, 1203)
	for _, line := range lines {
		var record pixivoc.Record
		require.NoError(t, json.Unmarshal(line, &record))
	}
}

func TestF9_SpreadsheetGetsNoFormula(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	answer := k.call("GET", fmt.Sprintf("/tasks/%d/records?format=csv", k.finished("Count", 2).TID), nil).is(200)
	assert.Contains(t, answer.header.Get("Content-Disposition"), "attachment")
	rows, err := csv.NewReader(bytes.NewReader(answer.body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"seq", "task", "kind", "key", "at", "list", "n", "text"}, rows[0])
	assert.Equal(t, "'=cmd|' /C calc'!A0", rows[1][7])
	assert.Equal(t, "["+rows[1][3]+"]", rows[1][5])
}

// A file has every byte of a text, and every member.
func TestRecords_CSVLosesNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	answer := k.call("GET", fmt.Sprintf("/tasks/%d/records?format=csv", k.finished("Wide", 1).TID), nil).is(200)
	for _, text := range []string{"\"a\nb\"", "\"a\rb\"", "\"a\r\nb\""} {
		assert.Contains(t, string(answer.body), text)
	}
	rows, err := csv.NewReader(bytes.NewReader(answer.body)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Len(t, rows[0], 5+256+1)
	assert.Equal(t, []string{"other", "data_other"}, []string{rows[0][261], rows[0][260]})
	var rest map[string]string
	require.NoError(t, json.Unmarshal([]byte(rows[1][261]), &rest))
	assert.Equal(t, map[string]string{"z1": "v1", "z2": "v2"}, rest)
}

func TestRecords_DownloadNeedsTheScopeExport(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	path := fmt.Sprintf("/tasks/%d/records", k.finished("Count", 1).TID)
	k.token = k.issue("reader")
	k.call("GET", path, nil).is(200)
	p := k.call("GET", path+"?format=csv", nil).problem(403, "forbidden")
	assert.True(t, strings.Contains(p.Detail, "export"), p.Detail)
}
