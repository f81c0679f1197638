package shape

import (
	"bytes"
	"math"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		out  smithy.Serializable
		want string
	}{
		{nil, `{}`},
		{&dynamodb.DescribeTableOutput{}, `{}`},
		{&dynamodb.ListTablesOutput{TableNames: []string{}}, `{"TableNames":[]}`},
		{&dynamodb.ListTablesOutput{TableNames: []string{"a<&>\"/", "b\n\x01"}}, `{"TableNames":["a<&>\"/","b\n\u0001"]}`},
		{&types.BackupSummary{BackupCreationDateTime: sdk.Time(time.UnixMilli(1763807903120))}, `{"BackupCreationDateTime":1763807903.12}`},
		{&types.ConsumedCapacity{CapacityUnits: sdk.Float64(1), ReadCapacityUnits: sdk.Float64(0.5)}, `{"CapacityUnits":1.0,"ReadCapacityUnits":0.5}`},
		{&dynamodb.GetItemOutput{Item: map[string]types.AttributeValue{"a": &types.AttributeValueMemberL{Value: []types.AttributeValue{
			&types.AttributeValueMemberB{Value: []byte{1, 255}},
			&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"b": &types.AttributeValueMemberNULL{Value: true}}},
		}}}}, `{"Item":{"a":{"L":[{"B":"Af8="},{"M":{"b":{"NULL":true}}}]}}}`},
	} {
		if got := Encode([]byte("x"), c.out); string(got) != "x"+c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestEncodeExtra adds a member that the SDK lacks, to a structure that has
// others and to one that has none.
func TestEncodeExtra(t *testing.T) {
	e := Encoder{Extra: func(structure string) []byte {
		if structure == "TableDescription" {
			return []byte(`"TableThroughputModeSummary":{"TableThroughputMode":"PAY_PER_REQUEST"}`)
		}
		return nil
	}}
	for _, c := range []struct {
		table *types.TableDescription
		want  string
	}{
		{&types.TableDescription{}, `{"Table":{"TableThroughputModeSummary":{"TableThroughputMode":"PAY_PER_REQUEST"}}}`},
		{
			&types.TableDescription{TableName: sdk.String("t"), KeySchema: []types.KeySchemaElement{{}}},
			`{"Table":{"KeySchema":[{}],"TableName":"t","TableThroughputModeSummary":{"TableThroughputMode":"PAY_PER_REQUEST"}}}`,
		},
	} {
		if got := e.Encode(nil, &dynamodb.DescribeTableOutput{Table: c.table}); string(got) != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestEpoch: every millisecond is written and read as itself, in its shortest
// form.
func TestEpoch(t *testing.T) {
	for _, start := range []int64{-1500, 0, 1763807903000, 253402300798000} {
		for ms := start; ms < start+1500 && ms <= maxEpoch*1000; ms++ {
			want := time.UnixMilli(ms).UTC()
			text := appendEpoch(nil, want)
			if got := epochTime(parseFloat(string(text), 64)); !got.Equal(want) {
				t.Fatalf("%d ms was written as %s and read as %v", ms, text, got)
			}
			if bytes.ContainsRune(text, '.') && text[len(text)-1] == '0' {
				t.Fatalf("%d ms was written as %s", ms, text)
			}
		}
	}
	if got := epochTime(1e300); got.Year() != 9999 {
		t.Errorf("a time out of range is in %d", got.Year())
	}
}

func TestAppendDouble(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0.0"},
		{1, "1.0"},
		{-2.5, "-2.5"},
		{0.001, "0.001"},
		{0.0001, "1.0E-4"},
		{9999999, "9999999.0"},
		{1e7, "1.0E7"},
		{1.25e10, "1.25E10"},
		{math.Inf(1), "Infinity"},
		{math.Inf(-1), "-Infinity"},
		{math.NaN(), "NaN"},
	} {
		if got := string(appendDouble(nil, c.f, 64)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.f, got, c.want)
		}
	}
}

func BenchmarkDecodeCreateTable(b *testing.B) {
	op := operationNamed(b, operations(), "CreateTable")
	body := []byte(`{"TableName":"abc","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],"BillingMode":"PAY_PER_REQUEST"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := op.decode(body); err != nil {
			b.Fatal(err)
		}
	}
}
