//go:build conformance

package differential

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// session is a pair of servers in the same state.
type session struct {
	local, ours *server
	created     map[string]object // The request that made each table.
	explain     func(d *difference) string
	nonce       string // Part of all tokens: DynamoDB Local may remember those of another run.
}

// prepare makes the schema's tables anew.
func (s *session) prepare() error {
	local, _, err := s.both("ListTables", object{})
	if err != nil {
		return err
	}
	left, _ := local.body["TableNames"].([]any)
	for _, name := range left {
		if err := s.drop(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	for i := range schemas {
		if err := s.drop(schemas[i].name); err != nil {
			return err
		}
		if err := s.make(schemas[i].create()); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) both(operation string, request object) (local, ours *answer, err error) {
	if local, err = s.local.send(operation, request); err != nil {
		return nil, nil, err
	}
	ours, err = s.ours.send(operation, request)
	return local, ours, err
}

func (s *session) drop(name string) error {
	for _, srv := range []*server{s.local, s.ours} {
		if _, err := srv.send("UpdateTable", object{"TableName": name, "DeletionProtectionEnabled": false}); err != nil {
			return err
		}
		for tries := 0; ; tries++ {
			a, err := srv.send("DeleteTable", object{"TableName": name})
			if err != nil || a.kind == "ResourceNotFoundException" || tries == 100 {
				if tries == 100 {
					err = fmt.Errorf("%s: table %s cannot be deleted: %s", srv.name, name, a.message)
				}
				if err != nil {
					return err
				}
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	delete(s.created, name)
	return nil
}

func (s *session) make(request object) error {
	local, ours, err := s.both("CreateTable", request)
	if err != nil {
		return err
	}
	if !local.ok() || !ours.ok() {
		return fmt.Errorf("create %v: %s, %s", request["TableName"], local.message, ours.message)
	}
	s.created[request["TableName"].(string)] = request
	return s.settle(request["TableName"])
}

// settle waits until a table is in use on both.
func (s *session) settle(name any) error {
	for _, srv := range []*server{s.local, s.ours} {
		for tries := 0; ; tries++ {
			a, err := srv.send("DescribeTable", object{"TableName": name})
			if err != nil {
				return err
			}
			text, _ := encode(a.body)
			if !a.ok() || !strings.Contains(string(text), "ING\"") || tries == 500 {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// clone is a deep copy; the generator's own lists are then free to change.
func clone(v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = e
		}
		return out
	}
	return v
}

// remember notes the item that a write may change, so that the write can be
// tried again.
func (s *session) remember(c *call) error {
	key := s.keyOf(c)
	if key == nil {
		return nil
	}
	a, err := s.ours.send("GetItem", object{"TableName": c.schema.name, "Key": key, "ConsistentRead": true})
	if err == nil {
		c.item, _ = a.body["Item"].(object)
	}
	return err
}

// keyOf is the key that a write of one item names.
func (s *session) keyOf(c *call) object {
	if !c.writes || c.schema == nil {
		return nil
	}
	from, _ := c.request["Key"].(object)
	if it, ok := c.request["Item"].(object); ok {
		from = it
	}
	key := object{}
	for _, a := range c.schema.keys() {
		v, ok := from[a.name]
		if !ok {
			return nil
		}
		key[a.name] = v
	}
	return key
}

// restore brings back what was before c.
func (s *session) restore(c *call) error {
	if c.operation == "CreateTable" {
		if name, ok := c.request["TableName"].(string); ok && slices.Contains(scratch, name) {
			return s.drop(name)
		}
		return nil
	}
	if c.operation == "UpdateTable" || c.operation == "DeleteTable" {
		name, _ := c.request["TableName"].(string)
		if request, ok := s.created[name]; ok {
			if err := s.drop(name); err != nil {
				return err
			}
			return s.make(request)
		}
		return nil
	}
	key := s.keyOf(c)
	if key == nil {
		return nil
	}
	var err error
	if c.item != nil {
		_, _, err = s.both("PutItem", object{"TableName": c.schema.name, "Item": c.item})
	} else {
		_, _, err = s.both("DeleteItem", object{"TableName": c.schema.name, "Key": key})
	}
	return err
}

// run sends a request to both.
func (s *session) run(c *call) (*difference, error) {
	local, ours, err := s.both(c.operation, c.request)
	if err != nil {
		return nil, err
	}
	c.valid = local.ok()
	if c.how == bySegments && local.ok() && ours.ok() {
		if err := s.local.segments(c, local); err != nil {
			return nil, err
		}
		if err := s.ours.segments(c, ours); err != nil {
			return nil, err
		}
	}
	if c.how == byWalk && local.ok() && ours.ok() {
		for _, w := range []struct {
			srv *server
			a   *answer
		}{{s.local, local}, {s.ours, ours}} {
			if err := w.srv.walk(c, w.a); err != nil {
				return nil, err
			}
		}
	}
	name, _ := c.request["TableName"].(string)
	switch {
	case c.operation == "CreateTable" && local.ok() && ours.ok():
		s.created[name] = c.request
		err = s.settle(name)
	case c.operation == "UpdateTable" && local.ok():
		err = s.settle(name)
	}
	if err != nil {
		return nil, err
	}
	if c.operation == "UpdateTable" && local.ok() && ours.ok() {
		// What the answer shows is one thing, what became of the table another.
		after := &call{operation: "DescribeTable", request: object{"TableName": name}}
		a, b, err := s.both(after.operation, after.request)
		if err != nil {
			return nil, err
		}
		if compare(after, a, b) != "" {
			return &difference{c, "state", a, b}, nil
		}
	}
	if what := compare(c, local, ours); what != "" {
		return &difference{c, what, local, ours}, nil
	}
	return nil, nil
}

// maxPages ends a walk that does not end by itself.
const maxPages = 500

// walk reads all further pages and adds them to the first.
func (srv *server) walk(c *call, first *answer) error {
	items, _ := first.body["Items"].([]any)
	count, scanned := intOf(first.body["Count"]), intOf(first.body["ScannedCount"])
	last := first.body["LastEvaluatedKey"]
	for pages := 0; last != nil; pages++ {
		request := maps.Clone(c.request)
		request["ExclusiveStartKey"] = last
		a, err := srv.send(c.operation, request)
		if err != nil {
			return err
		}
		if !a.ok() || pages == maxPages {
			*first = *a
			return nil
		}
		more, _ := a.body["Items"].([]any)
		items = append(items, more...)
		count += intOf(a.body["Count"])
		scanned += intOf(a.body["ScannedCount"])
		last = a.body["LastEvaluatedKey"]
	}
	if first.body["Items"] != nil {
		first.body["Items"] = items
	}
	first.body["Count"], first.body["ScannedCount"] = fmt.Sprint(count), fmt.Sprint(scanned)
	delete(first.body, "LastEvaluatedKey")
	delete(first.body, "ConsumedCapacity")
	return nil
}

// segments reads all segments of a scan to their ends, in place of one.
func (srv *server) segments(c *call, first *answer) error {
	items, count, scanned := []any{}, 0, 0
	for i := range intOf(c.request["TotalSegments"]) {
		one := *c
		one.request = maps.Clone(c.request)
		one.request["Segment"] = i
		a, err := srv.send(one.operation, one.request)
		if err == nil && a.ok() {
			err = srv.walk(&one, a)
		}
		if err != nil {
			return err
		}
		if !a.ok() {
			*first = *a
			return nil
		}
		more, _ := a.body["Items"].([]any)
		items = append(items, more...)
		count, scanned = count+intOf(a.body["Count"]), scanned+intOf(a.body["ScannedCount"])
	}
	if first.body["Items"] != nil {
		first.body["Items"] = items
	}
	first.body["Count"], first.body["ScannedCount"] = fmt.Sprint(count), fmt.Sprint(scanned)
	delete(first.body, "LastEvaluatedKey")
	delete(first.body, "ConsumedCapacity")
	return nil
}

func intOf(v any) int {
	n := 0
	fmt.Sscan(fmt.Sprint(v), &n)
	return n
}

// harvest keeps the keys that answers end with, as start keys.
func (s *session) harvest(from source, c *call) {
	keeper, ok := from.(interface{ keys() map[string][]object })
	if !ok || c.schema == nil || (c.operation != "Query" && c.operation != "Scan") || c.request["Limit"] == nil {
		return
	}
	a, err := s.ours.send(c.operation, c.request)
	if err != nil || !a.ok() {
		return
	}
	last, ok := a.body["LastEvaluatedKey"].(object)
	if !ok {
		return
	}
	where := c.schema.name
	if x, ok := c.request["IndexName"].(string); ok {
		where += "/" + x
	}
	start := keeper.keys()
	start[where] = append(start[where], last)
	if n := len(start[where]); n > 8 {
		start[where] = start[where][n-8:]
	}
}

// items are all items of a table, by their keys.
func (srv *server) items(sc *schema) (map[string]object, error) {
	a, err := srv.send("Scan", object{"TableName": sc.name, "ConsistentRead": true})
	if err != nil {
		return nil, err
	}
	out := map[string]object{}
	for _, it := range elements(a.body, "Items") {
		out[canonicalKey(sc.keyPart(it))] = it
	}
	return out, nil
}

func (sc *schema) keyPart(it object) object {
	key := object{}
	for _, a := range sc.keys() {
		key[a.name] = it[a.name]
	}
	return key
}

// compareState compares all items.
func (s *session) compareState() (*difference, error) {
	for i := range schemas {
		a, err := s.local.items(&schemas[i])
		if err != nil {
			return nil, err
		}
		b, err := s.ours.items(&schemas[i])
		if err != nil {
			return nil, err
		}
		for _, k := range slices.Sorted(maps.Keys(a)) {
			if !reflect.DeepEqual(canonical(a[k]), canonical(b[k])) {
				c := &call{operation: "Scan", request: object{"TableName": schemas[i].name}}
				return &difference{c, "state", &answer{status: 200, body: a[k]}, &answer{status: 200, body: b[k]}}, nil
			}
		}
		if len(a) != len(b) {
			c := &call{operation: "Scan", request: object{"TableName": schemas[i].name}}
			return &difference{c, "state", &answer{status: 200, body: object{"items": len(a)}}, &answer{status: 200, body: object{"items": len(b)}}}, nil
		}
	}
	return nil, nil
}

// fresh is a request whose token no other run has had.
func (s *session) fresh(request object) object {
	token, ok := request["ClientRequestToken"].(string)
	if !ok {
		return request
	}
	request = maps.Clone(request)
	request["ClientRequestToken"] = token + "-" + s.nonce
	return request
}

// reconcile gives both the same state after a difference.
func (s *session) reconcile(c *call) error {
	if c.operation == "CreateTable" {
		name := fmt.Sprint(c.request["TableName"]) // DynamoDB Local takes a number for a name.
		if !slices.ContainsFunc(schemas, func(s schema) bool { return s.name == name }) && !slices.Contains(scratch, name) {
			if a, err := s.local.send("DescribeTable", object{"TableName": name}); err != nil || a.ok() {
				return errors.Join(err, s.drop(name))
			}
		}
	}
	for i := range schemas {
		sc := &schemas[i]
		a, err := s.local.items(sc)
		if err != nil {
			return err
		}
		b, err := s.ours.items(sc)
		if err != nil {
			return err
		}
		all := maps.Clone(a)
		maps.Copy(all, b)
		for k, it := range all {
			if reflect.DeepEqual(canonical(a[k]), canonical(b[k])) {
				continue
			}
			if _, _, err := s.both("DeleteItem", object{"TableName": sc.name, "Key": sc.keyPart(it)}); err != nil {
				return err
			}
		}
	}
	for _, name := range scratch {
		local, ours, err := s.both("DescribeTable", object{"TableName": name})
		if err != nil {
			return err
		}
		if compare(&call{operation: "DescribeTable"}, local, ours) != "" {
			if err := s.drop(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxReported is how much of a body is printed.
const maxReported = 6000

// report prints a difference so that it can be tried by hand.
func report(d *difference) string {
	var b strings.Builder
	line := func(name string, v any) {
		text, _ := encode(v)
		if len(text) > maxReported {
			text = append(text[:maxReported:maxReported], "..."...)
		}
		fmt.Fprintf(&b, "  %-9s %s\n", name, text)
	}
	if d.call.item != nil {
		line("stored", d.call.item)
	}
	line(d.call.operation, d.call.request)
	for _, a := range []struct {
		name   string
		answer *answer
	}{{"local", d.local}, {"hortus", d.ours}} {
		if a.answer.ok() {
			line(a.name, a.answer.body)
			continue
		}
		fmt.Fprintf(&b, "  %-9s %d %s: %s\n", a.name, a.answer.status, a.answer.kind, a.answer.message)
		if len(a.answer.body) > 0 {
			line("", a.answer.body)
		}
	}
	return b.String()
}
