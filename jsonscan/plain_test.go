package jsonscan

import (
	"bytes"
	"testing"
)

// TestPlainEnd puts each kind of byte at each place of texts of each length up to
// some blocks, behind others and alone.
func TestPlainEnd(t *testing.T) {
	for length := range 3*plainBlock + 9 {
		for at := range length {
			for _, c := range []byte{'"', '\\', 0, 0x1f, ' ', '!', '#', '[', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
				b := bytes.Repeat([]byte{'a'}, length)
				b[at] = c
				wantEnd, wantASCII := length, c < 0x80
				if c == '"' || c == '\\' || c < ' ' {
					wantEnd = at
				}
				if end, ascii := plainEnd(b, 0); end != wantEnd || ascii != wantASCII {
					t.Fatalf("%q: %d, %v, want %d, %v", b, end, ascii, wantEnd, wantASCII)
				}
			}
		}
	}
}
