package dynamodb_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/policy"
)

// TestThrottle runs histories of tables that are held to their capacity; the
// commands are those of TestControlPlane.
func TestThrottle(t *testing.T) {
	walkWorlds(t, "testdata/throttle", func() *controlWorld {
		w := newControlWorld()
		w.throttled = true
		return w
	})
}

// load calls an operation again and again. $i in the body is the number of the
// call.
func (w *controlWorld) load(t *testing.T, d *datadriven.TestData) string {
	times, every := 0, time.Duration(0)
	d.ScanArgs(t, "times", &times)
	if d.HasArg("every") {
		text := ""
		d.ScanArgs(t, "every", &text)
		var err error
		if every, err = time.ParseDuration(text); err != nil {
			d.Fatalf(t, "%v", err)
		}
	}
	home, err := aws.ParseCell("111111111111/eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	caller, err := policy.ParsePrincipal(home.Account.Root())
	if err != nil {
		t.Fatal(err)
	}
	succeeded, failed := 0, map[string]int{}
	for i := range times {
		c := &api.Call{Caller: caller, Home: home, Owner: home, Body: []byte(strings.ReplaceAll(d.Input, "$i", fmt.Sprint(i)))}
		err := w.run(t, d.CmdArgs[0].Key, c)
		if e, ok := errors.AsType[*aws.Error](err); ok {
			text := e.Code
			for _, m := range e.Members {
				text += fmt.Sprintf(" %s %s", m.Name, m.JSON)
			}
			failed[text]++
		} else if err != nil {
			d.Fatalf(t, "%v", err)
		} else {
			succeeded++
		}
		w.now = w.now.Add(every)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "succeeded %d\n", succeeded)
	for _, text := range slices.Sorted(maps.Keys(failed)) {
		fmt.Fprintf(&out, "failed %d %s\n", failed[text], text)
	}
	return out.String()
}

// sums prints what the throttle counted.
func (w *controlWorld) sums(t *testing.T) string {
	var lines []string
	for s, n := range w.cell(t, aws.Cell{Account: "111111111111", Region: "eu-west-1"}).Throttle.Sums().All() {
		lines = append(lines, fmt.Sprintf("%s %s %s: %g\n", s.Table, s.Index, s.Name, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// TestThrottleAtOnce holds that calls side by side do not all pass on the same
// unit: a call takes the least that it costs when it is admitted.
func TestThrottleAtOnce(t *testing.T) {
	const callers, calls, room = 8, 100, 300
	w := newControlWorld()
	w.throttled = true
	home := aws.Cell{Account: "111111111111", Region: "eu-west-1"}
	caller, err := policy.ParsePrincipal(home.Account.Root())
	if err != nil {
		t.Fatal(err)
	}
	service := w.cell(t, home)
	run := func(op, body string) error {
		c := &api.Call{Caller: caller, Home: home, Owner: home, Body: []byte(body)}
		if err := w.ops[op].Decode(c); err != nil {
			return err
		}
		defer w.api.Release(c)
		return w.ops[op].Run(t.Context(), service, c)
	}
	if err := run("CreateTable", overBase(t, `{"BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}`)); err != nil {
		t.Fatal(err)
	}
	var succeeded atomic.Int64
	var wait sync.WaitGroup
	for i := range callers {
		wait.Go(func() {
			for j := range calls {
				err := run("PutItem", fmt.Sprintf(`{"TableName":"base","Item":{"pk":{"S":"%d-%d"}}}`, i, j))
				if e, ok := errors.AsType[*aws.Error](err); err != nil && (!ok || e.Code != "ProvisionedThroughputExceededException") {
					t.Error(err)
				} else if err == nil {
					succeeded.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if n := succeeded.Load(); n != room {
		t.Errorf("%d writes of %d succeeded, want %d", n, callers*calls, room)
	}
}
