package router

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/kv"
	"github.com/hortusdb/hortus/replication"
)

// The headers of positions, as in 111111111111/us-east-1/Orders@1234.
const (
	positionHeader = "x-hortus-position"
	waitForHeader  = "x-hortus-wait-for"
	timeoutHeader  = "x-hortus-wait-timeout"

	maxAwaited = 64 // Positions in one call.
)

// positions is the value of an answer's header: the position of each write.
func positions(c *call) string {
	var b []byte
	for i, p := range c.Wrote {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, c.Owner.String()...), '/')
		b = append(append(b, p.Table...), '@')
		b = strconv.AppendUint(b, p.Position, 10)
	}
	return string(b)
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
