package socketapi

import (
	"maps"
	"sync"
)

// VoidReason says why a frame was dropped without a reply. The connection
// stays open.
type VoidReason string

// The reasons.
const (
	VoidEmpty           VoidReason = "empty"           // length 0
	VoidNotUTF8         VoidReason = "not_utf8"        // or half of a surrogate pair
	VoidNotJSON         VoidReason = "not_json"        //
	VoidNotObject       VoidReason = "not_object"      //
	VoidTooDeep         VoidReason = "too_deep"        // more than 64 levels
	VoidTooManyKeys     VoidReason = "too_many_keys"   // more than 64
	VoidDuplicateKey    VoidReason = "duplicate_key"   //
	VoidMissingKey      VoidReason = "missing_key"     // one of the 14
	VoidWrongType       VoidReason = "wrong_type"      // a value of one of the 14
	VoidBadNumber       VoidReason = "bad_number"      // the IdentificationNumber
	VoidUnknownCommand  VoidReason = "unknown_command" //
	VoidUnauthenticated VoidReason = "unauthenticated" // no token yet
	VoidNoRight         VoidReason = "no_right"        // Exit without the right to, or switched off
	VoidInternal        VoidReason = "internal"        // the answer could not be had; see the log
)

// CloseReason says why a connection was closed.
type CloseReason string

// The reasons. After all but the first two the client may have lost a reply.
const (
	ClosedByClient        CloseReason = "client"          // it closed between two frames
	ClosedShutdown        CloseReason = "shutdown"        // the server ends
	ClosedLost            CloseReason = "lost"            // the network failed, or the client left inside a frame
	ClosedNegativeLength  CloseReason = "negative_length" //
	ClosedTooLong         CloseReason = "too_long"        // a frame above Config.MaxFrame
	ClosedHTTPHead        CloseReason = "http_head"       // an HTTP request in place of a frame
	ClosedTLSHead         CloseReason = "tls_head"        // a TLS hello on a plain listener
	ClosedTLSFailed       CloseReason = "tls_failed"      // the TLS handshake came to nothing
	ClosedFrameTimeout    CloseReason = "frame_timeout"   // a frame was begun and not completed
	ClosedSlow            CloseReason = "slow"            // the client does not read
	ClosedSilent          CloseReason = "silent"          // gave its place to another, having said nothing
	ClosedUnauthenticated CloseReason = "unauthenticated" // no token in time
	ClosedWrongToken      CloseReason = "wrong_token"     //
	ClosedPanic           CloseReason = "panic"           // see the log
)

// Counters is what a Server has seen since it was made.
type Counters struct {
	// Clients is the number of connections now.
	Clients int `json:"clients"`
	// Connections counts those that were taken in, Refused those that were
	// closed at once because there was no place.
	Connections uint64 `json:"connections"`
	Refused     uint64 `json:"refused"`
	// FramesIn counts frames that were received whole, FramesOut those that
	// were written.
	FramesIn  uint64 `json:"frames_in"`
	FramesOut uint64 `json:"frames_out"`
	// Void counts frames without a reply, Closed connections that ended.
	Void   map[VoidReason]uint64  `json:"void"`
	Closed map[CloseReason]uint64 `json:"closed"`
}

// tally counts for a Server.
type tally struct {
	mu sync.Mutex
	n  Counters
}

func (t *tally) snapshot() Counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.n
	n.Void, n.Closed = maps.Clone(n.Void), maps.Clone(n.Closed)
	return n
}

func (t *tally) connected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.Connections++
	t.n.Clients++
}

func (t *tally) disconnected(reason CloseReason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.Clients--
	t.n.Closed[reason]++
}

func (t *tally) refused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.Refused++
}

func (t *tally) received() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.FramesIn++
}

func (t *tally) sent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.FramesOut++
}

func (t *tally) void(reason VoidReason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.Void[reason]++
}
