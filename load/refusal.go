package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// refusal is an answer that is an error.
type refusal struct {
	operation string
	status    int
	code      string // As in ResourceInUseException.
	message   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", r.operation, r.status, r.code, r.message)
}

func newRefusal(operation string, status int, answer []byte) *refusal {
	r := &refusal{operation: operation, status: status, message: fmt.Sprintf("%.200s", answer)}
	var body struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // Or with a capital; the decoder takes both.
	}
	if json.Unmarshal(answer, &body) == nil {
		r.code = body.Type[strings.LastIndexByte(body.Type, '#')+1:]
		r.message = body.Message
	}
	return r
}

// refused reports whether err is a refusal with that code.
func refused(err error, code string) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == code
}

// conflicted reports whether a request met a transaction under way, and nothing else
// was wrong with it.
func conflicted(err error) bool {
	if refused(err, "TransactionConflictException") {
		return true
	}
	var r *refusal
	if !errors.As(err, &r) || r.code != "TransactionCanceledException" {
		return false
	}
	_, reasons, _ := strings.Cut(r.message, "[")
	reasons, _, whole := strings.Cut(reasons, "]")
	met := false
	for one := range strings.SplitSeq(reasons, ", ") {
		switch one {
		case "TransactionConflict":
			met = true
		case "None":
		default:
			return false
		}
	}
	return met && whole
}
