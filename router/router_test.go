package router_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/sigv4"
	"github.com/hortusdb/hortus/wire"
)

// world is a node behind a listener.
type world struct {
	t    *testing.T
	url  string
	node *cell.Node
}

var known = router.Credential{ID: "AKIDKNOWN", Secret: "secret", Account: "111111111111"}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, router.Options{Credentials: []router.Credential{known}})
}

// newWorldWith serves with some options; the rest of them is as usual.
func newWorldWith(t *testing.T, o router.Options) *world {
	t.Helper()
	return newWorldOf(t, cell.NodeOptions{}, o)
}

// newWorldOf serves a node with some options.
func newWorldOf(t *testing.T, n cell.NodeOptions, o router.Options) *world {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	n.Clock, n.Rand, n.Logger = clock.Wall{}, rand.New(rand.NewPCG(1, 2)), logger
	node, err := cell.OpenNode(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	o.Node, o.Clock, o.Logger = node, clock.Wall{}, logger
	server := wire.New(wire.Options{Handler: router.New(o)})
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t, "http://" + ln.Addr().String(), node}
}

// call is one request; the zero fields are those of a sound one of account
// 111111111111 in us-east-1.
type call struct {
	target, body, auth string
	headers            map[string]string
}

func claims(key, region string) string {
	return "AWS4-HMAC-SHA256 Credential=" + key + "/20260101/" + region + "/dynamodb/aws4_request, SignedHeaders=host, Signature=00"
}

// do returns the status and the body.
func (w *world) do(c call) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, strings.NewReader(c.body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", c.target)
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
		req.Header.Set("X-Amz-Date", "20260101T000000Z")
	}
	for k, v := range c.headers {
		req.Header.Set(k, v)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// signed signs a body with a key, and changes it then when tamper is set.
func (w *world) signed(key router.Credential, body string, at time.Time, tamper bool) call {
	return w.signedFor("DynamoDB_20120810.ListTables", key, body, at, tamper)
}

func (w *world) signedFor(target string, key router.Credential, body string, at time.Time, tamper bool) call {
	r := sigv4.Request{Method: http.MethodPost, Path: "/", Body: []byte(body), Headers: []sigv4.Header{
		{Name: "content-type", Value: "application/x-amz-json-1.0"},
		{Name: "host", Value: strings.TrimPrefix(w.url, "http://")},
		{Name: "x-amz-target", Value: target},
	}}
	s := sigv4.Signer{AccessKey: key.ID, Secret: key.Secret, Region: "us-east-1", Service: "dynamodb"}
	s.Sign(&r, at)
	c := call{target: target, body: body, headers: map[string]string{}}
	for _, h := range r.Headers {
		if h.Name != "host" {
			c.headers[h.Name] = h.Value
		}
	}
	if tamper {
		c.body += " "
	}
	return c
}

func TestOrderOfChecks(t *testing.T) {
	w := newWorld(t)
	alice := claims("111111111111", "us-east-1")
	list := "DynamoDB_20120810.ListTables"
	wrong := known
	wrong.Secret = "another"
	for _, c := range []struct {
		name   string
		call   call
		status int
		want   string // Part of the body.
	}{
		{"sound", call{list, "{}", alice, nil}, 200, `{"TableNames":[]}`},
		{"not JSON comes before unknown", call{"DynamoDB_20120810.Nonsense", "{", alice, nil}, 400, `{"__type":"com.amazon.coral.service#SerializationException"}`},
		{"not JSON comes before nobody", call{list, "{", "", nil}, 400, "SerializationException"},
		{"unknown comes before nobody", call{"DynamoDB_20120810.Nonsense", "{}", "", nil}, 400, `{"__type":"com.amazon.coral.service#UnknownOperationException"}`},
		{"another service", call{"DynamoDBStreams_20120810.Nonsense", "{}", alice, nil}, 400, "UnknownOperationException"},
		{"nobody", call{list, "{}", "", nil}, 400, "MissingAuthenticationTokenException"},
		{"half a header", call{list, "{}", "AWS4-HMAC-SHA256 SignedHeaders=host", nil}, 400, "IncompleteSignatureException"},
		{"no date", call{list, "{}", alice, map[string]string{"X-Amz-Date": ""}}, 400, "requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=" + alice},
		{"no such Region", call{list, "{}", claims("111111111111", "mars-1"), nil}, 400, "Credential should be scoped to a valid region"},
		{"any key is an account", call{list, "{}", claims("local", "us-east-1"), nil}, 200, `{"TableNames":[]}`},
		{"verified", w.signed(known, "{}", time.Now(), false), 200, `{"TableNames":[]}`},
		{"wrong secret", w.signed(wrong, "{}", time.Now(), false), 400, "InvalidSignatureException"},
		{"tampered", w.signed(known, "{}", time.Now(), true), 400, "InvalidSignatureException"},
		{"expired", w.signed(known, "{}", time.Now().Add(-time.Hour), false), 400, "Signature expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := w.do(c.call)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.want)
			}
		})
	}
}

// TestLookingMakesNoCell holds that a call that only looks leaves nothing
// behind.
func TestLookingMakesNoCell(t *testing.T) {
	w := newWorld(t)
	for _, c := range []call{
		{target: "DynamoDB_20120810.ListTables", body: "{}"},
		{target: "DynamoDB_20120810.DescribeTable", body: `{"TableName":"Orders"}`},
		{target: "DynamoDB_20120810.GetItem", body: `{"TableName":"Orders","Key":{"id":{"S":"1"}}}`},
		{target: "DynamoDB_20120810.PutItem", body: `{"TableName":"Orders","Item":{"id":{"S":"1"}}}`},
	} {
		c.auth = claims("333333333333", "eu-west-1")
		w.do(c)
	}
	if n := len(w.node.Cells()); n != 0 {
		t.Errorf("%d cells were made", n)
	}
}

func TestAcrossAccounts(t *testing.T) {
	w := newWorld(t)
	owner, other := claims("111111111111", "us-east-1"), claims("222222222222", "us-east-1")
	const arn = "arn:aws:dynamodb:us-east-1:111111111111:table/Orders"
	status, body := w.do(call{
		target: "DynamoDB_20120810.CreateTable", auth: owner,
		body: `{"TableName":"Orders","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}`,
	})
	if status != 200 {
		t.Fatal(body)
	}
	get := call{target: "DynamoDB_20120810.GetItem", auth: other, body: `{"TableName":"` + arn + `","Key":{"id":{"S":"1"}}}`}
	if status, body := w.do(get); status != 400 || !strings.Contains(body, "AccessDeniedException") || !strings.Contains(body, "no resource-based policy allows the dynamodb:GetItem action") {
		t.Errorf("without a policy: %d %s", status, body)
	}
	policy := `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"222222222222\"},\"Action\":\"dynamodb:GetItem\",\"Resource\":\"` + arn + `\"}]}`
	if status, body := w.do(call{target: "DynamoDB_20120810.PutResourcePolicy", auth: owner, body: `{"ResourceArn":"` + arn + `","Policy":"` + policy + `"}`}); status != 200 {
		t.Fatal(body)
	}
	if status, body := w.do(get); status != 200 || body != "{}" {
		t.Errorf("with a policy: %d %s", status, body)
	}
	put := call{target: "DynamoDB_20120810.PutItem", auth: other, body: `{"TableName":"` + arn + `","Item":{"id":{"S":"1"}}}`}
	if status, body := w.do(put); status != 400 || !strings.Contains(body, "AccessDeniedException") {
		t.Errorf("what the policy does not allow: %d %s", status, body)
	}
	own := call{target: "DynamoDB_20120810.GetItem", auth: other, body: `{"TableName":"Orders","Key":{"id":{"S":"1"}}}`}
	if status, body := w.do(own); status != 400 || !strings.Contains(body, "ResourceNotFoundException") {
		t.Errorf("a name means the caller's own account: %d %s", status, body)
	}
	tags := call{target: "DynamoDB_20120810.GetResourcePolicy", auth: other, body: `{"ResourceArn":"` + arn + `"}`}
	if status, body := w.do(tags); status != 400 || !strings.Contains(body, "This action is only supported by accounts that match the resource owner") {
		t.Errorf("an operation of the owner alone: %d %s", status, body)
	}
}

// FuzzBody states that no body brings a 500 or anything but JSON.
func FuzzBody(f *testing.F) {
	f.Add("DynamoDB_20120810.PutItem", []byte(`{"TableName":"Orders","Item":{"id":{"S":"1"}}}`))
	f.Add("Hortus_20261122.SetLink", []byte(`{"From":"us-east-1","To":"eu-west-1"}`))
	f.Fuzz(func(t *testing.T, target string, body []byte) {
		if strings.ContainsAny(target, "\x00\r\n") || len(target) > 200 || bytes.ContainsAny([]byte(target), "\x7f") {
			return
		}
		for i := range len(target) {
			if target[i] < ' ' || target[i] >= 0x7f {
				return
			}
		}
		w := newWorld(t)
		status, answer := w.do(call{target: target, body: string(body), auth: claims("111111111111", "us-east-1")})
		if status >= 500 || !strings.HasPrefix(answer, "{") {
			t.Errorf("%s %q: %d %s", target, body, status, answer)
		}
	})
}
