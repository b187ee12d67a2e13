package daemon

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"

	"github.com/VictoriaMetrics/metrics"

	"github.com/pixivoc/pixivoc/internal/credential"
	"github.com/pixivoc/pixivoc/server/socketapi"
)

// openSocket makes the door of PixivOC's socket. On loopback it wants no
// login, as old clients know none; elsewhere each client must send a token.
func openSocket(v *services, secret *certificate, isOpen bool) (*socketapi.Server, error) {
	config := socketapi.Config{
		MaxClients:                v.settings.MaxSocketClients,
		MaxOpenTasks:              v.settings.MaxOpenTasks,
		SaveRoots:                 v.settings.SaveRoots,
		DangerousOpenToTheNetwork: v.settings.WithoutTLS,
		Logger:                    v.logger,
	}
	if v.settings.SocketExit {
		config.Exit = v.exit
	}
	if isOpen {
		config.Authenticate = func(ctx context.Context, token string, remote netip.Addr) (socketapi.Rights, error) {
			return authenticate(ctx, v.book, token, remote)
		}
		if secret != nil {
			config.TLS = secret.config()
		}
	}
	server, err := socketapi.New(v.client, config)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	return server, nil
}

// authenticate returns the rights of a client of the socket. A password is
// looked at once for each connection; later it matters whether it was changed.
func authenticate(ctx context.Context, book *credential.Book, secret string, remote netip.Addr) (socketapi.Rights, error) {
	account, err := recognise(ctx, book, secret, remote)
	if err != nil {
		return socketapi.Rights{}, err
	}
	rights, err := rightsOf(account)
	if isPassword(secret) {
		rights.Renew = func(context.Context) (socketapi.Rights, error) {
			now, err := book.Renew(account)
			if err != nil {
				return socketapi.Rights{}, err
			}
			return rightsOf(now)
		}
	}
	return rights, err
}

func rightsOf(account credential.Account) (socketapi.Rights, error) {
	if !account.May(credential.ScopeRead) {
		return socketapi.Rights{}, credential.ErrWrong
	}
	return socketapi.Rights{Control: account.May(credential.ScopeControl), Admin: account.May(credential.ScopeAdmin)}, nil
}

// meterSocket returns a source of the socket's counters.
func meterSocket(server *socketapi.Server) func(io.Writer) {
	return func(w io.Writer) {
		n := server.Counters()
		metrics.WriteGaugeUint64(w, "pixivoc_socket_clients", uint64(max(n.Clients, 0)))
		metrics.WriteCounterUint64(w, "pixivoc_socket_connections_total", n.Connections)
		metrics.WriteCounterUint64(w, "pixivoc_socket_refused_total", n.Refused)
		metrics.WriteCounterUint64(w, `pixivoc_socket_frames_total{direction="in"}`, n.FramesIn)
		metrics.WriteCounterUint64(w, `pixivoc_socket_frames_total{direction="out"}`, n.FramesOut)
		for _, reason := range slices.Sorted(maps.Keys(n.Void)) {
			metrics.WriteCounterUint64(w, fmt.Sprintf(`pixivoc_socket_void_total{reason=%q}`, reason), n.Void[reason])
		}
		for _, reason := range slices.Sorted(maps.Keys(n.Closed)) {
			metrics.WriteCounterUint64(w, fmt.Sprintf(`pixivoc_socket_closed_total{reason=%q}`, reason), n.Closed[reason])
		}
	}
}
