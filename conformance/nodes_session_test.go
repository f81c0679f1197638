//go:build conformance

package conformance

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/hortusapi/position"
)

// TestNodesSession: callers that go from process to process with what they have
// written and read find it wherever they come next.
func TestNodesSession(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	m.join(ctx, "Orders")
	var writer, reader position.Tracker
	with := func(n *node, s *position.Tracker) *dynamodb.Client {
		return n.client(func(o *dynamodb.Options) { o.APIOptions = append(o.APIOptions, s.APIOptions()...) })
	}
	key := attributes{"id": str("one")}
	last := -1
	for i := range 60 {
		at, next := m.all[i%3], m.all[(i+1)%3]
		put(ctx, t, with(at, &writer), "Orders", attributes{"id": str("one"), "n": num(i)})
		for _, n := range []*node{next, at} {
			out, err := with(n, &reader).GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Orders"), Key: key})
			if err != nil {
				t.Fatal(err)
			}
			seen := -1
			if v, ok := out.Item["n"].(*types.AttributeValueMemberN); ok {
				if _, err := fmt.Sscan(v.Value, &seen); err != nil {
					t.Fatal(err)
				}
			}
			if seen < last {
				t.Fatalf("in %s a session reads %d, and has read %d before", n.region, seen, last)
			}
			last = seen
		}
		if got := get(ctx, t, with(next, &writer), "Orders", key); got["n"].(*types.AttributeValueMemberN).Value != fmt.Sprint(i) {
			t.Fatalf("in %s a session does not read what it wrote in %s", next.region, at.region)
		}
	}
	m.end()
}
