package table_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/hortusdb/hortus/changelog"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/expr"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

// TestHistories runs the histories in testdata. Time moves by one second with
// each command, so that the versions of command n are at second n. Commands:
//
//	create                definition of a table, as JSON
//	alter T               members of the definition to change, as JSON; null removes one
//	drop T
//	reopen                closes the engine and opens it again; with crash, without closing
//	put T                 items, JSON, one a line
//	delete T              keys, JSON, one a line
//	update T              lines: key, set (an update expression), if, values
//	get T                 keys, JSON, one a line
//	query T [index=X] [limit=N] [reverse] [pages]
//	                      lines: key (a condition), filter, values, after (a start key)
//	scan T [index=X] [limit=N] [segments=N] [pages]
//	apply T               states: seconds, cell a or b, item or "-" and a key
//	sweep T to=seconds
//	log T                 the records since the last log command
//	rows T                what is stored, tombstones included
//	keys                  how many keys the store holds, by their first byte
//
// A put, update or delete can have an "if" line before it, and "values".
func TestHistories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "rapid") {
			return // What a property test left behind when it failed.
		}
		h := newHistory(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h.t, h.clock.now = t, h.clock.now.Add(time.Second)
			out, err := h.run(d)
			if err != nil {
				out += "! " + err.Error() + "\n"
			}
			return out
		})
	})
}

// history is the state of one file.
type history struct {
	t      *testing.T
	clock  *wallClock
	store  *kv.Mem
	engine *table.Engine
	read   map[string]kv.Position // How far log has printed.
}

func newHistory(t *testing.T) *history {
	h := &history{t: t, clock: &wallClock{time.Unix(0, 0)}, read: map[string]kv.Position{}}
	h.store = kv.NewMem(kv.MemOptions{Now: func() int64 { return h.clock.now.UnixMicro() }})
	h.engine = openEngine(t, h.store, h.clock)
	return h
}

func (h *history) run(d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "create":
		var def table.Definition
		if err := json.Unmarshal([]byte(d.Input), &def); err != nil {
			h.t.Fatalf("%s: %v", d.Pos, err)
		}
		if def.ID == "" {
			def.ID = def.Name + "-" + fmt.Sprint(h.clock.now.Unix())
		}
		_, err := h.engine.Create(h.t.Context(), def)
		return "", err
	case "reopen":
		return "", h.reopen(d.HasArg("crash"))
	case "keys":
		return h.keys(), nil
	}
	name := d.CmdArgs[0].Key
	if d.Cmd == "drop" {
		return "", h.engine.Drop(h.t.Context(), name)
	}
	t := h.engine.Table(name)
	if t == nil {
		h.t.Fatalf("%s: no table %s", d.Pos, name)
	}
	switch d.Cmd {
	case "alter":
		_, err := h.engine.Alter(h.t.Context(), name, func(def *table.Definition) error {
			return json.Unmarshal([]byte(d.Input), def)
		})
		return "", err
	case "put", "delete", "update":
		return h.write(d, t)
	case "get":
		return h.get(d, t)
	case "query", "scan":
		return h.query(d, t)
	case "apply":
		return h.apply(d, t)
	case "sweep":
		var to int64
		d.ScanArgs(h.t, "to", &to)
		n, err := h.engine.Sweep(h.t.Context(), t, clock.Timestamp{Wall: to * 1_000_000})
		return fmt.Sprintf("%d dropped\n", n), err
	case "conflicts":
		return h.conflicts(d, t)
	case "log":
		return h.log(t)
	case "rows":
		return h.rows(t)
	}
	h.t.Fatalf("%s: no such command: %s", d.Pos, d.Cmd)
	return "", nil
}

func (h *history) reopen(crash bool) error {
	if !crash {
		if err := h.engine.Close(h.t.Context()); err != nil {
			return err
		}
	}
	h.store = h.store.Crash()
	h.engine = openEngine(h.t, h.store, h.clock)
	return nil
}

func (h *history) keys() string {
	counts := map[byte]int{}
	if _, err := h.store.Scan(h.t.Context(), kv.Range{}, func(k, _ []byte) bool { counts[k[0]]++; return true }); err != nil {
		h.t.Fatal(err)
	}
	var b strings.Builder
	for c := range 256 {
		if n := counts[byte(c)]; n > 0 {
			fmt.Fprintf(&b, "%c %d\n", c, n)
		}
	}
	return b.String()
}

// lines splits the input into its words and the rest of their lines. A line
// that begins with a brace has the word "item".
func lines(d *datadriven.TestData) (out [][2]string) {
	for line := range strings.SplitSeq(d.Input, "\n") {
		if strings.HasPrefix(line, "{") {
			out = append(out, [2]string{"item", line})
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		out = append(out, [2]string{word, rest})
	}
	return out
}

// scopeOf returns the values that the input's "values" lines define.
func (h *history) scopeOf(d *datadriven.TestData) *expr.Scope {
	s := &expr.Scope{}
	for _, l := range lines(d) {
		if l[0] == "values" {
			for name, v := range decodeItem(h.t, l[1]).All() {
				s.Values = append(s.Values, expr.Value{Placeholder: string(name), Value: v})
			}
		}
	}
	return s
}

func (h *history) write(d *datadriven.TestData, t *table.Table) (string, error) {
	var b strings.Builder
	scope := h.scopeOf(d)
	w := table.Write{Table: t, Kind: map[string]table.Kind{"put": table.Put, "delete": table.Delete, "update": table.Update}[d.Cmd], KeepOld: true, KeepIndexes: true}
	var err error
	for _, l := range lines(d) {
		switch l[0] {
		case "if":
			w.Condition = h.condition(expr.ConditionKind, l[1], scope)
		case "set":
			e, err := expr.Parse(expr.UpdateKind, l[1])
			if err != nil {
				return "", err
			}
			if w.Update, err = expr.BindUpdate(e, scope); err != nil {
				return "", err
			}
			if err := h.writeOne(&w, &b); err != nil {
				return b.String(), err
			}
		case "item", "key":
			w.Item = decodeItem(h.t, l[1])
			if w.Kind == table.Put {
				if w.Key, err = t.ItemKey(w.Item); err == nil {
					err = t.CheckIndexKeys(w.Item)
				}
			} else {
				w.Key, err = t.RequestKey(w.Item)
			}
			if err == nil && d.Cmd != "update" {
				err = h.writeOne(&w, &b)
			}
			if err != nil {
				return b.String(), err
			}
		}
	}
	return b.String(), nil
}

// writeOne runs a write and prints what it changed.
func (h *history) writeOne(w *table.Write, b *strings.Builder) error {
	err := h.engine.Write(h.t.Context(), w)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "%s → %s", jsonOf(w.Old), jsonOf(w.New))
	for _, x := range w.Touched {
		fmt.Fprintf(b, " %s:%d→%d", x.Index.Name, x.Before, x.After)
		if x.Moved {
			b.WriteString(" moved")
		}
	}
	b.WriteString("\n")
	return nil
}

func jsonOf(it item.Item) string {
	if it == nil {
		return "-"
	}
	return string(item.AppendItemJSON(nil, it))
}

func (h *history) condition(k expr.Kind, text string, scope *expr.Scope) *expr.Condition {
	e, err := expr.Parse(k, text)
	if err == nil {
		var c *expr.Condition
		if c, err = expr.BindCondition(e, scope); err == nil {
			return c
		}
	}
	h.t.Fatal(err)
	return nil
}

func (h *history) get(d *datadriven.TestData, t *table.Table) (string, error) {
	var b strings.Builder
	for _, l := range lines(d) {
		k, err := t.RequestKey(decodeItem(h.t, l[1]))
		if err != nil {
			return b.String(), err
		}
		it, _, err := h.engine.Get(h.t.Context(), t, k, true, nil)
		if err != nil {
			return b.String(), err
		}
		b.WriteString(jsonOf(it) + "\n")
	}
	return b.String(), nil
}

// query runs a query or scan; with pages, until there is no more.
func (h *history) query(d *datadriven.TestData, t *table.Table) (string, error) {
	p := table.Page{Table: t, Reverse: d.HasArg("reverse"), Consistent: true}
	d.MaybeScanArgs(h.t, "limit", &p.Limit)
	d.MaybeScanArgs(h.t, "segments", &p.TotalSegments)
	if name := ""; d.MaybeScanArgs(h.t, "index", &name) {
		p.Index = t.Def.Index(name)
	}
	scope := h.scopeOf(d)
	for _, l := range lines(d) {
		switch l[0] {
		case "key":
			e, err := expr.Parse(expr.KeyConditionKind, l[1])
			if err != nil {
				return "", err
			}
			c, err := expr.BindKeyCondition(e, scope)
			if err != nil {
				return "", err
			}
			keys, err := c.Lower(t.KeySchema(p.Index))
			if err != nil {
				return "", err
			}
			p.Keys = &keys
		case "filter":
			p.Filter = h.condition(expr.FilterKind, l[1], scope)
		case "after":
			p.After = decodeItem(h.t, l[1])
		}
	}
	if err := p.CheckStart(); err != nil {
		return "", err
	}
	var b strings.Builder
	for p.Segment = range max(1, p.TotalSegments) {
		if p.TotalSegments > 1 {
			fmt.Fprintf(&b, "segment %d\n", p.Segment)
		}
		if err := h.pages(&b, p, d.HasArg("pages")); err != nil {
			return b.String(), err
		}
	}
	return b.String(), nil
}

func (h *history) pages(b *strings.Builder, p table.Page, all bool) error {
	for {
		q := p
		err := h.engine.Query(h.t.Context(), &q, func(it item.Item) error {
			b.WriteString(jsonOf(it) + "\n")
			return nil
		})
		if err != nil {
			return err
		}
		if q.Count != q.Scanned {
			fmt.Fprintf(b, "scanned %d\n", q.Scanned)
		}
		if q.Last == nil {
			return nil
		}
		fmt.Fprintf(b, "last %s\n", jsonOf(q.Last))
		if !all {
			return nil
		}
		p.After = q.Last
	}
}

func (h *history) apply(d *datadriven.TestData, t *table.Table) (string, error) {
	var states []conflict.State
	for line := range strings.SplitSeq(d.Input, "\n") {
		var at int64
		var cell, kind string
		if _, err := fmt.Sscan(line, &at, &cell, &kind); err != nil {
			h.t.Fatalf("%s: %v", d.Pos, err)
		}
		s := conflict.State{Version: conflict.Version{Time: clock.Timestamp{Wall: at * 1_000_000}, Cell: map[string]cellName{"a": here, "b": there}[cell]}, Deleted: kind == "-"}
		s.Item = decodeItem(h.t, line[strings.Index(line, "{"):])
		if _, seen, ok := strings.Cut(line, "} saw "); ok { // What the writer in b had seen of a.
			if _, err := fmt.Sscan(seen, &at); err != nil {
				h.t.Fatalf("%s: %v", d.Pos, err)
			}
			s.Vector.Last = []conflict.Version{{Time: clock.Timestamp{Wall: at * 1_000_000}, Cell: here}}
			s.Item = decodeItem(h.t, line[strings.Index(line, "{"):strings.Index(line, " saw ")])
		}
		states = append(states, s)
	}
	sum, err := h.engine.Apply(h.t.Context(), t, states, nil)
	conflicts := ""
	if sum.Conflicts > 0 {
		conflicts = fmt.Sprintf(", conflicts %d", sum.Conflicts)
	}
	return fmt.Sprintf("written %d, lost %d, known %d%s\n", sum.Written, sum.Lost, sum.Known, conflicts), err
}

func (h *history) conflicts(d *datadriven.TestData, t *table.Table) (string, error) {
	var b strings.Builder
	var q table.ConflictQuery
	if d.Input != "" {
		q.Key = decodeItem(h.t, d.Input)
	}
	for {
		page, next, err := h.engine.Conflicts(h.t.Context(), t, q)
		if err != nil {
			return b.String(), err
		}
		for _, c := range page {
			fmt.Fprintf(&b, "%s at %d: %s%s lost to %s\n", jsonOf(c.Key), c.At.Unix(), stateOf(&c.Lost), vectorOf(&c.Lost.Vector), stateOf(&c.Kept))
		}
		if q.After = next; next == nil {
			return b.String(), nil
		}
	}
}

func stateOf(s *conflict.State) string {
	deleted := ""
	if s.Deleted {
		deleted = "deleted "
	}
	return versionOf(s.Version) + " " + deleted + jsonOf(s.Item)
}

func vectorOf(v *conflict.Vector) string {
	var b strings.Builder
	if !v.Floor.IsZero() {
		fmt.Fprintf(&b, " floor %d.%d", v.Floor.Wall/1_000_000, v.Floor.Logical)
	}
	for _, w := range v.Last {
		fmt.Fprintf(&b, " saw %s", versionOf(w))
	}
	return b.String()
}

func versionOf(v conflict.Version) string {
	if v.IsZero() {
		return "-"
	}
	name := "a"
	if v.Cell == there {
		name = "b"
	}
	return fmt.Sprintf("%d.%d%s", v.Time.Wall/1_000_000, v.Time.Logical, name)
}

func (h *history) log(t *table.Table) (string, error) {
	var b strings.Builder
	to, err := h.store.ReadLog(h.t.Context(), t.Log.ID, h.read[t.Def.ID], func(e kv.Entry) bool {
		r, err := changelog.Decode(e.Record, h.engine.Decoder())
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s after %s, %s: %s %s → %s\n", versionOf(r.Version), versionOf(r.Previous), r.Cause, jsonOf(r.Key), jsonOf(r.Old), jsonOf(r.New))
		return true
	})
	h.read[t.Def.ID] = to
	return b.String(), err
}

func (h *history) rows(t *table.Table) (string, error) {
	var b strings.Builder
	_, _, err := h.engine.Snapshot(h.t.Context(), t, nil, func(r table.Row) bool {
		s, err := h.engine.State(r)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s%s\n", stateOf(&s), vectorOf(&s.Vector))
		return true
	})
	return b.String(), err
}
