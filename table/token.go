package table

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/kv"
)

// TokenLife is how long an idempotency token is kept after its transaction was
// done (documented).
const TokenLife = 10 * time.Minute

// Token makes a transaction idempotent: one that was done under it is not done
// again while the token lives. What is kept of it is in the commit of the
// transaction itself, so a crash leaves both or neither.
type Token struct {
	Account aws.Account // The caller's. Accounts do not share tokens.
	Name    string      // The client's.
	Payload [PayloadSize]byte

	Replayed bool  // The transaction was done by an earlier call.
	Sizes    []int // Then: of each write, the size of its larger image.
}

// PayloadSize is the length of the digest that tells two payloads apart.
const PayloadSize = 32

// ErrTokenMismatch is AWS's answer to a token that comes with another payload
// than before.
var ErrTokenMismatch = aws.Errorf("IdempotentParameterMismatchException",
	"DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token that was already used")

// tokenFormat is the first byte of every stored token; see
// docs/formats/token.md.
const tokenFormat = 1

const (
	tokenHead = 2 + 8 + PayloadSize
	tokenDone = 1 // In the second byte: the transaction was done, not canceled.
)

var errMalformedToken = errors.New("table: malformed idempotency token")

// stored is a token as it is stored.
type stored struct {
	done    bool
	at      int64 // Microseconds since 1970.
	payload [PayloadSize]byte
	sizes   []byte // Encoded.
}

func decodeToken(b []byte) (stored, error) {
	var t stored
	if len(b) < tokenHead || b[0] != tokenFormat {
		return t, errMalformedToken
	}
	t.done, t.at = b[1] == tokenDone, int64(binary.BigEndian.Uint64(b[2:]))
	copy(t.payload[:], b[10:])
	t.sizes = b[tokenHead:]
	return t, nil
}

func (t *Token) appendKey(dst []byte) []byte {
	dst = append(append(dst, tokenPrefix), t.Account...)
	return append(dst, t.Name...)
}

// appendExpiryKey appends the key under which a token is found by its time.
func appendExpiryKey(dst []byte, at int64, key []byte) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, expiryPrefix), uint64(at))
	return append(dst, key...)
}

// expiryMark is the value of a token's entry by time; its key says all.
var expiryMark = []byte{tokenFormat}

// tokenScratch is the memory of a token's bookkeeping.
type tokenScratch struct {
	key, expiry, value []byte
	there              bool
	at                 int64 // Of what is there.
}

// consult compares a token with what is stored of it.
func (e *Engine) consult(t *Token, s *tokenScratch, value []byte) error {
	t.Replayed, s.there = false, value != nil
	if !s.there {
		return nil
	}
	was, err := decodeToken(value)
	if err != nil {
		return err
	}
	s.at = was.at
	switch {
	case e.wall.Now().UnixMicro() >= was.at+TokenLife.Microseconds():
		return nil
	case was.payload != t.Payload:
		return ErrTokenMismatch
	case !was.done:
		return nil // A canceled transaction is tried again (recorded).
	}
	t.Replayed, t.Sizes = true, t.Sizes[:0]
	for b := was.sizes; len(b) > 0; {
		size, n := binary.Uvarint(b)
		if n <= 0 {
			return errMalformedToken
		}
		t.Sizes, b = append(t.Sizes, int(size)), b[n:]
	}
	return nil
}

// keep stores the token of a transaction that was done or canceled.
func (e *Engine) keep(tx *Transaction, ts *transactScratch, kw *kv.Writes) {
	s := &ts.token
	if s.there {
		s.expiry = appendExpiryKey(s.expiry[:0], s.at, s.key)
		kw.Delete(s.expiry)
	}
	at, done := e.wall.Now().UnixMicro(), byte(0)
	if !ts.canceled {
		done = tokenDone
	}
	s.value = binary.BigEndian.AppendUint64(append(s.value[:0], tokenFormat, done), uint64(at))
	s.value = append(s.value, tx.Token.Payload[:]...)
	if !ts.canceled {
		for _, w := range tx.Writes {
			s.value = binary.AppendUvarint(s.value, uint64(max(w.OldSize, w.NewSize)))
		}
	}
	kw.Set(s.key, s.value)
	s.expiry = appendExpiryKey(s.expiry[:0], at, s.key)
	kw.Set(s.expiry, expiryMark)
}

// The sweep of old tokens keeps up with new ones: each sweepEvery-th takes up to
// tokenStep old ones away.
const (
	sweepEvery = 128
	tokenStep  = 2 * sweepEvery
)

// sweepNow sweeps when it is time to.
func (e *Engine) sweepNow(ctx context.Context) error {
	if e.tokens.Add(1)%sweepEvery != 1 || !e.sweeping.TryLock() {
		return nil
	}
	defer e.sweeping.Unlock()
	_, err := e.sweepTokens(ctx)
	return err
}

// sweepTokens drops tokens that are past their life, at most tokenStep of them,
// and returns how many it dropped. The caller holds e.sweeping.
func (e *Engine) sweepTokens(ctx context.Context) (int, error) {
	const head = 1 + 8
	r := kv.Range{
		Low:  appendExpiryKey(nil, e.swept, nil),
		High: appendExpiryKey(nil, max(0, e.wall.Now().Add(-TokenLife).UnixMicro()), nil),
	}
	var marks, keys [][]byte
	if _, err := e.store.Scan(ctx, r, func(key, _ []byte) bool {
		mark := append([]byte(nil), key...)
		marks, keys = append(marks, mark), append(keys, mark[head:])
		return len(marks) < tokenStep
	}); err != nil || len(marks) == 0 {
		return 0, err
	}
	_, err := e.store.Update(ctx, kv.Plan{Write: keys}, func(values [][]byte, w *kv.Writes) error {
		for i, value := range values {
			w.Delete(marks[i])
			if value == nil {
				continue
			}
			was, err := decodeToken(value)
			if err != nil {
				return err
			}
			if was.at == int64(binary.BigEndian.Uint64(marks[i][1:])) {
				w.Delete(keys[i])
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	e.swept = int64(binary.BigEndian.Uint64(marks[len(marks)-1][1:]))
	return len(marks), nil
}
