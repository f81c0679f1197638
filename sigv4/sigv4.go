// Package sigv4 verifies Signature Version 4, in AWS's order of checks.
//
// A server calls Verifier.Parse, which reads the credential and makes every
// check that needs no secret; looks up the key of Credential.AccessKey; and
// calls Verifier.Verify. The order and the texts of the errors are those
// recorded from DynamoDB's front door. A text that is ours says so.
//
// The hash of the body is taken from its raw bytes. DynamoDB's SDKs send no
// X-Amz-Content-Sha256; where a client sends it, it has to be signed, and has
// to be the body's hash in lower-case hex or UNSIGNED-PAYLOAD, which takes the
// body out of the signature because the signer asked for that (documented for
// S3; that DynamoDB honours it is not).
package sigv4

import (
	"strings"
	"time"
)

// Request is the part of an HTTP request that a signature covers. Its strings
// may alias buffers of the server as long as they stand still until the last
// use of the Credential that was parsed from them.
type Request struct {
	Method   string
	Path     string // As on the request line, still escaped; empty means "/".
	RawQuery string // Without the question mark.
	Headers  []Header
	Body     []byte
}

// Header is one header field. Name is in lower case. HTTP/2's :authority is
// given as host.
type Header struct{ Name, Value string }

// Scope is what a credential must be scoped to.
type Scope struct {
	Services    []string                 // At least one; errors name the first.
	RegionValid func(region string) bool // Not nil.
}

// Credential is what a request claims about its signer. Nothing of it is
// proven before Verify returned nil.
type Credential struct {
	AccessKey    string
	Date         string // YYYYMMDD.
	Region       string
	Service      string
	SessionToken string    // Empty for long-term keys.
	Time         time.Time // When it was signed, to the second.
	Presigned    bool      // The signature came in the query string.

	amzDate       string // Time as it was sent.
	scope         string // date/region/service/aws4_request
	signedHeaders string
	signature     string
	contentSHA256 string // The claim about the body, or empty.
}

// Named limits and windows.
const (
	// SkewWindow is how far a signature's time may lie from now, on either
	// side (recorded: "15 min.").
	SkewWindow = 15 * time.Minute
	// MaxSignedHeaders and MaxQueryParameters bound the work of one
	// verification. They are ours.
	MaxSignedHeaders   = 128
	MaxQueryParameters = 128
)

const (
	algorithm       = "AWS4-HMAC-SHA256"
	terminator      = "aws4_request"
	unsignedPayload = "UNSIGNED-PAYLOAD"
	isoBasic        = "20060102T150405Z"
)

// Verifier parses and verifies one request at a time. It holds scratch memory
// only: a connection owns one and uses it again and again. The zero value is
// ready.
type Verifier struct {
	buf    []byte
	params []param
}

// param is one query parameter: its encoded name and value in Verifier.buf.
type param struct{ name, value []byte }

// fields are the places of a request that carry the signature's parts.
type fields struct {
	authorization, date, token, contentSHA256 string
	hasAuthorization, hasDate                 bool
}

func readHeaders(headers []Header) fields {
	var f fields
	var amzDate, date string
	for i := range headers {
		h := &headers[i]
		switch h.Name {
		case "authorization":
			if !f.hasAuthorization {
				f.authorization, f.hasAuthorization = h.Value, true
			}
		case "x-amz-date":
			amzDate = h.Value
		case "date":
			date = h.Value
		case "x-amz-security-token":
			f.token = h.Value
		case "x-amz-content-sha256":
			f.contentSHA256 = h.Value
		}
	}
	f.date = amzDate
	if amzDate == "" {
		f.date = date
	}
	f.hasDate = f.date != ""
	return f
}

// Parse reads the credential of r and makes all checks that need no secret,
// in DynamoDB's order. The error is an *aws.Error, and the credential is then
// of no use. now is the time of the service.
func (v *Verifier) Parse(r *Request, expect Scope, now time.Time) (Credential, error) {
	f := readHeaders(r.Headers)
	presigned := r.RawQuery != "" && hasParameter(r.RawQuery, "X-Amz-Algorithm")
	if presigned && f.hasAuthorization {
		return Credential{}, errBoth()
	}
	if !presigned && !strings.HasPrefix(f.authorization, "AWS4-") {
		return Credential{}, errMissingToken()
	}
	var p parts
	var err error
	if presigned {
		p, err = parseQuery(r.RawQuery)
	} else {
		p, err = parseAuthorization(f)
	}
	if err != nil {
		return Credential{}, err
	}
	at, ok := parseTime(p.date)
	if !ok {
		return Credential{}, errDateFormat(p.date)
	}
	if err := checkWindow(p, at, now); err != nil {
		return Credential{}, err
	}
	if err := checkSignedHeaders(p.signedHeaders, r.Headers); err != nil {
		return Credential{}, err
	}
	if p.algorithm != algorithm {
		return Credential{}, errAlgorithm(p.algorithm)
	}
	c := Credential{
		SessionToken: p.token, Time: at, Presigned: presigned, amzDate: p.date,
		signedHeaders: p.signedHeaders, signature: p.signature, contentSHA256: p.contentSHA256,
	}
	if err := c.readScope(p.credential, expect); err != nil {
		return Credential{}, err
	}
	return c, nil
}

// parts are the pieces of either form, as they were sent.
type parts struct {
	algorithm, credential, signedHeaders, signature string
	date, token, contentSHA256, expires             string
}

// parseAuthorization reads "ALGORITHM Credential=..., SignedHeaders=...,
// Signature=...". Unknown parts are passed over.
func parseAuthorization(f fields) (parts, error) {
	p := parts{date: f.date, token: f.token, contentSHA256: f.contentSHA256}
	var rest string
	p.algorithm, rest, _ = strings.Cut(f.authorization, " ")
	for rest != "" {
		var piece string
		piece, rest = cutPiece(rest)
		name, value, _ := strings.Cut(piece, "=")
		switch name {
		case "Credential":
			p.credential = value
		case "SignedHeaders":
			p.signedHeaders = value
		case "Signature":
			p.signature = value
		}
	}
	if p.credential == "" || p.signature == "" || p.signedHeaders == "" || !f.hasDate {
		return parts{}, errIncompleteHeader(p, f)
	}
	return p, nil
}

// cutPiece takes the first piece of s; commas and spaces part pieces.
func cutPiece(s string) (piece, rest string) {
	i := strings.IndexAny(s, ", ")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], ", ")
}

// parseTime reads ISO 8601's basic format, YYYYMMDD'T'HHMMSS'Z'.
func parseTime(s string) (time.Time, bool) {
	if len(s) != len(isoBasic) || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	year, ok1 := digits(s[:4])
	month, ok2 := digits(s[4:6])
	day, ok3 := digits(s[6:8])
	hour, ok4 := digits(s[9:11])
	minute, ok5 := digits(s[11:13])
	second, ok6 := digits(s[13:15])
	numbers := ok1 && ok2 && ok3 && ok4 && ok5 && ok6
	if !numbers || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// Date carries a 13th month or a 31st of February over; that is no date.
	if t.Month() != time.Month(month) || t.Day() != day {
		return time.Time{}, false
	}
	return t, true
}

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// checkWindow holds the signing time to SkewWindow around now. X-Amz-Expires
// can only narrow the window (that it may widen it is S3's rule).
func checkWindow(p parts, at, now time.Time) error {
	window := SkewWindow
	if p.expires != "" {
		seconds, ok := digits(p.expires)
		if !ok || len(p.expires) > 6 {
			return errExpires(p.expires)
		}
		window = min(window, time.Duration(seconds)*time.Second)
	}
	if at.Before(now.Add(-window)) {
		return errExpired(p.date, now, window)
	}
	if at.After(now.Add(SkewWindow)) {
		return errNotYet(p.date, now)
	}
	return nil
}

// checkSignedHeaders demands that host is signed, and every x-amz- header that
// was sent: an unsigned X-Amz-Target could name another operation. The date is
// part of the string to sign and needs no more.
func checkSignedHeaders(signed string, headers []Header) error {
	if strings.Count(signed, ";") >= MaxSignedHeaders {
		return errTooMany("signed headers", MaxSignedHeaders)
	}
	if !listHas(signed, "host") {
		return errHostUnsigned()
	}
	for i := range headers {
		name := headers[i].Name
		if strings.HasPrefix(name, "x-amz-") && name != "x-amz-date" && !listHas(signed, name) {
			return errUnsigned(name)
		}
	}
	return nil
}

// listHas reports whether the list, parted by semicolons, has the name.
func listHas(list, name string) bool {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, ";")
		if one == name {
			return true
		}
	}
	return false
}

// readScope takes the credential apart and checks its scope.
func (c *Credential) readScope(credential string, expect Scope) error {
	if strings.Count(credential, "/") != 4 {
		return errCredentialParts(credential)
	}
	var end string
	c.AccessKey, c.scope, _ = strings.Cut(credential, "/")
	c.Date, end, _ = strings.Cut(c.scope, "/")
	c.Region, end, _ = strings.Cut(end, "/")
	c.Service, end, _ = strings.Cut(end, "/")
	service := false
	for _, s := range expect.Services {
		service = service || s == c.Service
	}
	region := expect.RegionValid(c.Region)
	if service && region && end == terminator && c.Date == c.amzDate[:8] {
		return nil
	}
	return errScope(c, region, service, end, expect.Services[0])
}
