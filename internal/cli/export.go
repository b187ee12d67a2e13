package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const exportLong = `Write what tasks recorded as JSON Lines or CSV. The kinds of records are

  work     a work, with everything that Pixiv told of it
  file     a file that was saved, with its checksum
  novel    a novel
  user     a user
  link     the address of an original
  skipped  a work that was not wanted, with the rule

With --filter only the works that pass are written, or the files of these works;
works are taken as they were when they were recorded, and Pixiv is not asked. CSV
has the plain fields of the data; texts, numbers and lists of them.

With --archive it is the keys of what was ever saved that are written; "pixivoc
import archive" takes them in elsewhere.`

// exporting is what the export command is told.
type exporting struct {
	kind, format, output, filter string
	all, archive                 bool
}

func (a *app) exportCommand() *cobra.Command {
	var e exporting
	cmd := &cobra.Command{
		Use:   "export TID ... [flags]",
		Short: "Write what tasks recorded as JSON Lines or CSV",
		Long:  exportLong,
		Example: `  pixivoc export 1767225600 > works.jsonl
  pixivoc export --all --format csv --output works.csv
  pixivoc export 1767225600 --kind file --filter 'bookmarks >= 1000'
  pixivoc export --archive > archive.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := e.check()
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), true, func(s *session) error {
				if e.archive {
					return a.exportArchive(cmd.Context(), s, e)
				}
				tasks, err := a.chosen(cmd.Context(), s, args, e.all, anyTask)
				if err != nil {
					return err
				}
				return a.export(cmd.Context(), tasks, e, filter)
			})
		},
		ValidArgsFunction: a.completeTasks(0),
	}
	cmd.Flags().StringVar(&e.kind, "kind", pixiv.RecordWork, "`kind` of records: work, file, novel, user, link, skipped")
	cmd.Flags().StringVar(&e.format, "format", "jsonl", "`format`: jsonl or csv")
	cmd.Flags().StringVar(&e.output, "output", "-", "`file` to write, which must not be there yet; - is standard output")
	cmd.Flags().StringVar(&e.filter, "filter", "", "`expression` that works must meet; see: pixivoc filter --help")
	cmd.Flags().BoolVar(&e.all, "all", false, "all tasks")
	cmd.Flags().BoolVar(&e.archive, "archive", false, "the archive of what was ever saved, in place of records")
	cmd.Args = usage(func(_ *cobra.Command, args []string) error {
		if (len(args) > 0) == (e.all || e.archive) || e.all && e.archive {
			return errors.New("name either the TID of a task, or --all, or --archive")
		}
		return nil
	})
	complete(cmd, "kind", pixiv.RecordWork, pixiv.RecordFile, pixiv.RecordNovel, pixiv.RecordUser, pixiv.RecordLink, pixiv.RecordSkipped)
	complete(cmd, "format", "jsonl", "csv")
	return cmd
}

func (e exporting) check() (*pixiv.Filter, error) {
	if e.format != "jsonl" && e.format != "csv" {
		return nil, fmt.Errorf("--format: %q is neither jsonl nor csv", printable(e.format))
	}
	if e.filter == "" {
		return nil, nil
	}
	if e.kind != pixiv.RecordWork && e.kind != pixiv.RecordFile {
		return nil, errors.New("--filter: works on records of kind work and file only")
	}
	filter, err := pixiv.ParseFilter(e.filter)
	if err != nil {
		return nil, filterError(e.filter, err)
	}
	return filter, nil
}

func (a *app) export(ctx context.Context, tasks []pixivoc.Task, e exporting, filter *pixiv.Filter) error {
	return a.writeTo(e.output, func(out io.Writer) error {
		writer := newRecordWriter(out, e.format)
		for _, task := range tasks {
			if err := exportTask(ctx, task, e.kind, filter, writer); err != nil {
				return err
			}
		}
		return writer.flush()
	})
}

// exportArchive writes the keys of what was ever saved.
func (a *app) exportArchive(ctx context.Context, s *session, e exporting) error {
	return a.writeTo(e.output, func(out io.Writer) error {
		lines, table := json.NewEncoder(out), csv.NewWriter(out)
		if e.format == "csv" {
			if err := table.Write([]string{"key", "at"}); err != nil {
				return err
			}
		}
		for entry, err := range s.client.Archive(ctx, "") {
			switch {
			case err != nil:
			case e.format == "csv":
				err = table.Write([]string{cell(entry.Key), entry.At.UTC().Format(time.RFC3339)})
			default:
				err = lines.Encode(entry)
			}
			if err != nil {
				return fmt.Errorf("archive: %w", err)
			}
		}
		table.Flush()
		return table.Error()
	})
}

// writeTo lets write fill a new file, or standard output.
func (a *app) writeTo(name string, write func(io.Writer) error) (err error) {
	out := a.stdout
	if name != "-" {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	buffered := bufio.NewWriter(out)
	err = errors.Join(write(buffered), buffered.Flush())
	if name == "-" && errors.Is(err, syscall.EPIPE) {
		return nil // the reader has seen enough
	}
	return err
}

// exportTask writes the records of a task that are wanted.
func exportTask(ctx context.Context, task pixivoc.Task, kind string, filter *pixiv.Filter, out recordWriter) error {
	var wanted map[pixiv.ID]bool
	if filter != nil {
		wanted = map[pixiv.ID]bool{}
		for work, err := range pixiv.SelectWorks(ctx, task, filter) {
			if err != nil {
				return err
			}
			wanted[work.ID] = true
		}
	}
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: kind}) {
		if err != nil {
			return err
		}
		if wanted != nil {
			subject, err := decodeRecord[struct {
				ID     pixiv.ID `json:"id"`
				WorkID pixiv.ID `json:"work_id"`
			}](record)
			if err != nil {
				return err
			}
			if !wanted[subject.ID] && !wanted[subject.WorkID] {
				continue
			}
		}
		if err := out.write(record); err != nil {
			return fmt.Errorf("write records: %w", err)
		}
	}
	return nil
}

// recordWriter writes records in a format.
type recordWriter interface {
	write(record pixivoc.Record) error
	flush() error
}

func newRecordWriter(out io.Writer, format string) recordWriter {
	if format == "csv" {
		return &csvWriter{out: csv.NewWriter(out)}
	}
	return jsonWriter{json.NewEncoder(out)}
}

type jsonWriter struct{ out *json.Encoder }

func (w jsonWriter) write(record pixivoc.Record) error { return w.out.Encode(record) }

func (w jsonWriter) flush() error { return nil }

// csvWriter has a column for each plain field of the first record; records of
// one kind have the same ones.
type csvWriter struct {
	out     *csv.Writer
	columns []string
}

func (w *csvWriter) write(record pixivoc.Record) error {
	fields, err := decodeRecord[map[string]any](record)
	if err != nil {
		return err
	}
	if w.columns == nil {
		w.columns = csvColumns(record.Kind)
		if err := w.out.Write(append([]string{"task", "seq", "at", "key"}, w.columns...)); err != nil {
			return err
		}
	}
	row := []string{strconv.FormatInt(record.Task, 10), strconv.FormatInt(record.Seq, 10), record.At.UTC().Format(time.RFC3339), cell(record.Key)}
	for _, name := range w.columns {
		row = append(row, cell(fields[name]))
	}
	return w.out.Write(row)
}

// csvColumns are the plain fields of a kind of records.
func csvColumns(kind string) []string {
	switch kind {
	case pixiv.RecordWork:
		return []string{"id", "title", "type", "user_id", "user_name", "tags", "page_count", "create_date", "x_restrict", "illust_ai_type"}
	case pixiv.RecordFile:
		return []string{"work_id", "page", "url", "path", "bytes", "checksum", "checksum_kind", "existing", "width", "height", "fallback"}
	case pixiv.RecordNovel:
		return []string{"id", "title", "user_id", "user_name", "tags", "series_id", "series_title", "create_date", "text_length", "x_restrict", "novel_ai_type"}
	case pixiv.RecordUser:
		return []string{"id", "name", "account", "comment", "avatar"}
	case pixiv.RecordLink:
		return []string{"url", "work_id", "page", "ugoira"}
	case pixiv.RecordSkipped:
		return []string{"work_id", "rule", "detail"}
	}
	return []string{}
}

func (w *csvWriter) flush() error {
	w.out.Flush()
	return w.out.Error()
}

// cell is a value in a table. A text that a spreadsheet would take for a formula
// gets an apostrophe, as spreadsheets write one themselves.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
			return "'" + v
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = fmt.Sprint(part)
		}
		return cell(strings.Join(parts, " "))
	}
	return fmt.Sprint(value)
}
