package dataapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// fuzzKit has a task with five rows.
func fuzzKit(f *testing.F) (*kit, int64) {
	f.Helper()
	k := newKit(f)
	task := k.create("a", "", "x")
	k.find(task, "n", numbers(0, 5)...)
	return k, task.ID()
}

// envelopeOf holds that an answer is one of the documented ones.
func envelopeOf(t *testing.T, code int, body string) (word string) {
	t.Helper()
	var a struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("status %d, %q: %v", code, body, err)
	}
	if a.Error == "server_error" {
		t.Fatalf("failed inside: %q", body)
	}
	return a.Error
}

// FuzzToken sends bodies to the token call: whatever does not hold the
// password gets nothing.
func FuzzToken(f *testing.F) {
	f.Add("", "username=admin&password=x&grant_type=password")
	f.Add("application/json", `{"username":"admin","grant_type":"password"}`)
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\npassword\r\n--b--\r\n")
	f.Add("application/json", `{"grant_type":"refresh_token","refresh_token":"`+strings.Repeat("a", 43)+`"}`)
	k, _ := fuzzKit(f)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		k := k.of(t)
		r := post("/token", body)
		r.Header.Set("Content-Type", contentType)
		code, answer := k.send(r)
		word := envelopeOf(t, code, answer)
		switch {
		case code == http.StatusBadRequest && (word == "invalid_grant" || word == "unsupported_grant_type"):
		case code == http.StatusTooManyRequests && word == "quota_exceeded":
		case code == http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("status %d, %q", code, answer)
		}
	})
}

// FuzzBody sends bodies to a call that takes a list.
func FuzzBody(f *testing.F) {
	f.Add("", `{"taskIdList":["1",2]}`)
	f.Add("", "taskIdList=a&TASKIDLIST=['b',\"c\"]")
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"taskIdList\"\r\n\r\n[\r\n--b--\r\n")
	k, _ := fuzzKit(f)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		k := k.of(t)
		r := post("/api/task/GetTaskStatusByIdList", body)
		r.Header.Set("Content-Type", contentType)
		code, answer := k.call(r)
		switch word := envelopeOf(t, code, answer); word {
		case "success", "taskid_error", "parameter_error":
		default:
			if code != http.StatusRequestEntityTooLarge {
				t.Fatalf("status %d, %q", code, answer)
			}
		}
	})
}

// FuzzParameters sends offsets, sizes, batches and formats.
func FuzzParameters(f *testing.F) {
	f.Add("0", "1", "one", "1-2-3", "csv")
	f.Add("-9223372036854775809", "1001", "", "", "")
	f.Add("9223372036854775807", "1000", "two", "x", "jsonl")
	k, tid := fuzzKit(f)
	f.Fuzz(func(t *testing.T, offset, size, consumer, batch, format string) {
		k := k.of(t)
		query := fmt.Sprintf("?taskId=%d&", tid) + form("offset", offset, "size", size, "consumer", consumer, "batch", batch, "format", format)
		for _, call := range []string{"GET alldata/GetDataOfTaskByOffset", "GET notexportdata/gettop", "POST notexportdata/update"} {
			method, path, _ := strings.Cut(call, " ")
			r := post("/api/"+path+query, "")
			r.Method = method
			r.Header.Set("Authorization", "bearer "+k.token)
			w := k.record(r)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: status %d", call, w.Code)
			}
			if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json;") {
				envelopeOf(t, w.Code, w.Body.String())
			}
			if rows := strings.Count(w.Body.String(), "\n") + strings.Count(w.Body.String(), `"kind"`); rows > 10 {
				t.Fatalf("%s: %d rows", call, rows)
			}
		}
	})
}

// FuzzQuery sends whole queries: names and values in any form.
func FuzzQuery(f *testing.F) {
	f.Add("taskId=1&TASKID=2&size=%31")
	f.Add("&&=&taskid=%zz")
	k, _ := fuzzKit(f)
	f.Fuzz(func(t *testing.T, query string) {
		k := k.of(t)
		r := get("/api/notexportdata/gettop")
		r.URL = &url.URL{Scheme: "http", Host: "localhost", Path: "/api/notexportdata/gettop", RawQuery: query}
		code, answer := k.call(r)
		if strings.HasPrefix(answer, "{") {
			envelopeOf(t, code, answer)
		}
	})
}

// FuzzRow makes rows of any data: an answer is always one that can be read,
// and all its rows have the same keys.
func FuzzRow(f *testing.F) {
	f.Add(`{"a":{"b":[1,2]},"kind":null}`, `"x"`)
	f.Add("{\"a\":\"\xff\"}", `{"a.b":1,"a":{"b":2}}`)
	k, _ := fuzzKit(f)
	f.Fuzz(func(t *testing.T, first, second string) {
		k := k.of(t)
		task := k.create("row", "", "")
		k.find(task, "kind", first, second)
		a := k.gettop(task, 10, "")
		if len(a.Data.DataList) != 2 || len(a.Data.DataList[0]) != len(a.Data.DataList[1]) {
			t.Fatalf("rows are %v", a.Data.DataList)
		}
		for name := range a.Data.DataList[0] {
			if _, there := a.Data.DataList[1][name]; !there {
				t.Fatalf("the second row has no %q", name)
			}
		}
	})
}
