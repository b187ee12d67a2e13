package pixivtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// First numbers that are given out.
const (
	firstUser = 11_000_001
	firstWork = 100_000_001
)

// catalog holds all users and works.
type catalog struct {
	mu       sync.RWMutex
	users    map[int64]User
	works    map[int64]*entry
	byUser   map[int64][]int64 // ids of works, rising
	order    []int64           // users in the order they came
	crowds   []*crowd
	nextUser int64
	nextWork int64
}

// entry is a work in the catalog.
type entry struct {
	work
	stale int // API answers that still show the old addresses
}

func newCatalog() *catalog {
	return &catalog{
		users: map[int64]User{}, works: map[int64]*entry{}, byUser: map[int64][]int64{},
		nextUser: firstUser, nextWork: firstWork,
	}
}

// AddUser adds an artist and returns it with all zero fields filled in. It panics when the ID is taken: that is a
// mistake in the test.
func (s *Server) AddUser(u User) User {
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	if _, taken := s.catalog.users[u.ID]; taken {
		panic(fmt.Sprintf("pixivtest: AddUser: ID %d is taken", u.ID))
	}
	return s.catalog.addUser(u)
}

func (c *catalog) addUser(u User) User {
	if u.ID == 0 {
		u.ID = c.nextUser
	}
	c.nextUser = max(c.nextUser, u.ID+1)
	if u.Name == "" {
		u.Name = fmt.Sprintf("artist %d", u.ID)
	}
	if u.Account == "" {
		u.Account = "artist_" + strconv.FormatInt(u.ID, 10)
	}
	c.users[u.ID] = u
	c.order = append(c.order, u.ID)
	return u
}

// AddWork adds a work and returns it with all zero fields filled in. It may be called at any time; the work is then
// the newest in its user's list when its ID is the highest. It panics when the ID is taken or a field makes no sense,
// naming the field: that is a mistake in the test.
func (s *Server) AddWork(w Work) Work {
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	added, err := s.catalog.addWork(w)
	if err != nil {
		panic(fmt.Sprintf("pixivtest: AddWork: work %d: %v", w.ID, err))
	}
	return added
}

func (c *catalog) addWork(w Work) (Work, error) {
	if w.ID == 0 {
		w.ID = c.nextWork
	}
	if _, taken := c.works[w.ID]; taken {
		return Work{}, fmt.Errorf("the ID is taken")
	}
	if err := w.complete(); err != nil {
		return Work{}, err
	}
	if w.UserID == 0 {
		if len(c.order) == 0 {
			c.addUser(User{})
		}
		w.UserID = c.order[0]
	}
	if _, known := c.users[w.UserID]; !known {
		c.addUser(User{ID: w.UserID})
	}
	w.Tags, w.Tools, w.Pages = slices.Clone(w.Tags), slices.Clone(w.Tools), slices.Clone(w.Pages)
	c.nextWork = max(c.nextWork, w.ID+1)
	e := &entry{work: work{Work: w, uploaded: w.Created}, stale: w.StaleAnswers}
	if w.StaleAnswers > 0 {
		e.uploaded = e.uploaded.Add(24 * time.Hour)
	}
	c.works[w.ID] = e
	ids := c.byUser[w.UserID]
	at, _ := slices.BinarySearch(ids, w.ID)
	c.byUser[w.UserID] = slices.Insert(ids, at, w.ID)
	return w, nil
}

// User returns a user by ID.
func (s *Server) User(id int64) (User, bool) {
	s.catalog.mu.RLock()
	defer s.catalog.mu.RUnlock()
	u, ok := s.catalog.users[id]
	return u, ok
}

// Users returns all users in the order in which they were added.
func (s *Server) Users() []User {
	s.catalog.mu.RLock()
	defer s.catalog.mu.RUnlock()
	users := make([]User, 0, len(s.catalog.order))
	for _, id := range s.catalog.order {
		users = append(users, s.catalog.users[id])
	}
	return users
}

// Work returns a work by ID.
func (s *Server) Work(id int64) (Work, bool) {
	w, ok := s.catalog.work(id)
	return w.Work, ok
}

// Works returns the works of a user, newest first, whatever became of them.
func (s *Server) Works(userID int64) []Work {
	s.catalog.mu.RLock()
	defer s.catalog.mu.RUnlock()
	ids := s.catalog.byUser[userID]
	works := make([]Work, 0, len(ids))
	for _, id := range slices.Backward(ids) {
		works = append(works, s.catalog.works[id].Work)
	}
	return works
}

// DeleteWork makes a work answer 404 from now on and takes it out of its user's list.
func (s *Server) DeleteWork(id int64) {
	s.catalog.change("DeleteWork", id, func(e *entry) { e.Access, e.StillListed = Deleted, false })
}

// ReplaceWork uploads a work anew: its pictures change and move to addresses with a new date, the old addresses
// answer 404.
func (s *Server) ReplaceWork(id int64) {
	s.catalog.change("ReplaceWork", id, func(e *entry) {
		e.version++
		e.uploaded = e.uploaded.Add(time.Hour)
	})
}

// ChangePicture changes a picture under its address: same length rules, other bytes, later Last-Modified.
func (s *Server) ChangePicture(id int64, page int) {
	s.catalog.change("ChangePicture", id, func(e *entry) {
		changes := maps.Clone(e.changes)
		if changes == nil {
			changes = map[int]int{}
		}
		changes[page]++
		e.changes = changes
	})
}

func (c *catalog) change(operation string, id int64, change func(*entry)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.works[id]
	if !ok {
		panic(fmt.Sprintf("pixivtest: %s: there is no work %d", operation, id))
	}
	change(e)
}

func (c *catalog) work(id int64) (work, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.works[id]
	if !ok {
		return c.crowded(id)
	}
	return e.work, true
}

// reachable says whether a work can be asked for: it is public, and its user is still there.
func (c *catalog) reachable(w work) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return w.Access == Public && !c.users[w.UserID].Suspended
}

// show is the work as one API answer shows it: for its first answers a replaced work has its old addresses.
func (c *catalog) show(id int64) (work, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.works[id]
	if !ok {
		return c.crowded(id)
	}
	w := e.work
	if e.stale > 0 {
		e.stale--
		w.uploaded = w.Created
	}
	return w, true
}

// list cuts a page out of the works of a user, newest first, and says whether there is more behind it. The cut comes
// first and the filter second, as on the live service.
func (c *catalog) list(userID int64, kind WorkType, offset, length int) (ids []int64, more bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	place := 0
	for _, id := range slices.Backward(c.byUser[userID]) {
		w := &c.works[id].Work
		if !listedAs(w.Type, kind) {
			continue
		}
		if place >= offset+length {
			return ids, true
		}
		gone := w.Access != Public && !w.StillListed
		if place >= offset && !gone && !w.Unlisted {
			ids = append(ids, id)
		}
		place++
	}
	return ids, false
}

// listedAs says whether a list of one type, or of all types when it is empty, has works of another in it. Animations
// come with the illustrations.
func listedAs(work, list WorkType) bool {
	return list == "" || work == list || (work == Ugoira && list == Illust)
}

// totals counts the illustrations and the manga of a user that can be seen.
func (c *catalog) totals(userID int64) (illusts, manga int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, id := range c.byUser[userID] {
		switch w := &c.works[id].Work; {
		case w.Access != Public:
		case w.Type == Manga:
			manga++
		default:
			illusts++
		}
	}
	return illusts, manga
}
