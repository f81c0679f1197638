//go:build conformance

package differential

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// known is a class of differences in which Hortus is right.
type known struct {
	name string
	fact string // What makes it right.
	is   func(d *difference) bool
}

// explanation returns the entry that explains d, nil if none does.
func explanation(d *difference) *known { return firstOf(explained, d) }

func firstOf(list []known, d *difference) *known {
	for i := range list {
		if list[i].is(d) {
			return &list[i]
		}
	}
	return nil
}

// says reports whether a message has a part that matches one of the patterns.
func says(a *answer, patterns ...string) bool {
	for _, p := range patterns {
		if regexp.MustCompile(p).MatchString(a.message) {
			return true
		}
	}
	return false
}

// alikeWithout reports whether two successes are alike in all but some members.
func alikeWithout(d *difference, members ...string) bool {
	rest := func(a *answer) *answer {
		body := maps.Clone(a.body)
		for _, m := range members {
			delete(body, m)
		}
		return &answer{status: a.status, body: body}
	}
	return d.local.ok() && d.ours.ok() && compare(d.call, rest(d.local), rest(d.ours)) == ""
}

// tablesAlike reports whether two descriptions of a table are alike in their
// essentials but some, which are left out of the indexes too.
func tablesAlike(d *difference, name string, but ...string) bool {
	rest := func(a *answer) object {
		t, _ := a.body[name].(object)
		t = essentials(t)
		for _, n := range but {
			delete(t, n)
			for _, x := range elements(t, "GlobalSecondaryIndexes") {
				delete(x, n)
			}
		}
		return t
	}
	return d.local.ok() && d.ours.ok() && reflect.DeepEqual(rest(d.local), rest(d.ours))
}

// partial reports whether a request is for an index that does not hold all
// attributes.
func partial(c *call) bool {
	if c.schema == nil {
		return false
	}
	for _, x := range c.schema.indexes {
		if x.name == c.request["IndexName"] {
			return x.projection != "ALL"
		}
	}
	return false
}

// twoEach reports whether a transaction's answer of ours has, of each table, two
// units for each action on it.
func twoEach(d *difference) bool {
	actions := map[string]float64{}
	for _, a := range elements(d.call.request, "TransactItems") {
		for _, action := range a {
			if action, ok := action.(object); ok {
				actions[fmt.Sprint(action["TableName"])] += 2
			}
		}
	}
	for _, c := range elements(d.ours.body, "ConsumedCapacity") {
		if n, ok := c["CapacityUnits"].(json.Number); !ok || n.String() != fmt.Sprint(actions[fmt.Sprint(c["TableName"])]) && n.String() != fmt.Sprintf("%.1f", actions[fmt.Sprint(c["TableName"])]) {
			return false
		}
	}
	return true
}

// unitsWithin reports whether all units that are not alike in two answers satisfy
// within. What one of them leaves out is 0.
func unitsWithin(d *difference, within func(local, ours float64) bool) bool {
	local, ours := map[string]float64{}, map[string]float64{}
	unitsOf(d.local.body["ConsumedCapacity"], "", local)
	unitsOf(d.ours.body["ConsumedCapacity"], "", ours)
	for path := range local {
		ours[path] += 0
	}
	for path, n := range ours {
		if n != local[path] && !within(local[path], n) {
			return false
		}
	}
	return len(ours) > 0
}

// unitsOf collects the numbers in v by where they are.
func unitsOf(v any, path string, into map[string]float64) {
	switch v := v.(type) {
	case object:
		for name, e := range v {
			unitsOf(e, path+"/"+name, into)
		}
	case []any:
		for _, e := range v {
			table, _ := e.(object)
			unitsOf(e, path+"/"+fmt.Sprint(table["TableName"]), into)
		}
	case json.Number:
		n, _ := v.Float64()
		into[path] = n
	}
}

func namesOf(v any) []string {
	m, _ := v.(object)
	return slices.Sorted(maps.Keys(m))
}

func sameText(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

const (
	localName     = `^Invalid table/index name\.  `
	localMissing  = `^Cannot do operations on a non-existent table$`
	oursMissing   = `^Requested resource not found`
	constraint    = `^\d+ validation errors? detected: `
	expressions   = `^Invalid (Condition|Filter|KeyCondition|Projection|Update)Expression: `
	placeholder   = `^ExpressionAttribute(Names|Values) |^Value provided in ExpressionAttribute`
	oursIndexKey  = `Type mismatch for Index Key |Size limit exceeded for Index Key |^The update expression attempted to update the secondary index key `
	indexNamed    = `IndexName: \S+, IndexKey: `
	localNullKey  = `^Cannot have null key for GetItem, DeleteItem, or UpdateItem$`
	localNullItem = `^Item to put in PutItem cannot be null$`
)

// explained are the differences that stay.
var explained = []known{
	{
		"DynamoDB Local fails", "documented: a malformed request is the client's fault, a 400",
		func(d *difference) bool { return d.local.status == 500 && d.ours.status < 500 },
	},
	{
		"the text for a missing table", "recorded: Requested resource not found, with the table's name in the control plane",
		func(d *difference) bool { return says(d.local, localMissing) && says(d.ours, oursMissing) },
	},
	{
		"constraints of the model come first", "recorded: they are collected, before all that a request means",
		func(d *difference) bool { return says(d.ours, constraint) },
	},
	{
		"a member of another type", "recorded: SerializationException; DynamoDB Local makes it fit",
		func(d *difference) bool { return d.ours.kind == "SerializationException" },
	},
	{
		"a table by its ARN", "documented: each TableName may be an ARN",
		func(d *difference) bool {
			name, _ := d.call.request["TableName"].(string)
			return says(d.local, localName) && strings.HasPrefix(name, "arn:")
		},
	},
	{
		"the text for a name's length", "recorded: TableName must be at least 3 characters long and at most 255 characters long",
		func(d *difference) bool {
			return says(d.local, localName) && says(d.ours, `^TableName must be at least`)
		},
	},
	{
		"expressions before tables and keys", "recorded: what a request says by itself is checked before what it meets",
		func(d *difference) bool {
			return says(d.ours, expressions, placeholder, `^ALL_PROJECTED_ATTRIBUTES can be used only when Querying`, `^Cannot specify the `, `^Must specify the `, `^The (Total)?Segments? parameter is`) && says(d.local, localData)
		},
	},
	{
		"tables before keys", "recorded: what there is is looked for first",
		func(d *difference) bool { return says(d.ours, oursMissing) && says(d.local, localKey) },
	},
	{
		"attribute values before expressions", "known from the live service, but for start keys",
		func(d *difference) bool {
			return says(d.ours, `^One or more parameter values were invalid: `, `^Supplied AttributeValue`, `^Input collection contains duplicates`, `in the item have nested levels`, `numeric value`, `Number`) && says(d.local, expressions, placeholder, localData, `Condition parameter type does not match`)
		},
	},
	{
		"size as a name", "documented: SIZE is a reserved word; DynamoDB Local takes it for a name at times",
		func(d *difference) bool { return says(d.ours, `(?i)reserved keyword: size$`) },
	},
	{
		"deep values among the placeholders", "documented: an attribute value has at most 32 levels; DynamoDB Local looks at items alone",
		func(d *difference) bool {
			return says(d.ours, `^ExpressionAttributeValues contains invalid value: Nesting Levels have exceeded`)
		},
	},
	{
		"which segment a key is in", "documented: hashing is the service's own matter",
		func(d *difference) bool {
			return says(d.local, `^Exclusive start key must lie within the segment$`) || says(d.ours, `Please use ExclusiveStartKey with correct Segment`)
		},
	},
	{
		"a computed index key of another type", "documented: an index's key has its type; DynamoDB Local looks only at what is given",
		func(d *difference) bool {
			return d.call.operation == "UpdateItem" && d.local.ok() && says(d.ours, oursIndexKey)
		},
	},
	{
		"a start key at the end of the range", "a LastEvaluatedKey of ours may be one: it gives an empty page",
		func(d *difference) bool {
			return d.ours.ok() && says(d.local, `^The provided starting key does not match the range key predicate`) && len(elements(d.ours.body, "Items")) == 0
		},
	},
	{
		"several attributes in an index's key", "documented; DynamoDB Local takes one of each kind",
		func(d *difference) bool {
			return d.ours.ok() && says(d.local, `^Too many hash keys specified`, `^Key Schema too big`)
		},
	},
	{
		"one number spelled twice in a batch", "documented: numbers are equal by their value",
		func(d *difference) bool {
			return d.call.operation == "BatchGetItem" && d.local.ok() && says(d.ours, `^Provided list of item keys contains duplicates$`)
		},
	},
	{
		"an update that changes nothing", "documented: The provisioned throughput for the table will not change",
		func(d *difference) bool {
			return says(d.ours, `^The provisioned throughput for the (table|index \S+) will not change`)
		},
	},
	{
		"which path into a key is told", "no contract: of several, each names one, ours the first of the text",
		func(d *difference) bool {
			return says(d.local, `^Filter Expression can only contain`) && says(d.ours, `^Filter Expression can only contain`) ||
				says(d.local, `^Key attributes must be scalars`) && says(d.ours, `^Key attributes must be scalars`)
		},
	},
	{
		"a nested path in a key condition", "recorded: Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested attributes",
		func(d *difference) bool {
			return says(d.ours, `^Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested`)
		},
	},
	{
		"two faulty placeholders", "no contract: of several, each tells one; ours is names before values, in the order of their text",
		func(d *difference) bool {
			return says(d.ours, `^ExpressionAttribute(Names|Values) contains invalid`) && says(d.local, `^ExpressionAttribute(Names|Values) (contains invalid|must not be empty)`)
		},
	},
	{
		"an update of an index that is missing", "known from the live service: ResourceNotFoundException; UNCONFIRMED: its text",
		func(d *difference) bool {
			return says(d.local, `^Invalid global secondary index name$`, `^Requested resource not found$`) && says(d.ours, `^Requested resource not found: Index`)
		},
	},
	{
		"an update of a key before its condition", "known from the live service: what the schema of the table refuses is refused before the item is read",
		func(d *difference) bool {
			return d.local.kind == "ConditionalCheckFailedException" && says(d.ours, `This attribute is part of the key$`, `^Key attributes must be scalars`)
		},
	},
	{
		"the text for too many digits", "recorded: Attempting to store more than 38 significant digits in a Number",
		func(d *difference) bool {
			return says(d.local, `^DynamoDB only supports precision up to 38 digits$`) && says(d.ours, `^Attempting to store more than 38 significant digits in a Number$`)
		},
	},
	{
		"the text for what is no number", "seen of the live service: The parameter cannot be converted to a numeric value",
		func(d *difference) bool {
			return says(d.local, `A value provided cannot be converted into a number`) && says(d.ours, `The parameter cannot be converted to a numeric value`)
		},
	},
	{
		"the text for a binary twice in a set", "known from the live service: with the list",
		func(d *difference) bool {
			return says(d.local, `of type BS contains duplicates`) && says(d.ours, `of type BS contains duplicates`)
		},
	},
	{
		"a batch of nothing", "recorded: The requestItems parameter is required for BatchGetItem",
		func(d *difference) bool { return says(d.local, `^BatchGetItem must have some requests set$`) },
	},
	{
		"a change of a table that is missing", "recorded for replicas: what a request says is checked first",
		func(d *difference) bool {
			return d.call.operation == "UpdateTable" && says(d.local, localMissing, `^Requested resource not found$`) && d.ours.kind == "ValidationException"
		},
	},
	{
		"the text for a key of another type", "recorded: the texts name the key, or the schema",
		func(d *difference) bool {
			return says(d.local, `Type mismatch for (key|Index Key)$`, `^Invalid attribute value type$`, `^Type mismatch for attribute to update$`, `^One of the required keys was not given a value$`, `^The number of conditions on the keys is invalid$`, `secondary index key to a value that is not supported`) &&
				says(d.ours, `Type mismatch for (key|Index Key) `, oursIndexKey, `^The provided key element does not match the schema$`, `Missing the key `, `^The provided starting key is invalid`)
		},
	},
	{
		"the text for a table that exists", "recorded: Table already exists",
		func(d *difference) bool {
			return says(d.local, `^Cannot create preexisting table$`) && says(d.ours, `^Table already exists: `)
		},
	},
	{
		"a scan's filter by what an index lacks", "documented: an index has what is projected into it; DynamoDB Local looks at the table's items",
		func(d *difference) bool {
			return d.call.operation == "Scan" && d.what == "body" && d.call.request["IndexName"] != nil && (d.call.request["FilterExpression"] != nil || d.call.request["ScanFilter"] != nil) &&
				partial(d.call) && alikeWithout(d, "Items", "Count", "ConsumedCapacity", "LastEvaluatedKey")
		},
	},
	{
		"the last key of a page that Limit ended", "documented: a page that Limit ends names one, whether or not there is more; DynamoDB Local leaves it out where the key condition ends too",
		func(d *difference) bool {
			return d.call.operation == "Query" && d.local.ok() && d.ours.ok() && d.local.body["LastEvaluatedKey"] == nil &&
				d.ours.body["LastEvaluatedKey"] != nil && sameText(d.call.request["Limit"], d.ours.body["ScannedCount"]) && alikeWithout(d, "LastEvaluatedKey")
		},
	},
	{
		"a change of throughput or billing mode", "documented: the old throughput holds until it is done; the answer shows the table as it was, UPDATING",
		func(d *difference) bool {
			now, _ := d.ours.body["TableDescription"].(object)
			return d.call.operation == "UpdateTable" && d.what == "body" && (d.call.request["BillingMode"] != nil || d.call.request["ProvisionedThroughput"] != nil) && now["TableStatus"] == "UPDATING" &&
				tablesAlike(d, "TableDescription", "BillingMode", "Units")
		},
	},
	{
		"deletion protection after another change", "documented: it holds until it is taken away; DynamoDB Local forgets it",
		func(d *difference) bool {
			now, _ := d.ours.body["Table"].(object)
			return d.call.operation == "UpdateTable" && d.what == "state" && now["DeletionProtectionEnabled"] == true && tablesAlike(d, "Table", "DeletionProtectionEnabled")
		},
	},
	{
		"the units of indexes that go on demand", "recorded: ProvisionedThroughput is all zeros; DynamoDB Local leaves that of indexes",
		func(d *difference) bool {
			now, _ := d.ours.body["Table"].(object)
			mode, _ := now["BillingModeSummary"].(object)
			zeros := true
			for _, x := range elements(now, "GlobalSecondaryIndexes") {
				zeros = zeros && canonicalUnits(x) == [2]string{"0", "0"}
			}
			return d.call.operation == "UpdateTable" && d.what == "state" && mode["BillingMode"] == "PAY_PER_REQUEST" && zeros && tablesAlike(d, "Table", "Units")
		},
	},
	{
		"the text for duplicates in a set", "recorded: with a full stop",
		func(d *difference) bool {
			return d.ours.message != d.local.message && strings.Replace(d.ours.message, "contains duplicates.", "contains duplicates", 1) == d.local.message
		},
	},
	{
		"the text for a scan's segments", "recorded: zero-based and less than TotalSegments",
		func(d *difference) bool {
			return says(d.local, `at 'segment' failed`, `^If (total segments|a particular segment|segment) is specified`) && says(d.ours, `^The (Total)?Segments? parameter is`)
		},
	},
	{
		"consistent reads of a global index", "recorded: Consistent reads are not supported on global secondary indexes",
		func(d *difference) bool {
			return says(d.local, `^Consistent read cannot be true when (querying|scanning) a GSI$`) && says(d.ours, `^Consistent reads are not supported`)
		},
	},
	{
		"the text of a missing key condition", "recorded: it names the attribute",
		func(d *difference) bool {
			return says(d.local, `^Query condition missed key schema element$`) && says(d.ours, `^Query condition missed key schema element: `)
		},
	},
	{
		"a start key of another shape", "known from the live service: The provided starting key is invalid",
		func(d *difference) bool {
			return says(d.local, `^Exclusive Start Key must have same size`, `^The provided starting key is invalid$`) && says(d.ours, `^The provided starting key is invalid`)
		},
	},
	{
		"a start key of another partition", "known from the live service: outside query boundaries",
		func(d *difference) bool {
			return says(d.local, `^The provided starting key does not match the range key predicate`) && says(d.ours, `^The provided starting key is outside query boundaries`)
		},
	},
	{
		"which of an update's faults comes first", "no contract: of several, each tells one; ours the first of the text, DynamoDB Local goes by a hash of the names",
		func(d *difference) bool {
			return d.call.operation == "UpdateItem" && says(d.local, updateFault) && says(d.ours, updateFault)
		},
	},
	{
		"the text for a key that is too long", "known from the live service: Size of hashkey has exceeded ...",
		func(d *difference) bool {
			return says(d.local, `^Hash primary key values must be under 2048 bytes`) && says(d.ours, `^One or more parameter values were invalid: (Size of hashkey|Aggregated size of all range keys) has exceeded`) ||
				says(d.local, `invalid: Size limit exceeded$`) && says(d.ours, `Size limit exceeded for Index Key `, oursIndexKey)
		},
	},
	{
		"a key condition of a value that no key can have", "seen of the live service: Size of hashkey has exceeded ...; DynamoDB Local finds nothing",
		func(d *difference) bool {
			return d.local.ok() && len(elements(d.local.body, "Items")) == 0 && says(d.ours, `: Size of hashkey has exceeded`)
		},
	},
	{
		"which of several indexes a value does not fit", "seen of the live service: the first by name",
		func(d *difference) bool {
			return says(d.ours, indexNamed) && says(d.local, indexNamed) &&
				regexp.MustCompile(indexNamed).ReplaceAllString(d.ours.message, "") == regexp.MustCompile(indexNamed).ReplaceAllString(d.local.message, "")
		},
	},
	{
		"a null where a value belongs", "UNCONFIRMED: an AttributeValue without a type; DynamoDB Local has texts of its own",
		func(d *difference) bool {
			return says(d.local, `contains a null AttributeValue`) && says(d.ours, `Supplied AttributeValue is empty, must contain exactly one`) ||
				says(d.local, `^ExpressionAttributeNames contains invalid value: Cannot invoke`) && says(d.ours, `^ExpressionAttributeNames contains invalid value`)
		},
	},
	{
		"which paths overlap", "documented: the message names the two that do; DynamoDB Local names a neighbour",
		func(d *difference) bool { return says(d.local, `paths overlap`) && says(d.ours, `paths overlap`) },
	},
	{
		"how a number is printed", "documented: numbers are normalized; DynamoDB Local prints what came",
		func(d *difference) bool {
			return says(d.local, `AttributeValue: \{N:`) && says(d.ours, `AttributeValue: \{N:`) && specifics.ReplaceAllString(d.local.message, "") == specifics.ReplaceAllString(d.ours.message, "")
		},
	},
	{
		"collection metrics", "documented: of tables with local indexes; DynamoDB Local never has them",
		func(d *difference) bool {
			return d.what == "body" && d.ours.body["ItemCollectionMetrics"] != nil && d.local.body["ItemCollectionMetrics"] == nil
		},
	},
	{
		"an update of nothing", "recorded: At least one of ... is required, and an empty list is told, before the table is looked for",
		func(d *difference) bool {
			return says(d.ours, `^At least one of ProvisionedThroughput, `, `^One or more parameter values were invalid: List of GlobalSecondaryIndexUpdates is empty`)
		},
	},
	{
		"the texts of CreateTable and UpdateTable", "recorded, or known from the live service; DynamoDB Local has texts of its own",
		func(d *difference) bool { return says(d.local, localTables...) && d.ours.kind == "ValidationException" },
	},
	{
		"tables that DynamoDB Local takes", "recorded: attributes that are no key, throughput in on-demand mode, empty lists, and changes that go alone; documented: the definitions of an index's key come with the index",
		func(d *difference) bool {
			return d.local.ok() && says(d.ours, `Some AttributeDefinitions are not used`, `^Invalid table-class parameter provided`, `The only Updates for index: `, `Some index key attributes are not defined in AttributeDefinitions`, `List of (Local|Global)SecondaryIndexes is empty`, `must be the only operation in the request`, `cannot create or delete index while changing stream status$`, `ProvisionedThroughput must be specified (when BillingMode is PROVISIONED|for index)`, `^One or more parameter values were invalid: ProvisionedThroughput should not be specified for index`, `^One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified`)
		},
	},
	{
		"what an update of a part returns", "seen of the live service: the parts that the update names; DynamoDB Local has the whole attribute",
		func(d *difference) bool {
			return d.call.operation == "UpdateItem" && d.what == "body" && strings.HasPrefix(fmt.Sprint(d.call.request["ReturnValues"]), "UPDATED_") &&
				alikeWithout(d, "Attributes") && reflect.DeepEqual(namesOf(d.local.body["Attributes"]), namesOf(d.ours.body["Attributes"]))
		},
	},
	{
		"paths into keys and what an index lacks", "no contract: of several faults, each tells one",
		func(d *difference) bool {
			return d.call.operation == "Scan" && says(d.local, ` does not project `) && says(d.ours, `^Key attributes must be scalars`)
		},
	},
	{
		"the attributes of an index that goes", "documented: it is there until it is deleted; DynamoDB Local forgets the definition of its key at once",
		func(d *difference) bool {
			now, _ := d.ours.body["TableDescription"].(object)
			going := false
			for _, x := range elements(now, "GlobalSecondaryIndexes") {
				going = going || x["IndexStatus"] == "DELETING"
			}
			return d.call.operation == "UpdateTable" && d.what == "body" && going && tablesAlike(d, "TableDescription", "AttributeDefinitions")
		},
	},
	{
		"what an update defines and no key uses", "recorded: what it defines besides the key of a new index does not count; DynamoDB Local keeps it",
		func(d *difference) bool {
			return d.call.operation == "UpdateTable" && d.what == "state" && d.call.request["AttributeDefinitions"] != nil && tablesAlike(d, "Table", "AttributeDefinitions")
		},
	},
	{
		"what a local index lacks", "documented: it is fetched from the table, at the price of reading the item; DynamoDB Local does so in a Query, also where nothing lacks",
		func(d *difference) bool {
			ours := map[string]float64{}
			unitsOf(d.ours.body["ConsumedCapacity"], "", ours)
			return d.what == "capacity" && (d.call.operation == "Scan" || d.call.operation == "Query") && strings.HasPrefix(fmt.Sprint(d.call.request["IndexName"]), "l-") &&
				d.call.request["ProjectionExpression"] != nil && ours["/CapacityUnits"] > 0
		},
	},
	{
		"the capacity of a transaction's small items", "documented: two write units an action, whatever is there; recorded: two read units an item when it is asked for again. DynamoDB Local charges other things",
		func(d *difference) bool {
			return d.call.operation == "TransactWriteItems" && d.what == "capacity" && twoEach(d)
		},
	},
	{
		"capacity that was not asked for", "documented: ConsumedCapacity is there when ReturnConsumedCapacity asks for it; DynamoDB Local has it after a delete of nothing",
		func(d *difference) bool {
			asked := d.call.request["ReturnConsumedCapacity"]
			return d.what == "capacity" && asked != "TOTAL" && asked != "INDEXES" && d.ours.body["ConsumedCapacity"] == nil
		},
	},
	{
		"the capacity of reading nothing", "documented: what is not there costs the least; for DynamoDB Local nothing",
		func(d *difference) bool {
			least := 1.0
			if d.call.operation == "BatchGetItem" {
				least = 100
			}
			return d.what == "capacity" && !d.call.writes && !strings.Contains(d.call.operation, "Write") &&
				unitsWithin(d, func(local, ours float64) bool {
					return ours > local && ours-local <= least && (least > 1 || local == 0)
				})
		},
	},
	{
		"the capacity of indexes that a write leaves alone", "documented: an index is charged where its entry comes, goes or changes; DynamoDB Local charges also where there is none",
		func(d *difference) bool {
			return d.what == "capacity" && (d.call.writes || d.call.operation == "BatchWriteItem") &&
				unitsWithin(d, func(local, ours float64) bool { return ours < local })
		},
	},
}

const updateFault = `^The document path provided in the update expression is invalid for update$|^The provided expression refers to an attribute that does not exist in the item$|^An operand in the update expression has an incorrect data type$|^Item size to update|^DynamoDB only supports precision up to 38|^Number (over|under)flow|significant digits`

// localData are texts of DynamoDB Local about what a request meets.
const localData = localMissing + `|` + localName + `|` + localNullKey + `|` + localNullItem + `|` + localKey + `|^The table does not have the specified index|^Consistent read cannot be true when |^Exclusive Start Key must|^The provided starting key |^Query condition missed|cannot contain an empty (string|binary) value|^Hash primary key values must|^Key attributes must be scalars|^Query key condition not supported$|^Filter Expression can only contain|Condition parameter type does not match|^Invalid condition in KeyConditionExpression|: Select type |Aggregated size of all range keys|^Input collection|: Input collection|^Supplied AttributeValue|may not be empty|value of true|^Provided list of item keys contains duplicates$|Type mismatch for Index Key$| does not project `

const localKey = `^The number of conditions on the keys is invalid$|^The provided key element does not match|^Invalid attribute value type$|^Type mismatch for attribute to update$|Type mismatch for key$|^One of the required keys`

// localTables are texts that only DynamoDB Local has.
var localTables = []string{
	`^Attempting to create an index which already exists$`, `^invalid attribute, SchemaElement redefined`, `^No Attribute Schema Defined$`,
	`^Two keys can not have the same name`, `(Hash Key|Range Key|hash key|range key) not specified in [Aa]ttribute [Dd]efinitions`,
	`^No Hash Key specified in schema`, `^Invalid key order`, `^Cannot have two attributes with the same name`,
	`^The number of attributes in key schema must match`, `^(GSI|LSI) list is empty/invalid`,
	`^Invalid StreamViewType`, `^No provisioned throughput specified for the table`, `^Attribute name must be specified`,
	`^One or more keys is not specified as being hash or range`,
	`^Invalid table/index name`, `^Too many hash keys specified`, `^No provisioned throughput specified for the global`,
	`^Local Secondary indices are not allowed on hash tables`, `^Cannot have more than \d+ (local|global) secondary indexes`,
	`^Table has no stream to disable$`, `^Table already has an enabled stream$`, `^Indexes must have a projection specified`, `^Two (local|global) secondary indices have the same name`,
	`^Key Schema too big`, `^Cannot create preexisting table$`, `^Only one global secondary index update per index is allowed simultaneously\.$`,
	`^If Projection type INCLUDE is specified`, `^Invalid global secondary index name$`, `^Cannot change IOPS and Streams at the same time`,
	`^Local Secondary indices must have the same hash key`, `^No attributes should be specified to be projected unless`,
	`^Local secondary indices must have a range key`, `^Local Secondary Indices AND Global Secondary Indices must have different names`, `^GlobalSecondaryIndex count exceeds the per-table limit$`,
}
