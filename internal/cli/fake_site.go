package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pixivoc/pixivoc/pixivtest"
)

// fakeSite describes a made-up Pixiv.
type fakeSite struct {
	Config      pixivtest.Config
	Populations []pixivtest.Population
	Users       []pixivtest.User
	Works       []pixivtest.Work
	Rules       []fakeRule
}

// fakeRule is a pixivtest.Rule as JSON.
type fakeRule struct {
	Name         string
	Match        pixivtest.Match
	After, Times int
	PerPath      bool
	Do           map[string]json.RawMessage // one entry: name and fields of the fault
}

// newFakeSite starts the site that a file describes; "" is an empty one.
func newFakeSite(file string) (*pixivtest.Server, error) {
	var described fakeSite
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("site: %w", err)
		}
		if err := strictJSON(raw, &described); err != nil {
			return nil, fmt.Errorf("site %s: %w", file, err)
		}
	}
	var rules []pixivtest.Rule
	for i, rule := range described.Rules {
		fault, err := rule.fault()
		if err != nil {
			return nil, fmt.Errorf("site %s: rule %d: %w", file, i, err)
		}
		rules = append(rules, pixivtest.Rule{
			Name: rule.Name, Match: rule.Match, After: rule.After, Times: rule.Times, PerPath: rule.PerPath, Do: fault,
		})
	}
	site := pixivtest.NewServer(described.Config)
	for _, population := range described.Populations {
		site.Populate(population)
	}
	for _, user := range described.Users {
		site.AddUser(user)
	}
	for _, work := range described.Works {
		site.AddWork(work)
	}
	site.Script(rules...)
	return site, nil
}

// fault makes the fault that a rule names.
func (r fakeRule) fault() (pixivtest.Fault, error) {
	if len(r.Do) != 1 {
		return nil, fmt.Errorf("field Do has %d entries, want one: the name of a fault", len(r.Do))
	}
	for name, fields := range r.Do {
		decode, known := faults()[name]
		if !known {
			return nil, fmt.Errorf("field Do: there is no fault %q for this command", name)
		}
		fault, err := decode(fields)
		if err != nil {
			return nil, fmt.Errorf("field Do: %s: %w", name, err)
		}
		return fault, nil
	}
	return nil, nil
}

// faults are those that JSON can describe.
func faults() map[string]func(json.RawMessage) (pixivtest.Fault, error) {
	return map[string]func(json.RawMessage) (pixivtest.Fault, error){
		"BlockPage":      decodeFault[pixivtest.BlockPage],
		"Cut":            decodeFault[pixivtest.Cut],
		"Delay":          decodeFault[pixivtest.Delay],
		"Drip":           decodeFault[pixivtest.Drip],
		"EmptyBody":      decodeFault[pixivtest.EmptyBody],
		"ErrorPage":      decodeFault[pixivtest.ErrorPage],
		"Honest":         decodeFault[pixivtest.Honest],
		"IgnoreRange":    decodeFault[pixivtest.IgnoreRange],
		"MissingEnd":     decodeFault[pixivtest.MissingEnd],
		"Mix":            decodeMix,
		"PictureChanged": decodeFault[pixivtest.PictureChanged],
		"RateLimit":      decodeFault[pixivtest.RateLimit],
		"Reset":          decodeFault[pixivtest.Reset],
		"Stall":          decodeFault[pixivtest.Stall],
		"Surplus":        decodeFault[pixivtest.Surplus],
		"TokensExpired":  decodeFault[pixivtest.TokensExpired],
		"WorkDeleted":    decodeFault[pixivtest.WorkDeleted],
		"WrongLength":    decodeFault[pixivtest.WrongLength],
		"WrongRange":     decodeFault[pixivtest.WrongRange],
		"WrongType":      decodeFault[pixivtest.WrongType],
	}
}

func decodeFault[F pixivtest.Fault](fields json.RawMessage) (pixivtest.Fault, error) {
	var fault F
	err := strictJSON(fields, &fault)
	return fault, err
}

// decodeMix reads a Mix of the standard faults.
func decodeMix(fields json.RawMessage) (pixivtest.Fault, error) {
	var mix struct {
		Seed    uint64
		Percent int
	}
	err := strictJSON(fields, &mix)
	return pixivtest.Mix{Seed: mix.Seed, Percent: mix.Percent}, err
}

// strictJSON refuses fields that nobody knows, which are mistakes.
func strictJSON(raw []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(value)
}
