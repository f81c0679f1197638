package dynamodb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/dynamodb"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/scaling"
	"github.com/hortusdb/hortus/table"
)

// TestControlPlane runs whole operations, of one cell and of several that
// replicate, without HTTP and without goroutines.
//
//	call OPERATION [at=ACCOUNT/REGION] [as=ARN] [confirm] [needs]
//	  The body is the input. Prints the answer, or the error; with needs, what
//	  leave the call needs, too.
//	create
//	  Calls CreateTable for the table "base" with the body's members instead of
//	  its own; null takes one away.
//	set NAME JSON-PATH-OF-LAST-ANSWER
//	  Keeps a value; $NAME in an input stands for it.
//	scale RESOURCE DIMENSION MIN MAX [policy=NAME] [at=ACCOUNT/REGION]
//	  Registers a target of auto scaling.
//	pace PACE
//	  Gives cells that are called for the first time another pace.
//	advance DURATION
//	step ROUNDS
//	  Lets every cell's replication run.
//	upkeep ROUNDS
//	  Lets every cell do its background work on tables.
//	load OPERATION times=N [every=DURATION]
//	  Calls that often, and prints how many calls succeeded and how the others
//	  failed.
//	sums
//	  Prints what was consumed and refused in eu-west-1.
func TestControlPlane(t *testing.T) {
	walkWorlds(t, "testdata/controlplane", newControlWorld)
}

// walkWorlds runs the histories of a directory, each in a world of its own.
func walkWorlds(t *testing.T, dir string, newWorld func() *controlWorld) {
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		w := newWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "call":
				return w.call(t, d)
			case "load":
				return w.load(t, d)
			case "sums":
				return w.sums(t)
			case "create":
				d.CmdArgs = []datadriven.CmdArg{{Key: "CreateTable"}}
				d.Input = overBase(t, d.Input)
				return w.call(t, d)
			case "set":
				w.values[d.CmdArgs[0].Key] = w.last(t, d.CmdArgs[1].Key)
				return ""
			case "scale":
				w.scale(t, d)
				return ""
			case "pace":
				var err error
				if w.pace, err = dynamodb.ParsePace(d.CmdArgs[0].Key); err != nil {
					d.Fatalf(t, "%v", err)
				}
				return ""
			case "advance":
				by, err := time.ParseDuration(d.CmdArgs[0].Key)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				w.now = w.now.Add(by)
				return ""
			case "upkeep":
				rounds, err := strconv.Atoi(d.CmdArgs[0].Key)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				for range rounds {
					w.upkeep(t)
				}
				return ""
			case "step":
				rounds, err := strconv.Atoi(d.CmdArgs[0].Key)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				for range rounds {
					w.step(t)
				}
				return ""
			}
			d.Fatalf(t, "unknown command")
			return ""
		})
	})
}

// overBase puts members in the place of those of a valid request.
func overBase(t testing.TB, members string) string {
	request := map[string]any{}
	const base = `{"TableName":"base","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}`
	for _, text := range []string{base, members} {
		if err := json.Unmarshal([]byte(text), &request); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	for name, v := range request {
		if v == nil {
			delete(request, name)
		}
	}
	b, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// controlWorld is some cells in memory, made when they are first called.
type controlWorld struct {
	api     *dynamodb.API
	ops     map[string]*dynamodb.Operation
	network *replication.Network
	cells   map[aws.Cell]*dynamodb.Service
	order   []aws.Cell
	now     time.Time
	ids     int
	targets map[aws.Cell]*scaling.Store
	answer  []byte
	values  map[string]string

	throttled bool
	committed func() // Called, once, between the next commit and its answer.
	pace      dynamodb.Pace
}

// Now makes the world a clock.
func (w *controlWorld) Now() time.Time { return w.now }

func newControlWorld() *controlWorld { return newWorldOf(dynamodb.New()) }

// newWorldOf makes a world of an API that others may have, too: to make one takes
// many times as long as a call.
func newWorldOf(a *dynamodb.API) *controlWorld {
	w := &controlWorld{
		api: a, ops: map[string]*dynamodb.Operation{}, cells: map[aws.Cell]*dynamodb.Service{},
		targets: map[aws.Cell]*scaling.Store{},
		now:     time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC), values: map[string]string{},
	}
	w.network = replication.NewNetwork(w, rand.New(rand.NewPCG(1, 2)))
	for _, o := range w.api.Operations() {
		w.ops[o.Name] = o
	}
	return w
}

func (w *controlWorld) newID() string {
	w.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", w.ids)
}

func (w *controlWorld) cell(t testing.TB, c aws.Cell) *dynamodb.Service {
	if s := w.cells[c]; s != nil {
		return s
	}
	store := &committedStore{kv.NewMem(kv.MemOptions{}), w}
	w.targets[c] = scaling.NewStore(store)
	engine, err := table.Open(context.Background(), table.Options{Cell: c, Store: store, Clock: w})
	if err != nil {
		t.Fatal(err)
	}
	r := replication.New(replication.Options{
		Engine: engine, Transport: w.network, Clock: w, Scaling: w.targets[c], Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), NewID: w.newID,
	})
	w.network.Attach(c, r)
	s := &dynamodb.Service{Cell: c, Engine: engine, Replication: r, Clock: w, NewID: w.newID}
	s.Pace = w.pace
	if w.throttled {
		s.Throttle = dynamodb.NewThrottle(engine, w)
	}
	w.cells[c] = s
	w.order = append(w.order, c)
	return s
}

// scale registers a target, as Application Auto Scaling does.
func (w *controlWorld) scale(t testing.TB, d *datadriven.TestData) {
	at, target := aws.Cell{Account: "111111111111", Region: "eu-west-1"}, scaling.Target{ID: "made"}
	least, err := strconv.Atoi(d.CmdArgs[2].Key)
	most, err2 := strconv.Atoi(d.CmdArgs[3].Key)
	for _, a := range d.CmdArgs[4:] {
		switch a.Key {
		case "policy":
			target.Policies = []scaling.Policy{{Name: a.Vals[0], Value: 70}}
		case "at":
			at, err = aws.ParseCell(a.Vals[0])
		}
	}
	if err := errors.Join(err, err2); err != nil {
		d.Fatalf(t, "%v", err)
	}
	target.Min, target.Max = int32(least), int32(most)
	w.cell(t, at)
	err = w.targets[at].Change(context.Background(), d.CmdArgs[0].Key, scaling.Dimension(d.CmdArgs[1].Key), func(*scaling.Target) (*scaling.Target, error) { return &target, nil })
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
}

// upkeep gives every cell one turn of its background work.
func (w *controlWorld) upkeep(t testing.TB) {
	for _, c := range w.order {
		if _, err := w.cell(t, c).Engine.Step(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *controlWorld) step(t testing.TB) {
	w.now = w.now.Add(50 * time.Millisecond)
	for _, c := range w.order {
		w.cell(t, c).Replication.StepAll(context.Background())
	}
}

func (w *controlWorld) call(t *testing.T, d *datadriven.TestData) string {
	at, as, needs, confirm := "111111111111/eu-west-1", "", false, ""
	for _, a := range d.CmdArgs[1:] {
		switch a.Key {
		case "at":
			at = a.Vals[0]
		case "as":
			as = a.Vals[0]
		case "needs":
			needs = true
		case "confirm":
			confirm = "true"
		default:
			d.Fatalf(t, "unknown argument %s", a.Key)
		}
	}
	home, err := aws.ParseCell(at)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	if as == "" {
		as = home.Account.Root()
	}
	caller, err := policy.ParsePrincipal(as)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	body := d.Input
	for name, value := range w.values {
		body = strings.ReplaceAll(body, "$"+name, value)
	}
	c := &api.Call{Caller: caller, Home: home, Owner: home, Body: []byte(body), Header: func(name string) []byte {
		if name == "x-amz-confirm-remove-self-resource-access" {
			return []byte(confirm)
		}
		return nil
	}}
	var out strings.Builder
	err = w.run(t, d.CmdArgs[0].Key, c)
	if needs {
		for _, n := range c.Needs {
			where := ""
			if n.Member {
				where = ", where it is a member"
			}
			fmt.Fprintf(&out, "needs %s on %s%s\n", n.Action, n.ARN(), where)
		}
	}
	if e, ok := errors.AsType[*aws.Error](err); ok {
		fmt.Fprintf(&out, "%s\n%s\n", e.Code, strings.TrimSpace(e.Message))
	} else if err != nil {
		d.Fatalf(t, "%v", err)
	} else {
		out.WriteString(indent(t, c.Out))
	}
	return out.String()
}

func (w *controlWorld) run(t testing.TB, name string, c *api.Call) error {
	op := w.ops[name]
	if op == nil {
		t.Fatalf("no operation %s", name)
	}
	if err := op.Decode(c); err != nil {
		return err
	}
	for _, n := range c.Needs {
		w.cell(t, n.Cell) // The router opens every cell that a call touches.
	}
	err := op.Run(context.Background(), w.cell(t, c.Owner), c)
	w.answer = bytes.Clone(c.Out)
	return err
}

// indent puts the members of an answer, and those of what it holds, on lines of
// their own, and leaves what is deeper together.
func indent(t testing.TB, b []byte) string {
	if !json.Valid(b) {
		t.Fatalf("the answer is not JSON: %s", b)
	}
	const deepest = 2
	var out strings.Builder
	depth, quoted := 0, false
	line := func() {
		if depth <= deepest {
			out.WriteString("\n" + strings.Repeat(" ", depth))
		}
	}
	for i, ch := range b {
		switch {
		case ch == '"' && (i == 0 || b[i-1] != '\\'):
			quoted = !quoted
			out.WriteByte(ch)
		case quoted:
			out.WriteByte(ch)
		case (ch == '{' || ch == '[') && b[i+1] != ch+2:
			out.WriteByte(ch)
			depth++
			line()
		case (ch == '}' || ch == ']') && b[i-1] != ch-2:
			depth--
			if depth < deepest {
				line()
			}
			out.WriteByte(ch)
		case ch == ',':
			out.WriteByte(ch)
			line()
		default:
			out.WriteByte(ch)
		}
	}
	return out.String() + "\n"
}

// last finds a value of the last answer by the names on the way to it.
func (w *controlWorld) last(t testing.TB, path string) string {
	var v any
	if err := json.Unmarshal(w.answer, &v); err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s: no %s", path, name)
		}
		v = m[name]
	}
	s, ok := v.(string)
	if !ok {
		t.Fatalf("%s is no string: %v", path, v)
	}
	return s
}
