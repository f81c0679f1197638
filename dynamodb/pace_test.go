package dynamodb_test

import (
	"testing"
	"time"

	"github.com/hortusdb/hortus/dynamodb"
)

// TestPace runs histories of tables whose changes take their time; the commands
// are those of TestControlPlane.
func TestPace(t *testing.T) {
	walkWorlds(t, "testdata/pace", func() *controlWorld {
		w := newControlWorld()
		w.pace = dynamodb.Pace{
			Create: 8 * time.Second, Delete: 5 * time.Second, Update: 2 * time.Second,
			Switch: time.Minute, Index: 10 * time.Minute, TimeToLive: time.Minute,
		}
		return w
	})
}

func TestParsePace(t *testing.T) {
	second := dynamodb.Pace{time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second}
	for text, want := range map[string]dynamodb.Pace{"instant": {}, "aws": dynamodb.AWSPace(), "1s": second, "0s": {}} {
		if got, err := dynamodb.ParsePace(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "slow", "-1s", "25h", "3"} {
		if got, err := dynamodb.ParsePace(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
