package expr

import (
	"strings"

	"github.com/maypok86/otter/v2"
)

// Cache keeps parsed expressions by kind and text. It is bounded, shared by all
// requests, and safe for concurrent use. Texts that do not parse are not kept.
type Cache struct {
	entries *otter.Cache[cacheKey, *Expression]
}

type cacheKey struct {
	kind Kind
	text string
}

// NewCache returns a cache for that many expressions, at least one. An
// expression takes about ten times the memory of its text, which MaxTextBytes
// bounds.
func NewCache(capacity int) *Cache {
	return &Cache{otter.Must(&otter.Options[cacheKey, *Expression]{MaximumSize: max(capacity, 1)})}
}

// Parse is Parse, out of the cache where it can be. text may be memory that the
// caller will use for something else.
func (c *Cache) Parse(kind Kind, text string) (*Expression, error) {
	if e, ok := c.entries.GetIfPresent(cacheKey{kind, text}); ok {
		return e, nil
	}
	text = strings.Clone(text)
	e, err := Parse(kind, text)
	if err != nil {
		return nil, err
	}
	c.entries.Set(cacheKey{kind, text}, e)
	return e, nil
}
