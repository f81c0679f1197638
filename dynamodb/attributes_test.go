package dynamodb

import (
	"slices"
	"testing"
)

// TestHashOrder holds the order of attribute names in error texts to texts that
// the live service gave, as people quote them.
func TestHashOrder(t *testing.T) {
	for _, c := range []struct {
		names    []string
		capacity int
		want     []string
	}{
		{[]string{"my-hash", "my-string", "my-int"}, 3, []string{"my-string", "my-int", "my-hash"}},
		{[]string{"my-string", "my-hash"}, defaultBuckets, []string{"my-hash", "my-string"}},
		{[]string{"requestId", "to", "from", "date", "message"}, 5, []string{"date", "from", "to", "message", "requestId"}},
		{[]string{"from", "to", "requestId", "from"}, defaultBuckets, []string{"requestId", "from", "to"}},
		{[]string{"pk", "sk", "a", "b", "c"}, 5, []string{"sk", "a", "b", "pk", "c"}},
		{[]string{"pk", "sk", "a"}, defaultBuckets, []string{"a", "sk", "pk"}},
		{[]string{"pk", "sk"}, 2, []string{"sk", "pk"}},
		{[]string{"x"}, 1, []string{"x"}},
		{nil, 0, nil},
	} {
		if got := hashOrder(c.names, c.capacity); !slices.Equal(got, c.want) {
			t.Errorf("%v of %d: %v, want %v", c.names, c.capacity, got, c.want)
		}
	}
}
