package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/replication"
)

// formatVersion begins every frame; see docs/formats/peer.md.
const formatVersion = 1

// How a frame's body is packed.
const (
	plain      = 0
	compressed = 1
)

const (
	frameHeader = 6 // Version, packing, length of the body.

	// MaxFrame is how many bytes of messages a frame has, before it is packed.
	MaxFrame = MaxMessage + 16

	fillFrame    = 512 << 10 // Messages that wait are put into one frame up to so many bytes.
	compressFrom = 512       // Smaller bodies are not worth it.
	plainFrames  = 15        // Frames that are not tried after one that gained less than an eighth.
	readStep     = 1 << 20   // A body is read in steps: a length that lies costs no more than twice what came.
)

// frameWriter packs messages into frames. It keeps its buffers.
type frameWriter struct {
	body, frame []byte
	plain       int // Frames to come that are not worth a try.
}

// add appends a message to the frame that is being made.
func (f *frameWriter) add(from, to aws.Cell, m *replication.Message) {
	// The length stands before the message and is known after it.
	start := len(f.body)
	f.body = appendMessage(append(f.body, 0, 0, 0, 0), from, to, m)
	binary.BigEndian.PutUint32(f.body[start:], uint32(len(f.body)-start-4))
}

// take returns the frame of what was added, to be used before the next add.
func (f *frameWriter) take() []byte {
	f.frame = append(f.frame[:0], formatVersion, plain, 0, 0, 0, 0)
	if !f.pack() {
		f.frame = append(f.frame[:frameHeader], f.body...)
	}
	binary.BigEndian.PutUint32(f.frame[2:], uint32(len(f.frame)-frameHeader))
	f.body = f.body[:0]
	if cap(f.body) > 4*fillFrame {
		f.body = nil
	}
	return f.frame
}

// pack puts the body into the frame compressed, where that makes it smaller.
// Items that do not compress mostly follow others that did not.
func (f *frameWriter) pack() bool {
	switch {
	case len(f.body) < compressFrom:
		return false
	case f.plain > 0:
		f.plain--
		return false
	}
	f.frame = grow(f.frame, s2.MaxEncodedLen(len(f.body)))
	packed := s2.Encode(f.frame[frameHeader:cap(f.frame)], f.body)
	if len(packed) > len(f.body)-len(f.body)/8 {
		f.plain = plainFrames
	}
	if len(packed) >= len(f.body) {
		return false
	}
	f.frame = f.frame[:frameHeader+len(packed)]
	f.frame[1] = compressed
	return true
}

// grow makes room for n more bytes.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, len(b)+n), b...)
}

// readFrame reads one frame and calls fn with each of its messages, whose bytes
// stay as they are. It returns io.EOF at the end of the stream.
func readFrame(r io.Reader, fn func(from, to aws.Cell, m *replication.Message)) error {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	if head[0] != formatVersion {
		return errNewer(head[0])
	}
	n := binary.BigEndian.Uint32(head[2:])
	if n > MaxFrame {
		return fmt.Errorf("%w: a frame of %d bytes", ErrMalformed, n)
	}
	body, err := readBody(r, int(n))
	if err != nil {
		return err
	}
	if body, err = unpack(head[1], body); err != nil {
		return err
	}
	for len(body) > 0 {
		if len(body) < 4 {
			return ErrMalformed
		}
		n := binary.BigEndian.Uint32(body)
		if uint64(n) > uint64(len(body)-4) || n > MaxMessage {
			return ErrMalformed
		}
		from, to, m, err := decodeMessage(body[4 : 4+n])
		if err != nil {
			return err
		}
		fn(from, to, m)
		body = body[4+n:]
	}
	return nil
}

func readBody(r io.Reader, n int) ([]byte, error) {
	body := make([]byte, 0, min(n, readStep))
	for len(body) < n {
		step := min(n-len(body), max(readStep, len(body)))
		body = grow(body, step)
		at := len(body)
		body = body[:at+step]
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return body, nil
}

func unpack(packing byte, body []byte) ([]byte, error) {
	switch packing {
	case plain:
		return body, nil
	case compressed:
		n, err := s2.DecodedLen(body)
		if err != nil || n > MaxFrame {
			return nil, fmt.Errorf("%w: a packed frame of %d bytes", ErrMalformed, n)
		}
		body, err = s2.Decode(nil, body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		return body, nil
	}
	return nil, fmt.Errorf("%w: packing %d", ErrMalformed, packing)
}
