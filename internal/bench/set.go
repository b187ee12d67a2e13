package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Set is a list of files that an origin serves and a run fetches. The same
// values give the same files in every process; nothing is held in memory.
type Set struct {
	// Name is "small", "mixed" or "large".
	Name string `json:"name"`
	// Count is the number of files.
	Count int `json:"count"`
	// Seed of what is drawn.
	Seed uint64 `json:"seed"`
}

const (
	kilobyte = 1000
	megabyte = 1000 * kilobyte
)

// Full returns the set of a name in the size that is measured.
func Full(name string, seed uint64) (Set, error) {
	counts := map[string]int{"small": 2000, "mixed": 600, "large": 12}
	if counts[name] == 0 {
		return Set{}, fmt.Errorf("set %q is not one of small, mixed, large", name)
	}
	return Set{Name: name, Count: counts[name], Seed: seed}, nil
}

// Short returns a set of the same kind with a tenth of the files.
func (s Set) Short() Set {
	s.Count = max(2, s.Count/10)
	return s
}

// File returns a file by its number, from 0.
func (s Set) File(number int) File {
	return File{Number: number, Name: fmt.Sprintf("%s-%07d.jpg", s.Name, number), Size: s.size(number)}
}

// size draws the length of a file. small is even over 100-400 KB; mixed is
// log-normal around 1 MB and cut to 0.1-8 MB; large is 64 MB.
func (s Set) size(number int) int64 {
	random := rand.New(rand.NewPCG(s.Seed, uint64(number)))
	switch s.Name {
	case "mixed":
		drawn := megabyte * math.Exp(0.9*random.NormFloat64())
		return int64(min(max(drawn, 0.1*megabyte), 8*megabyte))
	case "large":
		return 64 << 20
	default:
		return 100*kilobyte + random.Int64N(300*kilobyte+1)
	}
}

// Bytes returns the length of all files together.
func (s Set) Bytes() int64 {
	total := int64(0)
	for number := range s.Count {
		total += s.size(number)
	}
	return total
}

// Number returns the number of the file with that name.
func (s Set) Number(name string) (int, bool) {
	var number int
	if _, err := fmt.Sscanf(name, s.Name+"-%07d.jpg", &number); err != nil {
		return 0, false
	}
	return number, number >= 0 && number < s.Count && s.File(number).Name == name
}
