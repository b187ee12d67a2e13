package taskapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	timeIn  = regexp.MustCompile(`("TaskCreateTime"|"TaskFinishTime"):\d{10}`)
	tidIn   = regexp.MustCompile(`"TaskId":"\d{10}"`)
	speedIn = regexp.MustCompile(`"DownloadSpeed":[1-9]\d*`)
)

// TestTranscript holds the answers to the byte.
func TestTranscript(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "transcript.txt"))
	require.NoError(t, err)
	k := newKit(t)
	steps, got := 0, ""
	for _, line := range strings.Split(string(raw), "\n") {
		mark, text, _ := strings.Cut(line, " ")
		switch mark {
		case ">":
			method, rest, _ := strings.Cut(text, " ")
			path, body, _ := strings.Cut(rest, " ")
			answer := k.call(method, path, body)
			got = strings.TrimSpace(strings.Join([]string{statusText(answer.status), k.normal(answer.body)}, " "))
			if answer.body != "" {
				assert.Equal(t, "application/json; charset=utf-8", answer.header.Get("Content-Type"), line)
			}
		case "<":
			assert.Equal(t, text, got, "step %d", steps)
			steps++
		case "~":
			require.Eventually(t, func() bool { return strings.Contains(k.get("/get-tasks/finished").body, `"Aid":"`+text+`"`) }, waitLong, waitStep)
		}
	}
	assert.Greater(t, steps, 20)
}

// statusText is a status in three digits.
func statusText(status int) string {
	return string([]byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)})
}

// normal puts words in the place of what differs from run to run.
func (k *kit) normal(body string) string {
	body = timeIn.ReplaceAllString(body, "$1:TIME")
	body = tidIn.ReplaceAllString(body, `"TaskId":"TID"`)
	body = strings.ReplaceAll(body, strings.ReplaceAll(k.folder, `\`, `\\`), "FOLDER")
	if strings.Contains(body, `"Status":"Over"`) && strings.Contains(body, `"IsSuccessful":true`) {
		body = strings.Replace(body, `"DownloadSpeed":0`, `"DownloadSpeed":SPEED`, 1)
		body = speedIn.ReplaceAllString(body, `"DownloadSpeed":SPEED`)
	}
	return strings.ReplaceAll(body, `\\`, "/")
}

// TestSharedDescription holds the order of the members to the description of
// the wire format, where that is to be had.
func TestSharedDescription(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "protocols", "bbdown-json-api.md"))
	if err != nil {
		t.Skip("the description of the wire format is not here")
	}
	example := regexp.MustCompile(`\{"Running":\[\{.*\}\],"Finished":\[\]\}`).FindString(string(raw))
	require.NotEmpty(t, example)
	k := newKit(t)
	k.add("Wait/1")
	want, got := names(example), names(k.get("/get-tasks/").is(200).body)
	require.Len(t, got, len(want)+4)
	last := len(want) - 1 // "Finished" comes after our own members
	assert.Equal(t, want[:last], got[:last])
	assert.Equal(t, []string{"TaskId", "Status", "ErrorMessage", "Stage", "Finished"}, got[last:])
}

func names(text string) (all []string) {
	for _, each := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(text, -1) {
		all = append(all, each[1])
	}
	return all
}
