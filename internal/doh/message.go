package doh

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

var (
	errNoHost   = errors.New("no such host")
	errNoRecord = errors.New("no record of that kind")
	errServer   = errors.New("server misbehaving")
)

const (
	maxAddresses = 32
	maxChain     = 8 // CNAMEs followed
	// The time an answer is kept is what its records say, within these bounds.
	minTTL = 30 * time.Second
	maxTTL = time.Hour
)

// answer is what a message says about a question.
type answer struct {
	addresses []netip.Addr
	ech       []byte // ECHConfigList
	alias     string // where an HTTPS record in AliasMode points
	ttl       time.Duration
}

// parse reads the answer to question.
func parse(message []byte, question dnsmessage.Question) (answer, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil {
		return answer{}, fmt.Errorf("answer is not a DNS message: %w", err)
	}
	if err := checkHeader(header); err != nil {
		return answer{}, err
	}
	asked, err := parser.AllQuestions()
	if err != nil {
		return answer{}, fmt.Errorf("read question in answer: %w", err)
	}
	if len(asked) != 1 || asked[0].Type != question.Type || asked[0].Class != question.Class || !isSameName(asked[0].Name, question.Name) {
		return answer{}, errors.New("answer is to another question")
	}
	records, err := parser.AllAnswers()
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	return collect(records, question), nil
}

func checkHeader(header dnsmessage.Header) error {
	switch {
	case !header.Response:
		return errors.New("answer is a query")
	case header.Truncated:
		return errors.New("answer is truncated")
	case header.RCode == dnsmessage.RCodeNameError:
		return errNoHost
	case header.RCode == dnsmessage.RCodeServerFailure:
		return errServer
	case header.RCode != dnsmessage.RCodeSuccess:
		return fmt.Errorf("answer has code %s", header.RCode)
	}
	return nil
}

// collect takes what belongs to question, directly or by way of CNAMEs.
func collect(records []dnsmessage.Resource, question dnsmessage.Question) answer {
	a := answer{ttl: maxTTL}
	owner := question.Name
	for range maxChain {
		i := slices.IndexFunc(records, func(r dnsmessage.Resource) bool {
			return r.Header.Type == dnsmessage.TypeCNAME && isSameName(r.Header.Name, owner)
		})
		if i < 0 {
			break
		}
		a.shorten(records[i])
		owner = records[i].Body.(*dnsmessage.CNAMEResource).CNAME
	}
	priority := uint16(0)
	for _, r := range records {
		if r.Header.Type != question.Type || !isSameName(r.Header.Name, owner) {
			continue
		}
		a.shorten(r)
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			a.add(netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			a.add(netip.AddrFrom16(body.AAAA))
		case *dnsmessage.HTTPSResource:
			list, ok := body.GetParam(dnsmessage.SVCParamECH)
			switch {
			case body.Priority == 0: // AliasMode, RFC 9460 section 2.4.2
				a.alias = strings.TrimSuffix(body.Target.String(), ".")
			case ok && (priority == 0 || body.Priority < priority):
				priority, a.ech = body.Priority, list
			}
		}
	}
	a.ttl = max(a.ttl, minTTL)
	if len(a.addresses) == 0 && a.ech == nil && a.alias == "" {
		a.ttl = minTTL // nothing may soon be something
	}
	return a
}

func (a *answer) add(ip netip.Addr) {
	if len(a.addresses) < maxAddresses {
		a.addresses = append(a.addresses, ip)
	}
}

func (a *answer) shorten(r dnsmessage.Resource) {
	a.ttl = min(a.ttl, time.Duration(r.Header.TTL)*time.Second)
}

func isSameName(a, b dnsmessage.Name) bool { return strings.EqualFold(a.String(), b.String()) }
