package socketapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth = 64 // of arrays and objects in each other
	maxKeys  = 64 // of a request; PixivOC's has 14
)

// member is one key of a JSON object with its value as it was written.
type member struct {
	name  string
	value []byte
}

// readObject checks that text is one JSON object in UTF-8 that is not deeper
// than maxDepth, and returns its members. Names are told apart by case, and
// no name may come twice.
func readObject(text []byte) ([]member, VoidReason) {
	switch {
	case len(text) == 0:
		return nil, VoidEmpty
	case !utf8.Valid(text):
		return nil, VoidNotUTF8
	case !json.Valid(text):
		return nil, VoidNotJSON
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	if text[0] != '{' {
		return nil, VoidNotObject
	}
	if reason := inspect(text); reason != "" {
		return nil, reason
	}
	return members(text)
}

// inspect looks for what encoding/json lets pass: deep nesting, and halves of
// surrogate pairs, which it would replace. text is valid JSON.
func inspect(text []byte) VoidReason {
	depth := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return VoidTooDeep
			}
			i++
		case '}', ']':
			depth--
			i++
		case '"':
			end := stringEnd(text, i)
			if hasLoneSurrogate(text[i:end]) {
				return VoidNotUTF8
			}
			i = end
		default:
			i++
		}
	}
	return ""
}

// hasLoneSurrogate looks at the \u escapes of a valid JSON string.
func hasLoneSurrogate(quoted []byte) bool {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		first := hexRune(quoted[i+1:])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		rest := quoted[i+1:]
		if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' || utf16.DecodeRune(first, hexRune(rest[2:])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// hexRune reads four hexadecimal digits, which valid JSON has there.
func hexRune(digits []byte) rune {
	value, _ := strconv.ParseUint(string(digits[:4]), 16, 32)
	return rune(value)
}

// members splits a valid JSON object.
func members(text []byte) ([]member, VoidReason) {
	list := make([]member, 0, len(requestKeys)+2)
	for i := skipBlank(text, 1); text[i] != '}'; {
		if text[i] == ',' {
			i = skipBlank(text, i+1)
		}
		end := stringEnd(text, i)
		var name string
		if json.Unmarshal(text[i:end], &name) != nil {
			return nil, VoidNotJSON
		}
		for _, earlier := range list {
			if earlier.name == name {
				return nil, VoidDuplicateKey
			}
		}
		if len(list) == maxKeys {
			return nil, VoidTooManyKeys
		}
		i = skipBlank(text, skipBlank(text, end)+1) // the colon
		end = valueEnd(text, i)
		list = append(list, member{name, text[i:end]})
		i = skipBlank(text, end)
	}
	return list, ""
}

func skipBlank(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n' {
		i++
	}
	return i
}

// stringEnd returns the index after the string that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd returns the index after the value that begins at i.
func valueEnd(text []byte, i int) int {
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			i = plainEnd(text, i)
		}
		if depth == 0 {
			return i
		}
	}
}

// plainEnd returns the index after a number, a word, or, inside an array or
// object, whatever else stands between two values.
func plainEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"', '{', '[', '}', ']', ',', ' ', '\t', '\r', '\n':
			return i
		}
	}
	return i
}
