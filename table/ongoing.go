package table

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/hortusdb/hortus/aws"
)

// ErrConflict is AWS's answer to a write of an item that a transaction under way
// includes, and the reason why a transaction is canceled for such an item (known
// from the live service).
var ErrConflict = aws.Errorf("TransactionConflictException", "Transaction is ongoing for the item")

// ErrInProgress is AWS's answer to a transaction whose token is that of one under
// way (known from the live service).
var ErrInProgress = aws.Errorf("TransactionInProgressException", "Transaction from previous request is still in progress")

// ongoing knows the items that transactions have taken, from before they look at
// them until what came of them is durable. It is what conflicts are decided by,
// and nothing else: the locks of the store keep transactions and writes apart all
// the same, so a write that looked here just before a transaction came only waits.
// Items are told apart by their whole keys. Nothing here waits for a transaction.
type ongoing struct {
	held   atomic.Int64 // How many holds there are: where there are none, a write pays one load.
	seed   maphash.Seed
	shards [holdShards]holdShard
}

// holdShards is how many parts the holds are in, chosen by hash, so that few wait
// for each other's look.
const holdShards = 64

type holdShard struct {
	mu    sync.Mutex
	first *hold
}

// hold is one item or one token of a transaction under way. Its key must stay as it
// is until it is dropped.
type hold struct {
	key    []byte
	hash   uint64
	next   *hold
	reader bool   // Of a TransactGet: it keeps nobody out.
	token  *Token // Where it is one of a token.
	met    bool   // A reader's item was written, or taken by a transaction, meanwhile.
}

func newOngoing() *ongoing { return &ongoing{seed: maphash.MakeSeed()} }

func (o *ongoing) shard(hash uint64) *holdShard { return &o.shards[hash%holdShards] }

// of reports whether a hold is on a key.
func (h *hold) of(hash uint64, key []byte) bool { return h.hash == hash && bytes.Equal(h.key, key) }

// take puts a hold on its key, or says why it cannot have it. Two transactions
// that take keys in one order never refuse each other both.
func (o *ongoing) take(h *hold) error {
	h.hash, h.met = maphash.Bytes(o.seed, h.key), false
	s := o.shard(h.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	for other := s.first; other != nil; other = other.next {
		switch {
		case !other.of(h.hash, h.key):
		case other.reader:
			other.met = other.met || !h.reader
		case h.token == nil:
			return ErrConflict
		case h.token.Payload != other.token.Payload:
			return ErrTokenMismatch
		default:
			return ErrInProgress
		}
	}
	h.next, s.first = s.first, h
	o.held.Add(1)
	return nil
}

// drop takes holds off again.
func (o *ongoing) drop(holds []hold) {
	for i := range holds {
		h := &holds[i]
		s := o.shard(h.hash)
		s.mu.Lock()
		at := &s.first
		for *at != h {
			at = &(*at).next
		}
		*at, h.next = h.next, nil
		s.mu.Unlock()
		o.held.Add(-1)
	}
}

// taken reports whether a transaction has a key.
func (o *ongoing) taken(key []byte) bool {
	if o.held.Load() == 0 {
		return false
	}
	found := false
	o.each(key, func(h *hold) { found = found || !h.reader })
	return found
}

// wrote tells those who read a key in a transaction that it was written.
func (o *ongoing) wrote(key []byte) {
	if o.held.Load() != 0 {
		o.each(key, func(h *hold) { h.met = h.met || h.reader })
	}
}

func (o *ongoing) each(key []byte, fn func(h *hold)) {
	hash := maphash.Bytes(o.seed, key)
	s := o.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := s.first; h != nil; h = h.next {
		if h.of(hash, key) {
			fn(h)
		}
	}
}
