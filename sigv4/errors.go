package sigv4

import (
	"strconv"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
)

func invalid(message string) error {
	return &aws.Error{Code: "InvalidSignatureException", Message: message, Status: 400}
}

func incomplete(message string) error {
	return &aws.Error{Code: "IncompleteSignatureException", Message: message, Status: 400}
}

func errBoth() error {
	return invalid("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
}

func errMissingToken() error {
	return &aws.Error{Code: "MissingAuthenticationTokenException", Message: "Request is missing Authentication Token", Status: 400}
}

func errIncompleteHeader(p parts, f fields) error {
	var b strings.Builder
	for _, part := range [...]struct{ name, value string }{
		{"Credential", p.credential}, {"Signature", p.signature}, {"SignedHeaders", p.signedHeaders},
	} {
		if part.value == "" {
			b.WriteString("Authorization header requires '" + part.name + "' parameter. ")
		}
	}
	if !f.hasDate {
		b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	b.WriteString("Authorization=" + f.authorization)
	return incomplete(b.String())
}

func errIncompleteQuery(p parts) error {
	var b strings.Builder
	for _, part := range [...]struct{ name, value string }{
		{"X-Amz-Algorithm", p.algorithm},
		{"X-Amz-Credential", p.credential},
		{"X-Amz-Signature", p.signature},
		{"X-Amz-SignedHeaders", p.signedHeaders},
		{"X-Amz-Date", p.date},
	} {
		if part.value == "" {
			b.WriteString("AWS query-string parameters must include '" + part.name + "'. ")
		}
	}
	b.WriteString("Re-examine the query-string parameters.")
	return incomplete(b.String())
}

func errDateFormat(got string) error {
	return incomplete("Date must be in ISO-8601 'basic format'. Got '" + got + "'. See http://en.wikipedia.org/wiki/ISO_8601")
}

func errExpired(date string, now time.Time, window time.Duration) error {
	return invalid("Signature expired: " + date + " is now earlier than " + iso(now.Add(-window)) +
		" (" + iso(now) + " - " + span(window) + ")")
}

func errNotYet(date string, now time.Time) error {
	return invalid("Signature not yet current: " + date + " is still later than " + iso(now.Add(SkewWindow)) +
		" (" + iso(now) + " + " + span(SkewWindow) + ")")
}

func iso(t time.Time) string { return t.UTC().Format(isoBasic) }

// span writes a window as AWS does, in minutes. Windows that X-Amz-Expires
// narrowed are in seconds where they are no whole minutes; that form is ours.
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min."
	}
	return strconv.Itoa(int(d/time.Second)) + " sec."
}

// errExpires is worded by us.
func errExpires(got string) error {
	return incomplete("X-Amz-Expires must be a number of seconds. Got '" + got + "'.")
}

// errTooMany is worded by us.
func errTooMany(what string, limit int) error {
	return invalid("The request has more than " + strconv.Itoa(limit) + " " + what + ".")
}

func errHostUnsigned() error {
	return invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
}

// errUnsigned has S3's text; DynamoDB's was not recorded.
func errUnsigned(name string) error {
	return invalid("There were headers present in the request which were not signed: " + name)
}

func errAlgorithm(got string) error {
	return incomplete("Unsupported AWS 'algorithm': '" + got + "' (only AWS4-HMAC-SHA256 for now). ")
}

func errCredentialParts(got string) error {
	return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + got + "'")
}

func errScope(c *Credential, region, service bool, end, want string) error {
	var b strings.Builder
	if !region {
		b.WriteString("Credential should be scoped to a valid region. ")
	}
	if !service {
		b.WriteString("Credential should be scoped to correct service: '" + want + "'. ")
	}
	if end != terminator {
		b.WriteString("Credential should be scoped with a valid terminator: 'aws4_request', not '" + end + "'. ")
	}
	if c.Date != c.amzDate[:8] {
		b.WriteString("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
			c.Date + "' != '" + c.amzDate[:8] + "', from '" + c.amzDate + "'. ")
	}
	return invalid(b.String())
}

func errMismatch() error {
	return invalid("The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// UnknownKey is the answer to an access key id that the account does not know.
func UnknownKey() *aws.Error {
	return &aws.Error{
		Code: "UnrecognizedClientException", Status: 400,
		Message: "The security token included in the request is invalid.",
	}
}

// BadToken is the answer to a session token that does not belong to its key.
// Unlike UnknownKey's, its text has no final dot (recorded).
func BadToken() *aws.Error {
	return &aws.Error{
		Code: "UnrecognizedClientException", Status: 400,
		Message: "The security token included in the request is invalid",
	}
}

// ExpiredToken is the answer to a session that has ended.
func ExpiredToken() *aws.Error {
	return &aws.Error{
		Code: "ExpiredTokenException", Status: 400,
		Message: "The security token included in the request is expired",
	}
}
