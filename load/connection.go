package load

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/sigv4"
)

const (
	dialWithin  = 5 * time.Second
	idleWithin  = 2 * time.Second  // Servers close what is idle, some after five seconds: a connection older than this is opened anew.
	callWithin  = 30 * time.Second // One request, until its answer is in.
	maxAnswer   = 64 << 20         // Bytes; the largest that DynamoDB gives is 16 MiB.
	bufferBytes = 16 << 10
)

const (
	contentType  = "application/x-amz-json-1.0"
	targetPrefix = "DynamoDB_20120810."
)

// connection sends one signed request at a time over one connection, which it
// opens again when it broke. One goroutine uses it at a time.
type connection struct {
	host    string // With the port, as dialled and as the Host header says.
	secure  bool
	access  *Target
	clock   clock.Clock
	nc      net.Conn
	used    time.Time // When the latest call began.
	in      *bufio.Reader
	out     []byte // Head and body, sent in one piece.
	signer  sigv4.Signer
	request sigv4.Request
	answer  fasthttp.Response
}

// newConnection reads the target's address; it does not dial.
func newConnection(t *Target, c clock.Clock) (*connection, error) {
	u, err := url.Parse(t.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("endpoint %q: want an address as in http://127.0.0.1:8000", t.Endpoint)
	}
	if u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("endpoint %q: a path is not taken", t.Endpoint)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return &connection{
		host: host, secure: u.Scheme == "https", access: t, clock: c,
		signer: sigv4.Signer{AccessKey: t.AccessKey, Secret: t.Secret, Region: t.Region, Service: "dynamodb"},
	}, nil
}

// errUnreachable reports that nobody answers at the endpoint.
var errUnreachable = errors.New("the server cannot be reached")

func (c *connection) dial(ctx context.Context) error {
	if c.nc != nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, dialWithin)
	defer stop()
	var err error
	if c.secure {
		c.nc, err = new(tls.Dialer).DialContext(ctx, "tcp", c.host)
	} else {
		c.nc, err = new(net.Dialer).DialContext(ctx, "tcp", c.host)
	}
	if err != nil {
		c.nc = nil
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
	if c.in == nil {
		c.in = bufio.NewReaderSize(nil, bufferBytes)
	}
	c.in.Reset(c.nc)
	return nil
}

func (c *connection) close() {
	if c.nc != nil {
		c.nc.Close()
		c.nc = nil
	}
}

// call sends a request and returns the answer's body, which is good until the
// next call. An answer other than 200 is a *refusal.
func (c *connection) call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	now := c.clock.Now()
	if now.Sub(c.used) > idleWithin {
		c.close()
	}
	c.used = now
	if err := c.dial(ctx); err != nil {
		return nil, err
	}
	c.write(operation, body, now)
	err := c.nc.SetDeadline(now.Add(callWithin))
	if err == nil {
		_, err = c.nc.Write(c.out)
	}
	if err == nil {
		err = c.answer.ReadLimitBody(c.in, maxAnswer)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("%s: the connection broke: %w", operation, err)
	}
	if c.answer.ConnectionClose() {
		c.close()
	}
	answer := c.answer.Body()
	if sum := c.answer.Header.Peek("X-Amz-Crc32"); len(sum) > 0 && string(sum) != strconv.FormatUint(uint64(crc32.ChecksumIEEE(answer)), 10) {
		return nil, fmt.Errorf("%s: the answer is not the one that x-amz-crc32 was made of", operation)
	}
	if status := c.answer.StatusCode(); status != fasthttp.StatusOK {
		return nil, newRefusal(operation, status, answer)
	}
	return answer, nil
}

// write signs the request and leaves it in c.out.
func (c *connection) write(operation string, body []byte, now time.Time) {
	r := &c.request
	r.Method, r.Path, r.Body = "POST", "/", body
	r.Headers = append(r.Headers[:0],
		sigv4.Header{Name: "host", Value: c.host},
		sigv4.Header{Name: "content-type", Value: contentType},
		sigv4.Header{Name: "x-amz-target", Value: targetPrefix + operation},
	)
	c.signer.Sign(r, now)
	b := append(c.out[:0], "POST / HTTP/1.1\r\n"...)
	for _, h := range r.Headers {
		b = append(append(append(append(b, h.Name...), ": "...), h.Value...), "\r\n"...)
	}
	b = strconv.AppendInt(append(b, "content-length: "...), int64(len(body)), 10)
	c.out = append(append(b, "\r\n\r\n"...), body...)
}
