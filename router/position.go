package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
)

// The headers of positions. A call that has the first one itself, with any value, is
// told all that it may have seen, and not only where its writes are. The last one
// tells, of a call that is refused for it, the position that is lost.
const (
	positionHeader = "x-hortus-position"
	waitForHeader  = "x-hortus-wait-for"
	timeoutHeader  = "x-hortus-wait-timeout"
	lostHeader     = "x-hortus-position-lost"

	maxAwaited = 512 // Positions in one call: a transaction can touch 100 tables, and each has some members.
)

// A position is written as the number of this form, the run in sixteen hexadecimal
// digits, the cell, the table and a number, as in
// 2:6f1c0e52a94be3d7:111111111111/us-east-1/Orders@1234. The form before that had the
// cell, the table and the last number alone: it is refused, for nobody can tell
// whether such a position is lost.
const positionForm = "2:"

// parsePosition reads a position, and the name of the table that it is of.
func parsePosition(text string) (p replication.Point, name string, err error) {
	body, ok1 := strings.CutPrefix(text, positionForm)
	run, body, ok2 := strings.Cut(body, ":")
	replica, number, ok3 := strings.Cut(body, "@")
	slash := strings.LastIndexByte(replica, '/')
	id, err1 := strconv.ParseUint(run, 16, 64)
	at, err2 := strconv.ParseUint(number, 10, 64)
	if !ok1 || !ok2 || !ok3 || err1 != nil || err2 != nil || id == 0 || slash < 0 {
		return p, "", aws.Validation("%s has %q, which is no position that this version gives: take them as they are from %s of its answers", waitForHeader, text, positionHeader)
	}
	from, err := aws.ParseCell(replica[:slash])
	if err != nil {
		return p, "", aws.Validation("%s has %q: %v", waitForHeader, text, err)
	}
	return replication.Point{Cell: from, Run: id, Position: kv.Position(at)}, replica[slash+1:], nil
}

// positions is the value of an answer's header: the position of each write, or of
// all that the call may have seen. It is "" for a call that has neither.
func (c *call) positions() string {
	if c.seen == nil && c.run != 0 {
		for _, p := range c.Wrote {
			c.appendPosition(replication.Point{Cell: c.Owner, Run: c.run, Position: kv.Position(p.Position)}, p.Table)
		}
	}
	return string(c.seen)
}

func (c *call) appendPosition(p replication.Point, table string) {
	if len(c.seen) > 0 {
		c.seen = append(c.seen, ',')
	}
	c.seen = fmt.Appendf(c.seen, "%s%016x:", positionForm, p.Run)
	c.seen = append(append(c.seen, p.Cell.String()...), '/')
	c.seen = append(append(c.seen, table...), '@')
	c.seen = strconv.AppendUint(c.seen, uint64(p.Position), 10)
}

// observe notes, for a call that asks for it and is over, what it may have seen of
// each replicated table that it touches. For one that wrote what stood there, that
// is where its write is: whoever made it stand, it is among what could be seen.
func (c *call) observe(ctx context.Context, owner *cell.Cell) error {
	if len(c.Wrote) > 0 {
		var err error
		if c.run, err = owner.Replication.Present(ctx); err != nil {
			return err
		}
	}
	if !c.Stood && c.Header(positionHeader) == nil {
		return nil
	}
	var room [8]replication.Point
	for i := range c.Needs {
		name := c.Needs[i].Table
		if slices.ContainsFunc(c.Needs[:i], func(n api.Need) bool { return n.Table == name }) {
			continue
		}
		seen, err := owner.Replication.Seen(ctx, room[:0], name)
		if err != nil {
			return err
		}
		for _, s := range seen {
			c.appendPosition(s, name)
		}
	}
	return nil
}

// await waits until the cell has applied the positions that a call names of the
// tables that it touches, for one time altogether. It does so before anything of the call is done, and only
// when all of the header is understood.
func (r *Router) await(ctx context.Context, owner *cell.Cell, c *call, list string, timeout []byte) error {
	within := replication.DefaultAwait
	if timeout != nil {
		var err error
		if within, err = time.ParseDuration(string(timeout)); err != nil || within < 0 || within > replication.MaxAwait {
			return aws.Validation("%s is a span such as 500ms, at most %s", timeoutHeader, clock.Words(replication.MaxAwait))
		}
	}
	all, texts, err := c.awaited(list)
	if err != nil {
		return err
	}
	at, err := owner.Replication.Await(ctx, within, all...)
	if known, ok := errors.AsType[*aws.Error](err); ok && known.Code == replication.PositionLost {
		c.lost = texts[at]
	}
	return err
}

// awaited reads a header, and keeps the positions of the tables that the call touches,
// and their texts.
func (c *call) awaited(list string) (out []replication.Awaited, texts []string, err error) {
	parts := strings.Split(list, ",")
	if len(parts) > maxAwaited {
		return nil, nil, aws.Validation("%s names %d positions, and a call can wait for %d: name those of the tables that it is about", waitForHeader, len(parts), maxAwaited)
	}
	for _, part := range parts {
		part = strings.TrimSpace(part)
		p, name, err := parsePosition(part)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(c.Needs, func(n api.Need) bool { return n.Table == name }) {
			out, texts = append(out, replication.Awaited{Table: name, Point: p}), append(texts, part)
		}
	}
	return out, texts, nil
}
