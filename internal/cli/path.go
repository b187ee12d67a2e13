package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pixivoc/pixivoc/pixiv"
)

const pathLong = `A path template says where the pictures of works are saved, below the folder to
save in; it is given with --path, and with --multi-path for works with several
pages:

  pixivoc user 11 --path "{user.name}/{date:2006-01}/{id}_p{page:02}.{ext}"

{name} is a field, {name:format} one with a format. {?title}...{/} is shown when
the field is not empty, {!title}...{/} when it is. {{ and }} are braces. Two
pictures never get one path: where the template alone would not see to that, the
id, the page or both are added. Names are made legal on every system.

The fields, also shown by "pixivoc path fields":

`

// pathExamples are templates to begin with.
func pathExamples() []string {
	return []string{
		"{user.id} {user.name}/{id}_p{page}.{ext}",
		"{user.name}/{date:2006-01}/{id} {title}_p{page:02}.{ext}",
		"{user.id}/{?series.title}{series.title}/{/}{id}_p{page:02}.{ext}",
	}
}

func (a *app) pathCommand() *cobra.Command {
	cmd := group("path", "Try path templates: where files are saved", pathLong+templateFields(screen{}))
	cmd.Example = `  pixivoc path preview "{user.name}/{date:2006}/{id}_p{page}.{ext}"
  pixivoc path fields`
	cmd.AddCommand(a.pathPreviewCommand(), &cobra.Command{
		Use: "fields", Short: "List the fields of path templates", Args: noArgs(),
		Example: "  pixivoc path fields",
		RunE: func(*cobra.Command, []string) error {
			return a.print(templateFields(a.screenOf(a.stdout)))
		},
	})
	return cmd
}

func templateFields(s screen) string {
	var rows [][]string
	for _, field := range pixiv.TemplateFields() {
		title := field.Title
		if field.Format != "" {
			title += "; " + field.Format
		}
		rows = append(rows, []string{field.Name, title})
	}
	return columns(s, []string{"FIELD", "WHAT IT IS; FORMAT"}, rows)
}

func (a *app) pathPreviewCommand() *cobra.Command {
	var ext, task string
	var page int
	cmd := &cobra.Command{
		Use:   "preview TEMPLATE ... [flags]",
		Short: "Show the path that a template gives",
		Long: `Show the path that a template gives: of a work that was made up, with every
field set. A wrong template is refused as it would be by a task.`,
		Example: `  pixivoc path preview "{user.name}/{id} {title}_p{page:02}.{ext}"
  pixivoc path preview "{task}/{number:03}" --page 12 --task favourites`,
		Args: needArgs("a template"),
	}
	cmd.Flags().IntVar(&page, "page", 1, "`number` of the page, from 1")
	cmd.Flags().StringVar(&task, "task", "", "`name` of the task")
	cmd.Flags().StringVar(&ext, "ext", "", "`extension` of the file, as .png")
	markNumber(cmd.Flags(), "page", 1, 10_000)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if page < 1 {
			return errors.New("--page: pages begin with 1")
		}
		for _, template := range args {
			path, err := pixiv.PreviewPath(pixiv.Options{Path: template}, pixiv.PathSample{Task: task, Page: page - 1, Extension: extension(ext)})
			if err != nil {
				return argumentError(template, err)
			}
			if err := a.print(path + "\n"); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func extension(text string) string {
	if text == "" || strings.HasPrefix(text, ".") {
		return text
	}
	return "." + text
}
