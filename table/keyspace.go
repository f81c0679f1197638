package table

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/item"
)

// The first byte of a key says what it holds; docs/formats/catalog.md has them
// all.
const (
	catalogPrefix   = 'c' // A table's Definition, by name.
	counterKey      = "n" // The last table number given out.
	rowPrefix       = 'd' // Items, tombstones and index entries.
	tombstonePrefix = 'x' // The tombstones of a table, by version.
	clockKey        = "t" // A reading that the hybrid clock has passed.
	tokenPrefix     = 'i' // The idempotency tokens of transactions, by account and token.
	expiryPrefix    = 'j' // The same by time, for the sweep.
	backfillPrefix  = 'b' // How far the backfill of an index has come, by table and index.
	figuresPrefix   = 'f' // A table's figures, as of its last count.
	floorPrefix     = 'w' // The floor of a table, see Engine.Floor.
	journalPrefix   = 'o' // The conflict journal of a table, by time.
	// 'a' is scaling's, 'h', 'm', 'p' and 's' are replication's, 'r' is changelog's, 'u' is identity's.
)

const (
	tableSize  = 4  // Bytes of a table's number.
	hashSize   = 16 // Bytes of a SHA-256 kept: of the partition key, and of the primary key in an index entry.
	prefixSize = 1 + tableSize + 2

	// maxSortKey bounds the encoded sort key of an index entry. Longer ones,
	// which only several attributes together can reach, are cut there; the hash
	// behind keeps the entries apart.
	maxSortKey = 2400
)

// baseRows is the index number under which a table's items stand.
const baseRows = 0

// collectionRows is the index number under which the sizes of a table's item
// collections stand. No index has it: numbers are given out from 1.
const collectionRows = 0xFFFF

func catalogKey(name string) []byte { return append([]byte{catalogPrefix}, name...) }

// appendPrefix begins the key of a row of a table or of one of its indexes.
func appendPrefix(dst []byte, table uint32, index uint16) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, rowPrefix), table)
	return binary.BigEndian.AppendUint16(dst, index)
}

// appendHash appends the first bytes of the SHA-256 of b, so that partitions
// come in hash order, as DynamoDB's scans do.
func appendHash(dst, b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(dst, sum[:hashSize]...)
}

// appendRowKey appends the key of an item. It uses what is behind len(dst) as
// scratch.
func (t *Table) appendRowKey(dst []byte, k Key) []byte {
	dst = appendPrefix(dst, t.Def.Number, baseRows)
	dst = appendKeyHash(dst, k.Hash)
	if t.rangeKey.name != "" {
		dst = item.AppendKey(dst, k.Range)
	}
	return dst
}

// place is where a key stands among those of its table or index: the first bytes
// of the hash of its partition key; 0 for a prefix without one.
func place(key []byte) uint64 {
	if len(key) < prefixSize+8 {
		return 0
	}
	return binary.BigEndian.Uint64(key[prefixSize:])
}

// KeyShare returns which part of a table's items come before a key that Snapshot
// returned, 0 to 1, as far as partition keys are many: their hashes are spread
// evenly. It is 0 for the start.
func KeyShare(key []byte) float64 { return float64(place(key)) / (1 << 64) }

// Place returns where an item's partition key stands among the hashes of all.
// Items of one partition key have one place.
func (t *Table) Place(k Key) uint64 {
	return place(appendKeyHash(make([]byte, prefixSize, prefixSize+hashSize), k.Hash))
}

// EntryPlace returns where the entry stands that an item has in an index; false
// when it has none.
func (t *Table) EntryPlace(x *Index, it item.Item) (uint64, bool) {
	for i := range t.indexes {
		if y := &t.indexes[i]; y.def.Number == x.Number {
			key, ok := y.appendEntryKey(nil, it, make([]byte, prefixSize))
			return place(key), ok
		}
	}
	return 0, false
}

// Place returns where a page begins among the hashes of its table or index.
func (p *Page) Place() uint64 {
	r, ok := p.bounds()
	if !ok {
		return 0
	}
	return place(r.Low)
}

// appendKeyHash appends the hash of the encoded values.
func appendKeyHash(dst []byte, values ...item.Value) []byte {
	var scratch [128]byte
	enc := scratch[:0]
	for _, v := range values {
		enc = item.AppendKey(enc, v)
	}
	return appendHash(dst, enc)
}

// appendSort appends an index entry's sort key, cut at maxSortKey.
func appendSort(dst []byte, values ...item.Value) []byte {
	start := len(dst)
	for _, v := range values {
		dst = item.AppendKey(dst, v)
	}
	if len(dst)-start > maxSortKey {
		dst = dst[:start+maxSortKey]
	}
	return dst
}

// appendTombstoneKey appends the key under which a tombstone is found by its
// version.
func appendTombstoneKey(dst []byte, table uint32, v clock.Timestamp, rowKey []byte) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, tombstonePrefix), table)
	return append(clock.AppendTimestamp(dst, v), rowKey...)
}

// appendBackfillKey appends the key of an index's backfill; without the index,
// the prefix of those of a table.
func appendBackfillKey(dst []byte, table uint32, index ...uint16) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, backfillPrefix), table)
	for _, n := range index {
		dst = binary.BigEndian.AppendUint16(dst, n)
	}
	return dst
}

func figuresKey(table uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{figuresPrefix}, table)
}

func floorKey(table uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{floorPrefix}, table)
}

// journalKey begins the keys of a table's conflict journal.
func journalKey(table uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{journalPrefix}, table)
}
