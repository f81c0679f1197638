package shape

import (
	_ "embed" // For the model.

	"github.com/hortusdb/hortus/invariant"
)

//go:embed autoscaling.model
var autoscalingModel string

// AutoScaling returns the constraints of Application Auto Scaling's operations.
// Each call reads them anew: keep the result.
func AutoScaling() *Model {
	m, err := ParseModel(autoscalingModel)
	invariant.Assert(err == nil, "the model of Application Auto Scaling parses", "error", err)
	return m
}
