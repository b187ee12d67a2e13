package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile bounds files that should hold little, in bytes.
const maxFile = 1 << 20

// readFile takes the settings from a TOML file. An error names the line.
func (s *Settings) readFile(name string, rows []setting) error {
	raw, err := readSmall(name)
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	if err := s.readTOML(name, raw, rows); err != nil {
		return err
	}
	if s.source["proxy"] != "" && hasPassword(s.Proxy) {
		if err := checkSecretFile(name); err != nil {
			return fmt.Errorf("config file: it holds the password of the proxy: %w", err)
		}
	}
	return nil
}

func (s *Settings) readTOML(name string, raw []byte, rows []setting) error {
	var values map[string]any
	if err := toml.Unmarshal(raw, &values); err != nil {
		if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := wrong.Position()
			return fmt.Errorf("%s:%d:%d: %s", name, line, column, wrong.Error())
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	known := make(map[string]setting, len(rows))
	for _, row := range rows {
		known[row.name] = row
	}
	for _, key := range topKeys(raw) {
		at := fmt.Sprintf("%s:%d", name, key.line)
		row, ok := known[key.name]
		if !ok {
			return fmt.Errorf("%s: %s: there is no such setting", at, key.name)
		}
		if err := row.value.load(values[key.name]); err != nil {
			return fmt.Errorf("%s: %s: %w", at, key.name, err)
		}
		s.source[key.name] = at
	}
	return nil
}

type topKey struct {
	name string
	line int
}

// topKeys returns the keys of a TOML document that was found to be good, in
// its order, with their lines. Of a table and of a dotted key it returns the
// first part: no setting is called so.
func topKeys(raw []byte) []topKey {
	var keys []topKey
	var parser unstable.Parser
	parser.Reset(raw)
	inTable := false
	for parser.NextExpression() {
		node := parser.Expression()
		switch node.Kind {
		case unstable.Table, unstable.ArrayTable:
			inTable = true
		case unstable.KeyValue:
			if inTable {
				continue
			}
		default:
			continue
		}
		key := node.Key()
		key.Next()
		first := key.Node()
		keys = append(keys, topKey{string(first.Data), parser.Shape(first.Raw).Start.Line})
	}
	return keys
}

// readSmall reads a file that should hold little.
func readSmall(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("read %s: is larger than %d bytes", name, maxFile)
	}
	return raw, err
}

// readPassword reads a file that holds a password. One line break at its end
// is not part of it.
func readPassword(name string) (string, error) {
	if err := checkSecretFile(name); err != nil {
		return "", err
	}
	raw, err := readSmall(name)
	if err != nil {
		return "", err
	}
	raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	if len(raw) == 0 {
		return "", fmt.Errorf("read %s: is empty", name)
	}
	if bytes.ContainsAny(raw, "\r\n\x00") {
		return "", fmt.Errorf("read %s: has more than one line", name)
	}
	return string(raw), nil
}
