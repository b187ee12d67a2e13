package restapi

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
)

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
