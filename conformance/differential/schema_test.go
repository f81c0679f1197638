//go:build conformance

package differential

// attribute is a key attribute.
type attribute struct{ name, typ string }

// index is a secondary index of the schema.
type index struct {
	name       string
	local      bool
	hash, rng  attribute
	projection string
	nonKey     []string
}

// schema is one table that all item operations work on.
type schema struct {
	name      string
	hash, rng attribute // rng.name is "" in a table with a simple key.
	indexes   []index
	onDemand  bool
}

var schemas = []schema{
	{
		name: "users", hash: attribute{"id", "S"}, onDemand: true,
		indexes: []index{
			{name: "by-num", hash: attribute{"num", "N"}, projection: "ALL"},
			{name: "by-str", hash: attribute{"str", "S"}, rng: attribute{"num", "N"}, projection: "KEYS_ONLY"},
		},
	},
	{
		name: "orders", hash: attribute{"pk", "S"}, rng: attribute{"sk", "S"}, onDemand: true,
		indexes: []index{
			{name: "l-all", local: true, hash: attribute{"pk", "S"}, rng: attribute{"num", "N"}, projection: "ALL"},
			{name: "l-inc", local: true, hash: attribute{"pk", "S"}, rng: attribute{"bin", "B"}, projection: "INCLUDE", nonKey: []string{"a", "m"}},
			{name: "l-keys", local: true, hash: attribute{"pk", "S"}, rng: attribute{"str", "S"}, projection: "KEYS_ONLY"},
			{name: "g-all", hash: attribute{"num", "N"}, rng: attribute{"sk", "S"}, projection: "ALL"},
			{name: "g-inc", hash: attribute{"str", "S"}, projection: "INCLUDE", nonKey: []string{"a", "l"}},
		},
	},
	{
		name: "events", hash: attribute{"h", "N"}, rng: attribute{"r", "N"},
		indexes: []index{
			{name: "g-keys", hash: attribute{"str", "S"}, rng: attribute{"bin", "B"}, projection: "KEYS_ONLY"},
		},
	},
	{name: "blobs", hash: attribute{"k", "B"}, rng: attribute{"b", "B"}},
}

func (s *schema) keys() []attribute {
	if s.rng.name == "" {
		return []attribute{s.hash}
	}
	return []attribute{s.hash, s.rng}
}

func (x *index) keys() []attribute {
	if x.rng.name == "" {
		return []attribute{x.hash}
	}
	return []attribute{x.hash, x.rng}
}

func keySchema(keys []attribute) []any {
	out := []any{object{"AttributeName": keys[0].name, "KeyType": "HASH"}}
	if len(keys) == 2 {
		out = append(out, object{"AttributeName": keys[1].name, "KeyType": "RANGE"})
	}
	return out
}

// units is a provisioned throughput that no test exceeds.
func units() object { return object{"ReadCapacityUnits": 1000, "WriteCapacityUnits": 1000} }

// create is the CreateTable request of a schema.
func (s *schema) create() object {
	out := object{"TableName": s.name, "KeySchema": keySchema(s.keys())}
	if s.onDemand {
		out["BillingMode"] = "PAY_PER_REQUEST"
	} else {
		out["ProvisionedThroughput"] = units()
	}
	types := map[string]string{}
	var names []string
	define := func(keys []attribute) {
		for _, a := range keys {
			if _, ok := types[a.name]; !ok {
				types[a.name] = a.typ
				names = append(names, a.name)
			}
		}
	}
	define(s.keys())
	var local, global []any
	for i := range s.indexes {
		x := &s.indexes[i]
		define(x.keys())
		projection := object{"ProjectionType": x.projection}
		if x.nonKey != nil {
			projection["NonKeyAttributes"] = x.nonKey
		}
		spec := object{"IndexName": x.name, "KeySchema": keySchema(x.keys()), "Projection": projection}
		if x.local {
			local = append(local, spec)
			continue
		}
		if !s.onDemand {
			spec["ProvisionedThroughput"] = units()
		}
		global = append(global, spec)
	}
	if local != nil {
		out["LocalSecondaryIndexes"] = local
	}
	if global != nil {
		out["GlobalSecondaryIndexes"] = global
	}
	definitions := []any{}
	for _, n := range names {
		definitions = append(definitions, object{"AttributeName": n, "AttributeType": types[n]})
	}
	out["AttributeDefinitions"] = definitions
	return out
}
