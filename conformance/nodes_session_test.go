//go:build conformance

package conformance

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

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

// TestNodesSessionLost: a session wrote to a node whose data are put back to before
// that. Where it reads next it is told that its write may be lost, once, however much
// was written since; then it goes on with what is there.
func TestNodesSessionLost(t *testing.T) {
	ctx := deadline(t)
	m := newNodes(t, threePlaces, nil)
	clients := m.join(ctx, "Orders")
	session := position.Tracker{Wait: "10s"}
	with := func(i int) *dynamodb.Client {
		return m.all[i].client(func(o *dynamodb.Options) {
			o.APIOptions = append(o.APIOptions, session.APIOptions()...)
			o.Retryer = aws.NopRetryer{}
		})
	}
	put(ctx, t, with(0), "Orders", attributes{"id": str("kept")})
	converged(ctx, t, clients, "Orders")
	backup := m.copyData(0)
	for _, n := range m.all[1:] {
		signal(t, n, syscall.SIGSTOP)
	}
	put(ctx, t, with(0), "Orders", attributes{"id": str("lost")})
	m.putBack(0, backup)
	for i := range 20 {
		put(ctx, t, m.all[0].client(), "Orders", attributes{"id": str(fmt.Sprint("new/", i))})
	}
	for _, n := range m.all[1:] {
		signal(t, n, syscall.SIGCONT)
	}
	m.flows("Orders")
	converged(ctx, t, clients, "Orders")
	get := func(i int) error {
		_, err := with(i).GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("Orders"), Key: attributes{"id": str("lost")}})
		return err
	}
	before := session.Header()
	for i := range m.all {
		session.Observe(before) // As one that has been nowhere yet.
		var answer smithy.APIError
		if err := get(i); !errors.As(err, &answer) || answer.ErrorCode() != "PositionLostException" {
			t.Errorf("in %s a session that waits for what is lost has %v", m.all[i].region, err)
		}
		if err := get(i); err != nil {
			t.Errorf("in %s it does not go on: %v", m.all[i].region, err)
		}
	}
	m.end()
}
