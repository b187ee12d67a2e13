package pixivoc

import "time"

// EventKind says what an Event tells.
type EventKind string

// The kinds of events.
const (
	// EventSnapshot is the first event of every subscription, and the one
	// after EventLost: Tasks, Env and Account hold the whole state.
	EventSnapshot EventKind = "snapshot"
	// EventLost says that the reader was too slow and missed events; a
	// snapshot follows.
	EventLost EventKind = "lost"
	// EventTaskCreated, EventTaskChanged and EventTaskOver carry Task. Changes
	// that only count up are reported at most a few times a second.
	EventTaskCreated EventKind = "task_created"
	EventTaskChanged EventKind = "task_changed"
	EventTaskOver    EventKind = "task_over"
	// EventTaskDeleted carries a Task of which only TID and TaskName are set.
	EventTaskDeleted EventKind = "task_deleted"
	// EventItemFailed carries Task and Item: an item that can never be done.
	EventItemFailed EventKind = "item_failed"
	// EventItemDone carries Task and Item: an item that was done.
	EventItemDone EventKind = "item_done"
	// EventEnv carries Env: the environment was changed.
	EventEnv EventKind = "env_changed"
	// EventToken carries TokenOK and, after a success, Account: a login, a
	// refresh or a logout ended.
	EventToken EventKind = "token_changed"
	// EventLimited carries Why and Until: requests wait until then. A zero
	// Until says that such a wait ended before its time.
	EventLimited EventKind = "rate_limited"
	// EventAccount carries Error: the site finds fault with the account, and
	// all tasks were stopped; see AccountError.
	EventAccount EventKind = "account_trouble"
)

// Event tells one change. Which fields are set depends on Kind.
type Event struct {
	// Seq rises by one with each event of a client; a snapshot carries the
	// Seq of the last event that it includes.
	Seq     uint64      `json:"seq"`
	At      time.Time   `json:"at"`
	Kind    EventKind   `json:"kind"`
	Task    TaskInfo    `json:"task,omitzero"`
	Item    *ItemStatus `json:"item,omitempty"`
	Tasks   []TaskInfo  `json:"tasks,omitempty"`
	Env     *Env        `json:"env,omitempty"`
	TokenOK bool        `json:"token_ok,omitempty"`
	Account *Account    `json:"account,omitempty"`
	Until   time.Time   `json:"until,omitzero"`
	Why     LimitReason `json:"why,omitempty"`
	Error   string      `json:"error,omitempty"`
}
