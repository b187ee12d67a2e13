package taskapi_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/server/taskapi"
	"github.com/pixivoc/pixivoc/store/memory"
)

// Mount the API beside other handlers. ServeMux redirects to a slash at the end
// where it knows only that form, so it is told both; it also minds case, and a
// program whose callers do not should mount the API at "/".
func Example() {
	store := memory.New()
	client, err := pixivoc.New(pixivoc.Config{Store: store, Types: testTypes()})
	if err != nil {
		log.Fatal(err)
	}
	api, err := taskapi.New(client, taskapi.Config{
		Anyone:   true, // it is on loopback
		Settings: store,
		SavePath: func(string) (string, error) { return "pictures", nil },
		Resolve: func(url string, _ taskapi.Options) (taskapi.Resolved, error) {
			return taskapi.Resolved{Spec: pixivoc.TaskSpec{Type: "Wait", Name: "work " + url, Keyword: url}, Aid: url}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	for _, prefix := range taskapi.Prefixes() {
		mux.Handle("/"+prefix, api)
		mux.Handle("/"+prefix+"/", api)
	}

	request := httptest.NewRequest("POST", "http://localhost/add-task", strings.NewReader(`{"Url":"12"}`))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, request)
	fmt.Println(answer.Code, strings.Contains(answer.Body.String(), `"Aid":"12"`))

	if err := api.Close(); err != nil {
		log.Fatal(err)
	}
	if err := client.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: 200 true
}
