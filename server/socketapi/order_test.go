package socketapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/socketapi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tidOf reads the TID from the reply to a creation.
func tidOf(t testing.TB, content string) int64 {
	t.Helper()
	var list []any
	require.NoError(t, json.Unmarshal([]byte(content), &list))
	require.Len(t, list, 10, content)
	require.Equal(t, true, list[0])
	return int64(list[2].(float64))
}

// add creates a task that saves nothing.
func (c raw) add(number string, keyword string) int64 {
	c.t.Helper()
	content, reports := c.ask(number, 101, "KeyWord", keyword, "TaskName", "task "+keyword)
	tid := tidOf(c.t, content)
	require.True(c.t, slices.ContainsFunc(reports, func(m message) bool { return m.told() == fmt.Sprintf("11 %d", tid) }), "reported before the reply")
	return tid
}

// await reads until a report of that type comes, and returns it.
func (c raw) await(kind int) message {
	c.t.Helper()
	for {
		if m := c.next(); m.Type == kind {
			return m
		}
	}
}

// The life of a task, with two who watch.
func TestTaskLife(t *testing.T) {
	t.Parallel()
	pictures, folder := newGate(), t.TempDir()
	client := kernel(t, pictures)
	logIn(t, client)
	d := openTCP(t, client, socketapi.Config{})
	one, two := raw{t, d.dial()}, raw{t, d.dial()}
	two.silent() // is connected

	content, reports := one.ask("S1", 102, "KeyWord", "7", "TaskName", "桜", "SavePath", folder)
	tid := tidOf(t, content)
	id := fmt.Sprint(tid)
	assert.JSONEq(t, `[true, false, `+id+`, "桜", "SingleWork", "GetWorkDetails", false, 0, 1, "`+folder+`"]`, content)
	require.Len(t, reports, 1)
	assert.Equal(t, "11 "+id, reports[0].told())
	assert.Regexp(t, `^S\d{16}$`, reports[0].Number)
	assert.Equal(t, reports[0], two.next(), "reports go to all, with one number")

	started, _ := one.ask("S2", 11, "TID", tid)
	assert.Equal(t, "true", started)
	for { // the stage waits at the gate, so this ends as soon as it has begun
		shown, reports := one.ask("S3", 14, "TID", tid)
		require.Empty(t, reports)
		if strings.Contains(shown, "DownloadPicture") {
			assert.JSONEq(t, `[false, `+id+`, "桜", "SingleWork", "DownloadPicture", true, 0, 1, "`+folder+`"]`, shown)
			break
		}
		assert.Contains(t, shown, "true", "running from the reply to its start on")
	}
	stopped, _ := one.ask("S4", 12, "TID", tid)
	assert.Equal(t, "true", stopped)
	again, _ := one.ask("S5", 11, "TID", tid)
	assert.Equal(t, "true", again)
	pictures.release()
	over := one.await(14)
	assert.JSONEq(t, `{"TID": `+id+`, "Content": ""}`, string(over.Content))
	assert.Equal(t, over, two.next())
	list, _ := two.ask("S6", 15)
	assert.JSONEq(t, `[[true, `+id+`, "桜", "SingleWork", "TaskOver", false, 2, 2, "`+folder+`"]]`, list)

	deleted, reports := one.ask("S7", 13, "TID", tid)
	assert.Equal(t, "true", deleted)
	require.Len(t, reports, 1)
	assert.Equal(t, "12 "+id, reports[0].told())
	assert.Equal(t, reports[0], two.next())
	gone, _ := one.ask("S8", 13, "TID", tid)
	assert.Equal(t, "false", gone)
	two.silent()
}

// What report 14 carries, for each type and for failures.
func TestTaskOver(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		command int
		keyword string
		want    string
	}{
		{"details", 101, "5", `{"id": 5, "title": "桜 <b>&\u0001\n𝄞"}`},
		{"details of what is gone", 101, "404", `{"Error": "Work has been delete"}`},
		{"details refused", 101, "403", `{"Error": "Request failed."}`},
		{"links", 103, "9", `["https://i.pximg.net/9_p0.jpg", "https://i.pximg.net/9_p1.jpg", "https://i.pximg.net/9_p2.jpg"]`},
		{"pictures", 104, "9", `""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pictures := newGate()
			pictures.release()
			client := kernel(t, pictures)
			logIn(t, client)
			conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
			content, _ := conn.ask("S1", test.command, "KeyWord", test.keyword, "TaskName", "x", "SavePath", t.TempDir())
			tid := tidOf(t, content)
			conn.request("S2", 11, "TID", tid)
			over := conn.await(14)
			assert.JSONEq(t, fmt.Sprintf(`{"TID": %d, "Content": %s}`, tid, test.want), string(over.Content))
			assert.NotRegexp(t, `[^ -~]`, string(over.Content), "ASCII alone, as PixivOC wrote it")
		})
	}
}

// A Result that fails or panics costs its value and nothing else.
func TestTaskOver_ResultFails(t *testing.T) {
	t.Parallel()
	var log logBuffer
	client := kernel(t, newGate())
	logIn(t, client)
	conn := raw{t, openTCP(t, client, socketapi.Config{Logger: log.logger(), Results: map[string]socketapi.Result{
		"WorkDetails":   func(context.Context, pixivoc.Task) (any, error) { panic("broken") },
		"UserWorksLink": func(context.Context, pixivoc.Task) (any, error) { return nil, errors.New("broken") },
	}}).dial()}
	for i, command := range []int{101, 103} {
		content, _ := conn.ask("S1", command, "KeyWord", "1", "TaskName", "x")
		conn.request("S2", 11, "TID", tidOf(t, content))
		assert.Contains(t, string(conn.await(14).Content), `{"Error": "Request failed."}`)
		assert.Equal(t, i+1, strings.Count(log.String(), "make the result of a task"))
	}
}

// Once report 14 is out no reply shows the task as running, and none shows a
// task of which report 11 was not there first.
func TestOrder_NoReplyIsOlderThanAReport(t *testing.T) {
	t.Parallel()
	pictures := newGate()
	pictures.release()
	client := kernel(t, pictures)
	logIn(t, client)
	d := openTCP(t, client, socketapi.Config{})
	conn := raw{t, d.dial()}
	conn.silent()

	const tasks = 60
	var makers sync.WaitGroup
	for range 3 {
		maker := raw{t, d.dial()}
		makers.Go(func() {
			for i := range tasks / 3 {
				tid := maker.add("S1", fmt.Sprint(i))
				maker.ask("S2", 11, "TID", tid)
			}
		})
	}
	created, over := map[int64]bool{}, map[int64]bool{}
	for len(over) < tasks {
		content, reports := conn.ask("S3", 15)
		for _, report := range reports {
			conn.note(report, created, over)
		}
		var list [][]any
		require.NoError(t, json.Unmarshal([]byte(content), &list))
		for _, details := range list {
			tid := int64(details[1].(float64))
			if over[tid] {
				require.Equal(t, true, details[0], "over: %v", details)
				require.Equal(t, false, details[5], "not running: %v", details)
				require.Equal(t, details[6], details[7])
			}
		}
	}
	makers.Wait()
	require.Len(t, created, tasks)
}

// note keeps what reports 11 and 14 tell.
func (c raw) note(report message, created, over map[int64]bool) {
	c.t.Helper()
	switch report.Type {
	case 11:
		var tid int64
		require.NoError(c.t, json.Unmarshal(report.Content, &tid))
		require.False(c.t, created[tid], "created once")
		created[tid] = true
	case 14:
		var content struct{ TID int64 }
		require.NoError(c.t, json.Unmarshal(report.Content, &content))
		require.True(c.t, created[content.TID], "created before it is over")
		require.False(c.t, over[content.TID], "over once")
		over[content.TID] = true
	}
}

// When the kernel's events come faster than the door reads them, it finds out
// what happened: every report comes once.
func TestOrder_LostEvents(t *testing.T) {
	t.Parallel()
	block := newGate()
	client := kernel(t, newGate())
	logIn(t, client)
	entered := make(chan struct{}, 1)
	conn := raw{t, openTCP(t, client, socketapi.Config{ReportQueue: 4000, Results: map[string]socketapi.Result{
		"WorkDetails": func(ctx context.Context, _ pixivoc.Task) (any, error) {
			select {
			case entered <- struct{}{}:
			default:
			}
			return 1, block.wait(ctx)
		},
	}}).dial()}
	conn.silent()
	spec := pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"}
	first := mustCreate(t, client, spec)
	require.NoError(t, first.Start(t.Context()))
	<-entered

	// Far more events than the kernel keeps for a reader.
	var made []pixivoc.Task
	for range 1200 {
		made = append(made, mustCreate(t, client, spec))
	}
	require.NoError(t, made[0].Delete(t.Context(), pixivoc.DeleteOptions{}))
	require.NoError(t, made[1].Start(t.Context()))
	_, err := made[1].Wait(t.Context())
	require.NoError(t, err)
	// A command meanwhile must not wait for the events.
	byCommand := conn.add("S5", "77")
	deleted, reports := conn.ask("S6", 13, "TID", made[2].ID())
	require.Equal(t, "true", deleted)
	require.Equal(t, fmt.Sprint(made[2].ID()), string(reports[len(reports)-1].Content))
	block.release()

	created, over := map[int64]bool{first.ID(): true, byCommand: true, made[2].ID(): true}, map[int64]bool{}
	for len(over) < 2 {
		conn.note(conn.next(), created, over)
	}
	for !created[made[1199].ID()] {
		conn.note(conn.next(), created, over)
	}
	assert.True(t, over[first.ID()] && over[made[1].ID()])
	assert.Len(t, created, 1201, "all but the one that came and went unseen")
	assert.False(t, created[made[0].ID()])
	conn.silent()
}

// staleClient reads a task and lets time pass before it gives out what it read.
type staleClient struct {
	pixivoc.Client
	read func()
}

func (c staleClient) Tasks(ctx context.Context) iter.Seq2[pixivoc.TaskInfo, error] {
	return func(yield func(pixivoc.TaskInfo, error) bool) {
		var list []pixivoc.TaskInfo
		for info := range c.Client.Tasks(ctx) {
			list = append(list, info)
		}
		c.read()
		for _, info := range list {
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (c staleClient) Task(ctx context.Context, tid int64) (pixivoc.Task, error) {
	task, err := c.Client.Task(ctx, tid)
	return staleTask{task, c.read}, err
}

type staleTask struct {
	pixivoc.Task
	read func()
}

func (t staleTask) Info(ctx context.Context) (pixivoc.TaskInfo, error) {
	info, err := t.Task.Info(ctx)
	t.read()
	return info, err
}

// When a task ends while a reply about it is being made, the reply goes before
// the report.
func TestOrder_TaskEndsWhileAReplyIsMade(t *testing.T) {
	t.Parallel()
	for _, command := range []int{14, 15, 1006, 1007} {
		t.Run(fmt.Sprint(command), func(t *testing.T) {
			t.Parallel()
			pictures := newGate()
			client := kernel(t, pictures)
			ended := make(chan struct{})
			d := openTCP(t, staleClient{client, func() {
				pictures.release()
				<-ended
			}}, socketapi.Config{})
			asking, other := raw{t, d.dial()}, raw{t, d.dial()}
			asking.silent()
			other.silent()
			task := mustCreate(t, client, pixivoc.TaskSpec{Type: "SingleWork", Name: "x", Keyword: "1", SavePath: t.TempDir()})
			require.Equal(t, 11, asking.next().Type)
			require.NoError(t, task.Start(t.Context()))
			asking.request("S1", command, "TID", task.ID(), "Arguments", map[string]any{"tid": task.ID()})
			other.await(14)
			close(ended)
			reply := asking.next()
			assert.Equal(t, "R1", reply.Number)
			assert.Contains(t, string(reply.Content), "true", "running")
			assert.NotContains(t, string(reply.Content), "TaskOver")
			assert.Equal(t, 14, asking.next().Type)
		})
	}
}

// The seq of a list of tasks is that of the last event in front of it.
func TestOrder_SeqOfTasks(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
	conn.ask("S1", 1003, "Arguments", map[string]any{"events": true})
	for range 3 {
		mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
		var event struct{ Seq uint64 }
		require.NoError(t, json.Unmarshal(conn.await(1003).Content, &event))
		content, _ := conn.ask("S2", 1007)
		assert.Contains(t, content, fmt.Sprintf(`"result": {"seq": %d, "tasks"`, event.Seq))
	}
	conn.ask("S3", 1003) // no events any more
	for range 2 {
		mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "x", Keyword: "1"})
		assert.Equal(t, 11, conn.next().Type)
	}
}

// A task that came and went by command before its events were read is
// reported once each.
func TestOrder_EventsComeLate(t *testing.T) {
	t.Parallel()
	block, entered := newGate(), make(chan struct{})
	client := kernel(t, newGate())
	logIn(t, client)
	conn := raw{t, openTCP(t, client, socketapi.Config{Results: map[string]socketapi.Result{
		"WorkDetails": func(ctx context.Context, _ pixivoc.Task) (any, error) {
			close(entered)
			return 1, block.wait(ctx)
		},
	}}).dial()}
	first := conn.add("S1", "1")
	conn.ask("S2", 11, "TID", first)
	<-entered
	second := conn.add("S3", "2")
	_, reports := conn.ask("S4", 13, "TID", second)
	require.Len(t, reports, 1)
	require.Equal(t, fmt.Sprintf("12 %d", second), reports[0].told())
	block.release()
	require.Equal(t, 14, conn.next().Type)
	third := mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "last", Keyword: "3"})
	assert.Equal(t, fmt.Sprintf("11 %d", third.ID()), conn.next().told(), "nothing was told twice")
}

func mustCreate(t testing.TB, client pixivoc.Client, spec pixivoc.TaskSpec) pixivoc.Task {
	t.Helper()
	task, err := client.Create(t.Context(), spec)
	require.NoError(t, err)
	return task
}

// A creation and deletion by another door are reported like those by command.
func TestOrder_OtherDoors(t *testing.T) {
	t.Parallel()
	client := kernel(t, newGate())
	old := mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "old", Keyword: "1"})
	conn := raw{t, openTCP(t, client, socketapi.Config{}).dial()}
	conn.silent()
	task := mustCreate(t, client, pixivoc.TaskSpec{Type: "WorkDetails", Name: "new", Keyword: "1"})
	assert.Equal(t, fmt.Sprint(task.ID()), string(conn.await(11).Content))
	for _, task := range []pixivoc.Task{old, task} {
		require.NoError(t, task.Delete(t.Context(), pixivoc.DeleteOptions{}))
		assert.Equal(t, fmt.Sprint(task.ID()), string(conn.await(12).Content))
	}
	require.NoError(t, conn.conn.SetDeadline(time.Now().Add(time.Minute)))
	conn.silent()
}
