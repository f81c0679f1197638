package aws_test

import (
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

func TestNear(t *testing.T) {
	for unknown, want := range map[aws.Region]aws.Region{
		"eu-west1":       "eu-west-1",
		"EU-WEST-1":      "eu-west-1",
		"us-esat-1":      "us-east-1",
		"ap-southeast-9": "ap-southeast-1",
		"us-west-2a":     "us-west-2",
		aws.Region("sa-" + strings.Repeat("x", 4)): "sa-east-1",
	} {
		if near := unknown.Near(); len(near) != 3 || near[0] != want {
			t.Errorf("near %s: %v, want %s first", unknown, near, want)
		}
	}
	for _, odd := range []aws.Region{"", aws.Region(strings.Repeat("é", 1<<16))} {
		if near := odd.Near(); len(near) != 3 {
			t.Errorf("near %d bytes: %v", len(odd), near)
		}
	}
}

func TestCheckRegion(t *testing.T) {
	if err := aws.CheckRegion("eu-west-1"); err != nil {
		t.Error(err)
	}
	const want = `"eu-west-9" is not a Region; near it are eu-west-1, eu-west-2, eu-west-3`
	if err := aws.CheckRegion("eu-west-9"); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
