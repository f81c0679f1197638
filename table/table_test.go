package table_test

import (
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/item"
	"github.com/hortusdb/hortus/jsonscan"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/table"
)

type cellName = aws.Cell

// The cell that the tests work for, and another member.
var (
	here  = cellName{Account: "111111111111", Region: "us-east-1"}
	there = cellName{Account: "222222222222", Region: "eu-west-1"}
)

// wallClock is a clock that the test moves.
type wallClock struct{ now time.Time }

func (c *wallClock) Now() time.Time { return c.now }

// countingClock moves by a microsecond with each reading. It is safe for
// concurrent use.
type countingClock struct {
	mu  sync.Mutex
	now int64
}

func (c *countingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	return time.UnixMicro(c.now)
}

func openEngine(t testing.TB, store kv.Store, c interface{ Now() time.Time }) *table.Engine {
	t.Helper()
	e, err := table.Open(t.Context(), table.Options{Cell: here, Store: store, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decodeItem(t testing.TB, text string) item.Item {
	t.Helper()
	var d item.Decoder
	var s jsonscan.Scanner
	s.Reset([]byte(text))
	it, err := d.Item(&s, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return it
}

// create makes a table; the definition's ID is its name.
func create(t testing.TB, e *table.Engine, def table.Definition) *table.Table {
	t.Helper()
	def.ID = def.Name
	tab, err := e.Create(t.Context(), def)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// group makes a table a member of a global table.
func group() *table.Group {
	return &table.Group{ID: "g", Kind: table.MultiAccount, Members: []table.Member{{Cell: here, Status: table.Active}, {Cell: there, Status: table.Active}}}
}

func put(t testing.TB, e *table.Engine, tab *table.Table, it item.Item) {
	t.Helper()
	w := table.Write{Table: tab, Kind: table.Put, Item: it}
	var err error
	if w.Key, err = tab.ItemKey(it); err == nil {
		err = e.Write(t.Context(), &w)
	}
	if err != nil {
		t.Fatal(err)
	}
}
