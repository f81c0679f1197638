package router_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	sdkaws "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/router"
	"github.com/hortusdb/hortus/sigv4"
)

// askIAM calls IAM with parameters, in pairs, signed with a key for a Region.
func askIAM(t *testing.T, at string, key router.Credential, region, action string, parameters ...string) (int, string) {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	const contentType = "application/x-www-form-urlencoded; charset=utf-8"
	r := sigv4.Request{Method: http.MethodPost, Path: "/", Body: []byte(form.Encode()), Headers: []sigv4.Header{
		{Name: "content-type", Value: contentType}, {Name: "host", Value: strings.TrimPrefix(at, "http://")},
	}}
	(&sigv4.Signer{AccessKey: key.ID, Secret: key.Secret, Region: region, Service: "iam"}).Sign(&r, time.Now())
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Name] = h.Value
	}
	return postForm(t, at, form.Encode(), headers)
}

func postForm(t *testing.T, at, body string, headers map[string]string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for k, v := range headers {
		if k != "host" {
			req.Header.Set(k, v)
		}
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// element is the text of the first element of a name; "" where there is none.
func element(answer, name string) string {
	_, rest, _ := strings.Cut(answer, "<"+name+">")
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}

const replicationRole = "AWSServiceRoleForDynamoDBReplication"

// TestIAM: signatures are verified as for all services, roles are one for all Regions
// of an account and its alone, and looking for them makes no cell.
func TestIAM(t *testing.T) {
	w := newWorld(t)
	wrong, other := known, router.Credential{ID: "222222222222", Secret: "any"}
	wrong.Secret = "another"
	want := func(what string, status int, answer string, wantStatus int, text string) {
		t.Helper()
		if status != wantStatus || !strings.Contains(answer, text) || element(answer, "RequestId") == "" {
			t.Errorf("%s: %d %s, want %d %s", what, status, answer, wantStatus, text)
		}
	}
	status, answer := askIAM(t, w.url, known, "us-east-1", "ListRoles")
	want("no roles", status, answer, 200, "<Roles></Roles>")
	status, answer = askIAM(t, w.url, wrong, "us-east-1", "ListRoles")
	want("a wrong secret", status, answer, 403, "<Code>SignatureDoesNotMatch</Code>")
	status, answer = askIAM(t, w.url, known, "us-east-1", "CreateUser")
	want("not built", status, answer, 400, "<Code>InvalidAction</Code>")
	status, answer = postForm(t, w.url, "Action=ListRoles&Version=2010-05-08", nil)
	want("nobody", status, answer, 403, "<Code>MissingAuthenticationToken</Code>")
	if n := len(w.node.Cells()); n != 0 {
		t.Errorf("looking has made %d cells", n)
	}
	status, answer = askIAM(t, w.url, known, "us-east-1", "CreateServiceLinkedRole", "AWSServiceName", "replication.dynamodb.amazonaws.com")
	want("the role is made", status, answer, 200, "<RoleName>"+replicationRole)
	id := element(answer, "RoleId")
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		status, answer = askIAM(t, w.url, known, region, "GetRole", "RoleName", replicationRole)
		want("in "+region, status, answer, 200, id)
	}
	status, answer = askIAM(t, w.url, other, "us-east-1", "GetRole", "RoleName", replicationRole)
	want("in another account", status, answer, 404, "<Code>NoSuchEntity</Code>")
	if status, answer = postForm(t, w.url, "{}", map[string]string{"X-Amz-Target": "DynamoDB_20120810.ListTables", "Authorization": claims("111111111111", "us-east-1")}); status != 404 || answer != "<UnknownOperationException/>\n" {
		t.Errorf("DynamoDB's call as a form: %d %s", status, answer)
	}

	strict := newWorldWith(t, router.Options{Credentials: []router.Credential{known}, Strict: true})
	status, answer = askIAM(t, strict.url, other, "us-east-1", "ListRoles")
	want("an unknown key", status, answer, 403, "<Code>InvalidClientTokenId</Code>")
}

// TestIAMOfAccounts: an account gets the role that keeps settings with its first
// replica in a group of several accounts.
func TestIAMOfAccounts(t *testing.T) {
	w, _, _ := scaled(t)
	for _, account := range []string{"222222222222", "333333333333"} {
		_, answer := askIAM(t, w.url, router.Credential{ID: account, Secret: "any"}, "us-east-1", "ListRoles")
		if got := element(answer, "RoleName"); got != "AWSServiceRoleForDynamoDBGlobalTableSettingsManagement" || strings.Count(answer, "<RoleName>") != 1 {
			t.Errorf("%s has %s", account, answer)
		}
	}
}

// TestIAMOfNodes: a call of IAM is answered by a node that has cells of the account, a
// replica on another node has the same role as the first, and each node knows its own
// copy.
func TestIAMOfNodes(t *testing.T) {
	const account = "111111111111"
	key := router.Credential{ID: "KEY" + account, Secret: "secret"}
	a, b, _ := twoNodes(t, []aws.Cell{{Account: account, Region: "us-east-1"}}, []aws.Cell{{Account: account, Region: "eu-west-1"}})
	ca := a.client(key.ID, key.Secret, "us-east-1")
	if _, err := ca.CreateTable(t.Context(), regional("Orders")); err != nil {
		t.Fatal(err)
	}
	create := types.ReplicationGroupUpdate{Create: &types.CreateReplicationGroupMemberAction{RegionName: sdkaws.String("eu-west-1")}}
	if _, err := ca.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: sdkaws.String("Orders"), ReplicaUpdates: []types.ReplicationGroupUpdate{create}}); err != nil {
		t.Fatal(err)
	}
	_, first := askIAM(t, a.url, key, "us-east-1", "GetRole", "RoleName", replicationRole)
	_, second := askIAM(t, b.url, key, "us-east-1", "GetRole", "RoleName", replicationRole)
	if id := element(first, "RoleId"); id == "" || element(second, "RoleId") != id || element(second, "CreateDate") != element(first, "CreateDate") {
		t.Errorf("the nodes have\n%s\n%s", first, second)
	}
	_, answer := askIAM(t, b.url, key, "us-east-1", "DeleteServiceLinkedRole", "RoleName", replicationRole)
	_, answer = askIAM(t, b.url, key, "us-east-1", "GetServiceLinkedRoleDeletionStatus", "DeletionTaskId", element(answer, "DeletionTaskId"))
	if element(answer, "Status") != "FAILED" || element(answer, "Region") != "eu-west-1" {
		t.Errorf("the deletion came to %s", answer)
	}
}

// TestIAMElsewhere: a call of an account whose cells are on another node alone is
// passed on there, and its answer says its own request id.
func TestIAMElsewhere(t *testing.T) {
	theirs := router.Credential{ID: "KEY222222222222", Secret: "secret"}
	a, b, stop := twoNodes(t, []aws.Cell{{Account: "111111111111", Region: "us-east-1"}}, []aws.Cell{{Account: "222222222222", Region: "eu-west-1"}})
	status, answer := askIAM(t, a.url, theirs, "us-east-1", "CreateServiceLinkedRole", "AWSServiceName", "replication.dynamodb.amazonaws.com")
	if status != 200 || len(element(answer, "RequestId")) != 52 {
		t.Fatalf("%d %s", status, answer)
	}
	_, there := askIAM(t, b.url, theirs, "us-east-1", "GetRole", "RoleName", replicationRole)
	if id := element(answer, "RoleId"); id == "" || element(there, "RoleId") != id {
		t.Errorf("the other node has %s", there)
	}
	for _, c := range []struct {
		key    router.Credential
		status int
		code   string
	}{
		{router.Credential{ID: "KEY999", Secret: "secret"}, 403, "InvalidClientTokenId"},
		{router.Credential{ID: theirs.ID, Secret: "guessed"}, 403, "SignatureDoesNotMatch"},
	} {
		if status, answer := askIAM(t, a.url, c.key, "us-east-1", "ListRoles"); status != c.status || element(answer, "Code") != c.code {
			t.Errorf("%s: %d %s", c.key.ID, status, answer)
		}
	}
	stop()
	if status, answer := askIAM(t, a.url, theirs, "us-east-1", "ListRoles"); status != 503 || element(answer, "Code") != "ServiceUnavailable" {
		t.Errorf("a node that is gone: %d %s", status, answer)
	}
}
