package wire

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"runtime/debug"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/hortusdb/hortus/aws"
)

// tooLarge stands in for the method of a request whose Content-Length is over
// the limit. No client can send it, for it holds spaces.
const tooLarge = "body too large"

// refuseTooLarge sees to it that nothing of a body over the limit is read, and
// that no client is told to continue with it. The engine gives this hook no
// way to answer; answer does it.
func refuseTooLarge(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if h.ContentLength() > MaxBody {
		h.SetMethod(tooLarge)
		h.Del("Expect")
		h.SetContentLength(0)
		h.SetConnectionClose()
	}
	return fasthttp.RequestConfig{}
}

// refuse answers what the engine could not parse or did not get in time.
func refuse(ctx *fasthttp.RequestCtx, err error) {
	status := statusOfRead(err)
	refuseWith(ctx, ctx.Conn().(*conn), status)
	if status == fasthttp.StatusRequestHeaderFieldsTooLarge {
		ctx.Response.Header.SetContentType(ContentType)
		ctx.Response.SetBodyRaw(headersTooLarge)
	}
}

// headersTooLarge is the answer's body where clients can do something about it, which
// is to name fewer positions. It is ours: AWS's is not known.
var headersTooLarge = AppendError(nil, aws.Validation("The headers of the request are too large; x-hortus-wait-for is to name the positions of the tables of this call alone"))

// statusOfRead is the answer to a request that could not be read.
func statusOfRead(err error) int {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &small):
		return fasthttp.StatusRequestHeaderFieldsTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fasthttp.StatusRequestEntityTooLarge
	case errors.Is(err, fasthttp.ErrTimeout), errors.As(err, &network) && network.Timeout():
		return fasthttp.StatusRequestTimeout
	}
	return fasthttp.StatusBadRequest
}

// refuseWith answers with no body and closes: where the next request would
// start is not known.
func refuseWith(ctx *fasthttp.RequestCtx, c *conn, status int) {
	ctx.Response.Reset()
	h := &ctx.Response.Header
	h.DisableNormalizing()
	h.SetNoDefaultContentType(true)
	h.SetStatusCode(status)
	h.SetConnectionClose()
	c.linger = status != fasthttp.StatusRequestTimeout
}

// answer takes one request from the engine. The checks stand in AWS's order
// (recorded): size, GET, then method and content type; the handler goes on
// from there.
func (s *Server) answer(serving context.Context, ctx *fasthttp.RequestCtx) {
	c := ctx.Conn().(*conn)
	call := s.calls.Get().(*Call)
	c.call = call
	drawRequestID(&call.id, &c.random)
	call.RequestID = call.id[:]
	call.Method = ctx.Request.Header.Method()
	call.Status = fasthttp.StatusOK
	if status := readRequest(ctx, c, call); status != 0 {
		refuseWith(ctx, c, status)
		ctx.Response.Header.SetCanonical(nameRequestID, call.RequestID)
		return
	}
	contentType := ""
	switch {
	case string(call.Method) == "GET":
		call.Out = append(call.Out, "healthy: dynamodb."...)
		call.Out = append(call.Out, s.regionOf(call.Host)...)
		call.Out = append(call.Out, ".amazonaws.com "...)
	case string(call.Method) == "OPTIONS":
		call.SetHeader("Allow", "GET, OPTIONS, POST")
	case string(call.Method) == "POST" && isJSON(call.ContentType):
		contentType = ContentType
		if bytes.HasPrefix(call.ContentType, []byte(contentType11)) {
			contentType = contentType11
		}
		s.call(serving, call)
	case string(call.Method) == "POST" && isForm(call.ContentType):
		call.Form = true
		if s.call(serving, call); call.Form {
			contentType = contentTypeXML
		}
	default:
		call.Disown()
	}
	call.allowOrigin()
	if s.draining.Load() || wantsClose(call) {
		ctx.Response.Header.SetConnectionClose()
	}
	writeAnswer(ctx, call, contentType)
}

// call runs the handler and makes a panic of it an answer.
func (s *Server) call(serving context.Context, call *Call) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		s.log.Error("wire: handler panicked", "panic", v, "target", string(call.Target),
			"requestID", string(call.RequestID), "stack", string(debug.Stack()))
		s.onPanic(v)
		call.extra = call.extra[:0]
		call.Fail(internal)
	}()
	s.handler.Serve(serving, call)
}

var (
	nameRequestID = []byte("x-amzn-RequestId")
	nameCRC32     = []byte("x-amz-crc32")
)

// writeAnswer hands the call's answer to the engine, which writes it, without
// a copy of the body, once answer has returned. Until then the call is not
// given back: see conn.end.
func writeAnswer(ctx *fasthttp.RequestCtx, call *Call, contentType string) {
	h := &ctx.Response.Header
	h.DisableNormalizing()
	h.SetStatusCode(call.Status)
	if contentType != "" {
		h.SetContentType(contentType)
	}
	h.SetCanonical(nameRequestID, call.RequestID)
	body := call.pack()
	var decimal [10]byte
	h.SetCanonical(nameCRC32, strconv.AppendUint(decimal[:0], uint64(crc32.ChecksumIEEE(body)), 10))
	for i := range call.extra {
		h.Set(call.extra[i].name, call.extra[i].value)
	}
	ctx.Response.SetBodyRaw(body)
}

// isJSON reports whether t is a content type that AWS takes, whatever its
// parameters.
func isJSON(t []byte) bool {
	if string(t) == ContentType {
		return true
	}
	t, _, _ = bytes.Cut(t, []byte(";"))
	t = bytes.TrimSpace(t)
	return bytes.EqualFold(t, []byte(ContentType)) || bytes.EqualFold(t, []byte("application/json")) ||
		bytes.EqualFold(t, []byte(contentType11))
}

// regionOf is the Region that host names, as in
// dynamodb.eu-west-1.amazonaws.com, or else the server's.
func (s *Server) regionOf(host []byte) aws.Region {
	for label := range bytes.SplitSeq(host, []byte(".")) {
		if r := aws.Region(label); r.Known() {
			return r
		}
	}
	return s.region
}

// readRequest fills call from the engine's request. It returns 0, or the
// status with which the request is refused.
func readRequest(ctx *fasthttp.RequestCtx, c *conn, call *Call) int {
	if string(call.Method) == tooLarge {
		return fasthttp.StatusRequestEntityTooLarge
	}
	h := &ctx.Request.Header
	if ambiguous(h) || !call.takeHeaders(h) {
		return fasthttp.StatusBadRequest
	}
	call.Host = h.Host()
	call.ContentType = h.ContentType()
	call.Target = call.Header("x-amz-target")
	call.Path, call.RawQuery = splitURI(ctx)
	call.RemoteAddr, call.Secure = c.remote, c.secure
	c.phase = phaseBody
	err := call.readBody(ctx.RequestBodyStream(), h.ContentLength())
	if err == nil && c.ended {
		err = io.ErrUnexpectedEOF // Between two chunks, which the engine takes for the end.
	}
	if err != nil {
		return statusOfRead(err)
	}
	return 0
}

// splitURI returns path and query as received. The absolute form, which only
// proxies use, is left to the engine.
func splitURI(ctx *fasthttp.RequestCtx) (path, query []byte) {
	uri := ctx.Request.Header.RequestURI()
	if len(uri) > 0 && uri[0] != '/' {
		return ctx.URI().PathOriginal(), ctx.URI().QueryString()
	}
	path, query, _ = bytes.Cut(uri, []byte("?"))
	return path, query
}

// wantsClose reports whether the client asked for the connection's end in a
// way that the engine overlooks: it knows only "close" alone, in lower case.
func wantsClose(c *Call) bool {
	v := c.Header("connection")
	if v == nil || string(v) == "keep-alive" {
		return false
	}
	for option := range bytes.SplitSeq(v, []byte(",")) {
		if bytes.EqualFold(bytes.TrimSpace(option), []byte("close")) {
			return true
		}
	}
	return false
}

// ambiguous reports a request whose end can be read in two ways: with both a
// Content-Length and chunks, or with chunks in HTTP/1.0, which has none. The
// engine would go by the chunks; a proxy in front may not, and what one takes
// for a body the other takes for the next request.
func ambiguous(h *fasthttp.RequestHeader) bool {
	if h.ContentLength() != -1 {
		return false
	}
	if !h.IsHTTP11() {
		return true
	}
	for line := range bytes.SplitSeq(h.RawHeaders(), []byte("\n")) {
		name, _, ok := bytes.Cut(line, []byte(":"))
		if ok && bytes.EqualFold(bytes.TrimSpace(name), []byte("content-length")) {
			return true
		}
	}
	return false
}

// firstBody is the buffer, in bytes, with which a body of unknown or great
// length begins: memory is given for bytes that came, not for bytes promised.
const firstBody = 64 << 10

// readBody reads the whole body from r, which is nil if there is none. length
// is what the headers say, or negative for chunks.
func (c *Call) readBody(r io.Reader, length int) error {
	if r == nil || length == 0 {
		return nil
	}
	first := firstBody
	if 0 <= length && length < first {
		first = length
	}
	if cap(c.body) < first {
		c.body = make([]byte, 0, first)
	}
	b := c.body[:0]
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		c.body = b[:0]
		if len(b) > MaxBody {
			return fasthttp.ErrBodyTooLarge
		}
		switch {
		case errors.Is(err, io.EOF) && length >= 0 && len(b) != length:
			return io.ErrUnexpectedEOF // The engine says no more than EOF.
		case errors.Is(err, io.EOF):
			c.Body = b
			return nil
		case err != nil:
			return err
		}
	}
}

// takeHeaders lists the request's headers with names in lower case. It reports
// false for a name with a space in it, which the engine lets pass and HTTP
// does not.
func (c *Call) takeHeaders(h *fasthttp.RequestHeader) bool {
	for name, value := range h.All() {
		lower := wellKnown(name)
		if lower == nil {
			start := len(c.names)
			for _, b := range name {
				if b == ' ' {
					return false
				}
				if 'A' <= b && b <= 'Z' {
					b += 'a' - 'A'
				}
				c.names = append(c.names, b)
			}
			lower = c.names[start:len(c.names):len(c.names)]
		}
		c.headers = append(c.headers, Header{lower, value})
	}
	return true
}
