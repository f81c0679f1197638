package wire

import "math/rand/v2"

// requestIDTail ends every request id, as it does on AWS (recorded). The 26
// characters before it are drawn: 130 bits.
const requestIDTail = "VV4KQNSO5AEMVJF66Q9ASUAAJG"

const base32Hex = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

// drawRequestID fills id with 52 upper-case base-32 characters.
func drawRequestID(id *[52]byte, source *rand.PCG) {
	for at := 0; at < len(id)-len(requestIDTail); {
		bits := source.Uint64()
		for range 12 { // 60 of the 64 bits.
			if at == len(id)-len(requestIDTail) {
				break
			}
			id[at] = base32Hex[bits&31]
			bits >>= 5
			at++
		}
	}
	copy(id[len(id)-len(requestIDTail):], requestIDTail)
}
