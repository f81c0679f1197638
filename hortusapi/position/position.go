// Package position lets callers of several Regions read their own writes. It is a
// small middleware for the AWS SDK for Go: it keeps the position of each write
// that an answer of Hortus tells, and sends it with later calls, so that a replica
// in another Region answers once it has applied the write.
//
//	var seen position.Tracker
//	client := dynamodb.New(dynamodb.Options{ /* ... */ APIOptions: seen.APIOptions()})
//
// Clients of other SDKs do the same with two headers: see Answer and WaitFor.
package position

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The headers. A position is written as the cell, the table and a number, as in
// 111111111111/us-east-1/Orders@1234; a header can hold several, separated by
// commas.
const (
	Answer  = "X-Hortus-Position"     // Of an answer: where the write is.
	WaitFor = "X-Hortus-Wait-For"     // Of a call: it waits until the replica has these.
	Timeout = "X-Hortus-Wait-Timeout" // Of a call: how long at most, as in 500ms.
)

// Tracker keeps the latest position of each replica that was written to. The zero
// Tracker is empty; it is safe for concurrent use, and may be shared by clients of
// any number of Regions: what one writes the others wait for. One Tracker for
// each user or session keeps those from waiting for each other.
type Tracker struct {
	// Wait is how long a call waits at most, as in "500ms"; "" is the server's own
	// limit.
	Wait string

	mu   sync.Mutex
	seen map[string]uint64 // By replica.
}

// Observe takes in the value of an Answer header.
func (t *Tracker) Observe(header string) {
	for p := range strings.SplitSeq(header, ",") {
		replica, number, ok := strings.Cut(strings.TrimSpace(p), "@")
		n, err := strconv.ParseUint(number, 10, 64)
		if !ok || err != nil {
			continue
		}
		t.mu.Lock()
		if t.seen == nil {
			t.seen = map[string]uint64{}
		}
		t.seen[replica] = max(t.seen[replica], n)
		t.mu.Unlock()
	}
}

// Header is the value of a WaitFor header, "" while nothing was written.
func (t *Tracker) Header() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]string, 0, len(t.seen))
	for replica, n := range t.seen {
		all = append(all, replica+"@"+strconv.FormatUint(n, 10))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// APIOptions are for the options of a client of the AWS SDK.
func (t *Tracker) APIOptions() []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{
		func(s *middleware.Stack) error { return s.Build.Add(send{t}, middleware.After) },
		func(s *middleware.Stack) error { return s.Deserialize.Add(receive{t}, middleware.After) },
	}
}

// send adds the headers of a call, before it is signed.
type send struct{ t *Tracker }

func (send) ID() string { return "HortusWaitFor" }

func (m send) HandleBuild(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
	if r, ok := in.Request.(*smithyhttp.Request); ok {
		if h := m.t.Header(); h != "" {
			r.Header.Set(WaitFor, h)
			if m.t.Wait != "" {
				r.Header.Set(Timeout, m.t.Wait)
			}
		}
	}
	return next.HandleBuild(ctx, in)
}

// receive reads the header of an answer.
type receive struct{ t *Tracker }

func (receive) ID() string { return "HortusPosition" }

func (m receive) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, meta, err := next.HandleDeserialize(ctx, in)
	if r, ok := out.RawResponse.(*smithyhttp.Response); ok && r.Response != nil {
		m.t.Observe(r.Header.Get(Answer))
	}
	return out, meta, err
}
