package invariant_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/invariant"
)

// TestAssert: a true condition passes; a false one panics with Broken, which
// says what and with which values.
func TestAssert(t *testing.T) {
	invariant.Assert(true, "never")
	defer func() {
		var b invariant.Broken
		err, ok := recover().(error)
		if !ok || !errors.As(err, &b) || !strings.Contains(err.Error(), "positions go back") || !strings.Contains(err.Error(), "7") {
			t.Errorf("it panicked with %v", err)
		}
	}()
	invariant.Assert(false, "positions go back", "last", 7)
	t.Error("a false condition passed")
}
