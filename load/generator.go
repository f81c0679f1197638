package load

import (
	"bytes"
	"math/rand/v2"
	"strconv"

	"github.com/hortusdb/hortus/jsonscan"
)

const (
	keyDigits  = 10
	fieldBytes = 100 // Of text in one attribute, where the item is that large.
	maxFields  = 10
	poolBytes  = 1 << 16
)

// values is the text that items are filled with: stretches of one pool, so
// that making an item costs a copy.
type values struct {
	pool   string
	fields int // Attributes of an item.
	width  int // Of the text in each.
	skew   *zipf
}

func newValues(o *Options) *values {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	v := &values{fields: min(max(o.ItemBytes/fieldBytes, 1), maxFields)}
	v.width = o.ItemBytes / v.fields
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	pool := make([]byte, poolBytes+v.width)
	for i := range pool {
		pool[i] = letters[rng.IntN(len(letters))]
	}
	v.pool = string(pool)
	if o.Zipf > 0 {
		v.skew = newZipf(o.Items, o.Zipf)
	}
	return v
}

var lastEvaluated = []byte(`"LastEvaluatedKey":`)

// generator makes the requests of one connection.
type generator struct {
	o          *Options
	v          *values
	rng        *rand.Rand
	connection int
	tables     []string // Names, quoted for JSON.
	token      string   // Begins this connection's idempotency tokens: no other run has the same.
	tokens     uint64   // How many were used.
	query      string   // The name of the table with several items a partition.

	lastKey  []byte // Of the item that a read asked for.
	scanFrom []byte // Where the next page of this connection's scan begins; empty for the first.
	scanning int    // The table that is scanned.
	scanner  jsonscan.Scanner
}

// draw chooses an item.
func (g *generator) draw() int {
	switch {
	case g.o.HotKey:
		return 0
	case g.v.skew != nil:
		return g.v.skew.draw(g.rng)
	}
	return g.rng.IntN(g.o.Items)
}

// next is the item that follows n in the same table.
func (g *generator) next(n int) int { return (n + g.o.Tables) % g.o.Items }

func (g *generator) table(n int) string { return g.tables[n%g.o.Tables] }

// appendKey writes the partition key of item n.
func appendKey(b []byte, n int) []byte {
	var digits [keyDigits]byte
	for i := keyDigits - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(append(b, 'k'), digits[:]...)
}

func appendKeyObject(b []byte, n int) []byte {
	b = append(b, `{"pk":{"S":"`...)
	return append(appendKey(b, n), `"}}`...)
}

// begin opens a request for the table of item n.
func (g *generator) begin(b []byte, n int) []byte {
	b = append(b, `{"TableName":`...)
	return append(b, g.table(n)...)
}

func (g *generator) text() string {
	at := g.rng.IntN(poolBytes)
	return g.v.pool[at : at+g.v.width]
}

// appendItem writes item n, with values that are new.
func (g *generator) appendItem(b []byte, n int) []byte {
	b = append(b, `{"pk":{"S":"`...)
	b = append(appendKey(b, n), `"}`...)
	return g.appendFields(b)
}

func (g *generator) appendFields(b []byte) []byte {
	for i := range g.v.fields {
		b = append(b, `,"field`...)
		b = append(b, byte('0'+i))
		b = append(b, `":{"S":"`...)
		b = append(b, g.text()...)
		b = append(b, `"}`...)
	}
	for i := range g.o.Indexes {
		b = append(b, `,"group`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `":{"S":"`...)
		b = append(appendKey(b, g.rng.IntN(indexPartitions)), `"}`...)
	}
	return append(b, '}')
}

func (g *generator) get(b []byte) []byte {
	n := g.draw()
	g.lastKey = appendKey(g.lastKey[:0], n)
	b = append(g.begin(b, n), `,"Key":`...)
	return append(appendKeyObject(b, n), '}')
}

func (g *generator) getConsistent(b []byte) []byte {
	b = g.get(b)
	return append(b[:len(b)-1], `,"ConsistentRead":true}`...)
}

func (g *generator) put(b []byte) []byte {
	n := g.draw()
	b = append(g.begin(b, n), `,"Item":`...)
	return append(g.appendItem(b, n), '}')
}

func (g *generator) condPut(b []byte) []byte {
	b = g.put(b)
	return append(b[:len(b)-1], `,"ConditionExpression":"attribute_exists(pk) AND #f <> :x","ExpressionAttributeNames":{"#f":"field0"},"ExpressionAttributeValues":{":x":{"S":"none"}}}`...)
}

func (g *generator) update(b []byte) []byte {
	n := g.draw()
	b = append(g.begin(b, n), `,"Key":`...)
	b = appendKeyObject(b, n)
	return append(b, `,"UpdateExpression":"ADD hits :one","ExpressionAttributeValues":{":one":{"N":"1"}},"ReturnValues":"UPDATED_NEW"}`...)
}

func (g *generator) set(b []byte) []byte {
	n := g.draw()
	b = append(g.begin(b, n), `,"Key":`...)
	b = append(appendKeyObject(b, n), `,"UpdateExpression":"SET field`...)
	b = append(b, byte('0'+g.rng.IntN(g.v.fields)))
	b = append(b, ` = :v","ExpressionAttributeValues":{":v":{"S":"`...)
	b = append(b, g.text()...)
	return append(b, `"}}}`...)
}

func (g *generator) queryPartition(b []byte) []byte {
	b = append(b, `{"TableName":`...)
	b = append(b, g.query...)
	b = append(b, `,"KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"`...)
	return append(appendKey(b, g.draw()/queryItems), `"}}}`...)
}

func (g *generator) scan(b []byte) []byte {
	if len(g.scanFrom) == 0 {
		g.scanning = g.rng.IntN(g.o.Tables)
	}
	b = append(g.begin(b, g.scanning), `,"Limit":`...)
	b = strconv.AppendInt(b, scanItems, 10)
	if len(g.scanFrom) > 0 {
		b = append(append(b, `,"ExclusiveStartKey":`...), g.scanFrom...)
	}
	return append(b, '}')
}

// scanned notes where the scan goes on. The answer is searched and not parsed,
// which would make the client the limit: no text of the items reads so.
func (g *generator) scanned(answer []byte) error {
	g.scanFrom = g.scanFrom[:0]
	_, key, more := bytes.Cut(answer, lastEvaluated)
	if !more {
		return nil // The last page may be of any size.
	}
	g.scanner.Reset(key)
	g.scanner.Peek() // Past the white space.
	start := g.scanner.Offset()
	if err := g.scanner.Skip(); err != nil {
		return err
	}
	g.scanFrom = append(g.scanFrom, g.scanner.Raw(start)...)
	return counts(scanItems)(g, answer)
}

func (g *generator) batchGet(b []byte) []byte {
	n := g.draw()
	b = append(b, `{"RequestItems":{`...)
	b = append(append(b, g.table(n)...), `:{"Keys":[`...)
	for i := range getItems {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendKeyObject(b, n)
		n = g.next(n)
	}
	return append(b, `]}}}`...)
}

func (g *generator) batchWrite(b []byte) []byte {
	return g.puts(b, g.draw(), writeItems)
}

// puts writes count items from n on.
func (g *generator) puts(b []byte, n, count int) []byte {
	b = append(b, `{"RequestItems":{`...)
	b = append(append(b, g.table(n)...), `:[`...)
	for i := range count {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(g.appendItem(append(b, `{"PutRequest":{"Item":`...), n), `}}`...)
		n = g.next(n)
	}
	return append(b, `]}}`...)
}

// queryPuts is puts for the table of several items a partition.
func (g *generator) queryPuts(b []byte, n, count int) []byte {
	b = append(b, `{"RequestItems":{`...)
	b = append(append(b, g.query...), `:[`...)
	for i := range count {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"PutRequest":{"Item":{"pk":{"S":"`...)
		b = append(appendKey(b, (n+i)/queryItems), `"},"sk":{"N":"`...)
		b = append(strconv.AppendInt(b, int64((n+i)%queryItems), 10), `"}`...)
		b = append(g.appendFields(b), `}}`...)
	}
	return append(b, `]}}`...)
}

// transact takes four items that no other connection's transactions touch.
func (g *generator) transact(b []byte) []byte {
	each := g.o.Items / g.o.Connections
	n := g.connection*each + g.rng.IntN(each-transactItems+1)
	b = append(b, `{"ClientRequestToken":"`...)
	b = append(b, g.token...)
	b = strconv.AppendUint(b, g.tokens, 36)
	g.tokens++
	b = append(b, `","TransactItems":[`...)
	for i := range 2 {
		b = append(g.begin(append(b, `{"Put":`...), n+i), `,"Item":`...)
		b = append(g.appendItem(b, n+i), `}},`...)
	}
	b = append(g.begin(append(b, `{"Update":`...), n+2), `,"Key":`...)
	b = append(appendKeyObject(b, n+2), `,"UpdateExpression":"ADD hits :one","ExpressionAttributeValues":{":one":{"N":"1"}}}},`...)
	b = append(g.begin(append(b, `{"ConditionCheck":`...), n+3), `,"Key":`...)
	return append(appendKeyObject(b, n+3), `,"ConditionExpression":"attribute_exists(pk)"}}]}`...)
}
