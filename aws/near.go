package aws

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// nearRegions is how many Regions an error offers in place of an unknown one.
const nearRegions = 3

// maxRegionName bounds the text that is compared with the names of Regions, in
// bytes.
const maxRegionName = 64

// Near returns the Regions whose names look most like r, the nearest first.
func (r Region) Near() []Region {
	r = r[:min(len(r), maxRegionName)]
	far := make(map[Region]int, len(regions))
	for _, k := range regions {
		far[k] = distance(strings.ToLower(string(r)), string(k))
	}
	near := Regions()
	slices.SortStableFunc(near, func(a, b Region) int { return cmp.Compare(far[a], far[b]) })
	return near[:nearRegions]
}

// CheckRegion returns nil for a known Region, else an error that names near ones.
func CheckRegion(r Region) error {
	if r.Known() {
		return nil
	}
	var names []string
	for _, k := range r.Near() {
		names = append(names, string(k))
	}
	return fmt.Errorf("%q is not a Region; near it are %s", string(r), strings.Join(names, ", "))
}

// distance is the number of bytes to insert, delete or change to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // Distances of what came of a to each start of b.
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
