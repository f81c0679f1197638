//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

const (
	knownKey    = "AKIAIOSFODNN7EXAMPLE"
	knownSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// credentialsFile writes a file for --credentials with the known key.
func credentialsFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials.json")
	text := fmt.Sprintf(`[{"id":%q,"secret":%q,"account":%q}]`, knownKey, knownSecret, staging)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// signed is a client with a key and a secret, and a signer or a transport of its
// own where they are given.
func (s *server) signed(key, secret string, change func(*dynamodb.Options)) *dynamodb.Client {
	o := s.options(staging, virginia)
	o.Credentials = credentials.NewStaticCredentialsProvider(key, secret, "")
	if change != nil {
		change(&o)
	}
	return dynamodb.New(o)
}

func TestSDKSignatures(t *testing.T) {
	ctx := deadline(t)
	s := start(t, "--memory", "--credentials", credentialsFile(t))
	right := s.signed(knownKey, knownSecret, nil)
	createTable(ctx, t, right, simple("Orders", false))
	put(ctx, t, right, "Orders", allTypes("1"))
	wantItem(t, get(ctx, t, right, "Orders", attributes{"id": str("1")}), allTypes("1"))

	list := func(c *dynamodb.Client) error {
		_, err := c.ListTables(ctx, &dynamodb.ListTablesInput{})
		return err
	}
	wantError(t, list(s.signed(knownKey, "another secret", nil)), "InvalidSignatureException", "The request signature we calculated does not match the signature you provided")
	wantError(t, list(s.signed(knownKey, knownSecret, func(o *dynamodb.Options) {
		o.HTTPSignerV4 = shiftedSigner{v4.NewSigner(), -time.Hour}
		o.Retryer = aws.NopRetryer{} // The SDK would correct the skew of its clock.
	})), "InvalidSignatureException", "Signature expired")
	wantError(t, list(s.signed(knownKey, knownSecret, func(o *dynamodb.Options) {
		o.HTTPSignerV4 = shiftedSigner{v4.NewSigner(), time.Hour}
		o.Retryer = aws.NopRetryer{}
	})), "InvalidSignatureException", "Signature not yet current")
	tampered := s.signed(knownKey, knownSecret, func(o *dynamodb.Options) { o.HTTPClient = tamper{} })
	_, err := tampered.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("Orders"), Item: attributes{"id": str("victim")}})
	wantError(t, err, "InvalidSignatureException", "does not match")
	if got := scanAll(ctx, t, right, "Orders", ""); len(got) != 1 {
		t.Errorf("after a tampered write there are %d items, want 1", len(got))
	}
	// A key that the file does not name is taken at its word, and is another
	// account: it sees nothing of this one.
	out, err := s.signed(prod, "anything", nil).ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil || len(out.TableNames) != 0 {
		t.Errorf("an unknown key lists %v, %v", out, err)
	}
}

// shiftedSigner signs as if it were earlier or later.
type shiftedSigner struct {
	signer *v4.Signer
	by     time.Duration
}

func (s shiftedSigner) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time, o ...func(*v4.SignerOptions)) error {
	return s.signer.SignHTTP(ctx, c, r, hash, service, region, at.Add(s.by), o...)
}

// tamper changes the body of a request on its way.
type tamper struct{}

func (tamper) Do(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	changed := bytes.Replace(b, []byte("victim"), []byte("attack"), 1)
	if bytes.Equal(changed, b) {
		return nil, fmt.Errorf("nothing to tamper with in %s", b)
	}
	r.Body = io.NopCloser(bytes.NewReader(changed))
	return http.DefaultClient.Do(r)
}

// TestSDKChecksums: the SDK checks the CRC32 of each answer; a wrong one would be
// retried and reported. That it is really there is seen here.
func TestSDKChecksums(t *testing.T) {
	ctx := deadline(t)
	s := inMemory(t)
	createTable(ctx, t, s.client(staging, virginia), simple("Orders", false))
	seen := &headers{}
	o := s.options(staging, virginia)
	o.HTTPClient = seen
	if _, err := dynamodb.New(o).ListTables(ctx, &dynamodb.ListTablesInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ParseTime(seen.last.Get("Date")); err != nil {
		t.Errorf("by its Date a client corrects its clock: %v", err)
	}
	if seen.last.Get("x-amz-crc32") == "" || len(seen.last.Get("x-amzn-RequestId")) != 52 || !strings.HasPrefix(seen.last.Get("Content-Type"), "application/x-amz-json-1.0") {
		t.Errorf("headers %v", seen.last)
	}
}

// headers keeps the headers of the last answer.
type headers struct{ last http.Header }

func (h *headers) Do(r *http.Request) (*http.Response, error) {
	a, err := http.DefaultClient.Do(r)
	if err == nil {
		h.last = a.Header.Clone()
	}
	return a, err
}
