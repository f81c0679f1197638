package pebblekv

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hortusdb/hortus/kv"
)

// Prefixes of the keys in Pebble. docs/formats/store.md has the whole.
const (
	prefixKey  = 'k'
	prefixLog  = 'l'
	prefixMeta = 'm'
)

// Metadata.
const (
	metaCommit = "mcommit" // Position and time of the last commit.
	metaClosed = "mclosed" // Position of the last commit at an orderly Close.
)

const (
	commitSize     = 16             // Of metaCommit's value.
	logHeaderSize  = 1 + 8          // Of the key of a log's header.
	logKeySize     = 1 + 8 + 8 + 4  // Of the key of a log's entry.
	logTimeSize    = 8              // Before the record, in an entry's value.
	logPositionOff = logHeaderSize  // Of the position in an entry's key.
	logIndexOff    = logKeySize - 4 // Of the index in an entry's key.
)

// pebbleFormat is raised only together with formatVersion.
const pebbleFormat = pebble.FormatValueSeparation

func appendKey(dst, key []byte) []byte { return append(append(dst, prefixKey), key...) }

// appendLogHeader appends the key of a log's header, which sorts before its
// entries.
func appendLogHeader(dst []byte, log kv.LogID) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixLog), uint64(log))
}

// appendLogKey appends the key of an entry.
func appendLogKey(dst []byte, log kv.LogID, pos kv.Position, index uint32) []byte {
	dst = binary.BigEndian.AppendUint64(appendLogHeader(dst, log), uint64(pos))
	return binary.BigEndian.AppendUint32(dst, index)
}

// separateFrom is the size of a log's entry from which it is in a file of values,
// which compactions leave alone: entries are written in order and given up in
// order, and mixed with rows they were written again and again.
const separateFrom = 256

// spanPolicy keeps entries of logs in tables, and large ones in files, of their
// own. Rows are read by key, and stay with their keys.
func spanPolicy(start []byte) (pebble.SpanPolicy, []byte, error) {
	switch {
	case start[0] < prefixLog:
		return pebble.SpanPolicy{ValueStoragePolicy: pebble.ValueStorageLowReadLatency}, []byte{prefixLog}, nil
	case start[0] == prefixLog:
		return pebble.SpanPolicy{DisableValueSeparationBySuffix: true}, []byte{prefixLog + 1}, nil
	}
	return pebble.SpanPolicy{ValueStoragePolicy: pebble.ValueStorageLowReadLatency}, nil, nil
}

// bounds returns the keys in Pebble that r covers.
func bounds(r kv.Range) (lower, upper []byte) {
	if r.High == nil {
		return appendKey(nil, r.Low), []byte{prefixKey + 1}
	}
	return appendKey(nil, r.Low), appendKey(nil, r.High)
}
