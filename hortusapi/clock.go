package hortusapi

import (
	"context"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// AdvanceClockInput says by how much the clock of deadlines is moved on, here and at
// the other nodes. By nothing, it still moves on those that are behind this one.
type AdvanceClockInput struct {
	Seconds float64
}

// ClockOutput tells the machine's time and that of the clock of deadlines, in
// RFC 3339.
type ClockOutput struct {
	Wall         string
	Deadlines    string
	AheadSeconds float64
	Nodes        []NodeClock `json:",omitempty"` // The other nodes.
}

// NodeClock is the clock of deadlines of another node.
type NodeClock struct {
	Cells        []string // Of the node.
	AheadSeconds float64
	Failure      string `json:",omitempty"` // Why it was not moved, or is not known.
}

func advanceClock(ctx context.Context, w World, in *AdvanceClockInput) (*ClockOutput, error) {
	if in.Seconds < 0 || in.Seconds > maxAdvance.Seconds() {
		return nil, aws.Validation("Seconds is between 0 and %.0f", maxAdvance.Seconds())
	}
	if err := w.AdvanceClock(time.Duration(in.Seconds * float64(time.Second))); err != nil {
		return nil, err
	}
	return clockOf(ctx, w, w.Dates().Ahead()), nil
}

// maxAdvance bounds one move: a year.
const maxAdvance = 365 * 24 * time.Hour

func describeClock(ctx context.Context, w World, _ *Empty) (*ClockOutput, error) {
	return clockOf(ctx, w, 0), nil
}

// clockOf tells the clock here, and at the other nodes once they were told to move
// theirs.
func clockOf(ctx context.Context, w World, move time.Duration) *ClockOutput {
	now, ahead := w.Dates().Now().UTC(), w.Dates().Ahead()
	return &ClockOutput{
		Wall: now.Add(-ahead).Format(time.RFC3339), Deadlines: now.Format(time.RFC3339), AheadSeconds: ahead.Seconds(),
		Nodes: w.MoveClocks(ctx, move),
	}
}

// AccountRegionInput names a Region as one account has it.
type AccountRegionInput struct {
	Account aws.Account
	Region  aws.Region
}

func (in *AccountRegionInput) cell() (aws.Cell, error) {
	if !in.Account.Valid() {
		return aws.Cell{}, aws.Validation("%q is no account: it has twelve digits", in.Account)
	}
	return aws.Cell{Account: in.Account, Region: in.Region}, region(in.Region)
}

func disableRegion(w World, in *AccountRegionInput) (*Empty, error) { return setDisabled(w, in, true) }

func enableRegion(w World, in *AccountRegionInput) (*Empty, error) { return setDisabled(w, in, false) }

func setDisabled(w World, in *AccountRegionInput, on bool) (*Empty, error) {
	c, err := in.cell()
	if err != nil {
		return nil, err
	}
	return &Empty{}, w.DisableRegion(c, on)
}
