package clienthello

import (
	"encoding/binary"
	"strings"
)

const (
	messageClientHello  = 1 // RFC 8446 section 4
	extensionServerName = 0 // RFC 6066 section 3
	nameTypeHost        = 0 // RFC 6066 section 3
)

// serverName finds the host name in a ClientHello: payload[start:end] is name,
// in any case. The message must be whole in payload, which is the content of
// one record, and the name must be long enough to be cut.
func serverName(payload []byte, name string) (start, end int, ok bool) {
	c := cursor{rest: payload}
	if c.uint8() != messageClientHello {
		return 0, 0, false
	}
	// ClientHello, RFC 8446 section 4.1.2.
	message := c.block(c.uint24())
	message.block(2 + 32)           // legacy_version, random
	message.block(message.uint8())  // legacy_session_id
	message.block(message.uint16()) // cipher_suites
	message.block(message.uint8())  // legacy_compression_methods
	extensions := message.block(message.uint16())
	for extensions.more() {
		kind := extensions.uint16()
		body := extensions.block(extensions.uint16())
		if kind != extensionServerName {
			continue
		}
		names := body.block(body.uint16())
		for names.more() {
			kind := names.uint8()
			host := names.block(names.uint16())
			if kind == nameTypeHost && len(host.rest) > 1 && strings.EqualFold(string(host.rest), name) {
				return host.offset, host.offset + len(host.rest), true
			}
		}
	}
	return 0, 0, false
}

// cursor reads a TLS structure and knows where in the payload it stands. After
// reading past its end it is empty for good and gives zeros.
type cursor struct {
	rest   []byte
	offset int
}

func (c *cursor) more() bool { return len(c.rest) > 0 }

// block takes the next n bytes.
func (c *cursor) block(n int) cursor {
	if n > len(c.rest) {
		c.rest = nil
		return cursor{}
	}
	taken := cursor{rest: c.rest[:n], offset: c.offset}
	c.rest = c.rest[n:]
	c.offset += n
	return taken
}

func (c *cursor) uint8() int {
	b := c.block(1).rest
	if b == nil {
		return 0
	}
	return int(b[0])
}

func (c *cursor) uint16() int {
	b := c.block(2).rest
	if b == nil {
		return 0
	}
	return int(binary.BigEndian.Uint16(b))
}

func (c *cursor) uint24() int {
	b := c.block(3).rest
	if b == nil {
		return 0
	}
	return int(b[0])<<16 | int(binary.BigEndian.Uint16(b[1:]))
}
