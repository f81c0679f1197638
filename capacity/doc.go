// Package capacity decides how much a table and its indexes may consume, as
// DynamoDB's capacity modes do: token buckets for the table, for each of its
// global indexes, and for each of their partitions.
//
// It is pure: time is an argument, and what a call costs is told to it. A call
// is admitted while every bucket that it draws on has something left, and pays
// what it really cost when that is known; so a bucket may go below zero, and
// nobody is admitted until it has filled again (recorded: a fresh table with one
// unit a second takes one write of 350 units, and then refuses).
package capacity

import "time"

// Numbers of DynamoDB (documented).
const (
	// PartitionRead and PartitionWrite are what a partition serves, in units a
	// second.
	PartitionRead  = 3000
	PartitionWrite = 1000

	// PartitionBytes is how much a partition holds.
	PartitionBytes = 10 << 30

	// Burst is for how long unused throughput of a table or index is kept.
	Burst = 300 * time.Second

	// OnDemandRead and OnDemandWrite are what a new on-demand table serves at
	// once, in units a second.
	OnDemandRead  = 12000
	OnDemandWrite = 4000

	// Quota is what an on-demand table or index consumes at most, in read and in
	// write units a second, unless the account's quota is raised.
	Quota = 40000

	// GrowEvery is how often an on-demand table comes to serve twice its peak.
	GrowEvery = 30 * time.Minute
)

// Numbers of ours, where DynamoDB's are not known.
const (
	// PartitionBurst is for how long a partition keeps what it did not serve.
	// The limit of a partition is a ceiling, and not a share that was paid for,
	// so nothing is saved up beyond the second that it is stated for.
	PartitionBurst = time.Second

	// SplitAfter is how long a partition has to be at its limit, without a rest,
	// before it is split. On AWS it takes minutes.
	SplitAfter = 5 * time.Minute

	// MaxPartitions bounds the partitions of a table or index.
	MaxPartitions = 1024
)

// Kind is a kind of capacity unit.
type Kind uint8

// The kinds of unit.
const (
	Read Kind = iota
	Write
	kinds
)

func (k Kind) String() string {
	if k == Read {
		return "Read"
	}
	return "Write"
}

// Reason is why a call is refused, in the words of AWS's ThrottlingReason.
type Reason string

// The reasons.
const (
	Provisioned  Reason = "ProvisionedThroughputExceeded" // Over the provisioned throughput of a table or index.
	MaxOnDemand  Reason = "MaxOnDemandThroughputExceeded" // Over the maximum that a table or index on demand was given.
	AccountLimit Reason = "AccountLimitExceeded"          // Over Quota.
	KeyRange     Reason = "KeyRangeThroughputExceeded"    // Over what the partition serves.
)

// Units are a number of each kind.
type Units [kinds]float64
