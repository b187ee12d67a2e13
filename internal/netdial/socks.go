package netdial

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// Numbers of SOCKS 5: RFC 1928 sections 3 to 6, RFC 1929 section 2.
const (
	socksVersion       = 5
	socksNoLogin       = 0
	socksPassword      = 2
	socksNoMethod      = 0xff
	socksConnect       = 1
	socksIPv4          = 1
	socksName          = 3
	socksIPv6          = 4
	socksLoginVersion  = 1
	socksReplySuccess  = 0
	socksNotAllowed    = 2
	socksLoginAccepted = 0

	maxSOCKSField = 255
)

// askSOCKS asks a SOCKS 5 proxy for a connection to target, whose name the
// proxy looks up.
func (d *Dialer) askSOCKS(conn net.Conn, target string) (int, error) {
	t, err := parseTarget(target, false)
	if err != nil {
		return 0, err
	}
	if code, err := d.loginSOCKS(conn); err != nil {
		return code, err
	}
	request, err := appendSOCKSAddress([]byte{socksVersion, socksConnect, 0}, t)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	// The reply ends with an address that nobody needs but that must be read.
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return 0, fmt.Errorf("read SOCKS reply: %w", err)
	}
	if head[0] != socksVersion {
		return 0, errors.New("the proxy does not speak SOCKS 5")
	}
	if head[1] != socksReplySuccess {
		return 0, errors.New("SOCKS reply: " + socksReply(head[1]))
	}
	return 0, skipSOCKSAddress(conn, head[3])
}

// loginSOCKS agrees on a method and logs in.
func (d *Dialer) loginSOCKS(conn net.Conn) (int, error) {
	user := d.config.Proxy.User
	methods := []byte{socksVersion, 1, socksNoLogin}
	if user != nil {
		methods = []byte{socksVersion, 2, socksNoLogin, socksPassword}
	}
	if _, err := conn.Write(methods); err != nil {
		return 0, err
	}
	var answer [2]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return 0, fmt.Errorf("read SOCKS method: %w", err)
	}
	switch {
	case answer[0] != socksVersion:
		return 0, errors.New("the proxy does not speak SOCKS 5")
	case answer[1] == socksNoLogin:
		return 0, nil
	case answer[1] == socksPassword && user != nil:
	case answer[1] == socksNoMethod && user == nil:
		return http.StatusProxyAuthRequired, errors.New("the proxy wants user and password")
	default:
		return http.StatusProxyAuthRequired, errors.New("the proxy wants another way to log in")
	}
	password, _ := user.Password()
	login := []byte{socksLoginVersion, byte(len(user.Username()))}
	login = append(login, user.Username()...)
	login = append(login, byte(len(password)))
	login = append(login, password...)
	if _, err := conn.Write(login); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return 0, fmt.Errorf("read SOCKS login: %w", err)
	}
	if answer[1] != socksLoginAccepted {
		return http.StatusProxyAuthRequired, errors.New("the proxy refuses user and password")
	}
	return 0, nil
}

func appendSOCKSAddress(b []byte, t target) ([]byte, error) {
	ip, err := netip.ParseAddr(t.host)
	switch {
	case err == nil && ip.Unmap().Is4():
		b = append(append(b, socksIPv4), ip.Unmap().AsSlice()...)
	case err == nil:
		b = append(append(b, socksIPv6), ip.AsSlice()...)
	case len(t.host) > maxSOCKSField:
		return nil, errors.New("host name is longer than 255 bytes")
	default:
		b = append(append(b, socksName, byte(len(t.host))), t.host...)
	}
	return binary.BigEndian.AppendUint16(b, t.port), nil
}

func skipSOCKSAddress(conn net.Conn, kind byte) error {
	var size int64
	switch kind {
	case socksIPv4:
		size = net.IPv4len
	case socksIPv6:
		size = net.IPv6len
	case socksName:
		var length [1]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return fmt.Errorf("read SOCKS reply: %w", err)
		}
		size = int64(length[0])
	default:
		return errors.New("the proxy does not speak SOCKS 5")
	}
	const port = 2
	if _, err := io.CopyN(io.Discard, conn, size+port); err != nil {
		return fmt.Errorf("read SOCKS reply: %w", err)
	}
	return nil
}

// socksReply names a reply: RFC 1928 section 6.
func socksReply(code byte) string {
	switch code {
	case 1:
		return "general failure"
	case socksNotAllowed:
		return "not allowed by the rules of the proxy"
	case 3:
		return "network unreachable"
	case 4:
		return "host unreachable"
	case 5:
		return "connection refused by the host"
	case 6:
		return "time to live expired"
	case 7:
		return "command not supported"
	case 8:
		return "address type not supported"
	}
	return fmt.Sprintf("code %d", code)
}
