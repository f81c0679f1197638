// Package aws is the vocabulary of the AWS contract: accounts, Regions, cells
// and the errors that are part of the API.
package aws

import (
	"fmt"
	"strings"
)

// Account is an AWS account id: twelve digits.
type Account string

// Valid reports whether a is twelve digits.
func (a Account) Valid() bool {
	if len(a) != 12 {
		return false
	}
	for i := range len(a) {
		if a[i] < '0' || a[i] > '9' {
			return false
		}
	}
	return true
}

// Root is the ARN of the account's root user.
func (a Account) Root() string { return "arn:aws:iam::" + string(a) + ":root" }

// Region is the name of an AWS Region, as in "eu-west-1".
type Region string

// Known reports whether r is one of Regions.
func (r Region) Known() bool {
	_, ok := r.Intern()
	return ok
}

// Intern returns the Region of that name that lives as long as the program, and
// whether it is known. r may be memory that is used for something else later.
func (r Region) Intern() (Region, bool) {
	for _, k := range regions {
		if k == r {
			return k, true
		}
	}
	return r, false
}

// Regions returns the names of the Regions that can hold cells, in order.
func Regions() []Region { return append([]Region(nil), regions[:]...) }

var regions = [...]Region{
	"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
	"ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
	"ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1",
	"eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
	"il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2",
	"us-west-1", "us-west-2",
}

// Cell names one account in one Region: the unit of isolation.
type Cell struct {
	Account Account
	Region  Region
}

// String returns the cell as "111111111111/us-east-1".
func (c Cell) String() string { return string(c.Account) + "/" + string(c.Region) }

// Compare orders cells by account, then by Region. Versions of equal time are
// ordered by it, so it may never change.
func (c Cell) Compare(d Cell) int {
	if r := strings.Compare(string(c.Account), string(d.Account)); r != 0 {
		return r
	}
	return strings.Compare(string(c.Region), string(d.Region))
}

// TableARN returns the ARN of the cell's table of that name.
func (c Cell) TableARN(table string) string {
	return "arn:aws:dynamodb:" + string(c.Region) + ":" + string(c.Account) + ":table/" + table
}

// ParseCell parses the form that String writes. The Region must be known.
func ParseCell(s string) (Cell, error) {
	a, r, ok := strings.Cut(s, "/")
	c := Cell{Account(a), Region(r)}
	if !ok || !c.Account.Valid() || !c.Region.Known() {
		return Cell{}, fmt.Errorf("aws: %q is not a cell: want twelve digits, a slash and a Region", s)
	}
	return c, nil
}
