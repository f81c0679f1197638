//go:build conformance

package conformance

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestNodesNarrow: the way from one node to another becomes a narrow one while much is
// to be sent. What waits in buffers for its turn is not taken for lost: it goes once.
func TestNodesNarrow(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces[:2], nil)
	clients := m.join(ctx, "Orders")
	m.flows("Orders")
	load := func(name string) int {
		const items, size = 250, 8000
		for i := range items {
			b := make([]byte, size)
			if _, err := rand.Read(b); err != nil {
				t.Fatal(err)
			}
			put(ctx, t, clients[0], "Orders", attributes{"id": str(fmt.Sprint(name, i)), "b": &types.AttributeValueMemberB{Value: b}})
		}
		return items * size
	}
	load("wide") // Until there is room for much under way.
	converged(ctx, t, clients, "Orders")
	w := m.ways[[2]int{0, 1}]
	before := w.taken()
	w.narrowTo(128 << 10)
	sent := load("narrow")
	converged(ctx, t, clients, "Orders")
	took := w.taken() - before
	t.Logf("%d bytes were sent for %d", took, sent)
	if took > sent*5/4 {
		t.Errorf("%d bytes were sent for %d", took, sent)
	}
	m.flows("Orders")
}
