package daemon

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is the typed place of a setting.
type value interface {
	// set takes the texts of a flag or a variable. Only a list may get more
	// than one.
	set(texts []string) error
	// load takes a value as a TOML file has it.
	load(given any) error
	// toml returns the value as it is written in such a file.
	toml() string
	// kind says what the value must be.
	kind() string
	// isSwitch says that a flag needs no value.
	isSwitch() bool
}

// textValue is any text that passes its check.
type textValue struct {
	target *string
	check  func(string) error // nil: any text
	what   string
}

func (v textValue) set(texts []string) error {
	text := texts[len(texts)-1]
	if v.check != nil {
		if err := v.check(text); err != nil {
			return err
		}
	}
	*v.target = text
	return nil
}

func (v textValue) load(given any) error {
	text, ok := given.(string)
	if !ok {
		return wrongType(given, v)
	}
	return v.set([]string{text})
}

func (v textValue) toml() string { return quote(*v.target) }

func (v textValue) kind() string {
	if v.what != "" {
		return v.what
	}
	return "text"
}

func (v textValue) isSwitch() bool { return false }

// choice is a text out of a few.
func choice(target *string, words ...string) value {
	return textValue{target, func(text string) error {
		if !slices.Contains(words, text) {
			return fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
		}
		return nil
	}, strings.Join(words, " or ")}
}

// switchValue is on or off.
type switchValue struct{ target *bool }

func (v switchValue) set(texts []string) error {
	switch strings.ToLower(texts[len(texts)-1]) {
	case "true", "1", "yes", "on":
		*v.target = true
	case "false", "0", "no", "off":
		*v.target = false
	default:
		return fmt.Errorf("%q is neither true nor false", texts[len(texts)-1])
	}
	return nil
}

func (v switchValue) load(given any) error {
	on, ok := given.(bool)
	if !ok {
		return wrongType(given, v)
	}
	*v.target = on
	return nil
}

func (v switchValue) toml() string { return strconv.FormatBool(*v.target) }

func (v switchValue) kind() string { return "true or false" }

func (v switchValue) isSwitch() bool { return true }

// numberValue is a whole number within bounds.
type numberValue struct {
	target          *int
	least, greatest int
}

func (v numberValue) set(texts []string) error {
	number, err := strconv.Atoi(texts[len(texts)-1])
	if err != nil {
		return fmt.Errorf("%q is not a whole number", texts[len(texts)-1])
	}
	return v.put(number)
}

func (v numberValue) load(given any) error {
	number, ok := given.(int64)
	if !ok {
		return wrongType(given, v)
	}
	return v.put(int(number))
}

func (v numberValue) put(number int) error {
	if number < v.least || number > v.greatest {
		return fmt.Errorf("%d is not between %d and %d", number, v.least, v.greatest)
	}
	*v.target = number
	return nil
}

func (v numberValue) toml() string { return strconv.Itoa(*v.target) }

func (v numberValue) kind() string { return "a whole number" }

func (v numberValue) isSwitch() bool { return false }

// timeValue is a duration within bounds: 30s, 1m30s, 500ms, or a number of
// seconds.
type timeValue struct {
	target          *time.Duration
	least, greatest time.Duration
}

func (v timeValue) set(texts []string) error {
	text := texts[len(texts)-1]
	seconds, err := strconv.ParseFloat(text, 64)
	if err == nil {
		return v.putSeconds(seconds)
	}
	duration, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a time; write it as 30s, 1m30s, 500ms, or in seconds", text)
	}
	return v.put(duration)
}

func (v timeValue) load(given any) error {
	switch given := given.(type) {
	case string:
		return v.set([]string{given})
	case int64:
		return v.putSeconds(float64(given))
	case float64:
		return v.putSeconds(given)
	}
	return wrongType(given, v)
}

// putSeconds refuses numbers that no Duration can hold before they are
// multiplied; NaN is outside too.
func (v timeValue) putSeconds(seconds float64) error {
	if !(seconds >= v.least.Seconds() && seconds <= v.greatest.Seconds()) {
		return fmt.Errorf("%g s is not between %v and %v", seconds, v.least, v.greatest)
	}
	return v.put(time.Duration(seconds * float64(time.Second)))
}

func (v timeValue) put(duration time.Duration) error {
	if duration < v.least || duration > v.greatest {
		return fmt.Errorf("%v is not between %v and %v", duration, v.least, v.greatest)
	}
	*v.target = duration
	return nil
}

func (v timeValue) toml() string { return quote(v.target.String()) }

func (v timeValue) kind() string { return "a time" }

func (v timeValue) isSwitch() bool { return false }

// listValue is any number of texts. A flag is repeated; in a variable, and in
// the value of a flag, they stand next to each other as split has it.
type listValue struct {
	target *[]string
	split  func(string) []string
	check  func(string) error // nil: any text
}

func (v listValue) set(texts []string) error {
	var all []string
	for _, text := range texts {
		all = append(all, v.split(text)...)
	}
	return v.put(all)
}

func (v listValue) load(given any) error {
	list, ok := given.([]any)
	if !ok {
		return wrongType(given, v)
	}
	var all []string
	for _, entry := range list {
		text, ok := entry.(string)
		if !ok {
			return wrongType(entry, v)
		}
		all = append(all, text)
	}
	return v.put(all)
}

func (v listValue) put(all []string) error {
	for _, text := range all {
		if text == "" {
			return fmt.Errorf("an entry is empty")
		}
		if v.check != nil {
			if err := v.check(text); err != nil {
				return err
			}
		}
	}
	*v.target = all
	return nil
}

func (v listValue) toml() string {
	quoted := make([]string, len(*v.target))
	for i, text := range *v.target {
		quoted[i] = quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func (v listValue) kind() string { return "a list of texts" }

func (v listValue) isSwitch() bool { return false }

// wrongType names the types of TOML.
func wrongType(given any, v value) error {
	is := "a date or time"
	switch given.(type) {
	case string:
		is = "a text"
	case bool:
		is = "true or false"
	case int64:
		is = "a whole number"
	case float64:
		is = "a number"
	case []any:
		is = "a list"
	case map[string]any:
		is = "a table"
	}
	return fmt.Errorf("is %s, want %s", is, v.kind())
}

// quote writes a text as a basic string of TOML, whose escapes are few.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
