package pixivocmock_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/pixivocmock"
	"github.com/stretchr/testify/mock"
)

// answer is the part of a chat bot under test: it fetches the work that a
// message names and says what came of it.
func answer(ctx context.Context, client pixivoc.Client, message string) string {
	task, err := client.Create(ctx, pixivoc.TaskSpec{
		Type: "SingleWork", Name: message, Keyword: message, Key: "bot/" + message, SavePath: "pictures",
	})
	if refused, ok := errors.AsType[*pixivoc.FieldError](err); ok {
		return "I do not understand: " + refused.Reason
	} else if err != nil {
		return "Sorry, that does not work now."
	}
	if err := task.Start(ctx); err != nil {
		return "Sorry, that does not work now."
	}
	if info, err := task.Wait(ctx); err != nil || info.State != pixivoc.StateOver {
		return "Sorry, I did not get it."
	}
	var names []string
	for record, err := range task.Records(ctx, pixivoc.RecordQuery{Kind: pixivoc.RecordFile}) {
		if err != nil {
			return "Sorry, I have lost it."
		}
		names = append(names, record.Key)
	}
	return "Here: " + strings.Join(names, ", ")
}

// listOf makes what Task.Records and the like return.
func listOf[T any](values ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, value := range values {
			if !yield(value, nil) {
				return
			}
		}
	}
}

// testAnswer is the body of a test, whose t is a *testing.T.
func testAnswer(t T) {
	task := pixivocmock.NewTask(t)
	task.EXPECT().Start(mock.Anything).Return(nil).Once()
	task.EXPECT().Wait(mock.Anything).Return(pixivoc.TaskInfo{State: pixivoc.StateOver}, nil)
	task.EXPECT().Records(mock.Anything, pixivoc.RecordQuery{Kind: pixivoc.RecordFile}).
		Return(listOf(pixivoc.Record{Key: "7/7_p0.jpg"}, pixivoc.Record{Key: "7/7_p1.jpg"}))

	client := pixivocmock.NewClient(t)
	client.EXPECT().
		Create(mock.Anything, mock.MatchedBy(func(spec pixivoc.TaskSpec) bool { return spec.Key == "bot/7" })).
		Return(task, nil)

	fmt.Println(answer(context.Background(), client, "7"))
}

// testRefusal lets the kernel refuse: no task may be started then.
func testRefusal(t T) {
	client := pixivocmock.NewClient(t)
	client.EXPECT().
		Create(mock.Anything, mock.Anything).
		Return(nil, &pixivoc.FieldError{Field: "Keyword", Reason: "is no work"})

	fmt.Println(answer(context.Background(), client, "hello"))
}

// The unit test of a bot: no network, no files, no store.
func Example() {
	run(testAnswer)
	run(testRefusal)
	// A mock notices what was expected and did not come.
	run(func(t T) { pixivocmock.NewStage(t).EXPECT().Name().Return("Unused") })
	// Output:
	// Here: 7/7_p0.jpg, 7/7_p1.jpg
	// I do not understand: is no work
	// failed
}

// A mock is told which calls to expect, and what to answer.
func ExampleNewClient() {
	run(func(t T) { // in a test, t is its *testing.T
		client := pixivocmock.NewClient(t)
		client.EXPECT().Task(mock.Anything, int64(7)).Return(nil, pixivoc.ErrTaskNotFound)

		_, err := client.Task(context.Background(), 7)
		fmt.Println(err)
	})
	// Output: task not found
}
