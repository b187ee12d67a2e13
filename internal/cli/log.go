package cli

import (
	"context"
	"log/slog"
	"time"
)

// logger returns the logger of the kernel and the store: text lines on
// standard error.
func (a *app) logger() *slog.Logger {
	var handler slog.Handler = slog.NewTextHandler(a.console, &slog.HandlerOptions{
		Level: a.set.logLevel,
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey && len(groups) == 0 {
				return slog.String(slog.TimeKey, attr.Value.Time().Format(time.TimeOnly))
			}
			return attr
		},
	})
	if a.set.given["log-level"] == "" {
		handler = untold{handler}
	}
	return slog.New(handler)
}

// untold lets only those lines pass that the display does not show anyway. Who
// asks for a log level gets all lines.
type untold struct{ slog.Handler }

func (h untold) Handle(ctx context.Context, record slog.Record) error {
	switch record.Message {
	case "item failed", "the site asks for a pause", "task gave up", "disk full, waiting for room":
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h untold) WithAttrs(attrs []slog.Attr) slog.Handler { return untold{h.Handler.WithAttrs(attrs)} }

func (h untold) WithGroup(name string) slog.Handler { return untold{h.Handler.WithGroup(name)} }
