//go:build conformance

package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// answer is what the server says to a raw request.
type answer struct {
	status        int
	code, message string
	body          string
}

// post sends a body as it is, as account staging in virginia. A target without a
// dot is an operation of DynamoDB.
func (s *server) post(t testing.TB, target, body string) answer {
	t.Helper()
	if !strings.Contains(target, ".") {
		target = "DynamoDB_20120810." + target
	}
	r, err := http.NewRequestWithContext(deadline(t), http.MethodPost, s.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+staging+"/20260101/"+virginia+"/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=0")
	return send(t, r)
}

func send(t testing.TB, r *http.Request) answer {
	t.Helper()
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := answer{status: a.StatusCode, body: string(b)}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Other   string `json:"Message"`
	}
	if json.Unmarshal(b, &e) == nil {
		_, out.code, _ = strings.Cut(e.Type, "#")
		out.message = e.Message + e.Other
	}
	return out
}

// badServer has a table Things with one item, which must be there unchanged when
// the test is over.
func badServer(t *testing.T) *server {
	t.Helper()
	ctx := deadline(t)
	s := inMemory(t)
	c := s.client(staging, virginia)
	createTable(ctx, t, c, indexed("Things"))
	item := attributes{"id": str("kept"), "seq": num(1), "buyer": str("b"), "weight": num(1)}
	put(ctx, t, c, "Things", item)
	t.Cleanup(func() {
		for _, index := range []string{"", "by-weight"} {
			if got := scanAll(ctx, t, c, "Things", index); len(got) != 1 {
				t.Errorf("%q: %d items after bad requests, want the one", index, len(got))
			}
		}
		wantItem(t, get(ctx, t, c, "Things", attributes{"id": str("kept"), "seq": num(1)}), item)
	})
	return s
}

func TestBadJSON(t *testing.T) {
	s := badServer(t)
	for _, body := range []string{
		"", " ", "{", "}", "null", "[]", `"text"`, "7", "{}{}", `{"TableName"}`, `{"TableName":}`, `{"TableName":"Things",}`,
		`{"TableName":"Things" "Key":{}}`, "{'TableName':'Things'}", `{"TableName":"Thi`, "\x00", "\xff\xfe", `{"TableName":"\ud800"}garbage`,
		`{"TableName":"Things","Key":{"id":{"S":"a"},"seq":{"N":"1"}}}trailing`, `{"TableName":tru}`, `{"TableName":01}`,
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), `{"TableName":"Things","Key":` + strings.Repeat(`{"M":`, 50_000),
	} {
		for _, operation := range []string{"GetItem", "PutItem", "Query", "BatchWriteItem", "CreateTable", "UpdateTable", "TagResource"} {
			a := s.post(t, operation, body)
			if a.status != 400 || a.code != "SerializationException" {
				t.Errorf("%s of %.40q: %d %s", operation, body, a.status, a.body)
			}
		}
	}
}

func TestBadTypes(t *testing.T) {
	s := badServer(t)
	for _, c := range []struct{ operation, body string }{
		{"GetItem", `{"TableName":7,"Key":{"id":{"S":"a"}}}`},
		{"GetItem", `{"TableName":"Things","Key":"id"}`},
		{"GetItem", `{"TableName":"Things","Key":[]}`},
		{"GetItem", `{"TableName":"Things","Key":{"id":"a"}}`},
		{"GetItem", `{"TableName":"Things","Key":{"id":{"S":7}}}`},
		{"GetItem", `{"TableName":"Things","Key":{"id":{"S":"a"}},"ConsistentRead":1}`},
		{"PutItem", `{"TableName":"Things","Item":{"id":{"B":"not base 64!"}}}`},
		{"PutItem", `{"TableName":"Things","Item":{"id":{"SS":"a"}}}`},
		{"PutItem", `{"TableName":"Things","Item":{"id":{"BOOL":{}}}}`},
		{"PutItem", `{"TableName":"Things","Item":{"id":{"L":{}}}}`},
		{"PutItem", `{"TableName":"Things","Item":{"id":{"M":[]}}}`},
		{"Query", `{"TableName":"Things","Limit":"many"}`},
		{"Scan", `{"TableName":"Things","Segment":true}`},
		{"BatchGetItem", `{"RequestItems":[]}`},
		{"BatchWriteItem", `{"RequestItems":{"Things":{}}}`},
		{"CreateTable", `{"TableName":{}}`},
		{"CreateTable", `{"TableName":"Other","KeySchema":{}}`},
		{"TagResource", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:111111111111:table/Things","Tags":{"a":"b"}}`},
	} {
		a := s.post(t, c.operation, c.body)
		if a.status != 400 || a.code != "SerializationException" {
			t.Errorf("%s %s: %d %s", c.operation, c.body, a.status, a.body)
		}
	}
}

// TestUnknownMembers: AWS passes over what it does not know.
func TestUnknownMembers(t *testing.T) {
	s := badServer(t)
	a := s.post(t, "GetItem", `{"TableName":"Things","Nonsense":{"deep":[1,2,{"x":null}]},"Key":{"id":{"S":"kept"},"seq":{"N":"1"}},"More":[[]]}`)
	if a.status != 200 || !strings.Contains(a.body, `"kept"`) {
		t.Errorf("GetItem with unknown members: %d %s", a.status, a.body)
	}
	a = s.post(t, "DescribeTable", `{"TableName":"Things","Nonsense":1}`)
	if a.status != 200 {
		t.Errorf("DescribeTable with unknown members: %d %s", a.status, a.body)
	}
	for _, target := range []string{"Nonsense", "getitem", "DynamoDB_20111205.GetItem", ".", "DynamoDB_20120810.", "PutItems"} {
		a := s.post(t, target, `{}`)
		if a.status != 400 || a.code != "UnknownOperationException" {
			t.Errorf("target %q: %d %s", target, a.status, a.body)
		}
	}
}

// validations are requests that AWS refuses with a ValidationException, and a
// word of its answer.
func validations() []struct{ operation, body, words string } {
	key := func(id, seq string) string {
		return fmt.Sprintf(`{"TableName":"Things","Key":{"id":%s,"seq":%s}}`, id, seq)
	}
	with := func(member string) string {
		return fmt.Sprintf(`{"TableName":"Things","Item":{"id":{"S":"new"},"seq":{"N":"1"},%s}}`, member)
	}
	deep := strings.Repeat(`{"L":[`, 40) + `{"S":"x"}` + strings.Repeat(`]}`, 40)
	return []struct{ operation, body, words string }{
		{"GetItem", key(`{"S":""}`, `{"N":"1"}`), "empty string value. Key: id"},
		{"GetItem", key(`{"S":"a"}`, `{"N":""}`), "The parameter cannot be converted to a numeric value"},
		{"GetItem", key(`{"S":"a"}`, `{"N":"one"}`), "The parameter cannot be converted to a numeric value"},
		{"GetItem", key(`{"S":"a"}`, `{"S":"1"}`), "The provided key element does not match the schema"},
		{"GetItem", key(`{"N":"1"}`, `{"N":"1"}`), "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"Things","Key":{}}`, "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"Things","Key":{"id":{"S":"a"}}}`, "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"Things","Key":{"id":{"S":"a"},"seq":{"N":"1"},"more":{"S":"x"}}}`, "The provided key element does not match the schema"},
		{"GetItem", `{"TableName":"Things"}`, "'key' failed to satisfy constraint: Member must not be null"},
		{"GetItem", `{}`, "validation error"},
		{"GetItem", `{"TableName":"x","Key":{}}`, ""},
		{"GetItem", `{"TableName":"` + strings.Repeat("x", 2000) + `","Key":{}}`, ""},
		{"GetItem", `{"TableName":"a b!","Key":{}}`, ""},
		{"GetItem", key(`{"S":"`+strings.Repeat("k", 2049)+`"}`, `{"N":"1"}`), "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{"GetItem", key(`{}`, `{"N":"1"}`), "must contain exactly one of the supported datatypes"},
		{"GetItem", key(`{"S":"a","N":"1"}`, `{"N":"1"}`), "must contain exactly one of the supported datatypes"},
		{"PutItem", with(`"n":{"N":"1e126"}`), "Number overflow"},
		{"PutItem", with(`"n":{"N":"1e-131"}`), "Number underflow"},
		{"PutItem", with(`"n":{"N":"` + strings.Repeat("1", 39) + `"}`), "38 significant digits"},
		{"PutItem", with(`"n":{"N":"NaN"}`), "The parameter cannot be converted to a numeric value"},
		{"PutItem", with(`"n":{"N":"0x10"}`), "The parameter cannot be converted to a numeric value"},
		{"PutItem", with(`"n":{"NS":["1","1.0"]}`), "duplicates"},
		{"PutItem", with(`"n":{"SS":[]}`), "An string set  may not be empty"},
		{"PutItem", with(`"n":{"SS":["a","a"]}`), "duplicates"},
		{"PutItem", with(`"n":{"NULL":false}`), "Null attribute value types must have the value of true"},
		{"PutItem", with(`"n":` + deep), "Nesting Levels have exceeded supported limits"},
		{"PutItem", with(`"n":{"S":"` + strings.Repeat("x", 410_000) + `"}`), "Item size has exceeded the maximum allowed size"},
		{"PutItem", with(`"weight":{"S":"heavy"}`), "weight"},
		{"PutItem", with(`"buyer":{"S":""}`), "buyer"},
		{"PutItem", `{"TableName":"Things","Item":{"seq":{"N":"1"}}}`, "Missing the key id in the item"},
		{"PutItem", `{"TableName":"arn:aws:dynamodb:us-east-1:1111:table/Things","Item":{"id":{"S":"a"},"seq":{"N":"1"}}}`, "ARN"},
		{"PutItem", `{"TableName":"arn:aws:dynamodb:eu-west-1:111111111111:table/Things","Item":{"id":{"S":"a"},"seq":{"N":"1"}}}`, "region"},
		{"UpdateItem", `{"TableName":"Things","Key":{"id":{"S":"kept"},"seq":{"N":"1"}},"UpdateExpression":"SET weight = :w","ExpressionAttributeValues":{":w":{"S":"heavy"}}}`, "attempted to update the secondary index key to unsupported type"},
		{"UpdateItem", `{"TableName":"Things","Key":{"id":{"S":"kept"},"seq":{"N":"1"}},"UpdateExpression":"` + strings.Repeat("(", 3000) + `"}`, ""},
		{"UpdateItem", `{"TableName":"Things","Key":{"id":{"S":"kept"},"seq":{"N":"1"}},"UpdateExpression":"` + strings.Repeat("x", 5000) + `"}`, "Expression size has exceeded the maximum allowed size"},
		{"DeleteItem", `{"TableName":"Things","Key":{"id":{"S":"kept"},"seq":{"N":"1"}},"ConditionExpression":"` + strings.Repeat("NOT ", 800) + `attribute_exists(id)"}`, ""},
		{"Query", `{"TableName":"Things"}`, "must be specified"},
		{"Query", `{"TableName":"Things","KeyConditionExpression":"id = :id","ExpressionAttributeValues":{":id":{"S":"a"}},"Limit":0}`, "Member must have value greater than or equal to 1"},
		{"Query", `{"TableName":"Things","KeyConditionExpression":"id = :id","ExpressionAttributeValues":{":id":{"S":"a"}},"ExclusiveStartKey":{"id":{"S":"b"}}}`, "starting key"},
		{"Scan", `{"TableName":"Things","TotalSegments":2000000,"Segment":1}`, "Member must have value less than or equal to 1000000"},
		{"BatchWriteItem", `{"RequestItems":{}}`, "greater than or equal to 1"},
		{"BatchWriteItem", `{"RequestItems":{"Things":[{}]}}`, "must contain exactly one"},
		{"BatchGetItem", `{"RequestItems":{"Things":{"Keys":[]}}}`, "greater than or equal to 1"},
		{"CreateTable", `{"TableName":"No"}`, ""},
		{"CreateTable", `{"TableName":"Other","KeySchema":[],"AttributeDefinitions":[]}`, ""},
		{"CreateTable", `{"TableName":"Other","KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"BOOL"}],"BillingMode":"PAY_PER_REQUEST"}`, "enum value set"},
		{"CreateTable", `{"TableName":"Other","GlobalTableSourceArn":"arn:aws:dynamodb:nowhere-1:222222222222:table/Other","GlobalTableSettingsReplicationMode":"ENABLED"}`, "GlobalTableSourceArn"},
		{"UpdateTable", `{"TableName":"Things"}`, "At least one of"},
		{"ListTables", `{"Limit":101}`, "Member must have value less than or equal to 100"},
		{"ListTables", `{"Limit":0}`, "Member must have value greater than or equal to 1"},
		{"ListTagsOfResource", `{"ResourceArn":"nonsense"}`, "ARN"},
		{"TagResource", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:111111111111:table/Things"}`, "Member must not be null"},
		{"PutResourcePolicy", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:111111111111:table/Things","Policy":"{\"Statement\":7}"}`, ""},
	}
}

func TestBadValues(t *testing.T) {
	s := badServer(t)
	for _, c := range validations() {
		a := s.post(t, c.operation, c.body)
		if a.status != 400 || a.code != "ValidationException" || !strings.Contains(a.message, c.words) || a.message == "" {
			t.Errorf("%s %.200s: %d %.400s\nwant ValidationException with %q", c.operation, c.body, a.status, a.body, c.words)
		}
	}
}

func TestUnknownTables(t *testing.T) {
	s := badServer(t)
	for _, operation := range []string{
		`GetItem {"TableName":"Nowhere","Key":{"id":{"S":"a"}}}`, `PutItem {"TableName":"Nowhere","Item":{"id":{"S":"a"}}}`,
		`DeleteItem {"TableName":"Nowhere","Key":{"id":{"S":"a"}}}`, `UpdateItem {"TableName":"Nowhere","Key":{"id":{"S":"a"}}}`,
		`Scan {"TableName":"Nowhere"}`, `Query {"TableName":"Nowhere","KeyConditionExpression":"id = :a","ExpressionAttributeValues":{":a":{"S":"a"}}}`,
		`DescribeTable {"TableName":"Nowhere"}`, `DeleteTable {"TableName":"Nowhere"}`, `UpdateTable {"TableName":"Nowhere","BillingMode":"PAY_PER_REQUEST"}`,
		`BatchWriteItem {"RequestItems":{"Nowhere":[{"DeleteRequest":{"Key":{"id":{"S":"a"}}}}]}}`, `BatchGetItem {"RequestItems":{"Nowhere":{"Keys":[{"id":{"S":"a"}}]}}}`,
		`GetResourcePolicy {"ResourceArn":"arn:aws:dynamodb:us-east-1:111111111111:table/Nowhere"}`,
		`ListTagsOfResource {"ResourceArn":"arn:aws:dynamodb:us-east-1:111111111111:table/Nowhere"}`,
		`TagResource {"ResourceArn":"arn:aws:dynamodb:us-east-1:111111111111:table/Nowhere","Tags":[{"Key":"a","Value":"b"}]}`,
	} {
		name, body, _ := strings.Cut(operation, " ")
		a := s.post(t, name, body)
		if a.status != 400 || a.code != "ResourceNotFoundException" || a.message == "" {
			t.Errorf("%s: %d %s", operation, a.status, a.body)
		}
	}
}

func TestBadRequests(t *testing.T) {
	s := badServer(t)
	for _, c := range []struct {
		what   string
		change func(*http.Request)
		status int
	}{
		{"a body over 16 MB", func(r *http.Request) { setBody(r, strings.Repeat(" ", 17<<20)) }, 413},
		{"another method", func(r *http.Request) { r.Method = "PUT" }, 404},
		{"another content type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 404},
		{"no credentials", func(r *http.Request) { r.Header.Del("Authorization") }, 400},
		{"nonsense for credentials", func(r *http.Request) { r.Header.Set("Authorization", "nonsense") }, 400},
		{"a Region that is not", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), virginia, "mars-north-1", 1))
		}, 400},
		{"headers over the limit", func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("x", 100_000)) }, 431},
	} {
		r, err := http.NewRequestWithContext(deadline(t), http.MethodPost, s.URL, strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+staging+"/20260101/"+virginia+"/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=0")
		c.change(r)
		if a := send(t, r); a.status != c.status {
			t.Errorf("%s: %d %s, want %d", c.what, a.status, a.body, c.status)
		}
	}
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

// TestHalfRequests breaks off in the middle, and sends what is no HTTP.
func TestHalfRequests(t *testing.T) {
	s := badServer(t)
	for _, text := range []string{
		"", "\r\n\r\n", "GET", "nonsense\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n{", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		strings.Repeat("\x16\x03\x01", 1000),
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(c, strings.NewReader(text)); err != nil {
			t.Logf("%.30q: %v", text, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	s.healthy()
}

// TestStartRefused: each start that cannot be ends at once, says why in one line,
// and with exit code 1.
func TestStartRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	for _, c := range []struct {
		flags []string
		words string
	}{
		{[]string{"--memory", "--port", port}, "choose one with --port"},
		{[]string{"--memory", "--port", "0", "--auth", "strict"}, "--auth strict"},
		{[]string{"--memory", "--port", "0", "--auth", "none"}, "want open or strict"},
		{[]string{"--memory", "--port", "0", "--durability", "maybe"}, "--durability maybe"},
		{[]string{"--memory", "--port", "0", "--durability", "interval:-1s"}, "--durability"},
		{[]string{"--memory", "--port", "x"}, "--port"},
		{[]string{"--memory", "--port", "70000"}, "port"},
		{[]string{"--memory", "--data", dir}, "--data"},
		{[]string{"--nonsense"}, "--nonsense"},
		{[]string{"--memory", "--port", "0", "--region", "eu-west1"}, "near it are eu-west-1,"},
		{[]string{"--memory", "--port", "0", "--credentials", filepath.Join(dir, "none.json")}, "no such file"},
		{[]string{"--memory", "--port", "0", "--credentials", file("a.json", "{")}, "want a list"},
		{[]string{"--memory", "--port", "0", "--credentials", file("b.json", `{"id":"x"}`)}, "want a list"},
		{[]string{"--memory", "--port", "0", "--credentials", file("c.json", `[{"id":"x","secret":"y","account":"1"}]`)}, "account of twelve digits"},
		{[]string{"--memory", "--port", "0", "--credentials", file("d.json", `[{"id":"x"}]`)}, "entry 1"},
		{[]string{"--port", "0", "--data", file("plain", "a file")}, "plain"},
		{[]string{"--port", "0", "--data", "/proc/none/such"}, "data directory: mkdir /proc/none"},
	} {
		out, code := hortus(t, append([]string{"dev"}, c.flags...)...)
		if code == 0 || !strings.Contains(out, c.words) || strings.Contains(out, "goroutine") {
			t.Errorf("hortus dev %s: exit code %d, want a word of %q:\n%s", strings.Join(c.flags, " "), code, c.words, out)
		}
	}
}

// TestDataInUse: a second server on the same directory ends; the first goes on.
func TestDataInUse(t *testing.T) {
	ctx := deadline(t)
	data := t.TempDir()
	s := start(t, "--data", data)
	c := s.client(staging, virginia)
	createTable(ctx, t, c, simple("Things", false))
	out, code := hortus(t, "dev", "--port", "0", "--data", data)
	if code == 0 || !strings.Contains(out, "in use") {
		t.Errorf("a second server: exit code %d: %s", code, out)
	}
	put(ctx, t, c, "Things", attributes{"id": str("1")})
}

// TestNewerFormat: data of a newer version is left alone, and opened again when
// the version is right.
func TestNewerFormat(t *testing.T) {
	ctx := deadline(t)
	data := t.TempDir()
	s := start(t, "--data", data)
	createTable(ctx, t, s.client(staging, virginia), simple("Things", false))
	put(ctx, t, s.client(staging, virginia), "Things", attributes{"id": str("1")})
	s.stop(syscall.SIGTERM)
	var formats []string
	err := filepath.WalkDir(data, func(path string, _ os.DirEntry, err error) error {
		if filepath.Base(path) == "FORMAT" {
			formats = append(formats, path)
		}
		return err
	})
	if err != nil || len(formats) == 0 {
		t.Fatalf("no FORMAT file: %v", err)
	}
	was, err := os.ReadFile(formats[0])
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Replace(was, []byte("1"), []byte("99"), 1)
	for _, text := range [][]byte{newer, []byte("nonsense\n"), {}} {
		if err := os.WriteFile(formats[0], text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, code := hortus(t, "dev", "--port", "0", "--data", data)
		if code == 0 || !strings.Contains(out, "format") || strings.Contains(out, "goroutine") {
			t.Errorf("FORMAT %q: exit code %d: %s", text, code, out)
		}
	}
	if err := os.WriteFile(formats[0], was, 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, "--data", data)
	if got := scanAll(ctx, t, again.client(staging, virginia), "Things", ""); len(got) != 1 {
		t.Errorf("%d items after all that, want 1", len(got))
	}
}

// TestRestart: after a clean stop all is there.
func TestRestart(t *testing.T) {
	ctx := deadline(t)
	data := t.TempDir()
	for round := range 3 {
		s := start(t, "--data", data)
		var clients []*dynamodb.Client
		if round == 0 {
			clients = globalTable(ctx, t, s, indexed("Orders"), threePlaces)
		} else {
			for _, m := range threePlaces {
				clients = append(clients, s.client(m.account, m.region))
			}
		}
		for i, c := range clients {
			put(ctx, t, c, "Orders", attributes{"id": str(fmt.Sprint("m-", i)), "seq": num(round), "buyer": str("b")})
		}
		s.stop(os.Interrupt)
	}
	s := start(t, "--data", data)
	var clients []*dynamodb.Client
	for _, m := range threePlaces {
		clients = append(clients, s.client(m.account, m.region))
	}
	eventually(t, "nine items are everywhere", func() bool {
		for _, c := range clients {
			if len(scanAll(ctx, t, c, "Orders", "by-buyer")) != 9 {
				return false
			}
		}
		return true
	})
	converged(ctx, t, clients, "Orders", "by-buyer")
	_, err := clients[0].DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("Orders")})
	if err != nil {
		t.Error(err)
	}
}
