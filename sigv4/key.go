package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
)

// SigningKey is a secret derived for one day, Region and service, kept as the
// two padded blocks that HMAC-SHA-256 starts from.
type SigningKey struct{ inner, outer [sha256.BlockSize]byte }

// DeriveKey derives the signing key of a secret access key. The date is
// YYYYMMDD.
func DeriveKey(secret, date, region, service string) SigningKey {
	key := sum([]byte("AWS4"+secret), date)
	key = sum(key, region)
	key = sum(key, service)
	key = sum(key, terminator)
	var k SigningKey
	for i := range k.inner {
		k.inner[i], k.outer[i] = 0x36, 0x5c
	}
	for i := range key {
		k.inner[i] ^= key[i]
		k.outer[i] ^= key[i]
	}
	return k
}

func sum(key []byte, message string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(message))
	return m.Sum(nil)
}

// finish returns the HMAC of a message that is given behind k.inner.
func (k *SigningKey) finish(innerAndMessage []byte) [sha256.Size]byte {
	var b [sha256.BlockSize + sha256.Size]byte
	copy(b[:], k.outer[:])
	in := sha256.Sum256(innerAndMessage)
	copy(b[sha256.BlockSize:], in[:])
	return sha256.Sum256(b[:])
}

// KeyCache remembers signing keys, so that a request pays for no derivation.
// It holds at most twice its size: when the young half is full it becomes the
// old half, and what was in the old half is forgotten unless it was used
// since. Its owner locks it, or has one a connection.
type KeyCache struct {
	size       int
	young, old map[cacheKey]*cacheEntry
}

type cacheKey struct{ accessKey, date, region, service string }

type cacheEntry struct {
	secret string
	key    SigningKey
}

// NewKeyCache makes a cache of at least size keys; size is at least 1.
func NewKeyCache(size int) *KeyCache {
	return &KeyCache{size: max(size, 1), young: map[cacheKey]*cacheEntry{}}
}

// Key returns the signing key for c, whose secret the caller looked up. A key
// that was derived from another secret is never used. The SigningKey stays
// valid for as long as the caller holds it and must not be changed.
func (k *KeyCache) Key(c Credential, secret string) *SigningKey {
	at := cacheKey{c.AccessKey, c.Date, c.Region, c.Service}
	e := k.young[at]
	if e != nil && e.secret == secret {
		return &e.key
	}
	if e == nil {
		e = k.old[at]
	}
	if e == nil || e.secret != secret {
		e = &cacheEntry{strings.Clone(secret), DeriveKey(secret, c.Date, c.Region, c.Service)}
	}
	if len(k.young) >= k.size {
		k.old, k.young = k.young, make(map[cacheKey]*cacheEntry, k.size)
	}
	k.young[cacheKey{
		strings.Clone(c.AccessKey), strings.Clone(c.Date), strings.Clone(c.Region), strings.Clone(c.Service),
	}] = e
	return &e.key
}

// Len returns how many keys are held.
func (k *KeyCache) Len() int { return len(k.young) + len(k.old) }
