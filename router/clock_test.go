package router_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/router"
)

// TestMoveClock: another node moves the clock on to where its own is, of a node for
// rehearsals alone, and never back.
func TestMoveClock(t *testing.T) {
	node, err := cell.OpenNode(t.Context(), cell.NodeOptions{Clock: clock.Wall{}, Rand: rand.New(rand.NewPCG(1, 2)), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	of := func(rehearsal bool) *router.Router {
		return router.New(router.Options{Node: node, Clock: clock.Wall{}, Logger: slog.New(slog.DiscardHandler), Strict: true, Rehearsal: rehearsal})
	}
	for _, c := range []struct {
		rehearsal   bool
		ahead, want time.Duration
		code        string
	}{
		{true, 20 * time.Hour, 20 * time.Hour, ""},
		{true, 20 * time.Hour, 20 * time.Hour, ""},
		{true, time.Hour, 20 * time.Hour, ""},
		{false, 21 * time.Hour, 20 * time.Hour, "AccessDeniedException"},
		{false, 20 * time.Hour, 20 * time.Hour, ""},
		{false, 0, 20 * time.Hour, ""},
		{true, cell.MaxAhead + 1, 20 * time.Hour, "ValidationException"},
	} {
		got, err := of(c.rehearsal).MoveClock(c.ahead)
		var e *aws.Error
		if got != c.want || (err != nil) != (c.code != "") || (c.code != "" && (!errors.As(err, &e) || e.Code != c.code)) {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}
