package wire

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

// reply is an answer with that status line, body and extra header lines.
func reply(status, contentType, body string, extra ...string) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 " + status + "\r\nServer: Server\r\nDate: D\r\n")
	if contentType != "" {
		b.WriteString("Content-Type: " + contentType + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\nx-amzn-RequestId: I\r\nx-amz-crc32: %d\r\n",
		len(body), crc32.ChecksumIEEE([]byte(body)))
	for _, h := range extra {
		b.WriteString(h + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// refused is the answer to what is not taken: empty, and the last.
func refused(status string, withID bool) string {
	id := ""
	if withID {
		id = "x-amzn-RequestId: I\r\n"
	}
	return "HTTP/1.1 " + status + "\r\nServer: Server\r\nDate: D\r\nContent-Length: 0\r\n" + id + "Connection: close\r\n\r\n"
}

// tooLong is the answer to headers that are too large: empty but for what is wrong.
var tooLong = strings.NewReplacer("Date: D\r\nContent-Length: 0", fmt.Sprintf("Date: D\r\nContent-Type: %s\r\nContent-Length: %d", ContentType, len(headersTooLarge))).
	Replace(refused("431 Request Header Fields Too Large", false)) + string(headersTooLarge)

const (
	last    = "Connection: close"
	jsonOf  = ContentType
	unknown = "<UnknownOperationException/>\n"
	head    = "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: length\r\nContent-Type: " + ContentType + "\r\n"
)

var (
	ok      = reply("200 OK", jsonOf, "{}")
	okLast  = reply("200 OK", jsonOf, "{}", last)
	bad     = refused("400 Bad Request", false)
	badCall = refused("400 Bad Request", true)
)

type exchange struct{ name, in, want string }

// runExchanges sends each case's bytes, ends the sending side, and reads all
// that comes.
func runExchanges(t *testing.T, cases []exchange) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, Options{Region: "ap-south-1"})
			c := h.dial()
			h.send(c, tc.in)
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := h.rest(c); got != tc.want {
				t.Errorf("sent\n%.500q\ngot\n%q\nwant\n%q", tc.in, got, tc.want)
			}
		})
	}
}

// TestFrontDoor: the front door, in AWS's order.
func TestFrontDoor(t *testing.T) {
	runExchanges(t, []exchange{
		{"GET is health", "GET /any?x=y HTTP/1.1\r\nHost: dynamodb.eu-west-1.amazonaws.com:8000\r\n\r\n", reply("200 OK", "", "healthy: dynamodb.eu-west-1.amazonaws.com ")},
		{"GET by account endpoint", "GET / HTTP/1.1\r\nHost: 111111111111.ddb.us-east-2.amazonaws.com\r\n\r\n", reply("200 OK", "", "healthy: dynamodb.us-east-2.amazonaws.com ")},
		{"GET names the server's Region", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", reply("200 OK", "", "healthy: dynamodb.ap-south-1.amazonaws.com ")},
		{"GET comes before the content type", "GET / HTTP/1.1\r\nHost: h\r\nContent-Type: " + jsonOf + "\r\nContent-Length: 2\r\n\r\n{}", reply("200 OK", "", "healthy: dynamodb.ap-south-1.amazonaws.com ")},
		{"OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: h\r\n\r\n", reply("200 OK", "", "", "Allow: GET, OPTIONS, POST")},
		{"PUT", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Type: " + jsonOf + "\r\nContent-Length: 2\r\n\r\n{}", reply("404 Not Found", "", unknown)},
		{"HEAD has no body", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", strings.TrimSuffix(reply("404 Not Found", "", unknown), unknown)},
		{"no content type", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", reply("404 Not Found", "", unknown)},
		{"wrong content type", "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/json\r\nContent-Length: 2\r\n\r\n{}", reply("404 Not Found", "", unknown)},
		{"application/json", "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: empty\r\nContent-Type: application/JSON ; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}", ok},
		{"lower-case names", "POST / HTTP/1.1\r\nhost: h\r\nx-amz-target: empty\r\ncontent-type: " + jsonOf + "\r\ncontent-length: 2\r\n\r\n{}", ok},
	})
}

// form is a request in the query protocol.
func form(target, body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: %s\r\nContent-Type: application/X-www-form-urlencoded; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}

// TestQueryProtocol: forms come to the handler, are answered with XML, and those that
// it disowns as if there was no such protocol.
func TestQueryProtocol(t *testing.T) {
	runExchanges(t, []exchange{
		{"a form", form("length", "Action=A"), reply("200 OK", "text/xml", "8")},
		{"a form that is not posted", strings.Replace(form("length", "x"), "POST", "PUT", 1), reply("404 Not Found", "", unknown)},
		{"disowned", form("disown", "x=y") + post("empty", "{}"), reply("404 Not Found", "", unknown) + ok},
	})
}

// TestHandlerSeesAndSays: what the handler sees and says.
func TestHandlerSeesAndSays(t *testing.T) {
	runExchanges(t, []exchange{
		{"the call", "POST /a%2Fb//c?x=1&y=http://z HTTP/1.1\r\nHost: h:1\r\nX-B: 1\r\nx-amz-target: T\r\nCONTENT-TYPE: " + jsonOf + "\r\nx-b:   2  \r\nAuthorization: AWS4 x,  y\r\nContent-Length: 3\r\n\r\nabc", reply("200 OK", jsonOf,
			"POST /a%2Fb//c?x=1&y=http://z host=h:1 target=T type="+jsonOf+" [host=h:1] [content-length=3] [content-type="+jsonOf+"] [x-b=1] [x-amz-target=T] [x-b=2] [authorization=AWS4 x,  y] body=abc")},
		{"absolute form", "POST http://other/p?q HTTP/1.1\r\nHost: h\r\nContent-Type: " + jsonOf + "\r\n\r\n", reply("200 OK", jsonOf, "POST /p?q host=h target= type="+jsonOf+" [host=h] [content-length=0] [content-type="+jsonOf+"] body=")},
		{"contract error", post("missing", "{}"), reply("400 Bad Request", jsonOf, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`)},
		{"other error", post("broken", "{}"), reply("500 Internal Server Error", jsonOf, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"Internal server error"}`)},
		{"extra headers", post("extra", "{}"), reply("202 Accepted", "text/plain", "", "x-hortus-position: 17  Evil: yes")},
	})
}

// TestConnections: connections.
func TestConnections(t *testing.T) {
	runExchanges(t, []exchange{
		{"keep-alive", post("empty", "{}") + post("missing", "") + post("empty", "{}", last) + post("empty", "never read"), ok + reply("400 Bad Request", jsonOf, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`) + okLast},
		{"close among options", post("empty", "{}", "Connection: TE, Close") + post("empty", "never read"), okLast},
		{"pipelined answers keep their order", post("A", "1") + "GET / HTTP/1.1\r\nHost: h\r\n\r\n" + post("length", strings.Repeat("x", 20_000)) + post("empty", "{}"), reply("200 OK", jsonOf, "POST /? host=h target=A type="+jsonOf+" [host=h] [content-length=1] [content-type="+jsonOf+"] [x-amz-target=A] body=1") + reply("200 OK", "", "healthy: dynamodb.ap-south-1.amazonaws.com ") + reply("200 OK", jsonOf, "20000") + ok},
		{"HTTP/1.0 closes", "POST / HTTP/1.0\r\nHost: h\r\nX-Amz-Target: empty\r\nContent-Type: " + jsonOf + "\r\nContent-Length: 2\r\n\r\n{}" + post("empty", "never read"), okLast},
		{"HTTP/1.0 may stay", "POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nX-Amz-Target: empty\r\nContent-Type: " + jsonOf + "\r\nContent-Length: 2\r\n\r\n{}" + post("empty", "{}"), reply("200 OK", jsonOf, "{}", "Connection: keep-alive") + ok},
		{"nothing at all", "", ""},
		{"end within the headers", "POST / HTTP/1.1\r\nHost: h\r\n", bad},
		{"end within the body's start", head + "Content-Length: 10\r\n\r\n12345", bad},
		{"end within the body's rest", head + "Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 15_000), badCall},
		{"end between chunks", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", badCall},
		{"end before the last line", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", badCall},
		{"end within a chunk", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n123", badCall},
	})
}

// TestChunksAndContinue: chunks, and 100-continue.
func TestChunksAndContinue(t *testing.T) {
	runExchanges(t, []exchange{
		{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n" + post("empty", "{}"), reply("200 OK", jsonOf, "19") + ok},
		{"chunked with a trailer", head + "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n" + post("empty", "{}"), reply("200 OK", jsonOf, "3") + ok},
		{"malformed chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n" + post("empty", "never read"), badCall},
		{"100-continue", head + "expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 100 Continue\r\n\r\n" + reply("200 OK", jsonOf, "3")},
		{"too large is not continued", head + "Expect: 100-continue\r\nContent-Length: 16777217\r\n\r\n", refused("413 Request Entity Too Large", true)},
		{"too large comes before GET", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 16777217\r\n\r\n", refused("413 Request Entity Too Large", true)},
	})
}

// TestMalformed: what could be read in two ways, or not at all.
func TestMalformed(t *testing.T) {
	runExchanges(t, []exchange{
		{"length and chunks", head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + post("empty", "never read"), badCall},
		{"chunks and length", head + "Transfer-Encoding: chunked\r\ncontent-length : 3\r\n\r\n0\r\n\r\n", badCall},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", badCall},
		{"two lengths", head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", bad},
		{"signed length", head + "Content-Length: +2\r\n\r\n{}", bad},
		{"unknown coding", head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", bad},
		{"space within a name", head + "X Y: 1\r\n\r\n", badCall},
		{"no host", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", bad},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", bad},
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", bad},
		{"headers too large", head + "X-Long: " + strings.Repeat("x", DefaultMaxHeader) + "\r\n\r\n", tooLong},
	})
}

// TestBodyLimit sends bodies of the limit and of one byte more.
func TestBodyLimit(t *testing.T) {
	tooMuch := refused("413 Request Entity Too Large", true)
	most := reply("200 OK", ContentType, fmt.Sprint(MaxBody), last)
	for _, tc := range []struct {
		name    string
		size    int
		chunked bool
		want    string
	}{
		{"length, at the limit", MaxBody, false, most},
		{"length, over", MaxBody + 1, false, tooMuch},
		{"chunked, at the limit", MaxBody, true, most},
		{"chunked, over", MaxBody + 1, true, tooMuch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, Options{})
			c := h.dial()
			body := strings.Repeat("x", tc.size)
			h.send(c, head+last+"\r\n")
			if !tc.chunked {
				h.send(c, fmt.Sprintf("Content-Length: %d\r\n\r\n", tc.size))
				h.send(c, body)
			} else {
				h.send(c, "Transfer-Encoding: chunked\r\n\r\n")
				for len(body) > 0 {
					n := min(len(body), 1<<20)
					h.send(c, fmt.Sprintf("%x\r\n%s\r\n", n, body[:n]))
					body = body[n:]
				}
				h.send(c, "0\r\n\r\n")
			}
			if got := h.rest(c); got != tc.want {
				t.Errorf("got %.300q, want %q", got, tc.want)
			}
		})
	}
}

// TestTooLargeIsRefusedUnread wants the answer before any of the body is sent.
func TestTooLargeIsRefusedUnread(t *testing.T) {
	h := start(t, Options{})
	c := h.dial()
	h.send(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n")
	want := refused("413 Request Entity Too Large", true)
	if got := h.until(c, "\r\n\r\n"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPromisedBodyTakesNoMemory: memory is given for bytes that came.
func TestPromisedBodyTakesNoMemory(t *testing.T) {
	call := new(Call)
	if err := call.readBody(strings.NewReader("few"), MaxBody); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %q, %v", call.Body, err)
	}
	if cap(call.body) > firstBody {
		t.Errorf("took %d bytes for 3", cap(call.body))
	}
}

// TestContinueComesFirst: the client sends no body before it is told to.
func TestContinueComesFirst(t *testing.T) {
	h := start(t, Options{})
	c := h.dial()
	h.send(c, "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: empty\r\nContent-Type: "+ContentType+"\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if got := h.until(c, "\r\n\r\n"); got != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("got %q", got)
	}
	h.send(c, "{}")
	want := ok
	if got := h.until(c, "{}"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPieces sends a request byte by byte.
func TestPieces(t *testing.T) {
	h := start(t, Options{})
	c := h.dial()
	for _, b := range []byte(post("empty", "{}") + post("empty", "{}", last)) {
		h.send(c, string(b))
	}
	want := ok + okLast
	if got := h.rest(c); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCallKeepsNothing: what one call said is not in the next.
func TestCallKeepsNothing(t *testing.T) {
	h := start(t, Options{})
	c := h.dial()
	h.send(c, post("extra", "a body", "X-Secret: s"))
	h.until(c, "\r\n\r\n")
	h.send(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: "+ContentType+"\r\n\r\n")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	want := reply("200 OK", ContentType, "POST /? host=h target= type="+ContentType+" [host=h] [content-length=0] [content-type="+ContentType+"] body=")
	if got := h.rest(c); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHeaderList: lines of one name are one list, in their order.
func TestHeaderList(t *testing.T) {
	c := NewCall([]Header{
		{[]byte("a"), []byte("1")}, {[]byte("b"), []byte("x")}, {[]byte("a"), []byte("2, 3")}, {[]byte("a"), []byte("4")},
	})
	for name, want := range map[string]string{"a": "1, 2, 3, 4", "b": "x", "none": ""} {
		if got := string(c.HeaderList(name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := string(c.Header("a")); got != "1" {
		t.Errorf("the first line is %q", got)
	}
	if c.HeaderList("none") != nil {
		t.Error("a header that is not there has a list")
	}
}
