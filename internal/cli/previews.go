package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixiv"
)

// previews are files that Pixiv gave in place of broken originals: all counted,
// the first kept.
type previews struct {
	count int
	first []string // ID_pN
	asked bool     // one is of a work that was asked for by its id
}

// addTask looks at each file that a task saved. Links are what they are. asked
// says that the task was told what to fetch.
func (p *previews) addTask(ctx context.Context, task pixivoc.Task, info pixivoc.TaskInfo, asked bool) error {
	if info.SavePath == "" || info.TypeName == pixiv.Links {
		return nil
	}
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixiv.RecordFile}) {
		if err != nil {
			return err
		}
		var file pixiv.FileRecord
		if err := json.Unmarshal(record.Data, &file); err != nil {
			return fmt.Errorf("record %d: %w", record.Seq, err)
		}
		if file.Fallback {
			p.add(fmt.Sprintf("%s_p%d", file.WorkID, file.Page), asked)
		}
	}
	return nil
}

func (p *previews) add(key string, asked bool) {
	p.count++
	p.asked = p.asked || asked
	if len(p.first) < maxReported {
		p.first = append(p.first, key)
	}
}

// text counts and names them.
func (p previews) text() string {
	text := fmt.Sprintf("%d  %s", p.count, strings.Join(p.first, " "))
	if more := p.count - len(p.first); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
