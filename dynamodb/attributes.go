package dynamodb

import (
	"slices"
	"strings"
	"unicode/utf16"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/table"
)

// errUndefined is the answer to a key of more attributes than are defined
// (known from the live service).
var errUndefined = aws.Validation("Invalid KeySchema: Some index key attribute have no definition")

// setAttributes takes over the attributes of a new table.
func setAttributes(d *table.Definition, in *sdk.CreateTableInput) error {
	if err := checkDuplicates(in.AttributeDefinitions); err != nil {
		return err
	}
	for _, a := range in.AttributeDefinitions {
		d.Attributes = append(d.Attributes, table.Attribute{Name: *a.AttributeName, Type: string(a.AttributeType)})
	}
	return nil
}

func checkDuplicates(given []types.AttributeDefinition) error {
	for i, a := range given {
		if slices.ContainsFunc(given[:i], func(b types.AttributeDefinition) bool { return *a.AttributeName == *b.AttributeName }) {
			return aws.Validation("Attribute Name is duplicated: %s", *a.AttributeName)
		}
	}
	return nil
}

// definedNames lists the attributes that a request defines.
func definedNames(given []types.AttributeDefinition) []string {
	var names []string
	for _, a := range given {
		names = append(names, *a.AttributeName)
	}
	return names
}

// checkTableKey refuses the key of a table, or of an index that is added to one,
// whose attributes are not all defined by the request (known).
func checkTableKey(schema []types.KeySchemaElement, given []string) error {
	if len(given) < len(schema) {
		return errUndefined
	}
	err := checkDefined(schema, given)
	if err != nil && len(schema) > 1 {
		return errUndefined
	}
	return err
}

// checkDefined reports the attributes of a key that have no type.
func checkDefined(schema []types.KeySchemaElement, given []string) error {
	var keys []string
	undefined := false
	for _, k := range schema {
		keys = append(keys, *k.AttributeName)
		undefined = undefined || !slices.Contains(given, *k.AttributeName)
	}
	if !undefined {
		return nil
	}
	return aws.InvalidParameter("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
		strings.Join(keys, ", "), strings.Join(hashOrder(given, len(given)), ", "))
}

// checkSchemas checks the keys of a new table's indexes, and that each attribute
// is a key. What is wrong elsewhere in an index is told only after that
// (recorded).
func checkSchemas(d *table.Definition, in *sdk.CreateTableInput) error {
	given := definedNames(in.AttributeDefinitions)
	if in.LocalSecondaryIndexes == nil && in.GlobalSecondaryIndexes == nil && len(given) != len(in.KeySchema) {
		return aws.InvalidParameter("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	used := []string{*in.KeySchema[0].AttributeName, *in.KeySchema[len(in.KeySchema)-1].AttributeName}
	check := func(schema []types.KeySchemaElement) error {
		for _, k := range schema {
			used = append(used, *k.AttributeName)
		}
		return checkDefined(schema, given)
	}
	switch {
	case in.LocalSecondaryIndexes == nil:
	case len(in.LocalSecondaryIndexes) == 0:
		return aws.InvalidParameter("List of LocalSecondaryIndexes is empty")
	case d.Range == "":
		return aws.InvalidParameter("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	if in.GlobalSecondaryIndexes != nil && len(in.GlobalSecondaryIndexes) == 0 {
		return aws.InvalidParameter("List of GlobalSecondaryIndexes is empty")
	}
	for _, x := range in.LocalSecondaryIndexes {
		if err := check(x.KeySchema); err != nil {
			return err
		}
		if _, _, err := simpleKey(x.KeySchema); err != nil {
			return err
		}
	}
	for _, x := range in.GlobalSecondaryIndexes {
		if err := check(x.KeySchema); err != nil {
			return err
		}
		if _, _, err := globalKey(x.KeySchema); err != nil {
			return err
		}
	}
	return checkUsed(given, used)
}

// checkUsed refuses attributes that are no key.
func checkUsed(given, used []string) error {
	for _, n := range given {
		if !slices.Contains(used, n) {
			return aws.InvalidParameter("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]",
				strings.Join(hashOrder(given, len(given)), ", "), strings.Join(hashOrder(used, defaultBuckets), ", "))
		}
	}
	return nil
}

// sortAttributes puts the attributes in the order in which they come back, by
// name (recorded).
func sortAttributes(d *table.Definition, _ *sdk.CreateTableInput) error {
	slices.SortFunc(d.Attributes, func(a, b table.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// defaultBuckets is how many buckets a hash set of Java begins with.
const defaultBuckets = 16

// hashOrder returns distinct names in the order in which a hash set of Java
// lists them that was made for so many. AWS lists attribute names in that order:
// each such text that is known from the live service agrees with it.
func hashOrder(names []string, capacity int) []string {
	buckets := uint32(1)
	for int(buckets) < capacity {
		buckets *= 2
	}
	var out []string
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	for len(out)*4 > int(buckets)*3 { // It grows when it is three quarters full.
		buckets *= 2
	}
	bucket := func(s string) uint32 {
		var h uint32
		for _, unit := range utf16.Encode([]rune(s)) {
			h = h*31 + uint32(unit)
		}
		return (h ^ h>>16) & (buckets - 1)
	}
	slices.SortStableFunc(out, func(a, b string) int { return int(bucket(a)) - int(bucket(b)) })
	return out
}
