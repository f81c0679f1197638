package router

import (
	"strings"
	"sync"
	"unsafe" //nolint:depguard // Views of headers; docs/ARCHITECTURE.md says what they save.

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/policy"
	"github.com/hortusdb/hortus/sigv4"
	"github.com/hortusdb/hortus/wire"
)

// Credential is an access key whose signatures are verified.
type Credential struct {
	ID      string      `json:"id"`
	Secret  string      `json:"secret"`
	Account aws.Account `json:"account"`
}

// anonymousAccount is the account of an access key that is neither known nor an
// account's number.
const anonymousAccount aws.Account = "000000000000"

// signingKeys is how many derived signing keys are kept.
const signingKeys = 1024

// authenticator says who calls. Signatures are verified for the keys that it
// knows; any other key is taken at its word, or refused where it is strict.
type authenticator struct {
	clock       clock.Clock
	strict      bool
	credentials map[string]Credential

	mu   sync.Mutex
	keys *sigv4.KeyCache
}

func newAuthenticator(credentials []Credential, c clock.Clock, strict bool) *authenticator {
	a := &authenticator{clock: c, strict: strict, credentials: map[string]Credential{}, keys: sigv4.NewKeyCache(signingKeys)}
	for _, k := range credentials {
		a.credentials[k.ID] = k
	}
	return a
}

// errUnknownKey is AWS's answer to an access key that nobody has (documented).
var errUnknownKey = aws.Errorf("UnrecognizedClientException", "The security token included in the request is invalid.")

// scopeOf is what the credential of a call to a service is scoped to.
func scopeOf(service string) sigv4.Scope {
	return sigv4.Scope{
		Services:    []string{service},
		RegionValid: func(r string) bool { return aws.Region(r).Known() },
	}
}

// proof is the memory of one verification.
type proof struct {
	verifier sigv4.Verifier
	request  sigv4.Request
}

// authenticate finds the caller and the cell that the call is for.
func (a *authenticator) authenticate(w *wire.Call, scope sigv4.Scope, c *call) error {
	id, region, ok := claim(w)
	if ok && !a.strict && complete(w) {
		if _, known := a.credentials[id]; !known {
			return a.believe(id, region, c)
		}
	}
	p := &c.proof
	p.fill(w)
	cred, err := p.verifier.Parse(&p.request, scope, a.clock.Now())
	if err != nil {
		return err
	}
	known, ok := a.credentials[cred.AccessKey]
	switch {
	case !ok && a.strict:
		return errUnknownKey
	case !ok:
		return a.believe(cred.AccessKey, cred.Region, c)
	}
	a.mu.Lock()
	key := a.keys.Key(cred, known.Secret)
	a.mu.Unlock()
	if err := p.verifier.Verify(&p.request, cred, key); err != nil {
		return err
	}
	c.become(known.Account, aws.Region(cred.Region))
	return nil
}

// believe takes a key that is not known at its word.
func (a *authenticator) believe(id, region string, c *call) error {
	if !aws.Region(region).Known() {
		return aws.Errorf("InvalidSignatureException", "Credential should be scoped to a valid region. ")
	}
	account := aws.Account(id)
	if !account.Valid() {
		account = anonymousAccount
	}
	c.become(account, aws.Region(region))
	return nil
}

// become makes the call that of an account's root user. The names are copied:
// they may be views of the request.
func (c *call) become(account aws.Account, region aws.Region) {
	region, _ = region.Intern()
	if c.last.Account != account {
		account = aws.Account(strings.Clone(string(account)))
		c.last = policy.Principal{Type: policy.Root, Account: account, ARN: account.Root()}
	}
	c.Caller = c.last
	c.Home = aws.Cell{Account: c.last.Account, Region: region}
}

// complete reports whether a call has all that a signature in a header takes. One
// that has not is refused, even where keys are believed.
func complete(w *wire.Call) bool {
	auth := view(w.Header("authorization"))
	return strings.Contains(auth, "SignedHeaders=") && strings.Contains(auth, "Signature=") &&
		(len(w.Header("x-amz-date")) > 0 || len(w.Header("date")) > 0)
}

// claim reads the access key and the Region out of an Authorization header,
// without a check of the rest. It returns false for what is not of that form.
func claim(w *wire.Call) (id, region string, ok bool) {
	if len(w.RawQuery) > 0 {
		return "", "", false
	}
	_, rest, ok := strings.Cut(view(w.Header("authorization")), "Credential=")
	if !ok {
		return "", "", false
	}
	scope, _, _ := strings.Cut(rest, ",")
	id, rest, ok = strings.Cut(scope, "/")
	_, rest, ok2 := strings.Cut(rest, "/")
	region, _, ok3 := strings.Cut(rest, "/")
	return id, region, ok && ok2 && ok3
}

// fill points the request at the wire's buffers.
func (p *proof) fill(w *wire.Call) {
	p.request.Method, p.request.Path, p.request.RawQuery = view(w.Method), view(w.Path), view(w.RawQuery)
	p.request.Body = w.Body
	p.request.Headers = p.request.Headers[:0]
	for _, h := range w.Headers() {
		p.request.Headers = append(p.request.Headers, sigv4.Header{Name: view(h.Name), Value: view(h.Value)})
	}
}

// view returns bytes as a string without a copy. The wire leaves its buffers as
// they are until the call is over, and no view outlives that.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
