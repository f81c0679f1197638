package shape

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
)

func TestParseModelFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"enum", "model line 1: want a verb and a name"},
		{"# a comment\n\nsize A 1..2", `model line 3: unknown verb "size"`},
		{"length A 3", `model line 1: bounds "3": want MIN..MAX`},
		{"length A x..3", `model line 1: bounds "x..3": `},
		{"value A 1..x", `model line 1: bounds "1..x": `},
		{"matches A (", "model line 1: pattern: "},
		{"pattern A \\p{Print}+", "the pattern of A needs a matches statement"},
	} {
		if _, err := ParseModel(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
}

// TestModelFitsSDK finds what a newer SDK has and the model lacks, and what the
// model names and the SDK does not know.
func TestModelFitsSDK(t *testing.T) {
	m := DynamoDB()
	used := map[string]bool{"TableKeySchema": true, "TableNameOrArn": true}
	seen := map[*smithy.Schema]bool{}
	var walk func(s *smithy.Schema)
	walk = func(s *smithy.Schema) {
		if seen[s] {
			return
		}
		seen[s] = true
		name := shapeName(s)
		used[name] = true
		switch s.Type() {
		case smithy.ShapeTypeStructure:
			var listed []string
			for _, member := range m.structures[name] {
				listed = append(listed, member.name)
				used[member.bounds] = true
				if bounds := member.bounds; bounds != "" && m.constraints[bounds] == nil {
					t.Errorf("structure %s: member %s has the bounds of %s, which has none", name, member.name, bounds)
				}
			}
			sameNames(t, "structure "+name, listed, s.Members())
		case smithy.ShapeTypeEnum:
			if c := m.constraints[name]; c == nil {
				t.Errorf("enum %s is not in the model", name)
			} else {
				sameNames(t, "enum "+name, c.Enum, s.Members())
			}
			return
		default:
		}
		for _, member := range s.Members() {
			walk(member)
		}
	}
	for _, op := range operations() {
		walk(op.schema.Input)
	}
	for name := range m.structures {
		if !used[name] {
			t.Errorf("structure %s is not part of an input", name)
		}
	}
	for name := range m.constraints {
		if !used[name] {
			t.Errorf("constraint %s is not of an input", name)
		}
	}
}

func sameNames(t *testing.T, what string, listed []string, members map[string]*smithy.Schema) {
	t.Helper()
	for name := range members {
		if !slices.Contains(listed, name) {
			t.Errorf("%s: %s is not in the model", what, name)
		}
	}
	for _, name := range listed {
		if members[name] == nil {
			t.Errorf("%s: %s is not in the SDK", what, name)
		}
	}
}

// TestRequiredFitsSDK: of an empty input the SDK's client misses what we miss.
func TestRequiredFitsSDK(t *testing.T) {
	client := reflect.ValueOf(dynamodb.New(dynamodb.Options{
		Region: "eu-west-1", Credentials: sdk.AnonymousCredentials{}, HTTPClient: noNetwork{}, RetryMaxAttempts: 1,
	}))
	for _, op := range operations() {
		answer := client.MethodByName(op.name).Call([]reflect.Value{
			reflect.ValueOf(context.Background()), reflect.ValueOf(op.input()),
		})
		var invalid smithy.InvalidParamsError
		missing := map[string]bool{}
		if err, _ := reflect.TypeAssert[error](answer[1]); errors.As(err, &invalid) {
			for _, fault := range invalid.Errs() {
				param, _ := errors.AsType[smithy.InvalidParamError](fault)
				field := param.Field()
				missing[field[strings.LastIndexByte(field, '.')+1:]] = true
			}
		}
		for _, m := range op.plan.members {
			if m.required != missing[m.name] && !strings.Contains(op.name, "KinesisStreamingDestination") {
				t.Errorf("%s.%s: required in the model %v, in the SDK %v", op.name, m.name, m.required, missing[m.name])
			}
			delete(missing, m.name)
		}
		if len(missing) > 0 {
			t.Errorf("%s: the SDK requires %v", op.name, missing)
		}
	}
}

type noNetwork struct{}

func (noNetwork) Do(*http.Request) (*http.Response, error) {
	return nil, errors.New("a test without a network")
}
