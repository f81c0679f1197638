// Package invariant holds assertions. They stay on in production: a cell that
// breaks one closes, which is better than one that goes on wrong.
package invariant

import "fmt"

// Broken is the value that Assert panics with. The owner of a cell recovers
// it, closes that cell and lets the others go on.
type Broken struct{ Message string }

func (b Broken) Error() string { return "invariant broken: " + b.Message }

// Assert panics with Broken when ok is false. The arguments are pairs of name
// and value.
func Assert(ok bool, message string, args ...any) {
	if !ok {
		panic(Broken{fmt.Sprint(append([]any{message, " "}, args...)...)})
	}
}
