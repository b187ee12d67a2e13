package dataapi

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pixivoc/pixivoc"
)

const (
	maxSize = 1000 // rows of an answer: bazhuayu-dataapi, section 2
	// lookAhead is how many rows after those of an answer are looked at for
	// further columns.
	lookAhead = 20_000
	// maxPageBytes is API.pageBytes outside of tests.
	maxPageBytes = 16 << 20
	// maxConsumerName bounds the name of a consumer, in bytes.
	maxConsumerName = 64
)

// table is the rows of a task, in the hands of one call.
type table struct {
	task    pixivoc.Task
	ledger  *ledger
	columns *columns
}

// page is a part of the rows of a task.
type page struct {
	columns []string
	rows    [][]cell
	first   mark // before the first row
	last    mark // at the last row, or first
	// isEnd says that nothing was left when the page was read.
	isEnd bool
}

// openTable waits until no other call has the rows of the task in hand.
func (a *API) openTable(c *call) (t *table, release func(), err error) {
	ctx := c.r.Context()
	task, info, err := a.task(c)
	if err != nil {
		return nil, nil, err
	}
	l, release, err := a.ledgers.open(ctx, info.TID)
	if err != nil {
		return nil, nil, err
	}
	// Once more: what is stored after the marks of a deleted task were removed
	// would stay.
	if _, err = a.client.Task(ctx, info.TID); err == nil {
		err = a.ledgers.load(ctx, l, info.TID)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	t = &table{task: task, ledger: l, columns: l.columns}
	if a.config.Columns != nil {
		if names := a.config.Columns(info.TypeName); names != nil {
			t.columns = chosenColumns(names)
		}
	}
	return t, release, nil
}

// read returns at most size rows after a place.
func (a *API) read(ctx context.Context, t *table, from mark, size int) (page, error) {
	p := page{first: from, last: from, isEnd: true}
	var records []pixivoc.Record
	bytes := 0
	for record, err := range t.task.Records(ctx, pixivoc.RecordQuery{After: from.Seq}) {
		if err != nil {
			return p, err
		}
		bytes += len(record.Data)
		if len(records) == size || len(records) > 0 && bytes > a.pageBytes {
			p.isEnd = false
			break
		}
		records = append(records, record)
	}
	if len(records) == 0 {
		return p, nil
	}
	if err := a.learn(ctx, t, records[len(records)-1].Seq); err != nil {
		return p, err
	}
	p.columns = t.columns.all()
	bytes = 0
	for _, record := range records {
		row := t.columns.row(record)
		bytes += rowBytes(p.columns, row)
		if len(p.rows) > 0 && bytes > a.pageBytes {
			p.isEnd = false
			break
		}
		p.rows = append(p.rows, row)
		p.last = mark{record.Seq, p.last.Rows + 1}
	}
	if p.isEnd {
		t.ledger.end = later(t.ledger.end, p.last)
	}
	return p, nil
}

func rowBytes(columns []string, row []cell) int {
	n := 0
	for i := range row {
		n += len(columns[i]) + len(row[i].text) + len(`"":"",`)
	}
	return n
}

// learn takes up the columns of the records through a Seq, and of some after
// it.
func (a *API) learn(ctx context.Context, t *table, through int64) error {
	if t.columns.chosen {
		return nil
	}
	after, isNew := 0, false
	for record, err := range t.task.Records(ctx, pixivoc.RecordQuery{After: t.columns.Scanned}) {
		if err != nil {
			return err
		}
		if record.Seq > through {
			if after++; after > lookAhead {
				break
			}
		}
		isNew = t.columns.learn(record) || isNew
	}
	if !isNew && t.columns.unsaved < lookAhead {
		return nil // so little is soon scanned again
	}
	if err := a.ledgers.saveColumns(ctx, t.ledger, t.task.ID()); err != nil {
		return err
	}
	t.columns.unsaved = 0
	return nil
}

// size returns the number of rows that a call asks for.
func (c *call) size() (int, error) {
	n, err := strconv.Atoi(c.parameters.text("size"))
	if err != nil || n < 1 || n > maxSize {
		return 0, errSize
	}
	return n, nil
}

// consumer returns the name of the consumer, "" for the one without a name.
func (c *call) consumer() (string, error) {
	name := c.parameters.text("consumer")
	isBad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	if len(name) > maxConsumerName || strings.ContainsFunc(name, isBad) {
		return "", wrongParameter("consumer", fmt.Sprintf("must have up to %d letters, digits, dots, hyphens and underscores", maxConsumerName))
	}
	return name, nil
}

// takeRows hands out the rows that are not exported.
func (a *API) takeRows(c *call) error {
	size, err := c.size()
	if err != nil {
		return err
	}
	consumer, err := c.consumer()
	if err != nil {
		return err
	}
	write, err := c.format()
	if err != nil {
		return err
	}
	answer, err := a.take(c, consumer, size)
	if err != nil {
		return err
	}
	return write(a, c, answer)
}

// take notes durably what is handed out. It has ended with the rows when the
// answer is written, since a reader may be slow.
func (a *API) take(c *call, consumer string, size int) (answer rowsAnswer, err error) {
	ctx := c.r.Context()
	t, release, err := a.openTable(c)
	if err != nil {
		return answer, err
	}
	defer release()
	m := &t.ledger.marks
	if _, known := m.Consumers[consumer]; !known && consumer != "" && len(m.Consumers) >= maxConsumers {
		return answer, wrongParameter("consumer", fmt.Sprintf("the task has %d consumers already", maxConsumers))
	}
	place := m.progress(consumer)
	answer = rowsAnswer{name: fmt.Sprintf("rows-%d", t.task.ID()), current: true}
	if answer.page, err = a.read(ctx, t, place.Exported, size); err != nil {
		return answer, err
	}
	if answer.total, err = t.rowsAfter(ctx, place.Exported, answer.page); err != nil {
		return answer, err
	}
	if answer.page.last.Seq > place.Exporting.Seq {
		place.Exporting = answer.page.last
		if err := a.ledgers.save(ctx, t.ledger, t.task.ID(), m.with(consumer, place)); err != nil {
			return answer, err
		}
	}
	if consumer != "" {
		answer.batch = batchID(t.task.ID(), answer.page)
	}
	return answer, nil
}

// rowsAfter counts the rows after a place that is not after page p.
func (t *table) rowsAfter(ctx context.Context, place mark, p page) (int, error) {
	if p.isEnd {
		return p.last.Rows - place.Rows, nil
	}
	all, err := t.ledger.count(ctx, t.task)
	return all - place.Rows, err
}

// batchID names the rows of a page.
func batchID(tid int64, p page) string {
	return fmt.Sprintf("%d-%d-%d", tid, p.first.Seq, p.last.Seq)
}

// readBatch returns the Seq before the first row of a batch and that of its
// last.
func readBatch(tid int64, id string) (first, last int64, ok bool) {
	var owner int64
	n, err := fmt.Sscanf(id, "%d-%d-%d", &owner, &first, &last)
	ok = n == 3 && err == nil && owner == tid && first <= last && id == fmt.Sprintf("%d-%d-%d", owner, first, last)
	return first, last, ok
}

// confirmRows makes rows that were handed out exported.
func (a *API) confirmRows(c *call) error {
	consumer, err := c.consumer()
	if err != nil {
		return err
	}
	batch, given := c.parameters.find("batch")
	switch {
	case consumer == "" && given:
		return wrongBatch("a batch is confirmed with the consumer that took it")
	case consumer != "" && !given:
		return wrongBatch("a named consumer confirms a batch")
	}
	t, release, err := a.openTable(c)
	if err != nil {
		return err
	}
	defer release()
	place := t.ledger.marks.progress(consumer)
	exported := place.Exporting
	if consumer != "" {
		if exported, err = t.batchEnd(c.r.Context(), place, batch); err != nil {
			return err
		}
	}
	if exported.Seq > place.Exported.Seq {
		place.Exported = exported
		if err := a.ledgers.save(c.r.Context(), t.ledger, t.task.ID(), t.ledger.marks.with(consumer, place)); err != nil {
			return err
		}
	}
	return a.succeed(c, nil)
}

// batchEnd returns the last row of a batch that was handed out to a consumer.
// One that is confirmed already is no error: its answer may have been lost.
func (t *table) batchEnd(ctx context.Context, place progress, id string) (mark, error) {
	first, last, ok := readBatch(t.task.ID(), id)
	if !ok || first > place.Exported.Seq || last > place.Exporting.Seq {
		return mark{}, wrongBatch("this batch was not handed out to the consumer")
	}
	if last <= place.Exported.Seq {
		return place.Exported, nil
	}
	return t.ledger.at(ctx, t.task, last)
}

// rowsByOffset lists rows in whatever state.
func (a *API) rowsByOffset(c *call) error {
	size, err := c.size()
	if err != nil {
		return err
	}
	offset, err := c.parameters.number("offset", 0)
	if err != nil {
		return err
	}
	write, err := c.format()
	if err != nil {
		return err
	}
	answer, err := a.list(c, max(offset, 0), size)
	if err != nil {
		return err
	}
	return write(a, c, answer)
}

// list reads rows after an offset: the Seq of the last row before it, so rows
// that come later do not shift it.
func (a *API) list(c *call, offset int64, size int) (answer rowsAnswer, err error) {
	ctx := c.r.Context()
	t, release, err := a.openTable(c)
	if err != nil {
		return answer, err
	}
	defer release()
	removed := t.ledger.marks.Removed
	from := removed
	if offset > removed.Seq {
		if from, err = t.ledger.at(ctx, t.task, offset); err != nil {
			return answer, err
		}
	}
	answer = rowsAnswer{name: fmt.Sprintf("rows-%d", t.task.ID()), offset: offset}
	if answer.page, err = a.read(ctx, t, from, size); err != nil {
		return answer, err
	}
	last := answer.page.last
	if len(answer.page.rows) > 0 {
		answer.offset = last.Seq
		t.ledger.issue(last)
	}
	if answer.total, err = t.rowsAfter(ctx, removed, answer.page); err != nil {
		return answer, err
	}
	answer.rest = answer.total - (last.Rows - removed.Rows)
	return answer, nil
}

// removeRows hides the rows there are. The records stay with the task.
func (a *API) removeRows(c *call) error {
	t, release, err := a.openTable(c)
	if err != nil {
		return err
	}
	defer release()
	last, err := t.ledger.last(c.r.Context(), t.task)
	if err != nil {
		return err
	}
	next := t.ledger.marks
	if last.Seq > next.Removed.Seq {
		next.Removed = last
		if err := a.ledgers.save(c.r.Context(), t.ledger, t.task.ID(), next); err != nil {
			return err
		}
	}
	return a.succeed(c, nil)
}
