package replication_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// answers fails the test unless every cell says how it is while one of them asks
// another and has no answer yet.
func (w *world) answers(while replication.RequestKind) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, c := range w.order {
			m := w.members[c]
			m.repl.Status()
			if t := m.table(); t != nil {
				m.repl.Troubles(tableName)
				m.repl.Seeding(tableName)
				m.repl.Stranded(t)
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second): // Only where it hangs.
		w.t.Fatalf("no cell says how it is until an answer to request %d has come", while)
	}
}

// TestStatusWhileAsking: what a cell says of its replicas rests on what it knows. It
// does not wait for the answer of another cell, whatever that is asked for: a way
// may be slow, or long.
func TestStatusWhileAsking(t *testing.T) {
	w := newWorld(t, cellA, cellB, cellC)
	all := []aws.Cell{cellA, cellB, cellC}
	w.create(cellA, grant{members: all, admits: all})
	w.compareEvery = 30 * time.Second
	for _, c := range all[1:] {
		w.restart(c)
	}
	asked := map[replication.RequestKind]bool{}
	w.transport = onCall{w.network, func(q *replication.Request) {
		if !asked[q.Kind] {
			asked[q.Kind] = true
			w.answers(q.Kind)
		}
	}}
	w.mustJoin(cellB, cellA, grant{members: all, admits: all})
	w.mustJoin(cellC, cellA, grant{members: all, admits: all})
	w.detach(cellC)
	w.setPolicy(cellC, grant{members: all})
	w.mustReattach(cellC)
	w.run(time.Minute)
	w.part(cellC)
	w.until(10*time.Second, "regional", func() bool { return w.regional(cellC) })
	if err := w.members[cellB].repl.Leave(t.Context(), w.members[cellB].table()); err != nil {
		t.Fatal(err)
	}
	w.until(time.Minute, "B is gone", func() bool { return w.members[cellB].table() == nil })
	for _, k := range []replication.RequestKind{replication.Admit, replication.Reached, replication.Confirm, replication.Drain, replication.Expel, replication.Digest, replication.Rejoin} {
		if !asked[k] {
			t.Errorf("nothing was asked by request %d: the test shows less than it says", k)
		}
	}
}

// TestStatusOfSettings: links flow where a policy keeps settings alone from being in
// step, and say so at the member whose policy it is.
func TestStatusOfSettings(t *testing.T) {
	w := newPair(t)
	w.setPolicy(cellB, grant{members: w.order, actions: serviceActions[:2]})
	w.run(6 * time.Second)
	if s := w.link(cellB, cellB, cellA); s.State != replication.Flowing || !strings.Contains(s.Settings, "ReplicateSettings") || !strings.Contains(s.Settings, "Service0") {
		t.Errorf("B's link is %s; of settings it says %q", s.State, s.Settings)
	}
	if s := w.link(cellA, cellA, cellB); s.Settings != "" {
		t.Errorf("A's link says of settings: %s", s.Settings)
	}
	w.setPolicy(cellB, grant{members: w.order})
	if s := w.link(cellB, cellB, cellA); s.Settings != "" {
		t.Errorf("B's link still says: %s", s.Settings)
	}
}

// TestStatusSuggestsAll: whichever end is asked, the statement that it suggests for a
// link that a policy stops is one that brings back all that the table's replication
// needs, settings included, and not the one denied action for one pair.
func TestStatusSuggestsAll(t *testing.T) {
	w := newTriple(t)
	w.setPolicy(cellB, grant{members: []aws.Cell{cellB}})
	w.run(6 * time.Second)
	for _, c := range []struct{ seenBy, from, to aws.Cell }{
		{cellB, cellB, cellA},
		{cellB, cellA, cellB},
		{cellA, cellB, cellA},
		{cellA, cellA, cellB},
		{cellC, cellB, cellC},
		{cellC, cellC, cellB},
	} {
		s := w.link(c.seenBy, c.from, c.to)
		want := replication.ServiceStatement(cellB, tableName, w.order)
		if s.State != replication.NotAuthorized || s.By != cellB || s.Allow != want {
			t.Errorf("%v sees %v to %v %s by %v, and suggests\n%s", c.seenBy, c.from, c.to, s.State, s.By, s.Allow)
		}
		if !strings.HasSuffix(s.Reason, want+"\n") || strings.Count(s.Reason, "would allow it") != 1 {
			t.Errorf("%v says of %v to %v: %s", c.seenBy, c.from, c.to, s.Reason)
		}
	}
	w.setPolicyText(cellB, `{"Version":"2012-10-17","Statement":[`+w.link(cellA, cellA, cellB).Allow+`]}`)
	w.until(10*time.Second, "all links flow again", w.flowing)
	if s := w.link(cellB, cellB, cellA); s.Settings != "" {
		t.Errorf("the statement that was suggested leaves settings out of step: %s", s.Settings)
	}
}

// flowing reports whether all links flow, seen from both ends.
func (w *world) flowing() bool {
	for _, c := range w.order {
		for _, s := range w.members[c].repl.Status() {
			if s.State != replication.Flowing {
				return false
			}
		}
	}
	return true
}

// TestStatusAtOnce: both ends of a link say within moments that a policy stops it, and
// that it flows again, also where nothing is written; and the far one since when.
func TestStatusAtOnce(t *testing.T) {
	w := newTriple(t)
	w.run(12*time.Second + 100*time.Millisecond) // Well after a sign of life, well before the next.
	const moment = 300 * time.Millisecond
	for _, g := range []struct {
		policy grant
		state  replication.LinkState
	}{
		{grant{members: []aws.Cell{cellB}}, replication.NotAuthorized},
		{grant{members: w.order}, replication.Flowing},
	} {
		w.setPolicy(cellB, g.policy)
		w.members[cellB].repl.Rouse() // As the call does that puts a policy.
		w.run(moment)
		since := w.members[cellB].table().Def.Inaccessible
		for _, c := range []struct{ seenBy, from, to aws.Cell }{
			{cellB, cellB, cellA}, {cellB, cellA, cellB}, {cellA, cellB, cellA}, {cellA, cellA, cellB}, {cellC, cellB, cellC}, {cellC, cellC, cellB},
		} {
			s := w.link(c.seenBy, c.from, c.to)
			if s.State != g.state {
				t.Errorf("%v sees %v to %v %s after a moment, want %s", c.seenBy, c.from, c.to, s.State, g.state)
			}
			if g.state == replication.NotAuthorized && (since == nil || s.Since.UnixMicro() != since.Since) {
				t.Errorf("%v sees %v to %v kept back since %v, want %v", c.seenBy, c.from, c.to, s.Since, since)
			}
		}
	}
}
