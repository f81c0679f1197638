// Package position lets callers of several Regions read their own writes, and never
// less than they have read before. It is a small middleware for the AWS SDK for Go:
// it keeps the positions that answers of Hortus tell, of each write and of all that
// a read has seen, and sends them with later calls, so that a replica in another
// Region answers once it has applied as much.
//
//	var seen position.Tracker
//	client := dynamodb.New(dynamodb.Options{ /* ... */ APIOptions: seen.APIOptions()})
//
// Clients of other SDKs do the same with four headers: see Answer, WaitFor, Timeout and
// Lost. A call can wait for 512 positions, and its headers have room for 32 KiB: so it
// names those of its own tables.
package position

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The headers. A position is a text as in
// 2:6f1c0e52a94be3d7:111111111111/us-east-1/Orders@1234: of two that are the same up
// to the @ the one with the greater number is later, and nothing more is to be read
// out of them. A header can hold several, separated by commas.
const (
	Answer  = "X-Hortus-Position"      // Of an answer: where the write is. Of a call, with any value: its answer is to tell all that it may have seen, a read's, too.
	WaitFor = "X-Hortus-Wait-For"      // Of a call: it waits until the replica has these.
	Timeout = "X-Hortus-Wait-Timeout"  // Of a call: how long at most, as in 500ms.
	Lost    = "X-Hortus-Position-Lost" // Of an answer with PositionLostException: the position that it is about.
)

// Tracker keeps the latest position of each replica that was written to, or whose
// writes were seen. The zero Tracker is empty; it is safe for concurrent use, and
// may be shared by clients of any number of Regions: what one writes or reads the
// others wait for. One Tracker for each user or session keeps those from waiting
// for each other.
//
// A replica whose store was put back to an earlier state may have lost what the
// tracker waits for. The first call that would wait for that fails with
// PositionLostException, and was not done; the tracker then forgets what is lost, so
// that the next call goes on with what is there.
type Tracker struct {
	// Wait is how long a call waits at most, as in "500ms"; "" is the server's own
	// limit.
	Wait string

	mu   sync.Mutex
	seen map[string]uint64 // By what stands before the @: a replica, and a run of it.
}

// Observe takes in the value of an Answer header.
func (t *Tracker) Observe(header string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[string]uint64{}
	}
	for of, n := range split(header) {
		t.seen[of] = max(t.seen[of], n)
	}
}

// split yields the positions of a header, and passes over what is none.
func split(header string) iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for p := range strings.SplitSeq(header, ",") {
			of, number, ok := strings.Cut(strings.TrimSpace(p), "@")
			n, err := strconv.ParseUint(number, 10, 64)
			if ok && err == nil && !yield(of, n) {
				return
			}
		}
	}
}

// Reached takes in that a call was answered for which the value of a WaitFor header
// was sent, and which touched all of its tables: then all of it is of one history, in which the later position of a
// replica stands for the earlier ones, also of runs before.
func (t *Tracker) Reached(header string) {
	latest := map[string]uint64{}
	for of, n := range split(header) {
		latest[replica(of)] = max(latest[replica(of)], n)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, n := range split(header) {
		if t.seen[of] == n && n < latest[replica(of)] {
			delete(t.seen, of)
		}
	}
}

// Forget takes in the value of a Lost header: what is lost is not waited for again.
func (t *Tracker) Forget(header string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, n := range split(header) {
		if t.seen[of] <= n {
			delete(t.seen, of)
		}
	}
}

// replica is what stands behind the last colon.
func replica(of string) string { return of[strings.LastIndexByte(of, ':')+1:] }

// Header is the value of a WaitFor header, "" while nothing was written or seen.
// Of several tables it has those that are named, all where none is.
func (t *Tracker) Header(tables ...string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]string, 0, len(t.seen))
	for of, n := range t.seen {
		if len(tables) == 0 || slices.Contains(tables, tableOf(of)) {
			all = append(all, of+"@"+strconv.FormatUint(n, 10))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// APIOptions are for the options of a client of the AWS SDK.
func (t *Tracker) APIOptions() []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{
		func(s *middleware.Stack) error { return s.Initialize.Add(scope{t}, middleware.After) },
		func(s *middleware.Stack) error { return s.Build.Add(send{t}, middleware.After) },
		func(s *middleware.Stack) error { return s.Deserialize.Add(receive{t}, middleware.After) },
	}
}

// tablesKey is where the context of a call has the tables that it is about.
type tablesKey struct{}

// sentKey is where it has the WaitFor header that was sent.
type sentKey struct{}

// scope notes which tables a call is about: it need not bring the positions of others.
type scope struct{ t *Tracker }

func (scope) ID() string { return "HortusScope" }

func (m scope) HandleInitialize(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	about := tablesOf(in.Parameters)
	if about.statements != nil {
		about.names = m.t.named(about.statements)
	}
	return next.HandleInitialize(middleware.WithStackValue(ctx, tablesKey{}, about), in)
}

// about is what a call is about: tables by their names, or what statements name.
type about struct {
	names      []string
	statements []string
}

func (a *about) add(names ...*string) {
	for _, n := range names {
		if n != nil {
			a.names = append(a.names, (*n)[strings.LastIndexByte(*n, '/')+1:]) // It may be an ARN.
		}
	}
}

// tablesOf names the tables of a call that reads or writes items; none of one that does
// not.
func tablesOf(in any) (out about) {
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		out.add(in.TableName)
	case *dynamodb.PutItemInput:
		out.add(in.TableName)
	case *dynamodb.UpdateItemInput:
		out.add(in.TableName)
	case *dynamodb.DeleteItemInput:
		out.add(in.TableName)
	case *dynamodb.QueryInput:
		out.add(in.TableName)
	case *dynamodb.ScanInput:
		out.add(in.TableName)
	case *dynamodb.BatchGetItemInput:
		for name := range in.RequestItems {
			out.add(&name)
		}
	case *dynamodb.BatchWriteItemInput:
		for name := range in.RequestItems {
			out.add(&name)
		}
	case *dynamodb.TransactGetItemsInput:
		for _, x := range in.TransactItems {
			if x.Get != nil {
				out.add(x.Get.TableName)
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, x := range in.TransactItems {
			out.addWrite(x)
		}
	case *dynamodb.ExecuteStatementInput:
		out.addStatement(in.Statement)
	case *dynamodb.BatchExecuteStatementInput:
		for _, x := range in.Statements {
			out.addStatement(x.Statement)
		}
	case *dynamodb.ExecuteTransactionInput:
		for _, x := range in.TransactStatements {
			out.addStatement(x.Statement)
		}
	}
	return out
}

func (a *about) addWrite(x types.TransactWriteItem) {
	switch {
	case x.Put != nil:
		a.add(x.Put.TableName)
	case x.Update != nil:
		a.add(x.Update.TableName)
	case x.Delete != nil:
		a.add(x.Delete.TableName)
	case x.ConditionCheck != nil:
		a.add(x.ConditionCheck.TableName)
	}
}

func (a *about) addStatement(s *string) {
	if s != nil {
		a.statements = append(a.statements, *s)
	}
}

// named lists the tables that are known and whose names stand in statements. Some may
// only look like one: a statement is not read, and no table of it is missed.
func (t *Tracker) named(statements []string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for of := range t.seen {
		name := tableOf(of)
		if !slices.Contains(out, name) && slices.ContainsFunc(statements, func(s string) bool { return strings.Contains(s, name) }) {
			out = append(out, name)
		}
	}
	return out
}

// tableOf is what stands behind the last slash.
func tableOf(of string) string { return of[strings.LastIndexByte(of, '/')+1:] }

// send adds the headers of a call, before it is signed.
type send struct{ t *Tracker }

func (send) ID() string { return "HortusWaitFor" }

func (m send) HandleBuild(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
	if r, ok := in.Request.(*smithyhttp.Request); ok {
		r.Header.Set(Answer, "seen")
		about, _ := middleware.GetStackValue(ctx, tablesKey{}).(about)
		h := ""
		if len(about.names) > 0 {
			h = m.t.Header(about.names...)
		}
		if h != "" {
			r.Header.Set(WaitFor, h)
			if about.statements == nil { // Else some of it may be of tables that the call does not touch, which is passed over.
				ctx = middleware.WithStackValue(ctx, sentKey{}, h)
			}
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
		if err == nil {
			sent, _ := middleware.GetStackValue(ctx, sentKey{}).(string)
			m.t.Reached(sent)
		}
		m.t.Observe(r.Header.Get(Answer))
		m.t.Forget(r.Header.Get(Lost))
	}
	return out, meta, err
}
