package demo

import (
	"bytes"
	"io"
	"net/http"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hortusdb/hortus/aws"
)

// cell is an account in a Region, with the client of its application.
type cell struct {
	name string
	id   aws.Cell
	db   *dynamodb.Client
}

func (c *cell) String() string { return c.name }

func newCell(name string, id aws.Cell, url string, transport http.RoundTripper) *cell {
	return &cell{name: name, id: id, db: dynamodb.New(dynamodb.Options{
		Region:           string(id.Region),
		BaseEndpoint:     awssdk.String(url),
		Credentials:      credentials.NewStaticCredentialsProvider(string(id.Account), "any", ""),
		HTTPClient:       &http.Client{Transport: wholeBody{transport}},
		RetryMaxAttempts: 1, // An error is to be seen, and not to be tried away.
	})}
}

const (
	connections = 64 // That are kept when idle.
	idleWithin  = time.Minute
)

func newTransport() *http.Transport {
	return &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: idleWithin}
}

// wholeBody hands a request's body to net/http as bytes in memory.
//
// The SDK closes its own body as soon as the answer's head is there. net/http,
// which has sent the body by then but asks it once more whether that was all,
// takes the closed body for a failed write and closes the connection, while the
// answer is being read from it. A server that is fast enough meets this often.
type wholeBody struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w wholeBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	return w.RoundTripper.RoundTrip(r)
}
