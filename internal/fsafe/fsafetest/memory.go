// Package fsafetest has a Folder in memory that fails and forgets on command.
// It shows what becomes of files when a call fails, when the process dies, and
// when the power is cut.
package fsafetest

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pixivoc/pixivoc/internal/fsafe"
)

// ErrDead is the error of every call after the process has died.
var ErrDead = errors.New("the process is dead")

// Memory is a Folder in memory. It may be used by several goroutines.
type Memory struct {
	mu       sync.Mutex
	top      *node
	calls    int
	journal  []string
	failAt   int
	failWith error
	failOps  []string
	dieAt    int
	hit      bool
	maxWrite int
}

var _ fsafe.Folder = (*Memory)(nil)

// node is a file or a folder: what it holds now, and what a power cut leaves.
type node struct {
	folder  bool
	data    []byte
	synced  []byte
	entries map[string]*node
	durable map[string]*node
	// lost says that a sync failed: the system may have dropped the bytes and
	// calls later syncs a success without writing them.
	lost bool
}

func newFolder() *node {
	return &node{folder: true, entries: map[string]*node{}, durable: map[string]*node{}}
}

// NewMemory returns an empty folder.
func NewMemory() *Memory { return &Memory{top: newFolder()} }

// Fail lets the k-th call from now on fail once with err; the first is 1. It takes
// the place of an earlier Fail or Die. With
// ops only calls of these names count: open, write, read, truncate, stat, fstat,
// sync, close, rename, remove, mkdir, syncdir. A write that fails has written
// half.
func (m *Memory) Fail(k int, err error, ops ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.hit, m.dieAt = 0, false, 0
	m.failAt, m.failWith, m.failOps = k, err, ops
}

// Die lets the process die before the k-th call from now on. It takes the place
// of an earlier Fail or Die.
func (m *Memory) Die(k int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.hit, m.dieAt = 0, false, k
	m.failAt, m.failOps = 0, nil
}

// Hit says whether Fail or Die came to pass.
func (m *Memory) Hit() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hit
}

// ShortWrites lets each write take at most n bytes and say so without an error.
func (m *Memory) ShortWrites(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.maxWrite = n
}

// Journal returns the calls so far, each as "operation name".
func (m *Memory) Journal() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.journal)
}

// Restart returns the folder as the next process finds it: everything that was
// written, synced or not.
func (m *Memory) Restart() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{top: m.top}
}

// PowerCut returns the folder as a power cut may leave it. What was not synced
// is there, gone, or partly there: each entry of a folder and the bytes of each
// file fall by chance.
func (m *Memory) PowerCut(chance *rand.Rand) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{top: m.top.forget(chance, map[*node]*node{})}
}

func (n *node) forget(chance *rand.Rand, seen map[*node]*node) *node {
	if left, ok := seen[n]; ok {
		return left
	}
	left := &node{folder: n.folder}
	seen[n] = left
	if !n.folder {
		left.data = n.lose(chance)
		left.synced = slices.Clone(left.data)
		return left
	}
	left.entries = map[string]*node{}
	names := slices.Sorted(maps.Keys(n.entries))
	for name := range n.durable {
		if _, ok := n.entries[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		now, before := n.entries[name], n.durable[name]
		if now != before && chance.IntN(2) == 0 {
			now = before
		}
		if now != nil {
			left.entries[name] = now.forget(chance, seen)
		}
	}
	left.durable = maps.Clone(left.entries)
	return left
}

// lose returns what a power cut leaves of a file.
func (n *node) lose(chance *rand.Rand) []byte {
	if slices.Equal(n.data, n.synced) {
		return slices.Clone(n.data)
	}
	switch chance.IntN(5) {
	case 0:
		return slices.Clone(n.synced)
	case 1: // the length arrived and the bytes did not
		left := make([]byte, len(n.data))
		copy(left, n.synced[:min(len(n.synced), len(left))])
		return left
	case 2:
		return slices.Clone(n.data[:chance.IntN(len(n.data)+1)])
	case 3: // a block of something else
		left := slices.Clone(n.data)
		if len(left) > 0 {
			at := chance.IntN(len(left))
			for i := at; i < min(at+512, len(left)); i++ {
				left[i] ^= 0x55
			}
		}
		return left
	default:
		return slices.Clone(n.data)
	}
}

// step counts a call and returns the error it must fail with.
func (m *Memory) step(op, name string) error {
	m.journal = append(m.journal, op+" "+name)
	if len(m.failOps) == 0 || slices.Contains(m.failOps, op) {
		m.calls++
	}
	if m.dieAt > 0 && m.calls >= m.dieAt {
		m.hit = true
		return ErrDead
	}
	if m.failAt > 0 && m.calls == m.failAt && !m.hit {
		m.hit = true
		return m.failWith
	}
	return nil
}

func (m *Memory) find(name string) (*node, error) {
	at := m.top
	if name == "." {
		return at, nil
	}
	for component := range strings.SplitSeq(name, "/") {
		if !at.folder {
			return nil, syscall.ENOTDIR
		}
		next, ok := at.entries[component]
		if !ok {
			return nil, syscall.ENOENT
		}
		at = next
	}
	return at, nil
}

// Path implements fsafe.Folder.
func (m *Memory) Path() string { return "/memory" }

// Open implements fsafe.Folder.
func (m *Memory) Open(name string, mode fsafe.Mode) (fsafe.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("open", name); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	found, err := m.find(name)
	if mode == fsafe.Create {
		if err == nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EEXIST}
		}
		parent, err := m.find(path.Dir(name))
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		made := &node{}
		parent.entries[path.Base(name)] = made
		return &file{memory: m, node: made, name: name}, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if found.folder {
		return nil, &fsafe.NotRegularError{Name: name, Mode: fs.ModeDir}
	}
	return &file{memory: m, node: found, name: name}, nil
}

// Stat implements fsafe.Folder.
func (m *Memory) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("stat", name); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	found, err := m.find(name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return info{node: found, name: path.Base(name), size: int64(len(found.data))}, nil
}

// Rename implements fsafe.Folder.
func (m *Memory) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("rename", from); err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	moved, err := m.find(from)
	if err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	parent, err := m.find(path.Dir(to))
	if err != nil || path.Dir(from) != path.Dir(to) {
		return &fs.PathError{Op: "rename", Path: to, Err: syscall.EXDEV}
	}
	if replaced := parent.entries[path.Base(to)]; replaced != nil && replaced.folder {
		return &fs.PathError{Op: "rename", Path: to, Err: syscall.EEXIST}
	}
	delete(parent.entries, path.Base(from))
	parent.entries[path.Base(to)] = moved
	return nil
}

// Remove implements fsafe.Folder.
func (m *Memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("remove", name); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	found, err := m.find(name)
	if err == nil && len(found.entries) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	parent, _ := m.find(path.Dir(name))
	delete(parent.entries, path.Base(name))
	return nil
}

// Mkdir implements fsafe.Folder.
func (m *Memory) Mkdir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("mkdir", name); err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	at := m.top
	for component := range strings.SplitSeq(name, "/") {
		next, ok := at.entries[component]
		if !ok {
			next = newFolder()
			at.entries[component] = next
		}
		if !next.folder {
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		at = next
	}
	return nil
}

// Sync implements fsafe.Folder. A folder that is synced keeps its entries, not
// what the files in it hold.
func (m *Memory) Sync(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, err := m.find(name)
	op := "sync"
	if err == nil && found.folder {
		op = "syncdir"
	}
	if stepErr := m.step(op, name); stepErr != nil {
		if found != nil {
			found.lost = !found.folder
		}
		err = stepErr
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	found.sync()
	return nil
}

func (n *node) sync() {
	if n.lost {
		return
	}
	if n.folder {
		n.durable = maps.Clone(n.entries)
		return
	}
	n.synced = slices.Clone(n.data)
}

// WriteFile puts a file there as if it had always been there.
func (m *Memory) WriteFile(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, err := m.find(path.Dir(name))
	if err != nil {
		panic(err)
	}
	made := &node{data: slices.Clone(data), synced: slices.Clone(data)}
	parent.entries[path.Base(name)] = made
	parent.durable[path.Base(name)] = made
}

// Files returns the bytes of all files by name, without counting as a call.
func (m *Memory) Files() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]byte{}
	m.top.collect("", all)
	return all
}

func (n *node) collect(prefix string, all map[string][]byte) {
	for name, entry := range n.entries {
		if entry.folder {
			entry.collect(prefix+name+"/", all)
			continue
		}
		all[prefix+name] = slices.Clone(entry.data)
	}
}

// info describes a node.
type info struct {
	node *node
	name string
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.node.folder }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.node.folder {
		return fs.ModeDir | 0o777
	}
	return 0o666
}

// SameFile is asked by fsafe.SameFile.
func (i info) SameFile(other fs.FileInfo) bool {
	o, ok := other.(info)
	return ok && o.node == i.node
}
