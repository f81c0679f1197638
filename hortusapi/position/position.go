// Package position lets callers of several Regions read their own writes, and never
// less than they have read before. It is a small middleware for the AWS SDK for Go:
// it keeps the positions that answers of Hortus tell, of each write and of all that
// a read has seen, and sends them with later calls, so that a replica in another
// Region answers once it has applied as much.
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

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The headers. A position is written as the cell, the table and a number, as in
// 111111111111/us-east-1/Orders@1234; a header can hold several, separated by
// commas.
const (
	Answer  = "X-Hortus-Position"     // Of an answer: where the write is. Of a call, with any value: its answer is to tell all that it may have seen, a read's, too.
	WaitFor = "X-Hortus-Wait-For"     // Of a call: it waits until the replica has these.
	Timeout = "X-Hortus-Wait-Timeout" // Of a call: how long at most, as in 500ms.
)

// Tracker keeps the latest position of each replica that was written to, or whose
// writes were seen. The zero Tracker is empty; it is safe for concurrent use, and
// may be shared by clients of any number of Regions: what one writes or reads the
// others wait for. One Tracker for each user or session keeps those from waiting
// for each other.
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

// Header is the value of a WaitFor header, "" while nothing was written or seen.
// Of several tables it has those that are named, all where none is.
func (t *Tracker) Header(tables ...string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]string, 0, len(t.seen))
	for replica, n := range t.seen {
		if len(tables) == 0 || slices.Contains(tables, replica[strings.LastIndexByte(replica, '/')+1:]) {
			all = append(all, replica+"@"+strconv.FormatUint(n, 10))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// APIOptions are for the options of a client of the AWS SDK.
func (t *Tracker) APIOptions() []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{
		func(s *middleware.Stack) error { return s.Initialize.Add(scope{}, middleware.After) },
		func(s *middleware.Stack) error { return s.Build.Add(send{t}, middleware.After) },
		func(s *middleware.Stack) error { return s.Deserialize.Add(receive{t}, middleware.After) },
	}
}

// tableKey is where the context of a call has the table that it is about.
type tableKey struct{}

// scope notes which table a call is about, where it is one alone: it need not bring
// the positions of others.
type scope struct{}

func (scope) ID() string { return "HortusScope" }

func (scope) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	if name := tableOf(in.Parameters); name != nil {
		ctx = middleware.WithStackValue(ctx, tableKey{}, (*name)[strings.LastIndexByte(*name, '/')+1:]) // It may be an ARN.
	}
	return next.HandleInitialize(ctx, in)
}

func tableOf(in any) *string {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		return in.TableName
	case *dynamodb.PutItemInput:
		return in.TableName
	case *dynamodb.UpdateItemInput:
		return in.TableName
	case *dynamodb.DeleteItemInput:
		return in.TableName
	case *dynamodb.QueryInput:
		return in.TableName
	case *dynamodb.ScanInput:
		return in.TableName
	}
	return nil
}

// send adds the headers of a call, before it is signed.
type send struct{ t *Tracker }

func (send) ID() string { return "HortusWaitFor" }

func (m send) HandleBuild(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
	if r, ok := in.Request.(*smithyhttp.Request); ok {
		r.Header.Set(Answer, "seen")
		var tables []string
		if name, ok := middleware.GetStackValue(ctx, tableKey{}).(string); ok {
			tables = []string{name}
		}
		if h := m.t.Header(tables...); h != "" {
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
