package policy

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// Circumstances are how and when a request came: what AWS's global condition keys
// tell of every request, whatever it is about (documented).
type Circumstances struct {
	Time      time.Time  // aws:CurrentTime and aws:EpochTime, to the second.
	Region    aws.Region // aws:RequestedRegion.
	Secure    bool       // aws:SecureTransport.
	Source    netip.Addr // aws:SourceIp; a service's own request has none.
	UserAgent string     // aws:UserAgent; "" where none was sent.
	Referer   string     // aws:referer; the same.
}

// value answers a key in lower case that circumstances have. The principal always
// calls itself here, no service does it in its name: aws:ViaAWSService.
func (c *Circumstances) value(key string) (value string, known, ok bool) {
	if c == nil {
		return "", false, false
	}
	switch key {
	case "aws:currenttime":
		return c.Time.UTC().Format(time.RFC3339), true, true
	case "aws:epochtime":
		return strconv.FormatInt(c.Time.Unix(), 10), true, true
	case "aws:securetransport":
		return strconv.FormatBool(c.Secure), true, true
	case "aws:requestedregion":
		return string(c.Region), true, true
	case "aws:viaawsservice":
		return "false", true, true
	case "aws:sourceip":
		return c.Source.String(), true, c.Source.IsValid()
	case "aws:useragent":
		return c.UserAgent, true, c.UserAgent != ""
	case "aws:referer":
		return c.Referer, true, c.Referer != ""
	}
	return "", false, false
}

// Timed reports whether a decision by the document may change with the time alone,
// from one second to the next. A nil document is none.
func (d *Document) Timed() bool { return d != nil && d.timed }

// ofTime reports whether a key's value is the time of the request.
func ofTime(key string) bool { return key == "aws:currenttime" || key == "aws:epochtime" }

// timed reports whether the statement speaks of the time, in a condition or in a
// variable.
func (s *statement) timed() bool {
	for i := range s.resources {
		if s.resources[i].timed() {
			return true
		}
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if ofTime(c.key) {
			return true
		}
		for j := range c.operands {
			if c.operands[j].pattern.timed() {
				return true
			}
		}
	}
	return false
}

func (p *pattern) timed() bool {
	for i := range p.parts {
		if ofTime(p.parts[i].variable) {
			return true
		}
	}
	return false
}
