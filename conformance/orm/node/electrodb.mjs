// ElectroDB: two entities in one table, collections over an index, conditions,
// pages, batches, transactions and its patches of lists and sets.
import assert from "node:assert/strict";
import { Entity, Service, createSchema } from "electrodb";
import { DynamoDBClient, CreateTableCommand, UpdateTimeToLiveCommand } from "@aws-sdk/client-dynamodb";

const [endpoint] = process.argv.slice(2);
const client = new DynamoDBClient({ endpoint, region: "eu-west-1", credentials: { accessKeyId: "111111111111", secretAccessKey: "any" } });
const table = "orm-electrodb";
await client.send(new CreateTableCommand({
  TableName: table, BillingMode: "PAY_PER_REQUEST",
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
  AttributeDefinitions: ["pk", "sk", "gsi1pk", "gsi1sk"].map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
  GlobalSecondaryIndexes: [{
    IndexName: "gsi1", Projection: { ProjectionType: "ALL" },
    KeySchema: [{ AttributeName: "gsi1pk", KeyType: "HASH" }, { AttributeName: "gsi1sk", KeyType: "RANGE" }],
  }],
}));
await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification: { AttributeName: "expires", Enabled: true } }));

const indexes = (sort) => ({
  main: { pk: { field: "pk", composite: ["team"] }, sk: { field: "sk", composite: sort } },
  byPlace: { index: "gsi1", collection: "placed", pk: { field: "gsi1pk", composite: ["place"] }, sk: { field: "gsi1sk", composite: sort } },
});
const Task = new Entity({
  model: { entity: "task", version: "1", service: "work" },
  attributes: {
    team: { type: "string", required: true }, task: { type: "string", required: true }, place: { type: "string", required: true },
    points: { type: "number", default: 1 }, done: { type: "boolean", default: false }, labels: { type: "set", items: "string" },
    log: { type: "list", items: { type: "string" } }, owner: { type: "map", properties: { name: { type: "string" }, since: { type: "number" } } },
    expires: { type: "number" },
  },
  indexes: indexes(["task"]),
}, { client, table });
const Person = new Entity({
  model: { entity: "person", version: "1", service: "work" },
  attributes: { team: { type: "string", required: true }, person: { type: "string", required: true }, place: { type: "string", required: true }, tasks: { type: "number", default: 0 } },
  indexes: indexes(["person"]),
}, { client, table });
const work = new Service({ task: Task, person: Person }, { client, table });

await Task.create({ team: "blue", task: "t01", place: "oslo", labels: ["x"], log: ["made"], owner: { name: "ada", since: 1 } }).go();
await assert.rejects(Task.create({ team: "blue", task: "t01", place: "oslo" }).go(), /conditional request failed/i);
await Person.create({ team: "blue", person: "ada", place: "oslo" }).go();

// Patches of numbers, sets, lists and maps; conditions.
const patched = await Task.patch({ team: "blue", task: "t01" })
  .add({ points: 4, labels: ["y"] }).append({ log: ["seen"] }).set({ done: true })
  .data(({ owner }, { set }) => set(owner.since, 2))
  .where(({ done }, { eq }) => eq(done, false)).go({ response: "all_new" });
assert.equal(patched.data.points, 5);
assert.deepEqual([...patched.data.labels].sort(), ["x", "y"]);
assert.deepEqual(patched.data.log, ["made", "seen"]);
assert.deepEqual(patched.data.owner, { name: "ada", since: 2 });
await assert.rejects(Task.patch({ team: "blue", task: "t01" }).set({ points: 1 }).where(({ done }, { eq }) => eq(done, false)).go(), /conditional request failed/i);
await assert.rejects(Task.patch({ team: "blue", task: "none" }).set({ points: 1 }).go(), /conditional request failed/i);
const upserted = await Task.upsert({ team: "blue", task: "t02", place: "oslo", points: 7 }).go({ response: "all_new" });
assert.equal(upserted.data.points, 7);

// A batch, and pages of queries.
const many = Array.from({ length: 40 }, (_, i) => ({ team: "red", task: `t${String(i).padStart(2, "0")}`, place: i % 2 ? "oslo" : "rome", points: i }));
const put = await Task.put(many).go();
assert.equal(put.unprocessed.length, 0);
const some = await Task.get([{ team: "red", task: "t00" }, { team: "red", task: "t39" }, { team: "red", task: "t77" }]).go();
assert.equal(some.data.length, 2);
let cursor = null, seen = [];
do {
  const page = await Task.query.main({ team: "red" }).gte({ task: "t10" }).go({ cursor, limit: 7, order: "desc" });
  seen.push(...page.data.map((t) => t.task));
  cursor = page.cursor;
} while (cursor !== null);
assert.equal(seen.length, 30);
assert.deepEqual(seen.slice(0, 3), ["t39", "t38", "t37"]);
const filtered = await Task.query.main({ team: "red" }).between({ task: "t00" }, { task: "t09" }).where(({ points }, { gt }) => gt(points, 5)).go({ pages: "all" });
assert.deepEqual(filtered.data.map((t) => t.points), [6, 7, 8, 9]);
const placed = await work.collections.placed({ place: "oslo" }).go({ pages: "all" });
assert.equal(placed.data.task.length, 22);
assert.equal(placed.data.person.length, 1);
assert.equal((await Task.scan.go({ pages: "all" })).data.length, 42);

// Transactions.
const good = await work.transaction.write(({ task, person }) => [
  person.patch({ team: "blue", person: "ada" }).add({ tasks: 1 }).commit(),
  task.create({ team: "blue", task: "t03", place: "oslo" }).commit(),
  task.check({ team: "blue", task: "t01" }).where(({ done }, { eq }) => eq(done, true)).commit(),
]).go();
assert.equal(good.canceled, false);
const bad = await work.transaction.write(({ task, person }) => [
  person.patch({ team: "blue", person: "ada" }).add({ tasks: 1 }).commit(),
  task.create({ team: "blue", task: "t03", place: "oslo" }).commit({ response: "all_old" }),
]).go();
assert.equal(bad.canceled, true);
assert.deepEqual(bad.data.map((r) => r.code), ["None", "ConditionalCheckFailed"]);
assert.equal(bad.data[1].item.task, "t03");
const read = await work.transaction.get(({ task, person }) => [
  person.get({ team: "blue", person: "ada" }).commit(), task.get({ team: "blue", task: "t03" }).commit(),
]).go();
assert.equal(read.data[0].item.tasks, 1);
assert.equal(read.data[1].item.task, "t03");

await Task.delete(many.slice(0, 10).map(({ team, task }) => ({ team, task }))).go();
await Task.remove({ team: "blue", task: "t03" }).go();
assert.equal((await Task.query.main({ team: "red" }).go({ pages: "all" })).data.length, 30);
console.log("ok");
