// dynamoose: a table with an index and expiry, puts, queries by index with pages,
// conditional updates, a transaction and batches.
import assert from "node:assert/strict";
import dynamoose from "dynamoose";
import { DynamoDBClient, DescribeTableCommand, DescribeTimeToLiveCommand } from "@aws-sdk/client-dynamodb";

const [endpoint] = process.argv.slice(2);
const settings = { endpoint, region: "eu-west-1", credentials: { accessKeyId: "111111111111", secretAccessKey: "any" } };
const client = new DynamoDBClient(settings);
dynamoose.aws.ddb.set(new dynamoose.aws.ddb.DynamoDB(settings));

const Order = dynamoose.model("Order", new dynamoose.Schema({
  customer: { type: String, hashKey: true },
  number: { type: Number, rangeKey: true },
  status: { type: String, index: { name: "by-status", type: "global", rangeKey: "number" } },
  total: { type: Number, validate: (v) => v >= 0 },
  lines: { type: Array, schema: [{ type: Object, schema: { sku: String, count: Number } }] },
  tags: { type: Set, schema: [String] },
  paid: Boolean,
}, { saveUnknown: false, timestamps: true }));
const Account = dynamoose.model("Account", new dynamoose.Schema({ id: String, orders: Number }));
const options = { waitForActive: { enabled: true }, initialize: false };
const orders = new dynamoose.Table("orm-dynamoose", [Order], { ...options, expires: { ttl: 86400, attribute: "expires" } });
const accounts = new dynamoose.Table("orm-dynamoose-accounts", [Account], options);
await orders.initialize();
await accounts.initialize();

// Create, and read back.
await Order.create({ customer: "ada", number: 1, status: "open", total: 12.5, lines: [{ sku: "a", count: 2 }], tags: new Set(["new", "gift"]), paid: false });
const first = await Order.get({ customer: "ada", number: 1 });
assert.equal(first.total, 12.5);
assert.deepEqual([...first.tags].sort(), ["gift", "new"]);
assert.deepEqual(first.lines, [{ sku: "a", count: 2 }]);
await assert.rejects(Order.create({ customer: "ada", number: 1, status: "open", total: 1 }), { name: "ConditionalCheckFailedException" });

// The table that it made.
const { Table } = await client.send(new DescribeTableCommand({ TableName: "orm-dynamoose" }));
assert.equal(Table.TableStatus, "ACTIVE");
assert.deepEqual(Table.GlobalSecondaryIndexes.map((i) => i.IndexName), ["by-status"]);
const ttl = await client.send(new DescribeTimeToLiveCommand({ TableName: "orm-dynamoose" }));
assert.equal(ttl.TimeToLiveDescription.AttributeName, "expires");

// Batches, then pages of the index.
await Order.batchPut(Array.from({ length: 24 }, (_, i) => ({ customer: "ada", number: i + 2, status: i % 2 ? "open" : "done", total: i })));
const got = await Order.batchGet([2, 3, 99].map((number) => ({ customer: "ada", number })));
assert.equal(got.length, 2);
let numbers = [], last;
do {
  let q = Order.query("status").eq("open").using("by-status").sort("descending").limit(5);
  if (last) q = q.startAt(last);
  const page = await q.exec();
  numbers.push(...page.map((o) => o.number));
  last = page.lastKey;
} while (last);
assert.deepEqual(numbers, [25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1]);
assert.equal((await Order.query("customer").eq("ada").where("number").between(3, 6).filter("total").gt(2).count().exec()).count, 2);
assert.equal((await Order.scan("status").eq("done").all().exec()).length, 12);

// Updates with conditions.
const open = new dynamoose.Condition().where("status").eq("open");
const updated = await Order.update({ customer: "ada", number: 1 }, { $SET: { status: "paid", paid: true }, $ADD: { total: 1 } }, { condition: open, return: "item" });
assert.equal(updated.total, 13.5);
await assert.rejects(Order.update({ customer: "ada", number: 1 }, { paid: false }, { condition: open }), { name: "ConditionalCheckFailedException" });

// Transactions: all, or none.
await Account.create({ id: "ada", orders: 1 });
await dynamoose.transaction([
  Account.transaction.update({ id: "ada" }, { $ADD: { orders: 1 } }),
  Order.transaction.create({ customer: "ada", number: 50, status: "open", total: 3 }),
  Order.transaction.delete({ customer: "ada", number: 2 }),
]);
await assert.rejects(dynamoose.transaction([
  Account.transaction.update({ id: "ada" }, { $ADD: { orders: 1 } }),
  Order.transaction.create({ customer: "ada", number: 50, status: "open", total: 4 }),
]), { name: "TransactionCanceledException" });
assert.equal((await Account.get("ada")).orders, 2);
const both = await dynamoose.transaction([Account.transaction.get("ada"), Order.transaction.get({ customer: "ada", number: 50 })]);
assert.equal(both.length, 2);
assert.equal(await Order.get({ customer: "ada", number: 2 }), undefined);

await Order.batchDelete([3, 4].map((number) => ({ customer: "ada", number })));
await Order.delete({ customer: "ada", number: 5 });
assert.equal((await Order.query("customer").eq("ada").all().exec()).length, 22);
console.log("ok");
