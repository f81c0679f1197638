package sigv4

import (
	"slices"
	"strings"
	"time"
)

// Signer signs requests as one principal, for tests and for tools that speak
// to a server. It holds the day's key and scratch memory: one goroutine at a
// time.
type Signer struct {
	AccessKey, Secret, SessionToken string
	Region, Service                 string

	date  string
	scope string
	key   SigningKey
	v     Verifier
	names []string
}

// Sign adds X-Amz-Date, X-Amz-Security-Token where there is one, and
// Authorization to the headers of r, which must have host and must not have
// been signed before. It signs host, content-type and every x-amz- header.
func (s *Signer) Sign(r *Request, now time.Time) {
	amzDate := iso(now)
	if s.date != amzDate[:8] {
		s.date = amzDate[:8]
		s.scope = s.date + "/" + s.Region + "/" + s.Service + "/" + terminator
		s.key = DeriveKey(s.Secret, s.date, s.Region, s.Service)
	}
	r.Headers = append(r.Headers, Header{"x-amz-date", amzDate})
	if s.SessionToken != "" {
		r.Headers = append(r.Headers, Header{"x-amz-security-token", s.SessionToken})
	}
	s.names = s.names[:0]
	claim := ""
	for _, h := range r.Headers {
		if h.Name == "host" || h.Name == "content-type" || strings.HasPrefix(h.Name, "x-amz-") {
			s.names = append(s.names, h.Name)
		}
		if h.Name == "x-amz-content-sha256" {
			claim = h.Value
		}
	}
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	signed := strings.Join(s.names, ";")
	p, _ := payloadHash(r.Body, claim)
	// A query longer than the limit makes a signature that no server accepts.
	_ = s.v.canonical(r, signed, false, p)
	signature := s.v.sign(amzDate, s.scope, &s.key)
	r.Headers = append(r.Headers, Header{"authorization", algorithm + " Credential=" + s.AccessKey + "/" + s.scope +
		", SignedHeaders=" + signed + ", Signature=" + string(signature[:])})
}
