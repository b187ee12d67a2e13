package apicheck

import (
	"slices"
	"strings"
)

// Compare returns what was done to an API from before to now: the lines whose
// change can break a program, with "-" or "+" in front, and those that are new.
// An interface that others can implement breaks them when it grows.
func Compare(before, now []string) (breaking, added []string) {
	for _, line := range before {
		if !slices.Contains(now, line) {
			breaking = append(breaking, "- "+line)
		}
	}
	for _, line := range now {
		switch {
		case slices.Contains(before, line):
		case grows(before, line):
			breaking = append(breaking, "+ "+line)
		default:
			added = append(added, line)
		}
	}
	return breaking, added
}

// grows says whether a line is a further method of an interface that was open
// to implementations.
func grows(before []string, line string) bool {
	rest, isMethod := strings.CutPrefix(line, wanted)
	name, _, _ := strings.Cut(rest, ")")
	return isMethod && slices.Contains(before, "type "+name+" interface")
}
