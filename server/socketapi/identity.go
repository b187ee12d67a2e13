package socketapi

import (
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

// renewInterval is how often the rights of a connection are asked for again:
// nobody keeps for longer what was taken away.
const renewInterval = 15 * time.Second

// identity is what is known of who has a connection. The zero value is nobody.
type identity struct {
	mu     sync.Mutex
	known  bool
	token  string // that was shown, empty for whom none is wanted of
	rights Rights
	shown  uint64 // counts what was shown
}

// isKnown says whether the client is authenticated.
func (i *identity) isKnown() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.known
}

// may returns what the client may do.
func (i *identity) may() Rights {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rights
}

func (i *identity) set(token string, rights Rights) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.known, i.token, i.rights = true, token, rights
	i.shown++
}

// renew asks for the rights again. An error means that the client has none any
// more.
func (i *identity) renew(ask func(token string, rights Rights) (Rights, error)) error {
	i.mu.Lock()
	token, rights, shown := i.token, i.rights, i.shown
	i.mu.Unlock()
	if token == "" {
		return nil
	}
	now, err := ask(token, rights)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.shown != shown {
		return nil // another token was shown meanwhile
	}
	if now.Renew == nil {
		now.Renew = rights.Renew
	}
	i.rights = now
	return err
}

// renew asks what a client may do now that showed a token before. It is not
// counted as an attempt.
func (a *access) renew(ctx context.Context, token string, rights Rights, remote netip.Addr) (Rights, error) {
	if rights.Renew != nil {
		return rights.Renew(ctx)
	}
	return a.check(ctx, token, remote)
}

// keepRights ends the connection soon after its token became void, until ctx
// ends.
func (s *session) keepRights(ctx context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("panic while renewing rights", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			s.drop(ClosedPanic)
		}
	}()
	ticker := time.NewTicker(renewInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		err := s.identity.renew(func(token string, rights Rights) (Rights, error) {
			ctx, cancel := context.WithTimeout(ctx, s.service.server.config.AuthenticationTimeout)
			defer cancel()
			return s.service.server.access.renew(ctx, token, rights, s.remote)
		})
		if err != nil && ctx.Err() == nil {
			s.log.Warn("token is void now, connection closed")
			s.drop(ClosedWrongToken)
			return
		}
	}
}
