package partiql

import (
	"strings"

	"github.com/maypok86/otter/v2"
)

// Cache keeps parsed statements by text. It is bounded, shared by all requests,
// and safe for concurrent use. Texts that do not parse are not kept.
type Cache struct {
	entries *otter.Cache[string, *Statement]
}

// NewCache returns a cache for that many statements, at least one. A statement
// takes some twenty times the memory of its text, which MaxText bounds.
func NewCache(capacity int) *Cache {
	return &Cache{otter.Must(&otter.Options[string, *Statement]{MaximumSize: max(capacity, 1)})}
}

// Parse is Parse, out of the cache where it can be.
func (c *Cache) Parse(text string) (*Statement, error) {
	if s, ok := c.entries.GetIfPresent(text); ok {
		return s, nil
	}
	text = strings.Clone(text)
	s, err := Parse(text)
	if err == nil {
		c.entries.Set(text, s)
	}
	return s, err
}
