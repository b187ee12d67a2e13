package dataapi_test

import (
	"fmt"
	"net/http"
	"testing"
)

// BenchmarkPage reads a full page in the middle of 20,000 rows of the shape of
// works.
func BenchmarkPage(b *testing.B) {
	k := newKit(b)
	task := k.create("a", "", "")
	var data []string
	for i := range 20000 {
		data = append(data, fmt.Sprintf(`{"id":"%d","title":"花 %d","user_id":"1","user_name":"name","tags":["a","b","c"],"page_count":3,`+
			`"create_date":"2026-01-02T03:04:05+09:00","illust":{"id":%d,"image_urls":{"medium":"https://i.example/%d_m.jpg","large":"https://i.example/%d_l.jpg"},`+
			`"caption":"<b>text</b>","meta_pages":[{"image_urls":{"original":"https://i.example/%d_p0.png"}}],"total_view":%d}}`, i, i, i, i, i, i, i))
	}
	k.find(task, "work", data...)
	offset := k.byOffset(task, 0, 1000).Data.Offset
	r := get(fmt.Sprintf("/api/alldata/GetDataOfTaskByOffset?taskId=%d&offset=%d&size=1000", task.ID(), offset))
	r.Header.Set("Authorization", "bearer "+k.token)
	b.ReportAllocs()
	for b.Loop() {
		if w := k.record(r); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
