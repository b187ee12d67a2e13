package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// sourceDate is the variable that names the time of what is built, for builds
// that are to come out the same (reproducible-builds.org).
const sourceDate = "SOURCE_DATE_EPOCH"

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Write a manual page for each command into a folder, which is made if it is not
there: pixivoc.1, pixivoc-get.1 and so on. Their date is that of
` + sourceDate + ` when that is set.`,
		Example: "  pixivoc man ~/.local/share/man/man1\n  man pixivoc-get",
		Args: usage(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one folder")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			date := time.Now()
			if text := a.environ[sourceDate]; text != "" {
				seconds, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return fmt.Errorf("%s: %q is no number of seconds", sourceDate, printable(text))
				}
				date = time.Unix(seconds, 0).UTC()
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			verbatim(root)
			header := &doc.GenManHeader{Title: "PIXIVOC", Section: "1", Source: "pixivoc", Manual: "pixivoc", Date: &date}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			return a.print("Manual pages are in " + printable(args[0]) + ".\n")
		},
	}
}

// verbatim keeps the layout of the texts of all commands: what is indented
// there is a block in Markdown when it is indented by four blanks.
func verbatim(cmd *cobra.Command) {
	var b strings.Builder
	for line := range strings.Lines(cmd.Long) {
		if strings.HasPrefix(line, "  ") {
			line = "  " + line
		}
		b.WriteString(line)
	}
	cmd.Long = blocksApart(b.String())
	for _, sub := range cmd.Commands() {
		verbatim(sub)
	}
}

// blocksApart puts an empty line before each indented block that follows a line
// of text, as Markdown wants it.
func blocksApart(text string) string {
	var b strings.Builder
	before := ""
	for line := range strings.Lines(text) {
		indented, was := strings.HasPrefix(line, "    "), strings.HasPrefix(before, "    ")
		if strings.TrimSpace(before) != "" && strings.TrimSpace(line) != "" && indented != was {
			b.WriteByte('\n')
		}
		b.WriteString(line)
		before = line
	}
	return b.String()
}
