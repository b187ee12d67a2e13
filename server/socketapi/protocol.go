package socketapi

import (
	"encoding/json"

	"github.com/pixivoc/pixivoc"
)

// Command is the number of a command. Those below 1000 are PixivOC's (socket
// server of 2020-06-07).
type Command int64

// PixivOC's commands.
const (
	CommandExit                 Command = 0
	CommandLogin                Command = 1
	CommandLogout               Command = 2
	CommandIsLogin              Command = 3
	CommandSetProxyMode         Command = 4
	CommandSetTimeout           Command = 5
	CommandSetConcurrencyNumber Command = 6
	CommandSetIntervalTime      Command = 7
	CommandSetIncrement         Command = 8
	CommandGetEnvironment       Command = 9
	CommandStartTask            Command = 11
	CommandStopTask             Command = 12
	CommandDeleteTask           Command = 13
	CommandTaskDetails          Command = 14
	CommandAllTaskDetails       Command = 15
	CommandAddWorkDetailsTask   Command = 101
	CommandAddSingleWorkTask    Command = 102
	CommandAddUserWorksLinkTask Command = 103
	CommandAddUserWorksTask     Command = 104
)

// The commands that only new clients send. The package comment says what they
// take and give.
const (
	CommandHello        Command = 1000
	CommandAuthenticate Command = 1001
	CommandCreate       Command = 1002
	CommandSubscribe    Command = 1003
	CommandItems        Command = 1004
	CommandRecords      Command = 1005
	CommandTask         Command = 1006
	CommandTasks        Command = 1007
	CommandStart        Command = 1008
	CommandStop         Command = 1009
	CommandDelete       Command = 1010
	CommandTypes        Command = 1011
	CommandGroups       Command = 1012
	CommandAccount      Command = 1013
	CommandLoginGrant   Command = 1014
	CommandEnv          Command = 1015
	CommandUpdateEnv    Command = 1016
	CommandInput        Command = 1017
	CommandCountRecords Command = 1018
	CommandAddArchive   Command = 1019
	CommandArchive      Command = 1020
	CommandArchived     Command = 1021
	CommandChange       Command = 1022
	CommandReopen       Command = 1023
)

const firstExtension = int64(CommandHello)

func isExtension(command int64) bool { return command >= firstExtension }

// SendType says what a message from the server is.
type SendType int

// PixivOC's send types. It withdrew TaskStatusChange (13) before its last
// socket version and never sent TaskListUpdate (15); neither is sent here.
const (
	SendReply             SendType = 1
	SendTokenStatusChange SendType = 2
	SendCreateTask        SendType = 11
	SendDeleteTask        SendType = 12
	SendTaskOver          SendType = 14
)

// The send types that only clients get which asked for them.
const (
	// SendEvent has an event of the kernel; see CommandSubscribe.
	SendEvent SendType = 1003
	// SendLoginOver tells the outcome of a CommandLoginGrant.
	SendLoginOver SendType = 1014
)

// ProtocolVersion is the version of the new commands.
const ProtocolVersion = 1

// Greeting is what CommandHello answers.
type Greeting struct {
	Server   string `json:"server"`   // "pixivoc"
	Protocol int    `json:"protocol"` // ProtocolVersion
	// Authenticated is false while a token is wanted.
	Authenticated bool `json:"authenticated"`
	// Control and Admin are what the connection may do; see Rights.
	Control bool `json:"control"`
	Admin   bool `json:"admin"`
	// MaxFrame is the greatest length of a request's body in bytes.
	MaxFrame int `json:"max_frame"`
}

// TaskType describes a task type that can be created.
type TaskType struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
	Title   string   `json:"title"`
	Files   bool     `json:"files"` // saves files and so has a save path
	Stages  []string `json:"stages"`
}

// Settings is the environment as the new commands carry it. The password of
// the proxy is never sent to a client.
type Settings struct {
	ProxyMode         pixivoc.ProxyMode `json:"proxy_mode"`
	Proxy             string            `json:"proxy,omitempty"`
	Hosts             pixivoc.HostTable `json:"hosts,omitempty"`
	TimeoutMS         int64             `json:"timeout_ms"`
	ConcurrencyNumber int               `json:"concurrency_number"`
	IntervalTimeMS    int64             `json:"interval_time_ms"`
	Increment         bool              `json:"increment"`
	BandwidthLimit    int64             `json:"bandwidth_limit,omitempty"`
	DailyCap          int               `json:"daily_cap,omitempty"`
	QuietHours        string            `json:"quiet_hours,omitempty"`
}

// SettingsPatch names the settings to change; nil keeps a setting.
type SettingsPatch struct {
	ProxyMode         *pixivoc.ProxyMode `json:"proxy_mode,omitempty"`
	Proxy             *string            `json:"proxy,omitempty"`
	Hosts             *pixivoc.HostTable `json:"hosts,omitempty"`
	TimeoutMS         *int64             `json:"timeout_ms,omitempty"`
	ConcurrencyNumber *int               `json:"concurrency_number,omitempty"`
	IntervalTimeMS    *int64             `json:"interval_time_ms,omitempty"`
	Increment         *bool              `json:"increment,omitempty"`
	BandwidthLimit    *int64             `json:"bandwidth_limit,omitempty"`
	DailyCap          *int               `json:"daily_cap,omitempty"`
	QuietHours        *string            `json:"quiet_hours,omitempty"`
}

// outcome is the content of a reply to a new command.
type outcome struct {
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// Arguments of the new commands.
type (
	createArguments struct {
		Type     string          `json:"type"`
		Name     string          `json:"name"`
		Keyword  string          `json:"keyword,omitempty"`
		SavePath string          `json:"save_path,omitempty"`
		Group    string          `json:"group,omitempty"`
		Options  json.RawMessage `json:"options,omitempty"`
		Key      string          `json:"key,omitempty"`
		Input    bool            `json:"input,omitempty"`

		Schedule       string `json:"schedule,omitempty"`
		BandwidthLimit int64  `json:"bandwidth_limit,omitempty"`
	}
	subscribeArguments struct {
		Events bool `json:"events"`
		Items  bool `json:"items,omitempty"`
	}
	itemsArguments struct {
		TID   int64             `json:"tid"`
		Stage string            `json:"stage,omitempty"`
		State pixivoc.ItemState `json:"state,omitempty"`
		After int64             `json:"after,omitempty"`
		Limit int               `json:"limit,omitempty"`
	}
	recordsArguments struct {
		TID     int64  `json:"tid"`
		Kind    string `json:"kind,omitempty"`
		After   int64  `json:"after,omitempty"`
		Through int64  `json:"through,omitempty"`
		Limit   int    `json:"limit,omitempty"`
	}
	taskArguments struct {
		TID int64 `json:"tid"`
	}
	changeArguments struct {
		TID            int64   `json:"tid"`
		Schedule       *string `json:"schedule,omitempty"`
		BandwidthLimit *int64  `json:"bandwidth_limit,omitempty"`
	}
	deleteArguments struct {
		TID   int64 `json:"tid"`
		Files bool  `json:"files,omitempty"`
	}
	loginArguments struct {
		RefreshToken string `json:"refresh_token,omitempty"`
		Code         string `json:"code,omitempty"`
		Verifier     string `json:"verifier,omitempty"`
		Username     string `json:"username,omitempty"`
		Password     string `json:"password,omitempty"`
	}
	addArchiveArguments struct {
		Entries []pixivoc.ArchiveEntry `json:"entries"`
	}
	archiveArguments struct {
		After string `json:"after,omitempty"`
		Limit int    `json:"limit,omitempty"`
	}
	archivedArguments struct {
		Keys []string `json:"keys"`
	}
	inputArguments struct {
		Text  string `json:"text"`
		Reset bool   `json:"reset,omitempty"`
	}
)

// page is a part of a list; More says that there is another one after it.
type page[T any] struct {
	List []T  `json:"list"`
	More bool `json:"more"`
}

// recordCount is the result of CommandCountRecords.
type recordCount struct {
	Count int `json:"count"`
}

// archivedKeys is the result of CommandArchived.
type archivedKeys struct {
	Keys []string `json:"keys"`
}

// taskList is the result of CommandTasks. Events after the reply have a
// greater Seq.
type taskList struct {
	Seq   uint64             `json:"seq"`
	Tasks []pixivoc.TaskInfo `json:"tasks"`
}

// loginAttempt is the result of CommandLoginGrant.
type loginAttempt struct {
	Attempt int64 `json:"attempt"`
}

// loginOver is the content of SendLoginOver.
type loginOver struct {
	Attempt int64            `json:"attempt"`
	OK      bool             `json:"ok"`
	Account *pixivoc.Account `json:"account,omitempty"`
	Error   *Error           `json:"error,omitempty"`
}
