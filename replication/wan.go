package replication

import (
	"time"

	"github.com/hortusdb/hortus/aws"
)

// roundTrips are real round-trip times between Regions in milliseconds, each row
// with the Regions of the rows before it, in their order. They are averages of
// ICMP echoes between instances in them, as published with Fantoch (Enes et al.,
// github.com/vitorenesduarte/fantoch, latency_aws, 2020 to 2021), rounded.
var roundTrips = [...]struct {
	region aws.Region
	to     []int
}{
	{"us-east-1", []int{}},
	{"us-east-2", []int{11}},
	{"us-west-1", []int{60, 51}},
	{"us-west-2", []int{73, 49, 21}},
	{"ca-central-1", []int{15, 24, 78, 66}},
	{"sa-east-1", []int{113, 125, 190, 180, 124}},
	{"eu-west-1", []int{71, 85, 141, 127, 72, 184}},
	{"eu-west-2", []int{76, 86, 137, 145, 89, 194, 10}},
	{"eu-west-3", []int{78, 88, 138, 150, 92, 196, 17, 8}},
	{"eu-central-1", []int{86, 96, 146, 158, 100, 203, 24, 15, 9}},
	{"eu-north-1", []int{105, 113, 163, 157, 114, 217, 36, 27, 28, 20}},
	{"eu-south-1", []int{94, 104, 153, 171, 108, 212, 32, 24, 17, 10, 30}},
	{"me-south-1", []int{193, 203, 253, 257, 207, 311, 132, 123, 117, 122, 143, 129}},
	{"af-south-1", []int{216, 226, 276, 295, 224, 329, 151, 143, 147, 199, 166, 190, 306}},
	{"ap-south-1", []int{182, 189, 231, 223, 197, 299, 118, 113, 107, 112, 131, 102, 35, 292}},
	{"ap-southeast-1", []int{236, 220, 181, 163, 221, 338, 187, 170, 171, 178, 196, 159, 91, 357, 63}},
	{"ap-southeast-2", []int{198, 188, 137, 139, 196, 309, 254, 274, 273, 282, 295, 288, 177, 413, 143, 90}},
	{"ap-northeast-1", []int{152, 155, 112, 101, 155, 268, 204, 209, 244, 244, 265, 233, 171, 383, 137, 77, 104}},
	{"ap-east-1", []int{213, 204, 155, 146, 202, 315, 220, 211, 200, 203, 231, 193, 130, 396, 98, 35, 128, 51}},
}

// neighbours stand for Regions that were not measured there, with what lies
// between, in milliseconds: by distance, an estimate of ours.
var neighbours = map[aws.Region]struct {
	of     aws.Region
	beyond int
}{
	"ap-east-2":      {"ap-east-1", 14},
	"ap-northeast-2": {"ap-northeast-1", 32},
	"ap-northeast-3": {"ap-northeast-1", 9},
	"ap-south-2":     {"ap-south-1", 12},
	"ap-southeast-3": {"ap-southeast-1", 15},
	"ap-southeast-4": {"ap-southeast-2", 12},
	"ap-southeast-5": {"ap-southeast-1", 9},
	"ap-southeast-6": {"ap-southeast-2", 25},
	"ap-southeast-7": {"ap-southeast-1", 27},
	"ca-west-1":      {"us-west-2", 18},
	"eu-central-2":   {"eu-central-1", 7},
	"eu-south-2":     {"eu-west-3", 20},
	"il-central-1":   {"eu-south-1", 45},
	"me-central-1":   {"me-south-1", 9},
	"mx-central-1":   {"us-west-1", 50},
}

// RoundTrip is how long a message takes from one Region to another and back over
// AWS's network, within a few milliseconds for the Regions that were measured; the
// others are estimated by their neighbours. Within a Region it is zero.
func RoundTrip(a, b aws.Region) time.Duration {
	if a == b {
		return 0
	}
	sum := 0
	i, beyond := measured(a)
	sum += beyond
	j, beyond := measured(b)
	sum += beyond
	if i > j {
		sum += roundTrips[i].to[j]
	} else if j > i {
		sum += roundTrips[j].to[i]
	}
	return time.Duration(sum) * time.Millisecond
}

// measured returns the row that stands for a Region, and how far it is from there.
func measured(r aws.Region) (row, beyond int) {
	n, ok := neighbours[r]
	if ok {
		r = n.of
	}
	for i := range roundTrips {
		if roundTrips[i].region == r {
			return i, n.beyond
		}
	}
	return 0, 0
}
