package cli

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/term"
)

// console is standard error. While bars are on the screen, what is written
// goes above them, so that a line of the log never tears a bar.
//
// A write that fails is forgotten: a closed terminal or a full disk behind a
// log file is no reason to end a download.
type console struct {
	out io.Writer

	mu    sync.Mutex // orders the lines of several writers
	above io.Writer  // the bars, or nil
}

func newConsole(out io.Writer) *console { return &console{out: out} }

// Write writes whole lines.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.above != nil {
		if _, err := c.above.Write(p); err == nil {
			return len(p), nil
		}
	}
	_, _ = c.out.Write(p)
	return len(p), nil
}

// printf writes one line.
func (c *console) printf(format string, args ...any) {
	_, _ = io.WriteString(c, fmt.Sprintf(format, args...)+"\n")
}

// route sends what is written to above.
func (c *console) route(above io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.above = above
}

// unroute ends that. Writers wait while end takes the bars off the screen, so
// that no line is lost in them.
func (c *console) unroute(end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end()
	c.above = nil
}

// screen is what is known of an output.
type screen struct {
	terminal bool
	width    int // columns; 0 when unknown
	color    bool
	unicode  bool
}

// screenOf looks at an output. Colour is only used where a person sees it and
// has not asked for none (no-color.org).
func (a *app) screenOf(out io.Writer) screen {
	s := screen{unicode: a.unicode()}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil || width < 1 || height < 2 || a.environ["TERM"] == "dumb" {
		return s
	}
	s.terminal, s.width = true, width
	s.color = a.environ["NO_COLOR"] == "" && a.ansi()
	return s
}

// ansi says whether the terminal understands colours. The old console of
// Windows does not unless told to; the new terminal sets WT_SESSION.
func (a *app) ansi() bool {
	return runtime.GOOS != "windows" || a.environ["WT_SESSION"] != "" || a.environ["TERM"] != ""
}

// unicode says whether block characters are safe, as the locale has it.
func (a *app) unicode() bool {
	switch runtime.GOOS {
	case "darwin":
		return true
	case "windows":
		return a.environ["WT_SESSION"] != ""
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := a.environ[name]; value != "" {
			upper := strings.ToUpper(value)
			return strings.Contains(upper, "UTF-8") || strings.Contains(upper, "UTF8")
		}
	}
	return false
}
