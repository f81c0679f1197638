package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"

	"github.com/hortusdb/hortus/invariant"
)

// minGzip is the size in bytes of the smallest answer that is compressed. AWS's
// is not known.
const minGzip = 1 << 10

// acceptsGzip reports whether a value of Accept-Encoding takes gzip.
func acceptsGzip(value []byte) bool {
	for part := range strings.SplitSeq(string(value), ",") {
		name, quality, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, _ := strings.CutPrefix(strings.TrimSpace(quality), "q=")
			return q == "" || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// pack compresses the answer where the client takes that and it is worth it. The
// checksum is then that of the compressed bytes: of the body as sent (documented).
func (c *Call) pack() []byte {
	if len(c.Out) < minGzip {
		return c.Out
	}
	if accept := c.Header("accept-encoding"); accept == nil || !acceptsGzip(accept) {
		return c.Out
	}
	if c.packing == nil {
		c.packing = &packing{}
	}
	c.packed.Reset()
	if c.packer == nil {
		c.packer = gzip.NewWriter(&c.packed)
	} else {
		c.packer.Reset(&c.packed)
	}
	_, err := c.packer.Write(c.Out)
	err = errors.Join(err, c.packer.Close())
	invariant.Assert(err == nil, "compressing into memory does not fail", "error", err)
	c.SetHeader("Content-Encoding", "gzip")
	return c.packed.Bytes()
}

// packing is the memory with which a Call compresses.
type packing struct {
	packer *gzip.Writer
	packed bytes.Buffer
}
