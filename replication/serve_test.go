package replication

import "testing"

// TestHandlers: every kind of request is answered.
func TestHandlers(t *testing.T) {
	all := handlers()
	for k := Inspect; k <= Found; k++ {
		if all[k].answer == nil {
			t.Errorf("nobody answers requests of kind %d", k)
		}
	}
	if len(all) != int(Found) {
		t.Errorf("%d kinds are answered, and there are %d", len(all), Found)
	}
}
