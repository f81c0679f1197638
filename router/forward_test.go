package router_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/cell"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/wire"
)

// strictNode is a node that knows the key of its own account alone.
type strictNode struct {
	url  string
	node *cell.Node
	stop func()
}

func startNode(t *testing.T, authority *peer.Authority, roots *x509.CertPool, account aws.Account, own []aws.Cell, met net.Listener, others ...peer.Node) *strictNode {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	node, err := cell.OpenNode(t.Context(), cell.NodeOptions{Clock: clock.Wall{}, Rand: rand.New(rand.NewPCG(1, 2)), Logger: logger, Cells: own})
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM, err := authority.Issue(time.Now(), time.Hour, "test", own)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	peers := peer.New(peer.Options{
		Cells: node, Own: own, Nodes: others, Roots: roots, Clock: clock.Wall{}, Rand: rand.New(rand.NewPCG(1, 2)), Logger: logger,
		Certificate: func() (*tls.Certificate, error) { return &cert, nil },
	})
	calls := router.New(router.Options{
		Node: node, Peers: peers, Clock: clock.Wall{}, Logger: logger, Strict: true,
		Credentials: []router.Credential{{ID: "KEY" + string(account), Secret: "secret", Account: account}},
	})
	peers.Take(calls)
	node.Meet(peers)
	server := wire.New(wire.Options{Handler: calls})
	ln := listenLocal(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(ln) }()
	go func() { ended <- peers.Run(ctx, met) }()
	stop := func() {
		cancel()
		if err := errors.Join(server.Shutdown(context.Background()), <-ended, <-ended, node.Close()); err != nil {
			t.Error(err)
		}
	}
	return &strictNode{"http://" + ln.Addr().String(), node, stop}
}

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func (n *strictNode) client(key, secret, region string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: region, BaseEndpoint: &n.url, Retryer: sdkaws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
}

// newAuthority makes one, and the roots that hold it alone.
func newAuthority(t *testing.T) (*peer.Authority, *x509.CertPool) {
	t.Helper()
	authority, err := peer.NewAuthority(time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pem, _, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return authority, roots
}

// twoNodes starts two nodes with cells of an account each. The second one may be
// stopped before the test is over.
func twoNodes(t *testing.T, here, there []aws.Cell) (a, b *strictNode, stopB func()) {
	t.Helper()
	authority, roots := newAuthority(t)
	metA, metB := listenLocal(t), listenLocal(t)
	a = startNode(t, authority, roots, here[0].Account, here, metA, peer.Node{Address: metB.Addr().String(), Cells: there})
	t.Cleanup(a.stop)
	b = startNode(t, authority, roots, there[0].Account, there, metB, peer.Node{Address: metA.Addr().String(), Cells: here})
	stopB = sync.OnceFunc(b.stop)
	t.Cleanup(stopB)
	return a, b, stopB
}

// TestForwardByKey: of several nodes with cells in a Region the one that knows the
// key answers. While one of them is gone, it may be the one.
func TestForwardByKey(t *testing.T) {
	authority, roots := newAuthority(t)
	var cells [3][]aws.Cell
	var met [3]net.Listener
	for i := range cells {
		cells[i] = []aws.Cell{{Account: aws.Account(strings.Repeat(string(rune('1'+i)), 12)), Region: "us-east-1"}}
		met[i] = listenLocal(t)
	}
	var nodes [3]*strictNode
	for i := range nodes {
		var others []peer.Node
		for j := range nodes {
			if j != i {
				others = append(others, peer.Node{Address: met[j].Addr().String(), Cells: cells[j]})
			}
		}
		nodes[i] = startNode(t, authority, roots, cells[i][0].Account, cells[i], met[i], others...)
	}
	stop := sync.OnceFunc(nodes[1].stop)
	t.Cleanup(nodes[0].stop)
	t.Cleanup(stop)
	t.Cleanup(nodes[2].stop)
	list := func(key, secret string) error {
		_, err := nodes[0].client(key, secret, "us-east-1").ListTables(t.Context(), &dynamodb.ListTablesInput{})
		return err
	}
	for _, account := range []string{"222222222222", "333333333333"} {
		if err := list("KEY"+account, "secret"); err != nil {
			t.Errorf("a key of %s: %v", account, err)
		}
		wantErr(t, "a secret that is wrong", list("KEY"+account, "guessed"), "InvalidSignatureException", "")
	}
	wantErr(t, "a key that nobody has", list("KEY999", "secret"), "UnrecognizedClientException", "")
	stop()
	if err := list("KEY333333333333", "secret"); err != nil {
		t.Errorf("while another node is gone: %v", err)
	}
	wantErr(t, "a key that nobody has who answers", list("KEY222222222222", "secret"), "ServiceUnavailable", met[1].Addr().String())
}

// regional is the request for a table of the simplest kind.
func regional(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: sdkaws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: sdkaws.String("id"), KeyType: types.KeyTypeHash}},
	}
}

// TestReplicaElsewhere: UpdateTable makes a replica in a Region of its account that
// another node has, and deletes it; the policy of the table there is asked.
func TestReplicaElsewhere(t *testing.T) {
	const account = "111111111111"
	a, b, stopB := twoNodes(t, []aws.Cell{{Account: account, Region: "us-east-1"}}, []aws.Cell{{Account: account, Region: "eu-west-1"}})
	ctx, ca, cb := t.Context(), a.client("KEY"+account, "secret", "us-east-1"), b.client("KEY"+account, "secret", "eu-west-1")
	if _, err := ca.CreateTable(ctx, regional("Orders")); err != nil {
		t.Fatal(err)
	}
	update := func(u types.ReplicationGroupUpdate) error {
		_, err := ca.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: sdkaws.String("Orders"), ReplicaUpdates: []types.ReplicationGroupUpdate{u}})
		return err
	}
	create := types.ReplicationGroupUpdate{Create: &types.CreateReplicationGroupMemberAction{RegionName: sdkaws.String("eu-west-1")}}
	remove := types.ReplicationGroupUpdate{Delete: &types.DeleteReplicationGroupMemberAction{RegionName: sdkaws.String("eu-west-1")}}
	if err := update(create); err != nil {
		t.Fatal(err)
	}
	often := func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
		o.Retryable = func(_ context.Context, _ *dynamodb.DescribeTableInput, out *dynamodb.DescribeTableOutput, err error) (bool, error) {
			added := func(r types.ReplicaDescription) bool { return r.ReplicaStatus != types.ReplicaStatusActive }
			return err == nil && (out.Table.TableStatus != types.TableStatusActive || slices.ContainsFunc(out.Table.Replicas, added)), err
		}
	}
	for _, c := range []*dynamodb.Client{ca, cb} {
		if err := dynamodb.NewTableExistsWaiter(c, often).Wait(ctx, &dynamodb.DescribeTableInput{TableName: sdkaws.String("Orders")}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	arn := "arn:aws:dynamodb:eu-west-1:" + account + ":table/Orders"
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:DeleteTableReplica","Resource":"` + arn + `","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}}]}`
	if _, err := cb.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: &arn, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "a denial there", update(remove), "AccessDeniedException", "'AccessDeniedException':'User: arn:aws:iam::"+account+":root is not authorized to perform: dynamodb:DeleteTableReplica on resource: "+arn+" with an explicit deny in a resource-based policy'.")
	if _, err := cb.DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{ResourceArn: &arn}); err != nil {
		t.Fatal(err)
	}
	if err := update(remove); err != nil {
		t.Errorf("without the denial: %v", err)
	}
	stopB()
	wantErr(t, "a node that is gone", update(create), "ServiceUnavailable", "eu-west-1")
}

// TestForward: a call for a cell of another node is passed on to it. The signature
// of the cell's own account is verified there; of another account's call the node
// to which it came says who calls, and the table's policy decides.
func TestForward(t *testing.T) {
	a, b, stopB := twoNodes(t,
		[]aws.Cell{{Account: "111111111111", Region: "us-east-1"}},
		[]aws.Cell{{Account: "222222222222", Region: "eu-west-1"}, {Account: "222222222222", Region: "us-east-1"}})
	ctx := t.Context()
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		c := a.client("KEY222222222222", "secret", region)
		_, err := c.CreateTable(ctx, regional("Orders"))
		if err != nil {
			t.Fatalf("%s: %v", region, err)
		}
		if b.node.Cell(aws.Cell{Account: "222222222222", Region: aws.Region(region)}).Engine.Table("Orders") == nil {
			t.Errorf("%s: the other node has no table", region)
		}
	}
	item := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "1"}, "text": &types.AttributeValueMemberS{Value: strings.Repeat("x", 300_000)}}
	key := map[string]types.AttributeValue{"id": item["id"]}
	own := a.client("KEY222222222222", "secret", "us-east-1")
	if _, err := own.PutItem(ctx, &dynamodb.PutItemInput{TableName: sdkaws.String("Orders"), Item: item}); err != nil {
		t.Fatal(err)
	}
	if out, err := own.GetItem(ctx, &dynamodb.GetItemInput{TableName: sdkaws.String("Orders"), Key: key}); err != nil || len(out.Item) != 2 {
		t.Errorf("%v, %v", out, err)
	}
	arn := "arn:aws:dynamodb:us-east-1:222222222222:table/Orders"
	read := func(c *dynamodb.Client, table string) error {
		_, err := c.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key})
		return err
	}
	other := a.client("KEY111111111111", "secret", "us-east-1")
	wantErr(t, "without a policy", read(other, arn), "AccessDeniedException", "arn:aws:iam::111111111111:root")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"dynamodb:GetItem","Resource":"` + arn + `","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"Bool":{"aws:SecureTransport":"false"},"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}]}` // As the other node was called.
	if _, err := own.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: &arn, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	if err := read(other, arn); err != nil {
		t.Errorf("with a policy: %v", err)
	}
	wantErr(t, "a secret that is wrong", read(a.client("KEY222222222222", "guessed", "eu-west-1"), "Orders"), "InvalidSignatureException", "")
	wantErr(t, "a key that nobody has", read(a.client("KEY999", "secret", "eu-west-1"), "Orders"), "UnrecognizedClientException", "")
	wantErr(t, "a cell that nobody has", read(a.client("KEY111111111111", "secret", "sa-east-1"), "Orders"), "ValidationException", "This node does not serve")
	wantErr(t, "a Region that nobody has", read(a.client("KEY222222222222", "secret", "sa-east-1"), "Orders"), "UnrecognizedClientException", "")
	wantErr(t, "an error of the other node", read(a.client("KEY222222222222", "secret", "us-east-1"), "None"), "ResourceNotFoundException", "")

	stopB()
	wantErr(t, "a node that is gone", read(own, "Orders"), "ServiceUnavailable", "is on the node at 127.0.0.1:")
}

func wantErr(t *testing.T, what string, err error, code, words string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), words) {
		t.Errorf("%s: %v, want %s: %s", what, err, code, words)
	}
}
