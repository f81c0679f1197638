// Package wire takes HTTP in and gives answers out: listeners, limits, and AWS's
// protocols awsJson and query as AWS speaks them. It knows no tables: a [Handler]
// answers the calls.
//
// The HTTP engine is fasthttp, chosen by measurement; nothing of it shows in
// the package's interface. The engine parses and writes messages. Accepting,
// counting, timing, draining and closing connections is done here, by
// [Server] and its conn.
package wire

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/hortusdb/hortus/aws"
)

// MaxBody is the size in bytes of the largest request body that is taken:
// DynamoDB's 16 MiB. One byte more is answered with 413 and an empty body
// (recorded).
const MaxBody = 16 << 20

// ContentType is the media type of every answer of the awsJson 1.0 protocol.
const ContentType = "application/x-amz-json-1.0"

// contentType11 is that of the services that speak awsJson 1.1; for what is
// here, the two are the same otherwise.
const contentType11 = "application/x-amz-json-1.1"

// Handler answers calls. A Call and its buffers are reused: nothing of it may
// be kept after Serve returns. Serve is called on many goroutines at once. Its
// context ends when the server is closed by force, not when the client leaves.
//
// A panic in Serve becomes a 500 and does not reach other calls.
type Handler interface {
	Serve(ctx context.Context, c *Call)
}

// Header is one header line of a request. Name is in lower case, Value is as
// received but for the white space around it.
type Header struct {
	Name, Value []byte
}

// Call is one request and its answer. All slices of the request are valid
// until Serve returns; they may be read, not written.
type Call struct {
	Method      []byte // As received, as in "POST".
	Path        []byte // As received, not decoded.
	RawQuery    []byte // What follows the question mark, not decoded.
	Target      []byte // The value of X-Amz-Target, as in "DynamoDB_20120810.GetItem"; empty if absent.
	ContentType []byte // As received, parameters included.
	Host        []byte // As received, with the port if it has one.
	Body        []byte // At most MaxBody bytes.
	RemoteAddr  netip.AddrPort
	Secure      bool   // It came by TLS.
	RequestID   []byte // What the answer's x-amzn-RequestId says.
	Form        bool   // It came in the query protocol: Body is a form, and the answer is XML.

	// The answer. Status starts as 200. Serve appends the body to Out, which
	// starts empty and keeps its capacity from call to call.
	Status    int
	Out       []byte
	Namespace string // Of the XML of an error.

	headers []Header
	extra   []extraHeader
	names   []byte   // The bytes of names that are not well known.
	body    []byte   // The buffer behind Body.
	id      [52]byte // The buffer behind RequestID.
	*packing
}

type extraHeader struct{ name, value string }

// NewCall returns a call with these header lines, for a request that came by
// another way than a Server's.
func NewCall(headers []Header) *Call {
	c := &Call{Status: 200, headers: headers}
	c.Target, c.Host, c.ContentType = c.Header("x-amz-target"), c.Header("host"), c.Header("content-type")
	c.Form = isForm(c.ContentType)
	return c
}

// Extra calls fn for each header that was added to the answer.
func (c *Call) Extra(fn func(name, value string)) {
	for _, h := range c.extra {
		fn(h.name, h.value)
	}
}

// Headers returns the request's header lines. Lines of one name stand in the
// order in which they came; the order of different names means nothing. Host
// is among them. The engine keeps only the last line of a Content-Type or a
// User-Agent that was sent more than once.
func (c *Call) Headers() []Header { return c.headers }

// Header returns the value of the first header of that name, which must be in
// lower case, or nil if there is none.
func (c *Call) Header(name string) []byte {
	for i := range c.headers {
		if h := &c.headers[i]; string(h.Name) == name {
			return h.Value
		}
	}
	return nil
}

// HeaderList returns the values of all headers of that name, which must be in lower
// case, as the one list that HTTP takes them for, or nil if there is none.
func (c *Call) HeaderList(name string) []byte {
	var list []byte
	lines := 0
	for i := range c.headers {
		h := &c.headers[i]
		if string(h.Name) != name {
			continue
		}
		switch lines++; lines {
		case 1:
			list = h.Value
		case 2:
			list = append(append(slices.Clone(list), ", "...), h.Value...)
		default:
			list = append(append(list, ", "...), h.Value...)
		}
	}
	return list
}

// SetHeader adds a header to the answer, spelled as given. Content-Type
// replaces the usual one; Date, Content-Length and Transfer-Encoding are the
// server's own and are left out.
func (c *Call) SetHeader(name, value string) {
	c.extra = append(c.extra, extraHeader{name, value})
}

// Fail makes err the answer, in place of what Out and Status said: an
// *aws.Error in its own words, any other as InternalServerError, whose text
// tells the client nothing. Who made err logs it.
func (c *Call) Fail(err error) {
	var contract *aws.Error
	if !errors.As(err, &contract) {
		contract = internal
	}
	if c.Form {
		contract = QueryError(contract)
		c.Status = statusOf(contract)
		c.Out = AppendQueryError(c.Out[:0], c.Namespace, contract, c.RequestID)
		return
	}
	c.Status = statusOf(contract)
	c.Out = AppendError(c.Out[:0], contract)
}

const (
	keepBody = 1 << 20 // A pooled Call keeps no larger request buffer, in bytes.
	keepOut  = 4 << 20 // A pooled Call keeps no larger answer buffer, in bytes.
)

// reset readies c for the pool: it points at nothing of the connection.
func (c *Call) reset() {
	body, out := c.body[:0], c.Out[:0]
	if cap(body) > keepBody {
		body = nil
	}
	if cap(out) > keepOut {
		out = nil
	}
	clear(c.headers)
	clear(c.extra)
	if c.packing != nil && c.packed.Cap() > keepOut {
		c.packing = nil
	}
	*c = Call{packing: c.packing, headers: c.headers[:0], extra: c.extra[:0], names: c.names[:0], body: body, Out: out}
}
