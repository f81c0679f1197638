package sigv4

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
)

// Verify reports whether the signature of c, which Parse took from r, was made
// with the key. The error is an *aws.Error. It takes the same time for each
// wrong signature.
func (v *Verifier) Verify(r *Request, c Credential, key *SigningKey) error {
	payload, ok := payloadHash(r.Body, c.contentSHA256)
	if !ok {
		return errMismatch()
	}
	if err := v.canonical(r, c.signedHeaders, c.Presigned, payload); err != nil {
		return err
	}
	want := v.sign(c.amzDate, c.scope, key)
	if subtle.ConstantTimeCompare(want[:], []byte(c.signature)) != 1 {
		return errMismatch()
	}
	return nil
}

// payload is the last line of a canonical request.
type payload struct {
	hash     [2 * sha256.Size]byte
	unsigned bool
}

// payloadHash hashes the body and holds it to the client's claim, if there is
// one.
func payloadHash(body []byte, claim string) (p payload, ok bool) {
	if claim == unsignedPayload {
		p.unsigned = true
		return p, true
	}
	sum := sha256.Sum256(body)
	hex.Encode(p.hash[:], sum[:])
	return p, claim == "" || claim == string(p.hash[:])
}

// canonical leaves the canonical request in v.buf.
func (v *Verifier) canonical(r *Request, signedHeaders string, presigned bool, p payload) error {
	b := append(v.buf[:0], r.Method...)
	b = append(b, '\n')
	b = appendPath(b, r.Path)
	b = append(b, '\n')
	if r.RawQuery != "" {
		v.buf = b
		if err := v.appendQuery(r.RawQuery, presigned); err != nil {
			return err
		}
		b = v.buf
	}
	b = append(b, '\n')
	for list := signedHeaders; list != ""; {
		var name string
		name, list, _ = strings.Cut(list, ";")
		var found bool
		if b, found = appendHeader(b, name, r.Headers); !found {
			return errMismatch()
		}
	}
	b = append(b, '\n')
	b = append(b, signedHeaders...)
	b = append(b, '\n')
	if p.unsigned {
		b = append(b, unsignedPayload...)
	} else {
		b = append(b, p.hash[:]...)
	}
	v.buf = b
	return nil
}

// sign writes the string to sign over the canonical request in v.buf and
// returns its signature in hex.
func (v *Verifier) sign(amzDate, scope string, key *SigningKey) (signature [2 * sha256.Size]byte) {
	sum := sha256.Sum256(v.buf)
	b := append(v.buf[:0], key.inner[:]...)
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = append(b, amzDate...)
	b = append(b, '\n')
	b = append(b, scope...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, sum[:])
	v.buf = b
	mac := key.finish(b)
	hex.Encode(signature[:], mac[:])
	return signature
}

// appendHeader writes name:values\n, the values trimmed, inner runs of spaces
// made one, and several fields of one name joined by commas.
func appendHeader(b []byte, name string, headers []Header) ([]byte, bool) {
	b = append(b, name...)
	b = append(b, ':')
	found := false
	for i := range headers {
		if headers[i].Name != name {
			continue
		}
		if found {
			b = append(b, ',')
		}
		found = true
		value := strings.Trim(headers[i].Value, " \t")
		if !strings.Contains(value, "  ") {
			b = append(b, value...)
			continue
		}
		for j := range len(value) {
			if value[j] != ' ' || value[j-1] != ' ' {
				b = append(b, value[j])
			}
		}
	}
	return append(b, '\n'), found
}

// appendPath writes the path encoded once more, as all services but S3 want
// it.
func appendPath(b []byte, path string) []byte {
	if path == "" {
		return append(b, '/')
	}
	for i := range len(path) {
		if path[i] == '/' {
			b = append(b, '/')
		} else {
			b = appendEncoded(b, path[i])
		}
	}
	return b
}

func appendEncoded(b []byte, c byte) []byte {
	if unreserved(c) {
		return append(b, c)
	}
	const digit = "0123456789ABCDEF"
	return append(b, '%', digit[c>>4], digit[c&15])
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// appendQuery writes the parameters to v.buf, each decoded and encoded again
// in the canonical way, then sorted by name and value. X-Amz-Signature itself
// stays out of a presigned request.
func (v *Verifier) appendQuery(raw string, presigned bool) error {
	v.params = v.params[:0]
	if strings.Count(raw, "&") >= MaxQueryParameters {
		return errTooMany("query parameters", MaxQueryParameters)
	}
	// Three bytes for one is the most that encoding makes of it. With the room
	// made here, the slices into scratch stay valid while it grows.
	start := len(v.buf)
	v.buf = slices.Grow(v.buf, 7*len(raw)+2*MaxQueryParameters)
	at := start + 3*len(raw) + MaxQueryParameters
	scratch := v.buf[at:at]
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		from := len(scratch)
		scratch = appendRecoded(scratch, name)
		mid := len(scratch)
		scratch = appendRecoded(scratch, value)
		p := param{scratch[from:mid:mid], scratch[mid:len(scratch):len(scratch)]}
		if !presigned || string(p.name) != "X-Amz-Signature" {
			v.params = append(v.params, p)
		}
	}
	slices.SortStableFunc(v.params, func(p, q param) int {
		if n := bytes.Compare(p.name, q.name); n != 0 {
			return n
		}
		return bytes.Compare(p.value, q.value)
	})
	for i, p := range v.params {
		if i > 0 {
			v.buf = append(v.buf, '&')
		}
		v.buf = append(v.buf, p.name...)
		v.buf = append(v.buf, '=')
		v.buf = append(v.buf, p.value...)
	}
	return nil
}

// appendRecoded writes the canonical encoding of what s, a piece of a query
// string, means.
func appendRecoded(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c, n := decodeAt(s, i)
		b = appendEncoded(b, c)
		i += n
	}
	return b
}

// decodeAt reads the character at s[i] and says how many bytes it took. A
// percent sign without two hex digits stands for itself.
func decodeAt(s string, i int) (c byte, n int) {
	if s[i] == '+' {
		return ' ', 1
	}
	if s[i] == '%' && i+2 < len(s) {
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi >= 0 && lo >= 0 {
			return byte(hi<<4 | lo), 3
		}
	}
	return s[i], 1
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// hasParameter reports whether the query string has a parameter of that name.
func hasParameter(raw, name string) bool {
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		n, _, _ := strings.Cut(one, "=")
		if n == name || strings.ContainsRune(n, '%') && decode(n) == name {
			return true
		}
	}
	return false
}

func decode(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c, n := decodeAt(s, i)
		b = append(b, c)
		i += n
	}
	return string(b)
}

// parseQuery reads the presigned form.
func parseQuery(raw string) (parts, error) {
	var p parts
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(one, "=")
		var to *string
		switch decode(name) {
		case "X-Amz-Algorithm":
			to = &p.algorithm
		case "X-Amz-Credential":
			to = &p.credential
		case "X-Amz-Date":
			to = &p.date
		case "X-Amz-Expires":
			to = &p.expires
		case "X-Amz-SignedHeaders":
			to = &p.signedHeaders
		case "X-Amz-Signature":
			to = &p.signature
		case "X-Amz-Security-Token":
			to = &p.token
		case "X-Amz-Content-Sha256":
			to = &p.contentSHA256
		default:
			continue
		}
		*to = decode(value)
	}
	if p.algorithm == "" || p.credential == "" || p.signature == "" || p.signedHeaders == "" || p.date == "" {
		return parts{}, errIncompleteQuery(p)
	}
	return p, nil
}
