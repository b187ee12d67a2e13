package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/pixivoc/pixivoc"
)

// meters count for /metrics.
type meters struct {
	client  pixivoc.Client
	logger  *slog.Logger
	set     *metrics.Set
	sources []func(w io.Writer) // further counters, of single doors
}

func newMeters(client pixivoc.Client, logger *slog.Logger) *meters {
	return &meters{client: client, logger: logger, set: metrics.NewSet()}
}

// countRequest counts an answer. There are few doors and few statuses, so few
// series.
func (m *meters) countRequest(door string, status int, took time.Duration) {
	labels := fmt.Sprintf(`{door=%q,code="%s"}`, door, strconv.Itoa(status))
	m.set.GetOrCreateCounter("pixivoc_http_requests_total" + labels).Inc()
	m.set.GetOrCreatePrometheusHistogram(fmt.Sprintf(`pixivoc_http_request_seconds{door=%q}`, door)).Update(took.Seconds())
}

// follow counts what the kernel tells until ctx ends.
func (m *meters) follow(ctx context.Context) {
	done := m.set.NewCounter(`pixivoc_items_total{outcome="done"}`)
	failed := m.set.NewCounter(`pixivoc_items_total{outcome="failed"}`)
	over := m.set.NewCounter("pixivoc_tasks_over_total")
	pauses := m.set.NewCounter("pixivoc_rate_limited_total")
	lost := m.set.NewCounter("pixivoc_events_lost_total")
	for event := range m.client.Events(ctx) {
		switch event.Kind {
		case pixivoc.EventItemDone:
			done.Inc()
		case pixivoc.EventItemFailed:
			failed.Inc()
		case pixivoc.EventTaskOver:
			over.Inc()
		case pixivoc.EventLimited:
			if event.Why == pixivoc.LimitRate && !event.Until.IsZero() {
				pauses.Inc()
			}
		case pixivoc.EventLost:
			lost.Inc()
		}
	}
}

// write writes everything in the Prometheus text format.
func (m *meters) write(ctx context.Context, w io.Writer) {
	states := map[pixivoc.State]uint64{
		pixivoc.StateWaitStart: 0, pixivoc.StateQueued: 0, pixivoc.StateWaitToken: 0, pixivoc.StateDownloading: 0,
		pixivoc.StateDiskFull: 0, pixivoc.StateStopped: 0, pixivoc.StateScheduled: 0, pixivoc.StateOver: 0, pixivoc.StateError: 0,
	}
	var speed int64
	for info, err := range m.client.Tasks(ctx) {
		if err != nil {
			m.logger.Warn("tasks cannot be counted", "error", err)
			break
		}
		states[info.State]++
		speed += info.Speed
	}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		metrics.WriteGaugeUint64(w, fmt.Sprintf(`pixivoc_tasks{state=%q}`, state), states[state])
	}
	metrics.WriteGaugeFloat64(w, "pixivoc_download_bytes_per_second", float64(speed))
	loggedIn := uint64(0)
	if _, err := m.client.Account(); err == nil {
		loggedIn = 1
	}
	metrics.WriteGaugeUint64(w, "pixivoc_logged_in", loggedIn)
	for _, source := range m.sources {
		source(w)
	}
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}
