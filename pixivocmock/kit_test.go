package pixivocmock_test

import "fmt"

// T is what mocks need of a *testing.T.
type T interface {
	Logf(format string, values ...any)
	Errorf(format string, values ...any)
	FailNow()
	Cleanup(func())
}

// run runs a test outside of the testing package, for examples.
func run(test func(T)) {
	t := &stand{}
	test(t)
	for _, clean := range t.cleanups {
		clean()
	}
	if t.failed {
		fmt.Println("failed")
	}
}

// stand stands in for a *testing.T.
type stand struct {
	failed   bool
	cleanups []func()
}

func (s *stand) Logf(string, ...any)   {}
func (s *stand) Errorf(string, ...any) { s.failed = true }
func (s *stand) FailNow()              { panic("the test was ended") }
func (s *stand) Cleanup(clean func())  { s.cleanups = append(s.cleanups, clean) }
