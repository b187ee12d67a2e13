package webhook

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/pixivoc/pixivoc/internal/setting"
)

// What Options have where a number is 0.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultBackOff  = 5 * time.Second
	DefaultMaxQueue = 1000
	DefaultParallel = 8
)

const (
	// Tries is how often a message is sent before it is given up.
	Tries = 3
	// MaxBody bounds the body of a message, in bytes.
	MaxBody = 256 << 10
	// backOffFactor is how many times longer each pause is than the one before.
	backOffFactor = 6
	// maxToOne is how many messages are sent to one receiver at a time, so
	// that one which hangs does not hold up the others.
	maxToOne = 2
)

var (
	// ErrFull: too many messages wait. The message was not taken.
	ErrFull = errors.New("too many webhooks wait")
	// ErrMessage: the message is such that it can never be sent.
	ErrMessage = errors.New("bad message")
	// ErrClosed: the Sender was closed. The message was not taken.
	ErrClosed = errors.New("closed")
)

// Options make a Sender. The zero value is sane: messages are kept in memory,
// and signed with a random secret.
type Options struct {
	// Store keeps the messages that wait and the secret. Nil: they end with
	// the process.
	Store SettingStore
	// Prefix begins the names of the settings; "" means "webhook".
	Prefix string
	// Allow names receivers, as host:port of the address, that need not be on
	// the public internet.
	Allow []string
	// Secrets sign the messages: the one that counts, and while it is being
	// changed the one before. Each is "whsec_" and the base64 of 24 to 64
	// bytes. None: a random one is made and kept in Store.
	Secrets []string
	// Timeout bounds one try, from looking the name up to the end of the
	// answer.
	Timeout time.Duration
	// BackOff is the pause after the first try, about: it is spread by half of
	// it both ways. The next pause is six times as long.
	BackOff time.Duration
	// MaxQueue bounds the messages that wait, Parallel those being sent. With a
	// smaller MaxQueue than before some of what waited in Store may not be
	// found again.
	MaxQueue, Parallel int
	// Roots are the authorities that vouch for receivers; nil means those of
	// the system.
	Roots *x509.CertPool
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
	// Logger gets what was given up. Nil discards.
	Logger *slog.Logger
}

// OptionError refuses an option of Open.
type OptionError struct {
	Option string // as it is called in Options
	Err    error
}

// Error names the option and says what is wrong.
func (e *OptionError) Error() string { return e.Option + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OptionError) Unwrap() error { return e.Err }

// Sender sends messages. Make one with Open. All methods are safe for
// concurrent use.
type Sender struct {
	options Options
	log     *slog.Logger
	allow   map[string]bool
	keys    [][]byte
	secret  string
	queue   *queue
	client  *http.Client

	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	jobs   []*job         // oldest first
	busy   int            // jobs being sent
	toOne  map[string]int // the same, by receiver
	wake   chan struct{}
	closed bool
}

// job is a message on its way.
type job struct {
	message Message
	to      receiver
	tries   int
	due     time.Time
	sending bool
}

// Open makes a Sender and begins to send what an earlier one left. Close ends
// it.
func Open(ctx context.Context, options Options) (*Sender, error) {
	s := &Sender{options: options.complete(), allow: map[string]bool{}, toOne: map[string]int{}, wake: make(chan struct{}, 1)}
	s.log = s.options.Logger
	for _, text := range options.Allow {
		key, err := hostPort(text)
		if err != nil {
			return nil, &OptionError{"Allow", err}
		}
		s.allow[key] = true
	}
	s.queue = newQueue(s.options.Store, s.options.Prefix)
	if err := s.loadSecrets(ctx); err != nil {
		return nil, err
	}
	if err := s.loadJobs(ctx); err != nil {
		return nil, err
	}
	s.client = s.newClient()
	running, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.work.Go(func() { s.run(running) })
	return s, nil
}

// loadJobs takes up what an earlier Sender left.
func (s *Sender) loadJobs(ctx context.Context) error {
	messages, lost, err := s.queue.load(ctx, s.options.MaxQueue)
	if err != nil {
		return err
	}
	for _, m := range messages {
		to, err := parseReceiver(m.URL)
		if err != nil {
			lost = errors.Join(lost, fmt.Errorf("webhook %s: %w", m.ID, err), s.queue.remove(ctx, m.ID))
			continue
		}
		s.jobs = append(s.jobs, &job{message: m, to: to, due: time.Now()})
	}
	if lost != nil {
		s.log.Error("webhooks that waited are lost", "error", lost)
	}
	return nil
}

func (o Options) complete() Options {
	if o.Store == nil {
		o.Store = &setting.Memory{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Prefix = cmp.Or(o.Prefix, "webhook")
	o.Timeout = cmp.Or(max(o.Timeout, 0), DefaultTimeout)
	o.BackOff = cmp.Or(max(o.BackOff, 0), DefaultBackOff)
	o.MaxQueue = cmp.Or(max(o.MaxQueue, 0), DefaultMaxQueue)
	o.Parallel = cmp.Or(max(o.Parallel, 0), DefaultParallel)
	return o
}

// loadSecrets takes the secrets of the options, or the stored one, or makes
// one.
func (s *Sender) loadSecrets(ctx context.Context) (err error) {
	texts := s.options.Secrets
	if len(texts) == 0 {
		name, stored := s.options.Prefix+"/secret", ""
		if err := setting.Load(ctx, s.options.Store, name, &stored); err != nil {
			return err
		}
		if stored == "" {
			stored = NewSecret()
			if err := s.options.Store.SetSetting(ctx, name, fmt.Appendf(nil, "%q", stored)); err != nil {
				return fmt.Errorf("save %s: %w", name, err)
			}
		}
		texts = []string{stored}
	}
	s.secret = texts[0]
	if s.keys, err = parseSecrets(texts); err != nil {
		return &OptionError{"Secrets", err}
	}
	return nil
}

// Secret returns the secret that signs, in its written form, so that it can be
// given to whoever runs a receiver.
func (s *Sender) Secret() string { return s.secret }

// Check says what is wrong with the address of a receiver, as far as that can
// be told without asking anybody: nil, a *RefusedError, or another error. The
// address itself is in none of them.
func (s *Sender) Check(address string) error {
	to, err := parseReceiver(address)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(to.url.Hostname()); err == nil && !s.allow[to.key] && !isPublic(ip) {
		return &RefusedError{Receiver: to.key}
	}
	return nil
}

var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// Send takes a message: when it returns nil, the message is stored and will be
// sent, whatever happens to the process. It does not wait for the receiver. A
// message whose ID waits already changes nothing. The error is ErrMessage, with
// that of Check where it comes from there, ErrFull, ErrClosed, or the store's.
func (s *Sender) Send(ctx context.Context, m Message) error {
	if !validID.MatchString(m.ID) || len(m.Body) > MaxBody {
		return fmt.Errorf("webhook %.128q: %w: wrong id, or body of more than %d bytes", m.ID, ErrMessage, MaxBody)
	}
	if err := s.Check(m.URL); err != nil {
		return fmt.Errorf("webhook %s: %w: %w", m.ID, ErrMessage, err)
	}
	to, err := parseReceiver(m.URL)
	if err != nil {
		return fmt.Errorf("webhook %s: %w: %w", m.ID, ErrMessage, err)
	}
	j := &job{message: m, to: to, sending: true} // until it is stored
	if known, err := s.enter(j); known || err != nil {
		return err
	}
	if err := s.queue.add(ctx, m); err != nil {
		s.leave(j)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j.sending, j.due = false, time.Now()
	s.rouse()
	return nil
}

// enter puts a job into the list.
func (s *Sender) enter(j *job) (known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return false, ErrClosed
	case slices.ContainsFunc(s.jobs, func(each *job) bool { return each.message.ID == j.message.ID }):
		return true, nil
	case len(s.jobs) >= s.options.MaxQueue:
		return false, ErrFull
	}
	s.jobs = append(s.jobs, j)
	return false, nil
}

func (s *Sender) leave(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = slices.DeleteFunc(s.jobs, func(each *job) bool { return each == j })
}

// Waiting counts the messages that were taken and neither sent nor given up.
func (s *Sender) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.jobs)
}

// rouse wakes run. The caller holds mu.
func (s *Sender) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run starts jobs when they are due, until ctx is done.
func (s *Sender) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
		if next := s.start(ctx); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// start starts what is due and may run, and returns when the next job is due;
// the zero time when that depends on something else than time.
func (s *Sender) start(ctx context.Context) (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, j := range s.jobs {
		switch {
		case j.sending || s.busy >= s.options.Parallel || s.toOne[j.to.key] >= maxToOne:
		case j.due.After(now):
			if next.IsZero() || j.due.Before(next) {
				next = j.due
			}
		default:
			j.sending = true
			s.busy++
			s.toOne[j.to.key]++
			s.work.Go(func() { s.try(ctx, j) })
		}
	}
	return next
}

// try sends a job once and decides what becomes of it.
func (s *Sender) try(ctx context.Context, j *job) {
	err := s.deliver(ctx, j)
	j.tries++
	refused, isRefused := errors.AsType[*RefusedError](err)
	ends := err == nil || isRefused || j.tries >= Tries
	switch {
	case ctx.Err() != nil && err != nil:
		ends = false // it stays in the store for the next process
	case isRefused:
		s.log.Warn("webhook refused", "id", j.message.ID, "to", j.to.String(), "address", refused.Address, "error", err)
	case err != nil && ends:
		s.log.Warn("webhook given up", "id", j.message.ID, "to", j.to.String(), "tries", j.tries, "error", err)
	}
	if ends {
		if err := s.queue.remove(context.WithoutCancel(ctx), j.message.ID); err != nil {
			s.log.Error("a webhook that is done stays in the store", "id", j.message.ID, "error", err)
		}
		s.leave(j)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	if s.toOne[j.to.key]--; s.toOne[j.to.key] == 0 {
		delete(s.toOne, j.to.key)
	}
	j.sending, j.due = false, time.Now().Add(s.pause(j.tries))
	s.rouse()
}

// pause is how long to wait after that many tries.
func (s *Sender) pause(tries int) time.Duration {
	pause := s.options.BackOff
	for range tries - 1 {
		pause *= backOffFactor
	}
	return pause/2 + rand.N(pause)
}

// Close stops sending and waits until nothing runs. What was not sent stays in
// the store. Closing twice does no harm.
func (s *Sender) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
	s.client.CloseIdleConnections()
	return nil
}

// dialer checks the address that is being dialled.
func (s *Sender) dialer(receiver string) *net.Dialer {
	d := &net.Dialer{Timeout: s.options.Timeout, Resolver: s.options.Resolver}
	if !s.allow[receiver] {
		d.Control = controlFor(receiver)
	}
	return d
}
