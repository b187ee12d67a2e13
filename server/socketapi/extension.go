package socketapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pixivoc/pixivoc"
)

// extensionCommand is one of the new commands. Its result becomes JSON.
type extensionCommand struct {
	run    func(ctx context.Context, r *request) (result any, err error)
	mayRun func(Rights) bool
}

// extension serves a new command. Its replies are outcomes.
func (s *session) extension(ctx context.Context, r *request) answer {
	c, known := s.extensionCommand(Command(r.command))
	if !known {
		return answer{void: VoidUnknownCommand}
	}
	var result any
	err := error(&Error{Code: CodeForbidden, Message: "the connection has no right to do this"})
	if c.mayRun(s.identity.may()) {
		result, err = c.run(ctx, r)
	}
	var raw json.RawMessage
	if err == nil {
		raw, err = json.Marshal(result)
	}
	if err == nil {
		return answer{content: outcome{OK: true, Result: raw}}
	}
	e, known := failure(err)
	if !known {
		s.log.Error("serve a command", "command", r.command, "error", err)
	}
	return answer{content: outcome{Error: e}}
}

func (s *session) extensionCommand(number Command) (c extensionCommand, known bool) {
	switch number {
	case CommandHello, CommandAuthenticate:
		return extensionCommand{s.hello, anybody}, true
	case CommandCreate:
		return extensionCommand{s.createAny, mayControl}, true
	case CommandSubscribe:
		return extensionCommand{s.subscribe, anybody}, true
	case CommandItems:
		return extensionCommand{s.items, anybody}, true
	case CommandRecords:
		return extensionCommand{s.records, anybody}, true
	case CommandTask:
		return extensionCommand{s.task, anybody}, true
	case CommandTasks:
		return extensionCommand{s.tasks, anybody}, true
	case CommandStart:
		return extensionCommand{s.start, mayControl}, true
	case CommandReopen:
		return extensionCommand{s.reopen, mayControl}, true
	case CommandStop:
		return extensionCommand{s.stopAny, mayControl}, true
	case CommandDelete:
		return extensionCommand{s.deleteAny, mayControl}, true
	case CommandTypes:
		return extensionCommand{s.types, anybody}, true
	case CommandGroups:
		return extensionCommand{s.groups, anybody}, true
	case CommandAccount:
		return extensionCommand{s.account, anybody}, true
	case CommandLoginGrant:
		return extensionCommand{s.loginGrant, mayAdminister}, true
	case CommandEnv:
		return extensionCommand{s.env, anybody}, true
	case CommandUpdateEnv:
		return extensionCommand{s.patchEnv, mayAdminister}, true
	case CommandCountRecords:
		return extensionCommand{s.countRecords, anybody}, true
	case CommandChange:
		return extensionCommand{s.change, mayControl}, true
	case CommandAddArchive:
		return extensionCommand{s.addArchive, mayControl}, true
	case CommandArchive:
		return extensionCommand{s.archive, anybody}, true
	case CommandArchived:
		return extensionCommand{s.archived, anybody}, true
	case CommandInput:
		return extensionCommand{s.addInput, mayControl}, true
	}
	return extensionCommand{}, false
}

// arguments reads the arguments of a new command: a JSON object without
// unknown or repeated names, or nothing.
func arguments[T any](r *request) (T, error) {
	var to T
	if r.arguments == nil {
		return to, nil
	}
	if _, reason := readObject(r.arguments); reason != "" {
		return to, &Error{CodeInvalid, keyArguments, "not a plain object: " + string(reason)}
	}
	decoder := json.NewDecoder(bytes.NewReader(r.arguments))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&to)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return to, &Error{CodeInvalid, wrong.Field, "is a " + wrong.Value + ", which does not fit"}
	}
	if err != nil {
		return to, &Error{CodeInvalid, keyArguments, err.Error()}
	}
	return to, nil
}

func (s *session) hello(context.Context, *request) (any, error) {
	rights := s.identity.may()
	return Greeting{
		Server: "pixivoc", Protocol: ProtocolVersion, Authenticated: true,
		Control: rights.Control, Admin: rights.Admin, MaxFrame: s.service.server.config.MaxFrame,
	}, nil
}

func (s *session) subscribe(_ context.Context, r *request) (any, error) {
	in, err := arguments[subscribeArguments](r)
	if err != nil {
		return nil, err
	}
	var wants int32
	if in.Events {
		wants |= wantsEvents
	}
	if in.Items {
		wants |= wantsItems
	}
	s.wants.Store(wants)
	return nil, nil
}

func (s *session) types(context.Context, *request) (any, error) {
	list := []TaskType{}
	for _, kind := range s.client().Types() {
		entry := TaskType{Name: kind.Name, Aliases: kind.Aliases, Title: kind.Title, Files: kind.Files}
		for _, stage := range kind.Stages {
			entry.Stages = append(entry.Stages, stage.Stage.Name())
		}
		list = append(list, entry)
	}
	return list, nil
}

func (s *session) groups(ctx context.Context, _ *request) (any, error) {
	groups, err := s.client().Groups(ctx)
	if groups == nil {
		groups = []pixivoc.Group{}
	}
	return groups, err
}

func (s *session) account(context.Context, *request) (any, error) {
	return s.client().Account()
}

// loginGrant begins a login; SendLoginOver tells this client its outcome, and
// report 2 everybody.
func (s *session) loginGrant(_ context.Context, r *request) (any, error) {
	in, err := arguments[loginArguments](r)
	if err != nil {
		return nil, err
	}
	var grant pixivoc.Grant
	switch {
	case in.RefreshToken != "":
		grant = pixivoc.RefreshToken(in.RefreshToken)
	case in.Code != "":
		grant = pixivoc.AuthorizationCode(in.Code, in.Verifier)
	case in.Username != "":
		grant = pixivoc.Password(in.Username, in.Password)
	default:
		return nil, &Error{CodeInvalid, "refresh_token", "or code, or username is required"}
	}
	attempt := s.service.attempts.Add(1)
	if !s.service.login(grant, func(account pixivoc.Account, err error) { s.tellLogin(attempt, account, err) }) {
		return nil, &Error{Code: CodeBusy, Message: "too many logins are under way"}
	}
	return loginAttempt{attempt}, nil
}

// tellLogin tells the client that began a login how it ended.
func (s *session) tellLogin(attempt int64, account pixivoc.Account, err error) {
	over := loginOver{Attempt: attempt, OK: err == nil}
	if err == nil {
		over.Account = &account
	} else if e, known := failure(err); known {
		over.Error = e
	} else {
		over.Error = &Error{Code: CodeLogin, Message: err.Error()}
	}
	frame, err := encode(message{"S" + s.service.hub.number.next(), SendLoginOver, over})
	if err != nil {
		s.log.Error("make report", "error", err)
		return
	}
	if !s.out.report(frame) {
		s.drop(ClosedSlow)
	}
}

func (s *session) env(context.Context, *request) (any, error) {
	return s.client().Env(), nil // whose JSON is Settings
}

func (s *session) patchEnv(ctx context.Context, r *request) (any, error) {
	in, err := arguments[SettingsPatch](r)
	if err != nil {
		return nil, err
	}
	patch := pixivoc.EnvPatch{
		ProxyMode: in.ProxyMode, Proxy: in.Proxy, Hosts: in.Hosts,
		ConcurrencyNumber: in.ConcurrencyNumber, Increment: in.Increment,
		BandwidthLimit: in.BandwidthLimit, DailyCap: in.DailyCap, QuietHours: in.QuietHours,
	}
	if patch.Timeout, err = milliseconds("timeout_ms", in.TimeoutMS); err != nil {
		return nil, err
	}
	if patch.IntervalTime, err = milliseconds("interval_time_ms", in.IntervalTimeMS); err != nil {
		return nil, err
	}
	return s.client().UpdateEnv(ctx, patch)
}

func milliseconds(field string, n *int64) (*time.Duration, error) {
	if n == nil {
		return nil, nil
	}
	if *n < 0 || *n > pixivoc.MaxTimeout.Milliseconds() {
		return nil, &Error{CodeInvalid, field, fmt.Sprintf("%d is not between 0 and %d", *n, pixivoc.MaxTimeout.Milliseconds())}
	}
	return new(time.Duration(*n) * time.Millisecond), nil
}

func (s *session) addInput(_ context.Context, r *request) (any, error) {
	in, err := arguments[inputArguments](r)
	if err != nil {
		return nil, err
	}
	if in.Reset {
		s.input.close()
	}
	return nil, s.input.add(in.Text)
}

func (s *session) takeInput(wanted bool) (io.Reader, error) {
	if !wanted {
		return nil, nil
	}
	return s.input.open()
}
