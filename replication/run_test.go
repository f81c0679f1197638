package replication_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
	"github.com/hortusdb/hortus/table"
)

// TestRun runs two members by goroutines, with the machine's clock and a network
// that delays, loses and repeats: writers in both cells, a join, and an end
// that waits for everything. It is for the race detector.
func TestRun(t *testing.T) {
	both := []aws.Cell{cellA, cellB}
	network := replication.NewNetwork(clock.Wall{}, rand.New(rand.NewPCG(3, 4)))
	defer network.Close()
	for _, way := range []replication.Way{{From: cellA.Region, To: cellB.Region}, {From: cellB.Region, To: cellA.Region}} {
		if err := network.SetConditions(way, replication.Conditions{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.01, Repeat: 0.1}); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, clock: &wallClock{now: time.Now()}, network: network, transport: network, members: map[aws.Cell]*member{}}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for _, c := range both {
		store := kv.NewMem(kv.MemOptions{Now: func() int64 { return time.Now().UnixMicro() }})
		e, err := table.Open(ctx, table.Options{Cell: c, Store: store, Clock: clock.Wall{}})
		if err != nil {
			t.Fatal(err)
		}
		r := replication.New(replication.Options{
			Engine: e, Transport: network, Clock: clock.Wall{}, Logger: slog.New(slog.DiscardHandler),
			NewID: func() string { return "id-" + c.String() },
		})
		w.members[c] = &member{cell: c, store: store, engine: e, repl: r}
		network.Attach(c, r)
		running.Go(func() { r.Run(ctx) })
	}
	w.create(cellA, grant{members: both, admits: []aws.Cell{cellB}})
	const perWriter = 100
	var writers sync.WaitGroup
	write := func(c aws.Cell, name string) {
		for i := range perWriter {
			w.members[c].put(t, fmt.Sprintf("%s-%d", name, i), "x")
		}
	}
	writers.Go(func() { write(cellA, "a1") })
	writers.Go(func() { write(cellA, "a2") })
	if err := w.join(cellB, cellA, grant{members: both}); err != nil {
		t.Fatal(err)
	}
	writers.Go(func() { write(cellB, "b1") })
	writers.Wait()
	for !w.settled(3*perWriter, both...)() { // The test's own time limit ends it.
		w.members[cellA].repl.Status()
		if !clock.Wait(ctx, nil, 5*time.Millisecond) {
			t.Fatal(ctx.Err())
		}
	}
}

// TestConditions: conditions out of range are refused, and State shows those
// that hold.
func TestConditions(t *testing.T) {
	n := replication.NewNetwork(&wallClock{now: time.Unix(0, 0)}, rand.New(rand.NewPCG(1, 1)))
	defer n.Close()
	way := replication.Way{From: cellA.Region, To: cellB.Region}
	for _, bad := range []replication.Conditions{
		{Delay: -1},
		{Delay: replication.MaxDelay + 1},
		{Jitter: -1},
		{Jitter: replication.MaxDelay + 1},
		{Loss: -0.1},
		{Loss: 1.1},
		{Repeat: -0.1},
		{Repeat: 1.1},
	} {
		if n.SetConditions(way, bad) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	good := replication.Conditions{Delay: replication.MaxDelay, Loss: 1, Repeat: 1, Cut: true}
	if err := n.SetConditions(way, good); err != nil {
		t.Fatal(err)
	}
	n.Isolate(cellC.Region, true)
	isolated, conditions := n.State()
	if len(isolated) != 1 || isolated[0] != cellC.Region || len(conditions) != 1 || conditions[way] != good {
		t.Errorf("the state is %v, %v", isolated, conditions)
	}
	if err := n.SetConditions(way, replication.Conditions{}); err != nil {
		t.Fatal(err)
	}
	n.Isolate(cellC.Region, false)
	if isolated, conditions = n.State(); len(isolated)+len(conditions) != 0 {
		t.Errorf("healed, the state is %v, %v", isolated, conditions)
	}
}
