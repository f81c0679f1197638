package conflict_test

import (
	"fmt"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/conflict"
)

// The later write survives, in whatever order the two arrive.
func ExampleLastWriterWins() {
	staging := aws.Cell{Account: "111111111111", Region: "us-east-1"}
	prod := aws.Cell{Account: "222222222222", Region: "eu-west-1"}
	a := conflict.State{Version: conflict.Version{Time: clock.Timestamp{Wall: 10}, Cell: staging}}
	b := conflict.State{Version: conflict.Version{Time: clock.Timestamp{Wall: 11}, Cell: prod}, Deleted: true}
	fmt.Println(conflict.LastWriterWins(a, b).Version, conflict.LastWriterWins(b, a).Version)
	// Output: 11.0@222222222222/eu-west-1 11.0@222222222222/eu-west-1
}
