package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"sync/atomic"

	"github.com/pixivoc/pixivoc"
	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/internal/guard"
)

// health answers those that watch over the daemon.
type health struct {
	store pixivoc.SettingStore
	// ready is true from the moment all doors answer until the end begins.
	ready atomic.Bool
}

// openOwn makes the door of the daemon itself: /healthz, /readyz and, when it
// is switched on, /metrics.
func openOwn(v *services, h *health, m *meters) *httpDoor {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", h.alive)
	mux.HandleFunc("GET /readyz", h.answer)
	prefixes := []string{"healthz", "readyz"}
	if m != nil {
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, v.book) })
		prefixes = append(prefixes, "metrics")
	}
	wrapped := guard.New(guard.Config{Hosts: v.settings.AllowedHosts, Origins: v.settings.AllowedOrigins}).Wrap(mux)
	return &httpDoor{name: "health", path: "/readyz", prefixes: prefixes, handler: wrapped}
}

// alive says that the process serves requests.
func (h *health) alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n")
}

// answer says whether the daemon can work: all doors are open and the store
// can be read.
func (h *health) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !h.ready.Load() {
		http.Error(w, "starting or ending", http.StatusServiceUnavailable)
		return
	}
	if err := h.readStore(r.Context()); err != nil {
		http.Error(w, "the store cannot be read", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

func (h *health) readStore(ctx context.Context) error {
	_, err := h.store.Setting(ctx, "ready")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// serve answers /metrics to accounts that may read.
func (m *meters) serve(w http.ResponseWriter, r *http.Request, book *credential.Book) {
	account, err := caller(r, book)
	if err != nil {
		refuseCaller(w, err)
		return
	}
	if !account.May(credential.ScopeRead) {
		http.Error(w, "this account may not read", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	m.write(r.Context(), w)
}
