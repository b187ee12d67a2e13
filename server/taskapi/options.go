package taskapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options are the options of a request that mean something here. The zero
// value of each is that it was not given.
type Options struct {
	// FilePattern is how files of works with one page are named, and
	// MultiFilePattern how those of works with several.
	FilePattern, MultiFilePattern string
	// SelectPage selects pages: "ALL", "1,3", "2-5", "LAST".
	SelectPage string
	// WorkDir is the folder to save in; Config.SavePath has the last word.
	WorkDir string
	// OnlyShowInfo wants the description of a work, and no files.
	OnlyShowInfo bool
	// DelayPerPage is the least time between two files.
	DelayPerPage time.Duration
	// CallBackWebHook is told when the task has ended.
	CallBackWebHook string
}

const (
	// maxURL bounds the address of a task, in bytes.
	maxURL = 2048
	// maxDelay bounds DelayPerPage.
	maxDelay = time.Hour
)

// option is an option of BBDown (MyOption.cs at d869225). One that is a string
// has the default text, or else it is true or false and has the default on.
type option struct {
	name   string
	isText bool
	text   string
	on     bool
	taken  bool // it means something here
}

// optionsByName are all options, by their names in lower case.
var optionsByName = func() map[string]option {
	all := map[string]option{}
	for _, name := range []string{
		"UseTvApi", "UseAppApi", "UseIntlApi", "UseMP4box", "ShowAll", "UseAria2c", "Interactive", "HideStreams",
		"SimplyMux", "VideoOnly", "AudioOnly", "DanmakuOnly", "CoverOnly", "SubOnly", "Debug", "SkipMux", "SkipSubtitle",
		"SkipCover", "DownloadDanmaku", "VideoAscending", "AudioAscending", "AllowPcdn", "SaveArchivesToFile",
		"OnlyHevc", "OnlyAvc", "OnlyAv1", "AddDfnSubfix", "NoPaddingPageNum", "BandwithAscending",
	} {
		all[strings.ToLower(name)] = option{name: name}
	}
	for _, name := range []string{"MultiThread", "ForceHttp", "SkipAi", "ForceReplaceHost"} {
		all[strings.ToLower(name)] = option{name: name, on: true}
	}
	for _, name := range []string{
		"EncodingPriority", "DfnPriority", "DownloadDanmakuFormats", "Language", "UserAgent", "Cookie", "AccessToken",
		"Aria2cArgs", "FFmpegPath", "Mp4boxPath", "Aria2cPath", "UposHost", "Host", "EpHost", "TvHost", "Area",
		"ConfigFile", "Aria2cProxy",
	} {
		all[strings.ToLower(name)] = option{name: name, isText: true}
	}
	for _, name := range []string{"Url", "FilePattern", "MultiFilePattern", "SelectPage", "WorkDir", "CallBackWebHook"} {
		all[strings.ToLower(name)] = option{name: name, isText: true, taken: true}
	}
	all["delayperpage"] = option{name: "DelayPerPage", isText: true, text: "0", taken: true}
	all["onlyshowinfo"] = option{name: "OnlyShowInfo", taken: true}
	return all
}()

// request is what a body asks for.
type request struct {
	url     string
	options Options
	// ignored names the options that were given and mean nothing here.
	ignored []string
}

// parseRequest reads a body. Names are matched without regard to case, null
// means not given, and names that nobody knows are passed over. The error is a
// *refusal.
func parseRequest(raw []byte) (request, error) {
	if err := checkJSON(raw); err != nil {
		return request{}, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return request{}, badRequest("the body must be a JSON object")
	}
	var given request
	// In the order of names, so that of two that differ in case always the
	// same one counts.
	for _, name := range slices.Sorted(maps.Keys(members)) {
		known, ok := optionsByName[strings.ToLower(name)]
		if !ok || string(members[name]) == "null" {
			continue
		}
		if err := given.take(known, members[name]); err != nil {
			return request{}, err
		}
	}
	given.url = strings.TrimSpace(given.url)
	switch {
	case given.url == "":
		return request{}, badRequest("Url is missing")
	case len(given.url) > maxURL:
		return request{}, badRequest("Url may have %d bytes", maxURL)
	}
	return given, nil
}

// take reads one option.
func (g *request) take(known option, raw json.RawMessage) error {
	var text string
	var on bool
	if known.isText {
		if json.Unmarshal(raw, &text) != nil {
			return badRequest("%s must be a string", known.name)
		}
	} else if json.Unmarshal(raw, &on) != nil {
		return badRequest("%s must be true or false", known.name)
	}
	switch known.name {
	case "Url":
		g.url = text
	case "FilePattern":
		g.options.FilePattern = text
	case "MultiFilePattern":
		g.options.MultiFilePattern = text
	case "SelectPage":
		g.options.SelectPage = text
	case "WorkDir":
		g.options.WorkDir = text
	case "CallBackWebHook":
		g.options.CallBackWebHook = strings.TrimSpace(text)
	case "OnlyShowInfo":
		g.options.OnlyShowInfo = on
	case "DelayPerPage":
		delay, err := parseDelay(text)
		g.options.DelayPerPage = delay
		return err
	default:
		if text != known.text || on != known.on && !known.isText {
			g.ignored = append(g.ignored, known.name)
		}
	}
	return nil
}

// parseDelay reads a number of seconds.
func parseDelay(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= maxDelay.Seconds()) {
		return 0, badRequest("DelayPerPage must be a number of seconds from 0 to %d", int(maxDelay.Seconds()))
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond), nil
}

// String leaves out the receiver's address, which may be secret.
func (o Options) String() string {
	return fmt.Sprintf("FilePattern %q MultiFilePattern %q SelectPage %q WorkDir %q OnlyShowInfo %t DelayPerPage %s",
		o.FilePattern, o.MultiFilePattern, o.SelectPage, o.WorkDir, o.OnlyShowInfo, o.DelayPerPage)
}
