// Package hortusapi holds the operations of the Hortus service: what AWS lacks.
// It speaks awsJson 1.0 under a target prefix of its own.
package hortusapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/replication"
)

// TargetPrefix begins the target of each operation.
const TargetPrefix = "Hortus_20261122."

// World is what the service looks at and acts on: the cells of a node.
type World interface {
	Network() *replication.Network
	Replicators() []*replication.Replicator

	// Nodes tells about the other nodes, and how much of what came from them was
	// refused.
	Nodes() (others []Node, refused int64)

	// Dates is the clock that deadlines of hours and days are counted by, in all
	// cells; AdvanceClock moves it on, for good.
	Dates() *clock.Offset
	AdvanceClock(by time.Duration) error

	// MoveClocks has the other nodes move theirs on to be as far ahead; zero only
	// looks how far they are.
	MoveClocks(ctx context.Context, ahead time.Duration) []NodeClock

	// DisableRegion disables a Region in an account, or enables it again.
	DisableRegion(c aws.Cell, on bool) error
	DisabledRegions() []aws.Cell
}

// Operation is one operation of the Hortus service.
type Operation = api.Operation[World]

// Operations lists all operations.
func Operations() []*Operation {
	ops := []*Operation{
		operation("IsolateRegion", isolateRegion),
		operation("HealRegion", healRegion),
		operation("SetLink", setLink),
		operation("DescribeLinks", describeLinks),
		operation("DescribeReplication", describeReplication),
		callerOperation("ExplainJoin", explainJoin),
		waitingOperation("AdvanceClock", advanceClock),
		waitingOperation("DescribeClock", describeClock),
		operation("DisableRegion", disableRegion),
		operation("EnableRegion", enableRegion),
		accountOperation("ListConflicts", listConflicts),
		accountOperation("DescribeTableSettings", describeTableSettings),
		accountOperation("UpdateTableSettings", updateTableSettings),
		accountOperation("CheckDivergence", checkDivergence),
		accountOperation("ReattachReplica", reattachReplica),
		accountOperation("RemoveLostReplicas", removeLostReplicas),
	}
	return ops
}

// operation makes an operation of a function from an input to an output.
func operation[I, O any](name string, run func(World, *I) (*O, error)) *Operation {
	return waitingOperation(name, func(_ context.Context, w World, in *I) (*O, error) { return run(w, in) })
}

// waitingOperation is operation for a function that waits for other nodes, or disks.
func waitingOperation[I, O any](name string, run func(context.Context, World, *I) (*O, error)) *Operation {
	return callerOperation(name, func(ctx context.Context, w World, _ *api.Call, in *I) (*O, error) { return run(ctx, w, in) })
}

// callerOperation is waitingOperation for a function that asks others in the name of
// the caller.
func callerOperation[I, O any](name string, run func(context.Context, World, *api.Call, *I) (*O, error)) *Operation {
	return &Operation{
		Name: name, Action: "hortus:" + name,
		Decode: func(c *api.Call) error {
			in := new(I)
			if err := json.Unmarshal(c.Body, in); err != nil {
				return aws.Serialization(err.Error())
			}
			c.Input = in
			return nil
		},
		Run: func(ctx context.Context, w World, c *api.Call) error {
			out, err := run(ctx, w, c, c.Input.(*I))
			if err != nil {
				return err
			}
			b, err := json.Marshal(out)
			c.Out = append(c.Out, b...)
			return err
		},
	}
}

// RegionInput names a Region.
type RegionInput struct {
	Region aws.Region
}

// Empty is the output of operations that have none.
type Empty struct{}

func region(r aws.Region) error {
	if err := aws.CheckRegion(r); err != nil {
		return aws.Validation("%v", err)
	}
	return nil
}

func isolateRegion(w World, in *RegionInput) (*Empty, error) {
	if err := region(in.Region); err != nil {
		return nil, err
	}
	w.Network().Isolate(in.Region, true)
	return &Empty{}, nil
}

func healRegion(w World, in *RegionInput) (*Empty, error) {
	if err := region(in.Region); err != nil {
		return nil, err
	}
	w.Network().Isolate(in.Region, false)
	return &Empty{}, nil
}

// Link is one way between two Regions and its conditions. Times are in
// milliseconds.
type Link struct {
	From, To     aws.Region
	DelayMillis  float64
	JitterMillis float64
	Loss, Repeat float64 // Shares between 0 and 1.
	Cut          bool
	Bandwidth    int64 // Bytes a second; 0 is no limit.
}

func setLink(w World, in *Link) (*Empty, error) {
	if err := region(in.From); err != nil {
		return nil, err
	}
	if err := region(in.To); err != nil {
		return nil, err
	}
	if in.From == in.To {
		return nil, aws.Validation("A link goes from one Region to another: From and To are both %s", in.From)
	}
	err := w.Network().SetConditions(replication.Way{From: in.From, To: in.To}, replication.Conditions{
		Delay:  time.Duration(in.DelayMillis * float64(time.Millisecond)),
		Jitter: time.Duration(in.JitterMillis * float64(time.Millisecond)),
		Loss:   in.Loss, Repeat: in.Repeat, Cut: in.Cut, Bandwidth: in.Bandwidth,
	})
	if err != nil {
		return nil, aws.Validation("%v", err)
	}
	return &Empty{}, nil
}

// LinksOutput tells which Regions are isolated and which ways have conditions.
type LinksOutput struct {
	Isolated []aws.Region
	Disabled []string `json:",omitempty"` // Regions that are disabled in an account, as in "111111111111/af-south-1".
	Links    []Link
}

func describeLinks(w World, _ *Empty) (*LinksOutput, error) {
	isolated, conditions := w.Network().State()
	out := &LinksOutput{Isolated: isolated, Links: []Link{}}
	for _, c := range w.DisabledRegions() {
		out.Disabled = append(out.Disabled, c.String())
	}
	for _, from := range aws.Regions() {
		for _, to := range aws.Regions() {
			c, ok := conditions[replication.Way{From: from, To: to}]
			if !ok {
				continue
			}
			out.Links = append(out.Links, Link{
				From: from, To: to,
				DelayMillis: millis(c.Delay), JitterMillis: millis(c.Jitter),
				Loss: c.Loss, Repeat: c.Repeat, Cut: c.Cut, Bandwidth: c.Bandwidth,
			})
		}
	}
	return out, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
