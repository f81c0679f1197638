package load

import (
	"context"
	"fmt"

	"github.com/hortusdb/hortus/clock"
)

// Call sends one signed request to a target, over a connection of its own, and
// returns the answer's body.
func Call(ctx context.Context, t Target, operation string, body []byte) ([]byte, error) {
	c, err := newConnection(&t, clock.Wall{})
	if err != nil {
		return nil, fmt.Errorf("load: %s: %w", t.Name, err)
	}
	defer c.close()
	return c.call(ctx, operation, body)
}
