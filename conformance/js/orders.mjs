// Calls a Hortus server by the JavaScript SDK, as an application would.
//
// usage: node orders.mjs URL
//
// It makes tables in two accounts, and fails on the first thing that is not as
// on AWS. The server knows the key AKIDKNOWN with the secret "secret".
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ConditionalCheckFailedException, CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient,
  ListTablesCommand, PutItemCommand, GetItemCommand, PutResourcePolicyCommand, ResourceInUseException,
  ResourceNotFoundException, paginateListTables, waitUntilTableExists, waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand, BatchWriteCommand, DeleteCommand, DynamoDBDocumentClient, GetCommand, NumberValue, PutCommand,
  QueryCommand, ScanCommand, UpdateCommand, paginateQuery, paginateScan,
} from "@aws-sdk/lib-dynamodb";

const endpoint = process.argv[2];
const staging = { account: "111111111111", region: "us-east-1" };
const prod = { account: "222222222222", region: "eu-west-1" };

function clientOf(place, more = {}) {
  return new DynamoDBClient({
    endpoint, region: place.region, credentials: { accessKeyId: place.account, secretAccessKey: "any" }, ...more,
  });
}

const quick = (client) => ({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 2 });

const table = (name, ...keys) => ({
  TableName: name, BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
  KeySchema: keys.map(([AttributeName], i) => ({ AttributeName, KeyType: i ? "RANGE" : "HASH" })),
});

async function items(client) {
  const things = { TableName: "Things" };
  await client.send(new CreateTableCommand(table("Things", ["id", "S"])));
  await waitUntilTableExists(quick(client), things);
  await assert.rejects(client.send(new CreateTableCommand(table("Things", ["id", "S"]))), ResourceInUseException);

  // All ten types on the wire.
  const wire = {
    id: { S: "wire" }, n: { N: "-1234567890.12345678901234567890123456" }, b: { B: new Uint8Array([0, 1, 254, 255]) },
    yes: { BOOL: true }, nothing: { NULL: true }, ss: { SS: ["a", "b"] }, ns: { NS: ["1", "2.5"] },
    bs: { BS: [new Uint8Array([1]), new Uint8Array([2])] }, l: { L: [{ S: "" }, { L: [] }] }, m: { M: { deep: { M: {} } } },
  };
  await client.send(new PutItemCommand({ ...things, Item: wire }));
  assert.deepEqual((await client.send(new GetItemCommand({ ...things, Key: { id: { S: "wire" } } }))).Item, wire);

  const doc = DynamoDBDocumentClient.from(client);
  const item = { id: "1", text: 'a "b" \u2603 \u{1F33B}', count: 3, tags: new Set(["a", "b"]), list: [1, "x", null, false], deep: { er: {} }, raw: new Uint8Array([7]) };
  await doc.send(new PutCommand({ ...things, Item: item }));
  assert.deepEqual((await doc.send(new GetCommand({ ...things, Key: { id: "1" }, ConsistentRead: true }))).Item, item);
  await assert.rejects(
    doc.send(new PutCommand({ ...things, Item: { id: "1" }, ConditionExpression: "attribute_not_exists(id)", ReturnValuesOnConditionCheckFailure: "ALL_OLD" })),
    (e) => e instanceof ConditionalCheckFailedException && e.Item.count.N === "3" && e.message === "The conditional request failed",
  );
  const updated = await doc.send(new UpdateCommand({
    ...things, Key: { id: "1" }, ReturnValues: "UPDATED_NEW",
    UpdateExpression: "SET #t = :t, deep.er = :big ADD #c :two REMOVE list[0]", ConditionExpression: "size(list) = :four",
    ExpressionAttributeNames: { "#t": "text", "#c": "count" },
    ExpressionAttributeValues: { ":t": "new", ":two": 2, ":four": 4, ":big": NumberValue.from("12345678901234567890") },
  })).catch((e) => e);
  assert.equal(updated.name, "ValidationException"); // "list" is a reserved word.
  assert.match(updated.message, /reserved keyword: list/);
  const good = await doc.send(new UpdateCommand({
    ...things, Key: { id: "1" }, ReturnValues: "ALL_NEW",
    UpdateExpression: "SET #t = :t, deep.er = :big ADD #c :two REMOVE #l[0]", ConditionExpression: "size(#l) = :four",
    ExpressionAttributeNames: { "#t": "text", "#c": "count", "#l": "list" },
    ExpressionAttributeValues: { ":t": "new", ":two": 2, ":four": 4, ":big": 12 },
  }));
  assert.deepEqual(good.Attributes, { ...item, text: "new", count: 5, list: ["x", null, false], deep: { er: 12 } });
  const gone = await doc.send(new DeleteCommand({ ...things, Key: { id: "1" }, ReturnValues: "ALL_OLD" }));
  assert.deepEqual(gone.Attributes, good.Attributes);
  await assert.rejects(doc.send(new GetCommand({ TableName: "Nowhere", Key: { id: "1" } })), ResourceNotFoundException);
  await assert.rejects(doc.send(new PutCommand({ ...things, Item: { other: 1 } })), { name: "ValidationException", message: /Missing the key id in the item/ });
}

async function queries(client) {
  const doc = DynamoDBDocumentClient.from(client);
  const lines = { TableName: "Lines" };
  await client.send(new CreateTableCommand(table("Lines", ["order", "S"], ["line", "N"])));
  await waitUntilTableExists(quick(client), lines);
  for (let from = 0; from < 75; from += 25) {
    const puts = Array.from({ length: 25 }, (_, i) => ({ PutRequest: { Item: { order: `o-${i % 3}`, line: from + i, price: i } } }));
    const out = await doc.send(new BatchWriteCommand({ RequestItems: { Lines: puts } }));
    assert.deepEqual(out.UnprocessedItems, {});
  }
  const q = { ...lines, KeyConditionExpression: "#o = :o AND line < :l", ExpressionAttributeNames: { "#o": "order" }, ExpressionAttributeValues: { ":o": "o-1", ":l": 20 } };
  assert.deepEqual((await doc.send(new QueryCommand(q))).Items.map((i) => i.line), [1, 4, 7, 10, 13, 16, 19]);
  const seen = [];
  for await (const page of paginateQuery({ client: doc, pageSize: 4 }, { ...q, ScanIndexForward: false })) seen.push(...page.Items.map((i) => i.line));
  assert.deepEqual(seen, [19, 16, 13, 10, 7, 4, 1]);
  let scanned = 0;
  for await (const page of paginateScan({ client: doc, pageSize: 10 }, { ...lines })) scanned += page.Count;
  assert.equal(scanned, 75);
  const segments = await Promise.all([0, 1, 2, 3].map((Segment) => doc.send(new ScanCommand({ ...lines, Segment, TotalSegments: 4, Select: "COUNT" }))));
  assert.equal(segments.reduce((sum, s) => sum + s.Count, 0), 75);
  const got = await doc.send(new BatchGetCommand({ RequestItems: { Lines: { Keys: [{ order: "o-1", line: 1 }, { order: "o-1", line: 2 }] } } }));
  assert.deepEqual(got.Responses.Lines, [{ order: "o-1", line: 1, price: 1 }]);
}

function policy(own, members) {
  const arn = ({ account, region }) => `arn:aws:dynamodb:${region}:${account}:table/Shared`;
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow", Principal: { Service: "replication.dynamodb.amazonaws.com" }, Resource: arn(own),
        Action: ["dynamodb:ReadDataForReplication", "dynamodb:WriteDataForReplication", "dynamodb:ReplicateSettings"],
        Condition: { StringEquals: { "aws:SourceAccount": members.map((m) => m.account), "aws:SourceArn": members.map(arn) } },
      },
      { Effect: "Allow", Principal: { AWS: members.filter((m) => m !== own).map((m) => m.account) }, Action: "dynamodb:AssociateTableReplica", Resource: arn(own) },
    ],
  });
}

async function accounts(here) {
  const there = clientOf(prod);
  const shared = { TableName: "Shared" };
  const source = "arn:aws:dynamodb:us-east-1:111111111111:table/Shared";
  const members = [staging, prod];
  await here.send(new CreateTableCommand({ ...table("Shared", ["id", "S"]), GlobalTableSettingsReplicationMode: "ENABLED" }));
  await here.send(new PutItemCommand({ ...shared, Item: { id: { S: "first" } } }));
  const join = new CreateTableCommand({ ...shared, GlobalTableSourceArn: source, GlobalTableSettingsReplicationMode: "ENABLED", ResourcePolicy: policy(prod, members) });
  await assert.rejects(there.send(join), { name: "AccessDeniedException", message: /dynamodb:AssociateTableReplica/ });
  assert.deepEqual((await there.send(new ListTablesCommand({}))).TableNames, []);
  await here.send(new PutResourcePolicyCommand({ ResourceArn: source, Policy: policy(staging, members) }));
  await there.send(join);
  await waitUntilTableExists(quick(there), shared);
  assert.deepEqual((await there.send(new GetItemCommand({ ...shared, Key: { id: { S: "first" } } }))).Item, { id: { S: "first" } });
  await there.send(new PutItemCommand({ ...shared, Item: { id: { S: "second" }, from: { S: "prod" } } }));
  for (let i = 0; ; i++) {
    const { Item } = await here.send(new GetItemCommand({ ...shared, Key: { id: { S: "second" } } }));
    if (Item) break;
    assert.ok(i < 1000, "what was written in one account does not come to the other");
    await sleep(10);
  }
  const { Table } = await here.send(new DescribeTableCommand(shared));
  assert.deepEqual(Table.Replicas.map((r) => [r.RegionName, r.ReplicaStatus]), [["eu-west-1", "ACTIVE"]]);
}

// signatures: a client whose clock is an hour slow corrects itself by the
// server's; a wrong secret is refused.
async function signatures() {
  const known = { accessKeyId: "AKIDKNOWN", secretAccessKey: "secret" };
  const slow = clientOf(staging, { credentials: known, systemClockOffset: -3600_000 });
  await slow.send(new ListTablesCommand({}));
  const wrong = clientOf(staging, { credentials: { ...known, secretAccessKey: "wrong" } });
  await assert.rejects(wrong.send(new ListTablesCommand({})), { name: "InvalidSignatureException" });
}

const here = clientOf(staging);
await items(here);
await queries(here);
await accounts(here);
await signatures();
const names = [];
for await (const page of paginateListTables({ client: here, pageSize: 2 }, {})) names.push(...page.TableNames);
assert.deepEqual(names, ["Lines", "Shared", "Things"]);
await here.send(new DeleteTableCommand({ TableName: "Lines" }));
await waitUntilTableNotExists(quick(here), { TableName: "Lines" });
console.log("ok");
