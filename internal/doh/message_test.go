package doh

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func FuzzParse(f *testing.F) {
	owner := dnsmessage.MustNewName("cloudflare-ech.test.")
	record := &dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{Priority: 1, Target: dnsmessage.MustNewName(".")}}
	record.SetParam(dnsmessage.SVCParamECH, []byte("list"))
	for kind, body := range map[dnsmessage.Type]dnsmessage.ResourceBody{
		dnsmessage.TypeA:     &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}},
		dnsmessage.TypeAAAA:  &dnsmessage.AAAAResource{},
		dnsmessage.TypeHTTPS: record,
		dnsmessage.TypeCNAME: &dnsmessage.CNAMEResource{CNAME: owner},
	} {
		message := dnsmessage.Message{
			Header:    dnsmessage.Header{Response: true},
			Questions: []dnsmessage.Question{{Name: owner, Type: kind, Class: dnsmessage.ClassINET}},
			Answers:   []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: 60}, Body: body}},
		}
		packed, err := message.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, uint16(kind))
	}
	f.Fuzz(func(t *testing.T, message []byte, kind uint16) {
		question := dnsmessage.Question{Name: owner, Type: dnsmessage.Type(kind), Class: dnsmessage.ClassINET}
		a, err := parse(message, question)
		if err != nil {
			return
		}
		if len(a.addresses) > maxAddresses || a.ttl < minTTL || a.ttl > maxTTL || len(a.ech) > len(message) {
			t.Fatalf("out of bounds: %+v", a)
		}
	})
}
