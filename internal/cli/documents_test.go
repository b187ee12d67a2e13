//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pixivoc/pixivoc/pixivtest"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

func documents() []string { return []string{"cli.md", "cli.zh-CN.md"} }

func readDocument(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	require.NoError(t, err)
	return string(raw)
}

// TestDocumentedCommands runs the commands that the documents show, one after
// the other, against a made-up Pixiv.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("bash is needed")
		}
		t.Skip("bash is needed to run the commands of the documents")
	}
	for _, document := range documents() {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			site := pixivtest.NewServer(pixivtest.Config{Seed: 1, Account: pixivtest.Account{ID: 12, Name: "Kaede", Account: "kaede"}})
			defer site.Close()
			fillDocumented(site)
			folder := t.TempDir()
			require.NoError(t, site.WriteCA(filepath.Join(folder, ".ca.pem")))
			require.NoError(t, os.WriteFile(filepath.Join(folder, "token.txt"), []byte(site.RefreshToken()), 0o600))
			var script strings.Builder
			script.WriteString("set -euo pipefail\n")
			for _, block := range shellBlock.FindAllStringSubmatch(readDocument(t, document), -1) {
				script.WriteString(block[1])
			}
			command := exec.CommandContext(t.Context(), "bash", "-x", "-c", script.String())
			command.Dir = folder
			command.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME=", "SSL_CERT_FILE="+filepath.Join(folder, ".ca.pem"),
				"PIXIVOC_INTERVAL=0", "PIXIVOC_HOST="+strings.Join(hostsOf(site), ","), "GORACE=atexit_sleep_ms=0")
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s", out)
			for _, name := range []string{
				"pictures/59580629/59580629_p0.jpg", "archive/11/59580630_p0.jpg", "pictures/works/59580630_p0.jpg",
				"pictures/44298467/44298467_ugoira1920x1080.webp", "man1/pixivoc-get.1", "files.csv", "works.jsonl",
			} {
				assert.FileExists(t, filepath.Join(folder, name))
			}
		})
	}
}

// fillDocumented adds what the documents speak of.
func fillDocumented(site *pixivtest.Server) {
	sky, landscape := pixivtest.Tag{Name: "sky"}, pixivtest.Tag{Name: "landscape"}
	site.AddUser(pixivtest.User{ID: 11, Name: "An artist", Background: true})
	site.AddWork(pixivtest.Work{ID: 59580629, UserID: 11, Tags: []pixivtest.Tag{sky, landscape}})
	site.AddWork(pixivtest.Work{ID: 59580630, UserID: 11, PageCount: 2, Type: pixivtest.Manga, Tags: []pixivtest.Tag{sky}})
	site.AddWork(pixivtest.Work{ID: 59580631, UserID: 11, Series: &pixivtest.Series{ID: 77, Title: "Towns"}})
	site.AddWork(pixivtest.Work{ID: 44298467, UserID: 13, Type: pixivtest.Ugoira, AllPages: pixivtest.Page{Width: 120, Height: 90}})
	site.AddNovel(pixivtest.Novel{ID: 9001, UserID: 11, Title: "A novel", Text: "Once.[newpage]And again."})
	site.AddBookmark(pixivtest.Bookmark{WorkID: 59580630})
	site.AddBookmark(pixivtest.Bookmark{UserID: 11, WorkID: 44298467, Tags: []string{"sky"}})
	site.Follow(12, 11, false)
}

// hostsOf are the arguments of --host that lead to a made-up Pixiv.
func hostsOf(site *pixivtest.Server) []string {
	var hosts []string
	for host, address := range site.Hosts() {
		hosts = append(hosts, host+"="+address, host+"=sni")
	}
	slices.Sort(hosts)
	return hosts
}

// TestDocumentsNameEveryCommand wants each command in each document, and the
// same commands in all of them.
func TestDocumentsNameEveryCommand(t *testing.T) {
	t.Parallel()
	raw, err := exec.CommandContext(t.Context(), "pixivoc", "__complete", "").Output()
	require.NoError(t, err)
	var first [][]string
	for _, document := range documents() {
		text := readDocument(t, document)
		for line := range strings.Lines(string(raw)) {
			name, _, found := strings.Cut(strings.TrimSpace(line), "\t")
			if !found || name == "help" {
				continue
			}
			assert.Regexp(t, `\b`+name+`\b`, text, "%s does not name %s", document, name)
		}
		blocks := shellBlock.FindAllStringSubmatch(text, -1)
		if first == nil {
			first = blocks
		}
		assert.Equal(t, first, blocks, document)
	}
}
