package restapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// feedLength is how many events can be sent again after a reconnect.
const feedLength = 1024

// entry is an event as it is sent.
type entry struct {
	seq  uint64
	kind pixivoc.EventKind
	body []byte
}

// feed keeps the last events of a client for readers that come back, encoded
// once for all of them. It also knows which tasks are open. A reader is no
// more than the Seq it has reached, so nobody waits for one.
type feed struct {
	// epoch tells the events of this process from those of another one, whose
	// Seq began anew.
	epoch string

	mu     sync.Mutex
	ring   []entry // rising by one, at most feedLength
	last   uint64  // the Seq of the last event, or of the snapshot before any
	more   chan struct{}
	closed bool
	// open are the tasks that wait to run or run, starting those of them whose
	// start no event has told yet, unfinished all that are not over.
	open, starting, unfinished map[int64]bool
}

func newFeed() *feed {
	return &feed{
		epoch: strconv.FormatInt(time.Now().UnixMilli(), 36),
		open:  map[int64]bool{}, starting: map[int64]bool{}, unfinished: map[int64]bool{},
	}
}

// follow takes up events until ctx is done or the client is shut down.
func (f *feed) follow(ctx context.Context, client pixivoc.Client) {
	defer f.close()
	for event := range client.Events(ctx) {
		f.take(event)
	}
}

func (f *feed) take(event pixivoc.Event) {
	body, err := json.Marshal(event)
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.wake()
	switch {
	case event.Kind == pixivoc.EventSnapshot:
		// The first one, or one after events were lost: what is in the ring
		// does not lead up to what comes.
		f.ring, f.last = nil, event.Seq
		clear(f.open)
		clear(f.starting)
		clear(f.unfinished)
		for _, info := range event.Tasks {
			f.count(info)
		}
		return
	case event.Kind == pixivoc.EventLost || err != nil:
		return
	case event.Kind == pixivoc.EventTaskDeleted:
		delete(f.open, event.Task.TID)
		delete(f.starting, event.Task.TID)
		delete(f.unfinished, event.Task.TID)
	case event.Task.TID != 0:
		f.count(event.Task)
	}
	if len(f.ring) == feedLength {
		f.ring = append(f.ring[:0:0], f.ring[feedLength/4:]...)
	}
	f.ring = append(f.ring, entry{event.Seq, event.Kind, body})
	f.last = event.Seq
}

// count keeps book of a task. The caller holds mu.
func (f *feed) count(info pixivoc.TaskInfo) {
	if f.unfinished[info.TID] = true; info.Over {
		delete(f.unfinished, info.TID)
	}
	switch info.State {
	case pixivoc.StateQueued, pixivoc.StateWaitToken, pixivoc.StateDownloading, pixivoc.StateDiskFull:
		f.open[info.TID] = true
	case pixivoc.StateWaitStart:
		if f.starting[info.TID] {
			return // the event is older than the start
		}
		delete(f.open, info.TID)
	default:
		delete(f.open, info.TID)
	}
	delete(f.starting, info.TID)
}

// made counts a new task before its event arrives, and one that is about to be
// started as open.
func (f *feed) made(tid int64, start bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unfinished[tid] = true
	if start {
		f.open[tid], f.starting[tid] = true, true
	}
}

// notStarted takes back that a task is about to be started.
func (f *feed) notStarted(tid int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, tid)
	delete(f.starting, tid)
}

// counts returns how many tasks wait to run or run, and how many are not over.
func (f *feed) counts() (open, unfinished int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open), len(f.unfinished)
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.wake()
}

// wake rouses the readers. The caller holds mu.
func (f *feed) wake() {
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

// after returns the events after seq. known is false when some of them are not
// to be had. With nothing new, more is closed when there is; it is nil when
// there will never be.
func (f *feed) after(seq uint64) (events []entry, known bool, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.last + 1
	if len(f.ring) > 0 {
		first = f.ring[0].seq
	}
	switch {
	case seq+1 < first:
		return nil, false, nil
	case seq < f.last:
		return f.ring[seq+1-first:], true, nil
	case f.closed:
		return nil, true, nil
	}
	if f.more == nil {
		f.more = make(chan struct{})
	}
	return nil, true, f.more
}

// id is the identifier of an event in the stream.
func (f *feed) id(seq uint64) string { return fmt.Sprintf("%s-%d", f.epoch, seq) }

// reached returns the Seq in an identifier of this process that is not of the
// future.
func (f *feed) reached(id string) (uint64, bool) {
	epoch, number, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	f.mu.Lock()
	defer f.mu.Unlock()
	return seq, epoch == f.epoch && err == nil && seq <= f.last
}
