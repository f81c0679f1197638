package router

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
)

// The headers of positions, as in 111111111111/us-east-1/Orders@1234. A call that
// has the first one itself, with any value, is told all that it may have seen, and
// not only where its writes are.
const (
	positionHeader = "x-hortus-position"
	waitForHeader  = "x-hortus-wait-for"
	timeoutHeader  = "x-hortus-wait-timeout"

	maxAwaited = 256 // Positions in one call.
)

// positions is the value of an answer's header: the position of each write, or of
// all that the call may have seen. It is "" for a call that has neither.
func (c *call) positions() string {
	if c.seen == nil {
		for _, p := range c.Wrote {
			c.appendPosition(c.Owner, p.Table, p.Position)
		}
	}
	return string(c.seen)
}

func (c *call) appendPosition(of aws.Cell, table string, at uint64) {
	if len(c.seen) > 0 {
		c.seen = append(c.seen, ',')
	}
	c.seen = append(append(c.seen, of.String()...), '/')
	c.seen = append(append(c.seen, table...), '@')
	c.seen = strconv.AppendUint(c.seen, at, 10)
}

// observe notes, for a call that asks for it and is over, what it may have seen of
// each replicated table that it touches. For one that wrote what stood there, that
// is where its write is: whoever made it stand, it is among what could be seen.
func (c *call) observe(ctx context.Context, owner *cell.Cell) error {
	if !c.Stood && c.Header(positionHeader) == nil {
		return nil
	}
	var room [8]replication.Cursor
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
			c.appendPosition(s.Cell, name, uint64(s.Position))
		}
	}
	return nil
}

// await waits until the cell has applied the positions that a call names of the
// tables that it touches. It does so before anything of the call is done.
func (r *Router) await(ctx context.Context, owner *cell.Cell, c *api.Call, list string) error {
	within := replication.DefaultAwait
	if text := c.Header(timeoutHeader); text != nil {
		var err error
		if within, err = time.ParseDuration(string(text)); err != nil || within < 0 || within > replication.MaxAwait {
			return aws.Validation("%s is a span such as 500ms, at most %v", timeoutHeader, replication.MaxAwait)
		}
	}
	parts := strings.Split(list, ",")
	if len(parts) > maxAwaited {
		return aws.Validation("%s names at most %d positions", waitForHeader, maxAwaited)
	}
	for _, part := range parts {
		replica, number, ok := strings.Cut(strings.TrimSpace(part), "@")
		slash := strings.LastIndexByte(replica, '/')
		at, err := strconv.ParseUint(number, 10, 64)
		if !ok || err != nil || slash < 0 {
			return aws.Validation("%s has %q, which is no position such as 111111111111/us-east-1/Orders@1234", waitForHeader, part)
		}
		from, err := aws.ParseCell(replica[:slash])
		if err != nil {
			return aws.Validation("%s has %q: %v", waitForHeader, part, err)
		}
		name := replica[slash+1:]
		for i := range c.Needs {
			if c.Needs[i].Table != name {
				continue
			}
			if err := owner.Replication.Await(ctx, name, from, kv.Position(at), within); err != nil {
				return err
			}
			break
		}
	}
	return nil
}
