package cli

import (
	"log/slog"
	"time"
)

// logger returns the logger of the kernel and the store: text lines on
// standard error.
func (a *app) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.console, &slog.HandlerOptions{
		Level: a.set.logLevel,
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if attr.Key == slog.TimeKey && len(groups) == 0 {
				return slog.String(slog.TimeKey, attr.Value.Time().Format(time.TimeOnly))
			}
			return attr
		},
	}))
}
