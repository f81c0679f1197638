// Package dataset is some ten thousand items of real data, for demonstrations
// and tests: the world's countries, regions, larger airports and time zones, and
// facts on land and works. README.md names the sources; all are in the public
// domain.
package dataset

import (
	"bytes"
	"compress/gzip"
	_ "embed" // For the data.
	"fmt"
	"io"
	"iter"
)

// The table that the items are meant for. Both keys are strings.
const (
	// TableName is a name for the table; any other does as well.
	TableName = "World"
	// PartitionKey holds a country's two letters of ISO 3166, as in "AT". Its
	// partitions differ much in size: the United States have some 1,000 items,
	// a small island has four.
	PartitionKey = "country"
	// SortKey holds the kind of an item and a name within it: "COUNTRY",
	// "REGION#AT-9", "AIRPORT#LOWW", "ZONE#Europe/Vienna", "FACTS#Geography".
	SortKey = "entry"
)

// Count is the number of items.
const Count = 10_709

//go:generate ./gen/fetch.sh

// packed holds an item in DynamoDB JSON a line, in the order of their keys,
// packed by gzip.
//
//go:embed world.jsonl.gz
var packed []byte

// Items returns the items in the order of their keys, each as the JSON object
// that a request has for Item: {"country":{"S":"AT"},...}. It unpacks some 7 MB,
// of which the slices are parts: they stay valid, and are not to be changed.
func Items() (iter.Seq[[]byte], error) {
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	lines, err := io.ReadAll(zr)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(lines) {
			if !yield(bytes.TrimSuffix(line, []byte("\n"))) {
				return
			}
		}
	}, nil
}

// Query is a question to the data, with the number of items that answer it.
type Query struct {
	Question string
	// Members are the members of a Query request but for its TableName, as
	// JSON without the braces around them.
	Members string
	// Items is how many items answer when all pages are read: Count of all.
	Items int
}

// Body returns the body of a Query request to table.
func (q Query) Body(table string) []byte {
	return fmt.Appendf(nil, `{"TableName":%q,%s}`, table, q.Members)
}

// Queries returns examples of what can be asked, from plain to involved.
func Queries() []Query {
	return []Query{
		{
			Question: "Which time zones has Australia?",
			Members: `"KeyConditionExpression":"country = :c AND begins_with(entry, :zone)",` +
				`"ProjectionExpression":"entry, offsetMinutes, part",` +
				`"ExpressionAttributeValues":{":c":{"S":"AU"},":zone":{"S":"ZONE#"}}`,
			Items: 12,
		},
		{
			Question: "Which airports of Japan have a name from RJ to RJF, from the last to the first?",
			Members: `"KeyConditionExpression":"country = :c AND entry BETWEEN :from AND :to","ScanIndexForward":false,` +
				`"ExpressionAttributeValues":{":c":{"S":"JP"},":from":{"S":"AIRPORT#RJ"},":to":{"S":"AIRPORT#RJFZ"}}`,
			Items: 40,
		},
		{
			Question: "Which large airports of the United States lie above 4,000 feet?",
			Members: `"KeyConditionExpression":"country = :c AND begins_with(entry, :airport)",` +
				`"FilterExpression":"#size = :large AND elevationFeet > :feet",` +
				`"ExpressionAttributeNames":{"#size":"size"},` +
				`"ExpressionAttributeValues":{":c":{"S":"US"},":airport":{"S":"AIRPORT#"},":large":{"S":"large"},":feet":{"N":"4000"}}`,
			Items: 3,
		},
		{
			Question: "Which airports of Russia with scheduled flights have no IATA code?",
			Members: `"KeyConditionExpression":"country = :c AND begins_with(entry, :airport)",` +
				`"FilterExpression":"scheduled = :yes AND attribute_not_exists(codes.iata)",` +
				`"ExpressionAttributeValues":{":c":{"S":"RU"},":airport":{"S":"AIRPORT#"},":yes":{"BOOL":true}}`,
			Items: 8,
		},
		{
			Question: "In which regions of Canada are three airports or more?",
			Members: `"KeyConditionExpression":"country = :c AND begins_with(entry, :region)",` +
				`"FilterExpression":"size(airports) >= :three",` +
				`"ExpressionAttributeValues":{":c":{"S":"CA"},":region":{"S":"REGION#"},":three":{"N":"3"}}`,
			Items: 12,
		},
		{
			Question: "How far is Austria's border with its second neighbour, if over 800 km, and has it coal?",
			Members: `"KeyConditionExpression":"country = :c AND entry = :facts",` +
				`"FilterExpression":"facts.landBoundaries.borderCountries[1].km > :km AND contains(facts.naturalResources, :coal)",` +
				`"ProjectionExpression":"facts.landBoundaries.borderCountries[1]",` +
				`"ExpressionAttributeValues":{":c":{"S":"AT"},":facts":{"S":"FACTS#Geography"},":km":{"N":"800"},":coal":{"S":"coal"}}`,
			Items: 1,
		},
	}
}
