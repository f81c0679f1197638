package aws_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

// TestAccountValid: an account is twelve digits and nothing else.
func TestAccountValid(t *testing.T) {
	for a, want := range map[aws.Account]bool{
		"000000000000": true, "123456789012": true,
		"": false, "12345678901": false, "1234567890123": false, "12345678901x": false, "12345678901 ": false, "١٢٣٤٥٦": false,
	} {
		if a.Valid() != want {
			t.Errorf("%q is valid: %t", a, !want)
		}
	}
	if got, want := aws.Account("123456789012").Root(), "arn:aws:iam::123456789012:root"; got != want {
		t.Errorf("the root user is %s, want %s", got, want)
	}
}

// TestRegions: the names are in order, each once, and each is known.
func TestRegions(t *testing.T) {
	regions := aws.Regions()
	if !slices.IsSorted(regions) || len(slices.Compact(slices.Clone(regions))) != len(regions) {
		t.Errorf("the Regions are not in order: %v", regions)
	}
	for _, r := range regions {
		if !r.Known() {
			t.Errorf("%s is not known", r)
		}
	}
	regions[0] = "changed"
	if aws.Regions()[0] == "changed" {
		t.Error("a caller changed the Regions")
	}
	for _, r := range []aws.Region{"", "eu-west-9", "EU-WEST-1", "eu-west-1 "} {
		if r.Known() {
			t.Errorf("%q is known", r)
		}
	}
	if r, ok := aws.Region(strings.Clone("eu-west-1")).Intern(); !ok || r != "eu-west-1" {
		t.Errorf("interned as %q, %t", r, ok)
	}
	if _, ok := aws.Region("nowhere").Intern(); ok {
		t.Error("an unknown Region was interned")
	}
}

// TestCell: a cell is printed and parsed again, and cells order by account, then
// by Region, which versions depend on.
func TestCell(t *testing.T) {
	a := aws.Cell{Account: "111111111111", Region: "us-east-1"}
	if a.String() != "111111111111/us-east-1" {
		t.Errorf("printed as %s", a)
	}
	if c, err := aws.ParseCell(a.String()); err != nil || c != a {
		t.Errorf("parsed as %v (%v)", c, err)
	}
	if got, want := a.TableARN("T"), "arn:aws:dynamodb:us-east-1:111111111111:table/T"; got != want {
		t.Errorf("the table is %s, want %s", got, want)
	}
	for _, bad := range []string{"", "/", "111111111111", "111111111111/", "11111111111/us-east-1", "111111111111/nowhere", "111111111111/us-east-1/x"} {
		if c, err := aws.ParseCell(bad); err == nil {
			t.Errorf("%q is the cell %v", bad, c)
		}
	}
	order := []aws.Cell{
		{Account: "111111111111", Region: "eu-west-1"},
		{Account: "111111111111", Region: "us-east-1"},
		{Account: "222222222222", Region: "af-south-1"},
	}
	for i, c := range order {
		for j, d := range order {
			if got := c.Compare(d); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%v to %v compares as %d", c, d, got)
			}
		}
	}
}

// TestErrors: the makers give AWS's codes and openings, with status 400.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err           *aws.Error
		code, message string
	}{
		{aws.Errorf("X", "%d%%", 5), "X", "5%"},
		{aws.Validation("no %s", "item"), "ValidationException", "no item"},
		{aws.InvalidParameter("bad %s", "key"), "ValidationException", "One or more parameter values were invalid: bad key"},
		{aws.Serialization("100% odd"), "SerializationException", "100% odd"},
	} {
		if c.err.Code != c.code || c.err.Message != c.message || c.err.Status != 400 || c.err.Error() != c.code+": "+c.message {
			t.Errorf("got %+v, want %s: %s", c.err, c.code, c.message)
		}
	}
}
