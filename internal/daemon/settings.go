package daemon

import (
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/server/dataapi"
)

// The addresses that the doors have unless told otherwise. The port of the
// socket is PixivOC's.
const (
	defaultSocket = "127.0.0.1:13575"
	defaultHTTP   = "127.0.0.1:13580"
)

// Settings are what the daemon is told. See schema for what each means.
type Settings struct {
	Data      string
	SaveRoots []string

	Socket         string
	HTTP           string
	LegacyHTTP     bool
	LegacyStatic   string
	SocketExit     bool
	TLSCertificate string
	TLSKey         string
	WithoutTLS     bool
	AllowedOrigins []string
	AllowedHosts   []string
	TrustedProxies []string

	PasswordFile    string
	TokenFile       string
	AccessTokenLife time.Duration

	MaxRunning        int
	MaxOpenTasks      int
	AutoStart         bool
	WebhookAllow      []string
	WebhookSecretFile string
	NoSync            bool
	SHA256            bool

	ProxyMode   string
	Proxy       string
	Hosts       []string
	Timeout     time.Duration
	Interval    time.Duration
	Concurrency int

	MaxConnections   int
	MaxSocketClients int
	ShutdownTimeout  time.Duration
	Metrics          bool
	LogLevel         string
	LogFormat        string
	ReadyFile        string
	Demo             bool

	// password is the one of the environment or of PasswordFile.
	password string
	// source tells where the value of each setting came from, by name;
	// a setting that has its default is not there.
	source map[string]string
}

// isGiven says whether somebody gave the setting a value.
func (s *Settings) isGiven(name string) bool { return s.source[name] != "" }

// from names a setting as the one who gave it did, for an error about it.
func (s *Settings) from(name string) string {
	if source := s.source[name]; source != "" {
		if strings.Contains(source, ":") { // FILE:LINE
			return source + ": " + name
		}
		return source
	}
	return "--" + name
}

// setting is one row of the table of settings. The flag is --name, the
// environment variable PIXIVOC_NAME, the key of the file name.
type setting struct {
	name     string
	argument string // what the value is called in the help
	group    group
	text     words
	value    value
	// standard is the default in words, when it is not a value.
	standard words
}

// words are a text in the languages of the documents.
type words struct{ english, chinese string }

// variable is the environment variable of a setting.
func variable(name string) string {
	return "PIXIVOC_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// group is a heading of the help.
type group string

const (
	groupPlaces   group = "Places"
	groupDoors    group = "Doors"
	groupAccounts group = "Accounts"
	groupTasks    group = "Tasks and files"
	groupRoad     group = "Road and pace, in place of what is saved"
	groupRunning  group = "Running"
)

func groups() []group {
	return []group{groupPlaces, groupDoors, groupAccounts, groupTasks, groupRoad, groupRunning}
}

// dataFolder is where tasks and the login are kept unless told otherwise, the
// same as that of the command line. It follows the XDG base directory
// specification, and the customs of macOS and Windows.
func dataFolder(environ map[string]string, system string) string {
	if folder := environ["XDG_DATA_HOME"]; filepath.IsAbs(folder) {
		return filepath.Join(folder, "pixivoc")
	}
	home, below := environ["HOME"], filepath.Join(".local", "share")
	switch system {
	case "windows":
		home, below = environ["LOCALAPPDATA"], ""
	case "darwin", "ios":
		below = filepath.Join("Library", "Application Support")
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, below, "pixivoc")
}

// defaults returns the settings before anybody said anything.
func defaults(environ map[string]string) *Settings {
	return &Settings{
		Data:             dataFolder(environ, runtime.GOOS),
		Socket:           defaultSocket,
		HTTP:             defaultHTTP,
		SocketExit:       true,
		AccessTokenLife:  dataapi.DefaultAccessTokenLife,
		MaxRunning:       3,
		MaxOpenTasks:     1000,
		AutoStart:        true,
		MaxConnections:   512,
		MaxSocketClients: 256,
		ShutdownTimeout:  4 * time.Second,
		LogLevel:         "info",
		LogFormat:        "text",
		source:           map[string]string{},
	}
}

// splitPaths splits a list of paths as the system does, at ":" or ";".
func splitPaths(text string) []string {
	return filepath.SplitList(text)
}

// splitWords splits a list at commas and blanks.
func splitWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
