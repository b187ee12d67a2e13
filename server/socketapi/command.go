package socketapi

import (
	"context"
	"errors"

	"github.com/pixivoc/pixivoc"
)

// answer is what a command comes to.
type answer struct {
	content any
	// void, when not empty, drops the request without a reply.
	void VoidReason
	// after is called when the reply was written.
	after func()
}

// command is one of PixivOC's commands.
type command struct {
	run func(ctx context.Context, r *request) answer
	// mayRun says whether the client has the right to. login says that somebody
	// must be logged in.
	mayRun func(Rights) bool
	login  bool
	// refusal is the content of the reply to a client without the right; nil
	// means no reply.
	refusal any
}

func anybody(Rights) bool         { return true }
func mayControl(r Rights) bool    { return r.Control }
func mayAdminister(r Rights) bool { return r.Admin }

// refusedTask is the reply to a task that is not added.
func refusedTask() any { return []any{false, []any{}} }

// pleaseLogIn is the reply to what needs a login, in PixivOC's words (socket
// server of 2020-06-07).
func pleaseLogIn() any { return []any{false, "Please login."} }

// dispatch does what a request asks for.
func (s *session) dispatch(ctx context.Context, r *request) answer {
	if isExtension(r.command) {
		return s.extension(ctx, r)
	}
	c, known := s.command(Command(r.command))
	switch {
	case !known:
		return answer{void: VoidUnknownCommand}
	case !c.mayRun(s.identity.may()) && c.refusal == nil:
		return answer{void: VoidNoRight}
	case !c.mayRun(s.identity.may()):
		return answer{content: c.refusal}
	case c.login && !s.isLoggedIn():
		return answer{content: pleaseLogIn()}
	}
	return c.run(ctx, r)
}

func (s *session) command(number Command) (c command, known bool) {
	switch number {
	case CommandExit:
		return command{s.exit, mayAdminister, false, nil}, true
	case CommandLogin:
		return command{s.login, mayAdminister, false, false}, true
	case CommandLogout:
		return command{s.logout, mayAdminister, false, false}, true
	case CommandIsLogin:
		return command{s.answerIsLogin, anybody, false, nil}, true
	case CommandSetProxyMode:
		return command{s.setProxyMode, mayAdminister, false, false}, true
	case CommandSetTimeout:
		return command{s.setTimeout, mayAdminister, false, false}, true
	case CommandSetConcurrencyNumber:
		return command{s.setConcurrencyNumber, mayAdminister, false, false}, true
	case CommandSetIntervalTime:
		return command{s.setIntervalTime, mayAdminister, false, false}, true
	case CommandSetIncrement:
		return command{s.setIncrement, mayAdminister, false, false}, true
	case CommandGetEnvironment:
		return command{s.environment, anybody, false, nil}, true
	case CommandStartTask:
		return command{s.startTask, mayControl, true, false}, true
	case CommandStopTask:
		return command{s.stopTask, mayControl, true, false}, true
	case CommandDeleteTask:
		return command{s.deleteTask, mayControl, true, false}, true
	case CommandTaskDetails:
		return command{s.taskDetails, anybody, false, nil}, true
	case CommandAllTaskDetails:
		return command{s.allTaskDetails, anybody, false, nil}, true
	case CommandAddWorkDetailsTask, CommandAddSingleWorkTask, CommandAddUserWorksLinkTask, CommandAddUserWorksTask:
		return command{s.addTask, mayControl, true, refusedTask()}, true
	}
	return command{}, false
}

func (s *session) client() pixivoc.Client { return s.service.server.client }

func (s *session) exit(context.Context, *request) answer {
	exit := s.service.server.config.Exit
	if exit == nil {
		return answer{void: VoidNoRight}
	}
	s.log.Info("exit requested by a client")
	return answer{content: true, after: exit}
}

func (s *session) isLoggedIn() bool {
	_, err := s.client().Account()
	return err == nil
}

func (s *session) answerIsLogin(context.Context, *request) answer {
	return answer{content: s.isLoggedIn()}
}

// login begins a login; its outcome is report 2. It is refused while several
// are under way.
func (s *session) login(_ context.Context, r *request) answer {
	grant := s.service.server.config.Grant(r.account, r.password)
	begun := s.service.login(grant, func(pixivoc.Account, error) {})
	return answer{content: begun}
}

// login trades a grant in the background and then calls done. It is false when
// too many logins are under way.
func (v *service) login(grant pixivoc.Grant, done func(pixivoc.Account, error)) bool {
	if v.logins.Add(1) > maxLogins {
		v.logins.Add(-1)
		return false
	}
	v.spawn(func(ctx context.Context) {
		defer v.logins.Add(-1)
		ctx, cancel := context.WithTimeout(ctx, loginTimeout)
		defer cancel()
		account, err := v.server.client.Login(ctx, grant)
		if err != nil {
			v.server.config.Logger.Warn("login for a client", "error", err)
		}
		if errors.Is(err, pixivoc.ErrState) || errors.Is(err, pixivoc.ErrClosed) {
			v.hub.loginFailed()
		}
		done(account, err)
	})
	return true
}

func (s *session) logout(ctx context.Context, _ *request) answer {
	hub := s.service.hub
	hub.expectLogout(1)
	had, err := s.client().Logout(ctx)
	if err != nil {
		hub.expectLogout(-1)
		s.log.Error("logout", "error", err)
	}
	return answer{content: had && err == nil}
}
