package restapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc"
)

// streams counts the readers of events.
type streams struct {
	mu   sync.Mutex
	open int
}

func (s *streams) enter(most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= most {
		return false
	}
	s.open++
	return true
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// stream writes events to one reader.
type stream struct {
	api        *API
	w          http.ResponseWriter
	controller *http.ResponseController
	reached    uint64
}

// streamEvents sends a snapshot and then every change, as server-sent events
// (WHATWG HTML, section 9.2). A reader that comes back with Last-Event-ID gets
// what it missed, or a new snapshot when that is not to be had.
//
// Each write has its own deadline: a reader that stops reading is dropped, and
// nobody ever waits for it but this request.
func (a *API) streamEvents(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		w.Header().Set("Content-Type", "text/event-stream")
		return nil
	}
	if err := query(r).check(); err != nil {
		return err
	}
	if !a.streams.enter(a.config.MaxStreams) {
		return &problem{Status: http.StatusServiceUnavailable, word: "too_many_streams", Title: "Too many readers of events", retryAfter: a.config.Heartbeat}
	}
	defer a.streams.leave()
	s := &stream{api: a, w: w, controller: http.NewResponseController(w)}
	// The whole request may take for ever; only writes have deadlines.
	_ = s.controller.SetReadDeadline(time.Time{})
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // proxies hold nothing back
	w.WriteHeader(http.StatusOK)
	// A stream has begun, so an error from here on ends it and nothing else.
	if s.write([]byte("retry: 3000\n\n")) == nil {
		s.run(r)
	}
	return nil
}

func (s *stream) run(r *http.Request) {
	ctx, who := r.Context(), callerOf(r)
	seq, known := s.api.feed.reached(r.Header.Get("Last-Event-ID"))
	s.reached = seq
	heartbeat := time.NewTicker(s.api.config.Heartbeat)
	defer heartbeat.Stop()
	for {
		var events []entry
		var more <-chan struct{}
		if known {
			events, known, more = s.api.feed.after(s.reached)
		}
		switch {
		case !known:
			if s.snapshot(ctx) != nil {
				return
			}
			known = true
			continue
		case len(events) > 0:
			if s.send(events) != nil {
				return
			}
			continue
		case more == nil:
			return // the server closes
		}
		select {
		case <-more:
		case <-heartbeat.C:
			// A session that ended meanwhile ends its streams.
			if s.api.recognise(r, &who) != nil || !who.account.May("read") || s.write([]byte(": alive\n\n")) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// snapshot sends the whole state.
func (s *stream) snapshot(ctx context.Context) error {
	for event := range s.api.client.Events(ctx) {
		body, err := json.Marshal(event)
		if err != nil {
			return err
		}
		s.reached = event.Seq
		return s.write(s.frame(nil, entry{event.Seq, event.Kind, body}))
	}
	return pixivoc.ErrClosed
}

func (s *stream) send(events []entry) error {
	const atOnce = 64 // so that the deadline is for a bounded piece
	for len(events) > 0 {
		part := events[:min(atOnce, len(events))]
		var text []byte
		for _, event := range part {
			text = s.frame(text, event)
		}
		if err := s.write(text); err != nil {
			return err
		}
		s.reached = part[len(part)-1].seq
		events = events[len(part):]
	}
	return nil
}

// frame appends an event. Its JSON has no line breaks.
func (s *stream) frame(text []byte, event entry) []byte {
	out := bytes.NewBuffer(text)
	fmt.Fprintf(out, "id: %s\nevent: %s\ndata: %s\n\n", s.api.feed.id(event.seq), event.kind, event.body)
	return out.Bytes()
}

func (s *stream) write(text []byte) error {
	if err := s.controller.SetWriteDeadline(time.Now().Add(s.api.config.StreamTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return s.controller.Flush()
}
