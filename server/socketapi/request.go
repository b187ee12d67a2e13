package socketapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// request is a request that was decoded. Integers beyond 64 bits are the
// greatest or least that fits: they are of the right type, and no command
// takes such a value.
type request struct {
	number  string // the digits of the identification number
	command int64

	account, password         string
	proxyMode                 int64
	proxy                     string
	timeout, concurrency      int64
	interval                  int64
	increment                 bool
	tid                       int64
	keyword, taskName, folder string

	// Keys that only new clients send.
	token     string
	arguments json.RawMessage
}

// requestKeys are the keys that every request of PixivOC has, whatever its
// command.
var requestKeys = [...]string{
	"IdentificationNumber", "Command", "Account", "Password", "ProxyMode", "Proxy", "Timeout",
	"ConcurrencyNumber", "IntervalTime", "Increment", "TID", "KeyWord", "TaskName", "SavePath",
}

const (
	keyToken     = "Token"
	keyArguments = "Arguments"
)

// maxNumberLength bounds an identification number and a keyword.
const maxNumberLength = 64

// place returns where the value of a key belongs, or nil for a key that is
// ignored.
func (r *request) place(key string) any {
	switch key {
	case "IdentificationNumber":
		return &r.number
	case "Command":
		return &r.command
	case "Account":
		return &r.account
	case "Password":
		return &r.password
	case "ProxyMode":
		return &r.proxyMode
	case "Proxy":
		return &r.proxy
	case "Timeout":
		return &r.timeout
	case "ConcurrencyNumber":
		return &r.concurrency
	case "IntervalTime":
		return &r.interval
	case "Increment":
		return &r.increment
	case "TID":
		return &r.tid
	case "KeyWord":
		return &r.keyword
	case "TaskName":
		return &r.taskName
	case "SavePath":
		return &r.folder
	}
	return nil
}

// decode reads the body of a frame. The result is to be used only when the
// reason is empty. Presence and types are exact: a Command that is absent,
// null or false must never become 0, which is Exit.
func decode(body []byte) (request, VoidReason) {
	var r request
	list, reason := readObject(body)
	if reason != "" {
		return r, reason
	}
	present, wrong := 0, ""
	hasNumber, hasCommand := false, false
	for _, m := range list {
		switch place := r.place(m.name); {
		case place != nil:
			if !decodeValue(m.value, place) {
				wrong = m.name
			}
			present++
			hasNumber = hasNumber || m.name == "IdentificationNumber"
			hasCommand = hasCommand || m.name == "Command"
		case m.name == keyToken:
			// A value of another type is no token; the request may do without.
			_ = decodeValue(m.value, &r.token)
		case m.name == keyArguments:
			r.arguments = bytes.Clone(m.value)
		}
	}
	isNew := hasCommand && isExtension(r.command)
	switch {
	case wrong != "" && (!isNew || wrong == "IdentificationNumber" || wrong == "Command"):
		return r, VoidWrongType
	case !hasNumber || !hasCommand || !isNew && present < len(requestKeys):
		return r, VoidMissingKey
	case !cutHead(&r.number):
		return r, VoidBadNumber
	}
	return r, ""
}

// decodeValue reads a value that must be of exactly the type of its place.
func decodeValue(value []byte, place any) bool {
	switch place := place.(type) {
	case *string:
		return value[0] == '"' && json.Unmarshal(value, place) == nil
	case *int64:
		digits := bytes.TrimPrefix(value, []byte("-"))
		if !isDigits(string(digits)) {
			return false
		}
		*place, _ = strconv.ParseInt(string(value), 10, 64) // saturates
		return true
	case *bool:
		*place = string(value) == "true"
		return *place || string(value) == "false"
	}
	return false
}

// cutHead takes the head letter off an identification number. It is false for
// a number that is not made of S or R and ASCII digits.
func cutHead(number *string) bool {
	text := *number
	if len(text) < 2 || len(text) > maxNumberLength || !strings.ContainsRune("SsRr", rune(text[0])) {
		return false
	}
	*number = text[1:]
	return isDigits(*number)
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
