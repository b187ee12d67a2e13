package pixivtest

import (
	"fmt"
	"math/rand/v2"
)

// Population describes artists with their works, for [Server.Populate].
type Population struct {
	Seed  uint64 // the same seed gives the same names, page counts and formats
	Users int    // zero: 1
	Works int    // of each user

	Pages Between // pages of each work; zero: 1
	Sizes Between // bytes of each picture; zero: as they come

	// Formats are drawn from with equal chance; nil: JPEG, JPEG, PNG.
	Formats []Format
	// Width and Height of all pictures; both zero: as in [Page].
	Width, Height int
	// UgoiraPercent is the share of animations.
	UgoiraPercent int
}

// Populate adds artists with many works and returns the artists. Pictures are painted when they are first asked for,
// so a million of them cost little until then. It panics, as [Server.AddWork] does, when a field makes no sense.
func (s *Server) Populate(p Population) []User {
	random := rand.New(rand.NewPCG(p.Seed, 0x706f70756c6174))
	if p.Formats == nil {
		p.Formats = []Format{JPEG, JPEG, PNG}
	}
	if p.Pages.Max == 0 {
		p.Pages = Between{1, 1}
	}
	if p.Pages.Min < 1 || p.Pages.Max < p.Pages.Min {
		panic(fmt.Sprintf("pixivtest: Populate: field Pages is %v, want a range that begins at 1 or higher", p.Pages))
	}
	users := make([]User, 0, max(1, p.Users))
	for range max(1, p.Users) {
		u := s.AddUser(User{Name: oneOf(random, givenNames()), Comment: "Made up for tests."})
		for range p.Works {
			s.AddWork(p.work(random, u.ID))
		}
		users = append(users, u)
	}
	return users
}

func (p Population) work(random *rand.Rand, userID int64) Work {
	w := Work{
		UserID:    userID,
		Title:     oneOf(random, moods()) + " " + oneOf(random, places()),
		PageCount: int(p.Pages.Min) + random.IntN(int(p.Pages.Max-p.Pages.Min)+1),
		Sizes:     p.Sizes,
		AllPages:  Page{Format: oneOf(random, p.Formats), Width: p.Width, Height: p.Height},
		AIType:    1,
	}
	switch {
	case random.IntN(100) < p.UgoiraPercent:
		w.Type, w.PageCount, w.AllPages.Format = Ugoira, 1, JPEG
	case w.PageCount > 1 && random.IntN(2) == 0:
		w.Type = Manga
	}
	all := tags()
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	w.Tags = all[:1+random.IntN(5)]
	return w
}

func oneOf[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

func givenNames() []string {
	return []string{"Aoi", "Haru", "Kaede", "Mio", "Nagi", "Ren", "Sora", "Tsubaki", "Yuki", "葵", "楓", "凪"}
}

func moods() []string {
	return []string{"quiet", "distant", "first", "late", "silver", "drifting", "summer", "hidden", "evening", "last"}
}

func places() []string {
	return []string{"harbour", "mountains", "moonrise", "valley", "shore", "snow", "road", "stars", "garden", "rain"}
}

func tags() []Tag {
	return []Tag{
		{"オリジナル", "original"}, {"風景", "landscape"}, {"空", "sky"}, {"山", "mountain"}, {"夜", "night"},
		{"月", "moon"}, {"星空", "starry sky"}, {"夕焼け", ""}, {"test", ""}, {"海", "sea"},
	}
}
