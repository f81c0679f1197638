package replication_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// pages are items whose rows are in several pages of a seed.
const pages = 1200

// TestTogetherFromActive: transactions go on while a member is seeded, page by
// page, and what they wrote since the first page comes late. The member is not in
// use before it shows all of them whole. Two members write; the newcomer has what
// one of them wrote by way of the other.
func TestTogetherFromActive(t *testing.T) {
	t.Parallel()
	w, f := newTables(t, "T")
	w.order = append(w.order, cellC)
	w.start(cellC, newStore(w))
	for i := range pages {
		w.members[cellA].transact(t, "0", fmt.Sprint("T/", i))
	}
	w.until(20*time.Second, "B has it all", func() bool { return w.members[cellB].shows(t, fmt.Sprint("T/", pages-1)) == "0" })
	c := w.members[cellC]
	n := 0
	f.lose = func(_ aws.Cell, m *replication.Message) bool {
		if m.Kind == replication.SeedPage && !m.Begin {
			n++ // Some are lost, and asked for again after seconds.
			return n%3 == 2
		}
		return m.Kind == replication.Batch && len(m.Entries) > 0 && f.to == cellC
	}
	def := table.Definition{Name: "T", Policy: &table.Policy{Document: openPolicy}}
	if _, err := c.repl.Join(t.Context(), caller(cellC), cellB.TableARN("T"), def); err != nil {
		t.Fatal(err)
	}
	pair := func(i int) []string { return []string{fmt.Sprint("T/", i), fmt.Sprint("T/", pages-1-i)} }
	writers := []aws.Cell{cellA, cellB}
	for i := 0; c.engine.Table("T").Def.Status != table.Active; i++ {
		if i < 200 {
			w.members[writers[i%2]].transact(t, fmt.Sprint(i+1), pair(i)...)
		}
		if i == 800 {
			f.lose = nil
		}
		if w.run(tick); i > 3000 {
			t.Fatal("the seed does not end")
		}
	}
	for range 300 {
		for i := range 200 {
			if p := pair(i); c.shows(t, p[0]) != c.shows(t, p[1]) {
				t.Fatalf("the newcomer is in use and shows %s for %v", c.shows(t, p...), p)
			}
		}
		w.run(tick)
	}
	if got := c.shows(t, pair(199)...); got != "200 200" {
		t.Errorf("the last transaction is shown as %s", got)
	}
}

// TestTogetherFromActiveBounded: a member that is not heard does not keep a
// newcomer from use for ever.
func TestTogetherFromActiveBounded(t *testing.T) {
	w, f := newTables(t, "T")
	w.order = append(w.order, cellC)
	w.start(cellC, newStore(w))
	w.members[cellA].transact(t, "1", "T/x", "T/y")
	w.run(time.Second)
	f.lose = func(from aws.Cell, m *replication.Message) bool { return from == cellA && f.to == cellC }
	def := table.Definition{Name: "T", Policy: &table.Policy{Document: openPolicy}}
	c := w.members[cellC]
	if _, err := c.repl.Join(t.Context(), caller(cellC), cellB.TableARN("T"), def); err != nil {
		t.Fatal(err)
	}
	w.run(30 * time.Second)
	if s := c.engine.Table("T").Def.Status; s != table.Creating || c.shows(t, "T/x") != "1" {
		t.Errorf("it is %s and shows %s", s, c.shows(t, "T/x"))
	}
	w.until(time.Minute, "it is in use", func() bool { return c.engine.Table("T").Def.Status == table.Active })
}
