package pixivoc

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pixivoc/pixivoc/internal/schedule"
)

// Env holds the five settings of PixivOC, and limits of our own making. A Client has one Env at a time; it
// is changed with Client.UpdateEnv, takes effect without a restart and
// survives one. An Env is a value: changing a copy changes nothing else.
//
// "Obeyed from the next request" means that a request which is under way ends
// under the old setting.
type Env struct {
	// ProxyMode is the road to the site. Obeyed from the next request;
	// default ModeDirect.
	ProxyMode ProxyMode
	// Proxy is the proxy's URL: http, https, socks5 or socks5h, with user and
	// password if it wants them. It is needed and kept in ModeProxy only.
	Proxy string
	// Hosts replaces, host by host, entries of DefaultHosts in ModeIP.
	Hosts HostTable
	// Timeout bounds connecting, waiting for the head of an answer, and any
	// silence inside its body; a body that keeps moving is not cut. From
	// MinTimeout to MaxTimeout, default 60 s. Obeyed from the next request.
	Timeout time.Duration
	// ConcurrencyNumber is how many items of concurrent stages run at a time,
	// over all tasks. From 1 to MaxConcurrencyNumber, default 3. Obeyed from
	// the next item; running ones end.
	ConcurrencyNumber int
	// IntervalTime is the least time between the starts of two paced
	// requests. From 0 (no pause) to MaxIntervalTime, default 3 s. Obeyed at
	// once, also by a request that waits for its turn.
	IntervalTime time.Duration
	// Increment lets the time-out of a task grow by TimeoutIncrement with
	// each round that leaves items behind. Default true. Obeyed from the next
	// round.
	Increment bool
	// BandwidthLimit bounds what the files of all tasks together bring in, in
	// bytes a second. 0 is no limit and the default; else at least
	// MinBandwidthLimit. Obeyed at once, also by files that are under way.
	BandwidthLimit int64
	// DailyCap is how many paced requests are made on one day of the machine's
	// clock, from midnight to midnight; then all wait for the next day. Files
	// and logins do not count. 0 is no cap and the default. Obeyed at once.
	DailyCap int
	// QuietHours is a part of each day in which no paced request is made and no
	// file begun: "" for none, the default, or "01:00-07:00" by the clock of the
	// machine or, with "TZ=Asia/Tokyo " in front, by another one. It may reach
	// over midnight. Obeyed at once; files that are under way end.
	QuietHours string
}

// Bounds of the settings. The socket protocol of PixivOC speaks of whole
// seconds; ranges as in its hardening notes.
const (
	MinTimeout           = time.Second
	MaxTimeout           = time.Hour
	MaxConcurrencyNumber = 64
	MaxIntervalTime      = time.Hour
	// TimeoutIncrement is PixivOC's growth of the time-out with each round.
	TimeoutIncrement = 30 * time.Second
)

// DefaultEnv returns the settings a new Client starts with: PixivOC's own.
func DefaultEnv() Env {
	return Env{
		ProxyMode:         ModeDirect,
		Timeout:           60 * time.Second,
		ConcurrencyNumber: 3,
		IntervalTime:      3 * time.Second,
		Increment:         true,
	}
}

// EnvPatch names the settings to change; nil keeps a setting. With Go 1.26 a
// value is written in place: EnvPatch{Timeout: new(30 * time.Second)}.
type EnvPatch struct {
	ProxyMode         *ProxyMode
	Proxy             *string
	Hosts             *HostTable
	Timeout           *time.Duration
	ConcurrencyNumber *int
	IntervalTime      *time.Duration
	Increment         *bool
	BandwidthLimit    *int64
	DailyCap          *int
	QuietHours        *string
}

// Apply returns e with the changes of patch, or a *FieldError for the first
// value that is out of bounds; e itself is never changed. Leaving ModeProxy
// forgets the proxy unless the patch names one.
func (e Env) Apply(patch EnvPatch) (Env, error) {
	set(&e.ProxyMode, patch.ProxyMode)
	if patch.ProxyMode != nil && e.ProxyMode != ModeProxy {
		e.Proxy = ""
	}
	set(&e.Proxy, patch.Proxy)
	if patch.Hosts != nil {
		e.Hosts = patch.Hosts.Clone()
	}
	set(&e.Timeout, patch.Timeout)
	set(&e.ConcurrencyNumber, patch.ConcurrencyNumber)
	set(&e.IntervalTime, patch.IntervalTime)
	set(&e.Increment, patch.Increment)
	set(&e.BandwidthLimit, patch.BandwidthLimit)
	set(&e.DailyCap, patch.DailyCap)
	if patch.QuietHours != nil {
		e.QuietHours = strings.Join(strings.Fields(*patch.QuietHours), " ")
	}
	if err := e.Validate(); err != nil {
		return Env{}, err
	}
	return e, nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Validate returns a *FieldError for the first setting that is out of bounds.
func (e Env) Validate() error {
	if e.Timeout < MinTimeout || e.Timeout > MaxTimeout {
		return &FieldError{"Timeout", fmt.Sprintf("%s is not between %s and %s", e.Timeout, MinTimeout, MaxTimeout)}
	}
	if e.ConcurrencyNumber < 1 || e.ConcurrencyNumber > MaxConcurrencyNumber {
		return &FieldError{"ConcurrencyNumber", fmt.Sprintf("%d is not between 1 and %d", e.ConcurrencyNumber, MaxConcurrencyNumber)}
	}
	if e.IntervalTime < 0 || e.IntervalTime > MaxIntervalTime {
		return &FieldError{"IntervalTime", fmt.Sprintf("%s is not between 0s and %s", e.IntervalTime, MaxIntervalTime)}
	}
	if err := checkBandwidth(e.BandwidthLimit); err != nil {
		return err
	}
	if e.DailyCap < 0 {
		return &FieldError{"DailyCap", fmt.Sprintf("%d is negative; 0 is no cap", e.DailyCap)}
	}
	if _, err := schedule.ParseWindow(e.QuietHours); err != nil {
		return &FieldError{"QuietHours", err.Error()}
	}
	if e.ProxyMode != ModeProxy && e.Proxy != "" {
		return &FieldError{"Proxy", "belongs to ProxyMode 1 only; leave it empty"}
	}
	road := TransportConfig{Mode: e.ProxyMode, Proxy: e.Proxy, Hosts: e.Hosts}
	return road.Validate()
}

// MarshalJSON writes the settings with durations in milliseconds and without
// the password of the proxy.
func (e Env) MarshalJSON() ([]byte, error) {
	shown := storedEnvOf(e)
	shown.Proxy = redactURL(e.Proxy)
	return json.Marshal(shown)
}

// String returns the settings as JSON, without the password of the proxy.
func (e Env) String() string {
	text, err := json.Marshal(e)
	if err != nil {
		return "Env(" + err.Error() + ")"
	}
	return string(text)
}

// GoString returns what String returns, so that %#v shows no password.
func (e Env) GoString() string { return e.String() }

// storedEnv is the form in which settings are kept.
type storedEnv struct {
	ProxyMode         ProxyMode `json:"proxy_mode"`
	Proxy             string    `json:"proxy,omitempty"`
	Hosts             HostTable `json:"hosts,omitempty"`
	TimeoutMS         int64     `json:"timeout_ms"`
	ConcurrencyNumber int       `json:"concurrency_number"`
	IntervalTimeMS    int64     `json:"interval_time_ms"`
	Increment         bool      `json:"increment"`
	BandwidthLimit    int64     `json:"bandwidth_limit,omitempty"`
	DailyCap          int       `json:"daily_cap,omitempty"`
	QuietHours        string    `json:"quiet_hours,omitempty"`
}

func storedEnvOf(e Env) storedEnv {
	return storedEnv{
		ProxyMode:         e.ProxyMode,
		Proxy:             e.Proxy,
		Hosts:             e.Hosts,
		TimeoutMS:         e.Timeout.Milliseconds(),
		ConcurrencyNumber: e.ConcurrencyNumber,
		IntervalTimeMS:    e.IntervalTime.Milliseconds(),
		Increment:         e.Increment,
		BandwidthLimit:    e.BandwidthLimit,
		DailyCap:          e.DailyCap,
		QuietHours:        e.QuietHours,
	}
}

func (s storedEnv) env() Env {
	return Env{
		ProxyMode:         s.ProxyMode,
		Proxy:             s.Proxy,
		Hosts:             s.Hosts,
		Timeout:           time.Duration(s.TimeoutMS) * time.Millisecond,
		ConcurrencyNumber: s.ConcurrencyNumber,
		IntervalTime:      time.Duration(s.IntervalTimeMS) * time.Millisecond,
		Increment:         s.Increment,
		BandwidthLimit:    s.BandwidthLimit,
		DailyCap:          s.DailyCap,
		QuietHours:        s.QuietHours,
	}
}

func redactURL(text string) string {
	address, err := url.Parse(text)
	if err != nil {
		return "(unreadable)"
	}
	return address.Redacted()
}
