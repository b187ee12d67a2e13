package pixivoc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/store/memory"
)

// words is a task type of the simplest kind: its keyword is a list of words,
// and its one stage records how long each of them is.
func words() pixivoc.TaskType {
	measure := pixivoc.NewStage("Measure", func(_ context.Context, _ pixivoc.Runtime, word string) (pixivoc.Output, error) {
		if word == "?" {
			return pixivoc.Output{}, pixivoc.Permanent(pixivoc.ReasonRefused, errors.New("that is no word"))
		}
		var out pixivoc.Output
		out.Record("length", word, len(word))
		return out, nil
	})
	return pixivoc.TaskType{
		Name:   "Words",
		Stages: []pixivoc.StageSpec{{Stage: measure, Paced: true}},
		First: func(_ context.Context, spec pixivoc.TaskSpec) iter.Seq2[pixivoc.Item, error] {
			return func(yield func(pixivoc.Item, error) bool) {
				for word := range strings.FieldsSeq(spec.Keyword) {
					if !yield(pixivoc.NewItem(word, word), nil) {
						return
					}
				}
			}
		},
	}
}

// exampleClient makes a client for the examples. A real one has a store that
// outlives the process, see package store/sqlite.
func exampleClient() (pixivoc.Client, func()) {
	store := memory.New()
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: []pixivoc.TaskType{words()}})
	if err != nil {
		panic(err)
	}
	return client, func() {
		_ = client.Shutdown(context.Background())
		_ = store.Close()
	}
}

func ExampleNew() {
	store := memory.New()
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: []pixivoc.TaskType{words()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Shutdown(context.Background())
	fmt.Println(client.Env().ConcurrencyNumber, "at a time,", client.Env().IntervalTime, "apart")
	// Output: 3 at a time, 3s apart
}

func ExampleNew_refused() {
	_, err := pixivoc.New(pixivoc.Config{Store: memory.New(), Env: pixivoc.EnvPatch{ConcurrencyNumber: new(1000)}})
	fmt.Println(err)
	// Output: ConcurrencyNumber: 1000 is not between 1 and 64
}

func ExampleClient_create() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()

	task, err := client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "three words", Keyword: "loses nothing ever"})
	if err != nil {
		fmt.Println(err)
		return
	}
	info, _ := task.Info(ctx)
	fmt.Println(info.TaskName, info.StageName, info.State, info.Now, "of", info.Total)
	// Output: three words Measure WaitStart 0 of 3
}

func ExampleTask_start() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()
	task, _ := client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "x", Keyword: "loses nothing"})

	if err := task.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	info, err := task.Wait(ctx)
	fmt.Println(info.State, info.Now, "of", info.Total, err)
	// Output: Over 2 of 2 <nil>
}

func ExampleTask_stop() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()
	task, _ := client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "x", Keyword: "loses nothing"})
	_ = task.Start(ctx)

	_ = task.Stop(ctx)        // answers at once
	info, _ := task.Wait(ctx) // waits for what was under way
	_ = task.Start(ctx)       // and goes on where it was
	info, _ = task.Wait(ctx)
	fmt.Println(info.State, info.Now, "of", info.Total)
	// Output: Over 2 of 2
}

// A task that looks for new words every six hours. Here it is not obeyed,
// because that takes Config.AutoStart.
func ExampleTask_setSchedule() {
	ctx := context.Background()
	client, end := exampleClient()
	defer end()
	task, err := client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "watch", Keyword: "one two", Schedule: "every 6h"})
	if err != nil {
		panic(err)
	}
	if err := task.Start(ctx); err != nil {
		panic(err)
	}
	info, err := task.Wait(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(info.State, info.NextRun.Sub(info.FinishedAt).Round(time.Minute))

	fmt.Println(task.SetSchedule(ctx, "0 4 * * someday"))
	if err := task.SetSchedule(ctx, ""); err != nil {
		panic(err)
	}
	info, err = task.Info(ctx)
	fmt.Println(info.State, err)
	// Output:
	// Scheduled 6h0m0s
	// Schedule: day of week "someday": must be from 0 to 7
	// Over <nil>
}

// An archive that another program kept: what it names is not fetched again.
func ExampleClient_importArchive() {
	ctx := context.Background()
	client, end := exampleClient()
	defer end()
	list := func(yield func(pixivoc.ArchiveEntry, error) bool) {
		for _, key := range []string{"words:one", "words:two", "words:one"} {
			if !yield(pixivoc.ArchiveEntry{Key: key}, nil) {
				return
			}
		}
	}
	done, err := client.ImportArchive(ctx, list)
	fmt.Println(done.Read, done.Added, err)
	known, err := client.Archived(ctx, "words:one", "words:three")
	fmt.Println(known, err)
	// Output:
	// 3 2 <nil>
	// map[words:one:true] <nil>
}

func ExampleTask_records() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()
	task, _ := client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "x", Keyword: "loses nothing"})
	_ = task.Start(ctx)
	_, _ = task.Wait(ctx)

	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: "length"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(record.Key, string(record.Data))
	}
	// Output:
	// loses 5
	// nothing 7
}

func ExampleTask_items() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()
	task, _ := client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "x", Keyword: "what is ?"})
	_ = task.Start(ctx)
	info, _ := task.Wait(ctx)

	fmt.Println(info.State, "with", info.Failed, "failed")
	for item, err := range task.Items(ctx, pixivoc.ItemQuery{State: pixivoc.ItemFailed}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(item.Key, item.Reason, item.Detail)
	}
	// Output:
	// Over with 1 failed
	// ? refused that is no word
}

func ExampleTask_delete() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()
	task, _ := client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "x", Keyword: "gone"})

	err := task.Delete(ctx, pixivoc.DeleteOptions{})
	_, gone := client.Task(ctx, task.ID())
	fmt.Println(err, errors.Is(gone, pixivoc.ErrTaskNotFound))
	// Output: <nil> true
}

func ExampleClient_tasks() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()
	for _, name := range []string{"one", "two"} {
		_, _ = client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: name, Group: "numbers", Keyword: name})
	}

	for info, err := range client.Tasks(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(info.TaskName, info.Group)
	}
	groups, _ := client.Groups(ctx)
	fmt.Println(groups[0].Name, "has", groups[0].Tasks)
	// Output:
	// one numbers
	// two numbers
	// numbers has 2
}

func ExampleClient_updateEnv() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()

	env, err := client.UpdateEnv(ctx, pixivoc.EnvPatch{
		ProxyMode: new(pixivoc.ModeProxy),
		Proxy:     new("socks5://user:password@127.0.0.1:1080"),
		Timeout:   new(20 * time.Second),
	})
	fmt.Println(err)
	fmt.Println(env)
	_, err = client.UpdateEnv(ctx, pixivoc.EnvPatch{Timeout: new(-time.Second)})
	fmt.Println(err)
	// Output:
	// <nil>
	// {"proxy_mode":1,"proxy":"socks5://user:xxxxx@127.0.0.1:1080","timeout_ms":20000,"concurrency_number":3,"interval_time_ms":3000,"increment":true}
	// Timeout: -1s is not between 1s and 1h0m0s
}

func ExampleClient_events() {
	ctx := context.Background()
	client, done := exampleClient()
	defer done()

	var task pixivoc.Task
	var kinds []string
	for event := range client.Events(ctx) {
		switch event.Kind {
		case pixivoc.EventSnapshot: // from here on nothing is missed
			task, _ = client.Create(ctx, pixivoc.TaskSpec{Type: "Words", Name: "x", Keyword: "word"})
			_ = task.Start(ctx)
		case pixivoc.EventTaskChanged:
			continue // progress, a few times a second
		}
		kinds = append(kinds, string(event.Kind))
		if event.Kind == pixivoc.EventTaskOver {
			break
		}
	}
	fmt.Println(slices.Compact(kinds))
	// Output: [snapshot task_created item_done task_over]
}

func ExampleClient_do() {
	// A road of your own takes the place of the network.
	client, err := pixivoc.New(pixivoc.Config{Store: memory.New(), HTTP: road(func(request *http.Request) (*http.Response, error) {
		return answer(request, http.StatusNotFound, "no such page"), nil
	})})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Shutdown(context.Background())

	request, _ := http.NewRequest(http.MethodGet, "https://gallery.example/works/1?session=secret", nil)
	_, err = client.Do(request)
	fmt.Println(err)
	status, _ := errors.AsType[*pixivoc.StatusError](err)
	fmt.Println(status.Code, pixivoc.Retryable(err))
	// Output:
	// GET https://gallery.example/works/1: status 404
	// 404 false
}

func ExampleNewStage() {
	// The payload is a value of your own type; the kernel stores it as JSON.
	type page struct{ Number int }
	stage := pixivoc.NewStage("Pages", func(ctx context.Context, rt pixivoc.Runtime, in page) (pixivoc.Output, error) {
		var out pixivoc.Output
		out.Queue(fmt.Sprint("picture", in.Number), in)                    // for the next stage
		out.QueueTo("Pages", fmt.Sprint(in.Number+1), page{in.Number + 1}) // for this one
		out.Record("page", fmt.Sprint(in.Number), in)
		return out, nil
	})
	out, err := stage.Run(context.Background(), nil, pixivoc.NewItem("1", page{1}))
	for _, item := range out.Items {
		fmt.Printf("%q %s %s\n", item.Stage, item.Key, item.Payload)
	}
	fmt.Println(len(out.Records), err)
	// Output:
	// "" picture1 {"Number":1}
	// "Pages" 2 {"Number":2}
	// 1 <nil>
}

func ExamplePermanent() {
	err := fmt.Errorf("page 7: %w", pixivoc.Permanent(pixivoc.ReasonDeleted, errors.New("the artist removed it")))
	permanent, ok := errors.AsType[*pixivoc.PermanentError](err)
	fmt.Println(err, ok, permanent.Reason, pixivoc.Retryable(err))
	// Output: page 7: the artist removed it true deleted false
}

func ExampleRetryable() {
	for _, err := range []error{io.ErrUnexpectedEOF, pixivoc.RetryAfter(time.Minute, errors.New("busy")), pixivoc.ErrNoToken, nil} {
		fmt.Println(err, pixivoc.Retryable(err))
	}
	// Output:
	// unexpected EOF true
	// busy true
	// not logged in false
	// <nil> false
}

func ExampleCleanName() {
	for _, title := range []string{"a/b: c?", "  .hidden. ", "NUL", "きれい"} {
		name := pixivoc.CleanName(title)
		fmt.Println(name, pixivoc.CheckName(name))
	}
	fmt.Println(pixivoc.CheckName(".."))
	// Output:
	// a_b_ c_ <nil>
	// hidden <nil>
	// _NUL <nil>
	// きれい <nil>
	// name "..": begins or ends with a blank or a dot
}
