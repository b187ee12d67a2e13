package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

const importLong = `Take over what other programs have saved, into the archive of what was ever
saved. Files stay where they are; nothing is downloaded or moved, and importing
again changes nothing. What is in the archive is left out by commands with
--skip-archived, whichever program or task saved it:

  pixivoc user 11 --skip-archived`

// archiveKey is the key of a picture in the archive, or of an animation.
func archiveKey(digits string, page int, animation bool) (string, bool) {
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || id < 1 {
		return "", false
	}
	kind := pixiv.TypeIllust
	if animation {
		kind = pixiv.TypeUgoira
	}
	return pixiv.ArchiveKey(kind, pixiv.ID(id), page), true
}

func (a *app) importCommand() *cobra.Command {
	cmd := group("import", "Take over what other programs have saved", importLong)
	cmd.Example = `  pixivoc import gallery-dl ~/.archives/pixiv.sqlite3
  pixivoc import pixivutil2 db.sqlite
  pixivoc import folder ~/Pictures/pixiv`
	cmd.AddCommand(
		a.importFrom("gallery-dl FILE", "Read the archive database of gallery-dl", `Read the database that gallery-dl keeps with its option "archive": each entry
that names a picture of Pixiv by its id and page. Entries of other sites and of
formats that somebody chose otherwise are counted and passed over.`,
			"  pixivoc import gallery-dl ~/.archives/pixiv.sqlite3", readGalleryDL),
		a.importFrom("pixivutil2 FILE", "Read the database of PixivUtil2", `Read the database of PixivUtil2, db.sqlite: each picture that it has a name of a
file for.`,
			"  pixivoc import pixivutil2 db.sqlite", readPixivUtil2),
		a.importFrom("folder DIR", "Read a folder of files named ID_pN", `Look for files named ID_pN.jpg (png, gif) and ID_ugoira*.zip, in the folder and
all folders below; text before the id does not matter, as in
"title_59580629_p0.png". Previews, as ID_p0_master1200.jpg, are no originals and
are passed over. Each file is read and decoded: a broken one is named and not
taken. Symbolic links in the folder are counted and not followed.`,
			"  pixivoc import folder ~/Pictures/pixiv", readFolder),
		a.importFrom("archive FILE", "Read what export --archive wrote", `Read the archive of another data folder, as "pixivoc export --archive" writes it
in JSON Lines.`,
			"  pixivoc import archive archive.jsonl", readArchive),
	)
	return cmd
}

// importCount is what became of what an import read.
type importCount struct {
	foreign int    // entries that name no picture of Pixiv
	broken  int    // files that are no whole pictures
	links   int    // symbolic links, which are not followed
	hint    string // for who gets nothing
	told    func(string)
}

// importSource reads keys out of a file or folder.
type importSource func(ctx context.Context, name string, count *importCount) iter.Seq2[pixivoc.ArchiveEntry, error]

func (a *app) importFrom(use, short, long, example string, read importSource) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args: usage(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one " + strings.ToLower(strings.Fields(use)[1]))
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupt(cmd.Context())
			defer stop()
			name, err := filepath.Abs(args[0])
			if err == nil {
				_, err = os.Stat(name)
			}
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			return a.with(ctx, false, func(s *session) error {
				return a.runImport(ctx, s, name, read)
			})
		},
	}
}

func (a *app) runImport(ctx context.Context, s *session, name string, read importSource) error {
	count := importCount{told: func(line string) { a.console.printf("%s", printable(line)) }}
	done, err := s.client.ImportArchive(ctx, read(ctx, name, &count))
	text := fmt.Sprintf("%s read, %d of them new.", plural(done.Read, "picture", "pictures"), done.Added)
	if count.foreign > 0 {
		text += fmt.Sprintf(" %s passed over: no picture of Pixiv.", plural(count.foreign, "entry", "entries"))
	}
	if count.broken > 0 {
		text += fmt.Sprintf(" %s not taken.", plural(count.broken, "broken file", "broken files"))
	}
	if count.links > 0 {
		text += fmt.Sprintf(" %s not followed.", plural(count.links, "symbolic link", "symbolic links"))
	}
	if done.Read+count.broken == 0 && count.hint != "" {
		text += " " + count.hint
	}
	if ctx.Err() != nil {
		return &exitError{ExitInterrupted, fmt.Errorf("interrupted; %s What was read stays", text)}
	}
	if err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	if err := a.print(text + "\n"); err != nil {
		return err
	}
	if count.broken > 0 {
		return &exitError{code: ExitPartial}
	}
	return nil
}

// readArchive reads the entries that exportArchive wrote.
func readArchive(ctx context.Context, name string, _ *importCount) iter.Seq2[pixivoc.ArchiveEntry, error] {
	return func(yield func(pixivoc.ArchiveEntry, error) bool) {
		file, err := os.Open(name)
		if err != nil {
			yield(pixivoc.ArchiveEntry{}, err)
			return
		}
		defer func() { _ = file.Close() }()
		entries := json.NewDecoder(bufio.NewReader(file))
		for number := 1; ; number++ {
			var entry pixivoc.ArchiveEntry
			err := entries.Decode(&entry)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				err = fmt.Errorf("entry %d: %w", number, err)
			}
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}
