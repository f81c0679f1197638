// DynamoDB-Toolbox: schemas with sets, lists, maps and defaults, update extensions,
// conditions, pages of a local and a global index, batches and transactions.
import assert from "node:assert/strict";
import { Table } from "dynamodb-toolbox/table";
import { Entity } from "dynamodb-toolbox/entity";
import { item } from "dynamodb-toolbox/schema/item";
import { string } from "dynamodb-toolbox/schema/string";
import { number } from "dynamodb-toolbox/schema/number";
import { set } from "dynamodb-toolbox/schema/set";
import { list } from "dynamodb-toolbox/schema/list";
import { map } from "dynamodb-toolbox/schema/map";
import { PutItemCommand } from "dynamodb-toolbox/entity/actions/put";
import { GetItemCommand } from "dynamodb-toolbox/entity/actions/get";
import { DeleteItemCommand } from "dynamodb-toolbox/entity/actions/delete";
import { UpdateItemCommand, $add, $append, $remove, $sum, $get, $delete } from "dynamodb-toolbox/entity/actions/update";
import { PutTransaction } from "dynamodb-toolbox/entity/actions/transactPut";
import { UpdateTransaction } from "dynamodb-toolbox/entity/actions/transactUpdate";
import { ConditionCheck } from "dynamodb-toolbox/entity/actions/transactCheck";
import { GetTransaction } from "dynamodb-toolbox/entity/actions/transactGet";
import { execute as transactWrite } from "dynamodb-toolbox/entity/actions/transactWrite";
import { execute as transactGet } from "dynamodb-toolbox/entity/actions/transactGet";
import { BatchPutRequest } from "dynamodb-toolbox/entity/actions/batchPut";
import { BatchGetRequest } from "dynamodb-toolbox/entity/actions/batchGet";
import { BatchWriteCommand, execute as batchWrite } from "dynamodb-toolbox/table/actions/batchWrite";
import { BatchGetCommand, execute as batchGet } from "dynamodb-toolbox/table/actions/batchGet";
import { QueryCommand } from "dynamodb-toolbox/table/actions/query";
import { ScanCommand } from "dynamodb-toolbox/table/actions/scan";
import { DynamoDBClient, CreateTableCommand, UpdateTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";

const [endpoint] = process.argv.slice(2);
const client = new DynamoDBClient({ endpoint, region: "eu-west-1", credentials: { accessKeyId: "111111111111", secretAccessKey: "any" } });
const documentClient = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
const key = (hash, range) => [{ AttributeName: hash, KeyType: "HASH" }, { AttributeName: range, KeyType: "RANGE" }];
await client.send(new CreateTableCommand({
  TableName: "orm-toolbox", BillingMode: "PAY_PER_REQUEST", KeySchema: key("shop", "sku"),
  AttributeDefinitions: [["shop", "S"], ["sku", "S"], ["kind", "S"], ["price", "N"]].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
  LocalSecondaryIndexes: [{ IndexName: "by-price", KeySchema: key("shop", "price"), Projection: { ProjectionType: "ALL" } }],
  GlobalSecondaryIndexes: [{ IndexName: "by-kind", KeySchema: key("kind", "price"), Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["stock", "_et", "_ct", "_md"] } }],
}));
await client.send(new UpdateTimeToLiveCommand({ TableName: "orm-toolbox", TimeToLiveSpecification: { AttributeName: "expires", Enabled: true } }));

const table = new Table({
  documentClient, name: "orm-toolbox", partitionKey: { name: "shop", type: "string" }, sortKey: { name: "sku", type: "string" },
  indexes: {
    "by-price": { type: "local", sortKey: { name: "price", type: "number" } },
    "by-kind": { type: "global", partitionKey: { name: "kind", type: "string" }, sortKey: { name: "price", type: "number" } },
  },
});
const product = new Entity({
  name: "product", table,
  schema: item({
    shop: string().key(), sku: string().key(), kind: string(), price: number(), stock: number().default(0),
    colors: set(string()).optional(), notes: list(string()).optional(), size: map({ w: number(), h: number().optional() }).optional(), expires: number().optional(),
  }),
});

const one = { shop: "s", sku: "p00", kind: "cup", price: 9.99, stock: 3, colors: new Set(["red"]), notes: ["old"], size: { w: 1, h: 2 } };
await product.build(PutItemCommand).item(one).options({ condition: { attr: "sku", exists: false } }).send();
await assert.rejects(product.build(PutItemCommand).item(one).options({ condition: { attr: "sku", exists: false } }).send(), { name: "ConditionalCheckFailedException" });
const got = await product.build(GetItemCommand).key({ shop: "s", sku: "p00" }).options({ consistent: true, attributes: ["price", "size.w", "colors"] }).send();
assert.equal(got.Item.price, 9.99);
assert.equal(got.Item.size.w, 1);

const updated = await product.build(UpdateItemCommand).item({
  shop: "s", sku: "p00", stock: $add(2), price: $sum($get("price"), 0.01), colors: $add(new Set(["blue"])), notes: $append(["new"]), size: { h: $remove() },
}).options({ returnValues: "ALL_NEW", condition: { and: [{ attr: "stock", gte: 3 }, { attr: "colors", contains: "red" }, { attr: "notes", size: true, eq: 1 }].slice(0, 2) } }).send();
assert.equal(updated.Attributes.stock, 5);
assert.equal(updated.Attributes.price, 10);
assert.deepEqual([...updated.Attributes.colors].sort(), ["blue", "red"]);
assert.deepEqual(updated.Attributes.notes, ["old", "new"]);
assert.deepEqual(updated.Attributes.size, { w: 1 });
await product.build(UpdateItemCommand).item({ shop: "s", sku: "p00", colors: $delete(new Set(["red", "blue"])) }).send();
assert.equal((await product.build(GetItemCommand).key({ shop: "s", sku: "p00" }).send()).Item.colors, undefined);

// Batches.
const more = Array.from({ length: 20 }, (_, i) => ({ shop: "s", sku: `p${String(i + 1).padStart(2, "0")}`, kind: i % 2 ? "cup" : "pot", price: i, stock: i }));
await batchWrite(table.build(BatchWriteCommand).requests(...more.map((p) => product.build(BatchPutRequest).item(p))));
const batch = await batchGet(table.build(BatchGetCommand).requests(...["p01", "p20", "p99"].map((sku) => product.build(BatchGetRequest).key({ shop: "s", sku }))));
assert.equal(batch.Responses[0].filter(Boolean).length, 2);

// Pages of the indexes.
const pages = async (query, options) => {
  const out = [];
  let exclusiveStartKey;
  do {
    const r = await table.build(QueryCommand).query(query).entities(product).options({ ...options, limit: 3, exclusiveStartKey }).send();
    out.push(...(r.Items ?? []));
    exclusiveStartKey = r.LastEvaluatedKey;
  } while (exclusiveStartKey);
  return out;
};
assert.deepEqual((await pages({ partition: "cup", index: "by-kind", range: { gte: 10 } }, { reverse: true, entityAttrFilter: false })).map((p) => p.price), [19, 17, 15, 13, 11, 10]);
assert.equal((await pages({ partition: "s", index: "by-price", range: { between: [3, 8] } }, { consistent: true })).length, 6);
assert.equal((await pages({ partition: "s", range: { beginsWith: "p1" } }, { filters: { product: { attr: "stock", gt: 12 } } })).length, 6);
const counted = await table.build(ScanCommand).entities(product).options({ select: "COUNT", segment: 0, totalSegments: 1 }).send();
assert.equal(counted.Count, 21);

// Transactions.
await transactWrite(
  product.build(UpdateTransaction).item({ shop: "s", sku: "p01", stock: $add(10) }),
  product.build(PutTransaction).item({ shop: "s", sku: "p50", kind: "pan", price: 1, stock: 1 }).options({ condition: { attr: "sku", exists: false } }),
  product.build(ConditionCheck).key({ shop: "s", sku: "p02" }).condition({ attr: "price", eq: 1 }),
);
await assert.rejects(transactWrite(
  product.build(UpdateTransaction).item({ shop: "s", sku: "p01", stock: $add(10) }),
  product.build(ConditionCheck).key({ shop: "s", sku: "p02" }).condition({ attr: "price", eq: 2 }),
), (e) => e.name === "TransactionCanceledException" && e.CancellationReasons[1].Code === "ConditionalCheckFailed");
const read = await transactGet(product.build(GetTransaction).key({ shop: "s", sku: "p01" }), product.build(GetTransaction).key({ shop: "s", sku: "p50" }));
assert.equal(read.Responses[0].Item.stock, 10);
assert.equal(read.Responses[1].Item.kind, "pan");
const gone = await product.build(DeleteItemCommand).key({ shop: "s", sku: "p50" }).options({ returnValues: "ALL_OLD" }).send();
assert.equal(gone.Attributes.price, 1);
console.log("ok");
