"""Calls a Hortus server by boto3, as an application would.

usage: orders.py URL

It makes tables in two accounts, and fails on the first thing that is not as on
AWS.
"""

import decimal
import json
import sys
import time

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

URL = sys.argv[1]
STAGING, PROD = ("111111111111", "us-east-1"), ("222222222222", "eu-west-1")


def session(place):
    """The settings of a client of an account in a Region."""
    account, region = place
    return dict(endpoint_url=URL, region_name=region, aws_access_key_id=account, aws_secret_access_key="any")


def refused(exception, words, call, *args, **kwargs):
    """Wants call to raise an exception of a class, with words in its text."""
    try:
        call(*args, **kwargs)
    except exception as e:
        assert words in str(e), f"{e!r} does not say {words!r}"
        return e
    raise AssertionError(f"no {exception.__name__}")


def same(got, want):
    assert got == want, f"got  {got!r}\nwant {want!r}"


def every_type(key):
    return {
        "id": key,
        "s": 'text "quoted" ☃ 🌻',
        "n": decimal.Decimal("-1234567890.12345678901234567890123456"),
        "b": Binary(b"\x00\x01\xfe\xff"),
        "yes": True,
        "nothing": None,
        "ss": {"a", "b"},
        "ns": {decimal.Decimal(1), decimal.Decimal("2.5")},
        "bs": {Binary(b"1"), Binary(b"2")},
        "l": ["", decimal.Decimal(0), [], {}],
        "m": {"deep": {"deeper": decimal.Decimal(1)}},
    }


def tables():
    db = boto3.resource("dynamodb", **session(STAGING))
    orders = db.create_table(
        TableName="Orders",
        AttributeDefinitions=[
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "number", "AttributeType": "N"},
            {"AttributeName": "state", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-state",
                "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    orders.wait_until_exists()
    things = db.create_table(
        TableName="Things",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    things.wait_until_exists()
    same(things.provisioned_throughput["ReadCapacityUnits"], 5)
    same([t.name for t in db.tables.all()], ["Orders", "Things"])
    client = db.meta.client
    refused(client.exceptions.ResourceInUseException, "Things", client.create_table, TableName="Things",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")
    return orders, things


def items(things):
    client = things.meta.client
    want = every_type("1")
    things.put_item(Item=want)
    same(things.get_item(Key={"id": "1"}, ConsistentRead=True)["Item"], want)
    assert "Item" not in things.get_item(Key={"id": "2"})
    failed = refused(client.exceptions.ConditionalCheckFailedException, "The conditional request failed",
                     things.put_item, Item={"id": "1"}, ConditionExpression=Attr("id").not_exists(),
                     ReturnValuesOnConditionCheckFailure="ALL_OLD")
    same(failed.response["Item"]["id"], {"S": "1"})
    updated = things.update_item(
        Key={"id": "1"}, ReturnValues="ALL_NEW",
        UpdateExpression="SET #s = :s, l = list_append(l, :l) ADD visits :one, ss :ss REMOVE m.deep DELETE ns :ns",
        ConditionExpression=Attr("yes").eq(True) & Attr("n").lt(0) & Attr("m.deep.deeper").exists(),
        ExpressionAttributeNames={"#s": "s"},
        ExpressionAttributeValues={":s": "new", ":l": [1], ":one": 1, ":ss": {"c"}, ":ns": {1}},
    )["Attributes"]
    want.update(s="new", l=want["l"] + [1], visits=1, ss={"a", "b", "c"}, m={}, ns={decimal.Decimal("2.5")})
    same(updated, want)
    same(things.delete_item(Key={"id": "1"}, ReturnValues="ALL_OLD")["Attributes"], want)
    refused(client.exceptions.ResourceNotFoundException, "", client.get_item, TableName="Nowhere", Key={"id": {"S": "1"}})
    e = refused(ClientError, "Missing the key id in the item", client.put_item, TableName="Things", Item={"x": {"S": "1"}})
    same(e.response["Error"]["Code"], "ValidationException")
    same(e.response["ResponseMetadata"]["HTTPStatusCode"], 400)


def queries(orders):
    with orders.batch_writer() as batch:  # More than one batch's worth.
        for number in range(60):
            batch.put_item(Item={"customer": "ada" if number % 2 else "bob", "number": number,
                                 "state": ["open", "paid", "sent"][number % 3], "total": decimal.Decimal("9.95")})
    page = orders.query(KeyConditionExpression=Key("customer").eq("ada") & Key("number").between(10, 20))
    same([int(i["number"]) for i in page["Items"]], [11, 13, 15, 17, 19])
    page = orders.query(KeyConditionExpression=Key("customer").eq("bob"), ScanIndexForward=False, Limit=3)
    same([int(i["number"]) for i in page["Items"]], [58, 56, 54])
    rest = orders.query(KeyConditionExpression=Key("customer").eq("bob"), ScanIndexForward=False,
                        ExclusiveStartKey=page["LastEvaluatedKey"])
    same(rest["Count"], 27)
    page = orders.query(IndexName="by-state", KeyConditionExpression=Key("state").eq("paid"),
                        FilterExpression=Attr("number").gt(30) & Attr("customer").is_in(["ada"]))
    same((page["Count"], page["ScannedCount"]), (5, 20))
    client = orders.meta.client
    same(sum(len(p["Items"]) for p in client.get_paginator("scan").paginate(TableName="Orders", PaginationConfig={"PageSize": 7})), 60)
    keys = [{"customer": "ada", "number": n} for n in (1, 3, 999)]
    got = orders.meta.client.batch_get_item(RequestItems={"Orders": {"Keys": keys, "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "number"}}})
    same(sorted(int(i["number"]) for i in got["Responses"]["Orders"]), [1, 3])
    same(got["UnprocessedKeys"], {})


def statements(orders):
    """PartiQL, alone and together."""
    client = orders.meta.client
    run = client.execute_statement
    insert = dict(Statement="INSERT INTO \"Orders\" VALUE {'customer': ?, 'number': 1, 'lines': [1, {'sku': 'a'}]}", Parameters=["eve"])
    same(run(**insert)["Items"], [])
    refused(client.exceptions.DuplicateItemException, "Duplicate primary key exists in table", run, **insert)
    got = run(Statement="UPDATE Orders SET total = 5 WHERE customer = 'eve' AND number = 1 AND total IS MISSING RETURNING MODIFIED NEW *")
    same(got["Items"], [{"total": 5}])
    refused(client.exceptions.ConditionalCheckFailedException, "The conditional request failed",
            run, Statement="UPDATE Orders SET total = 6 WHERE customer = 'eve' AND number = 1 AND total = 1")
    numbers, more = [], {}
    while True:
        page = run(Statement="SELECT number FROM Orders WHERE customer IN ['ada', 'eve'] AND number < 8 ORDER BY customer DESC, number DESC", Limit=2, **more)
        numbers += [int(i["number"]) for i in page["Items"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    same(numbers, [1, 7, 5, 3, 1])
    refused(ClientError, "Invalid NextToken", run, Statement="SELECT * FROM Orders", NextToken="other")
    got = client.batch_execute_statement(Statements=[
        {"Statement": "SELECT lines[1].sku FROM Orders WHERE customer = 'eve' AND number = 1"}, {"Statement": "SELECT * FROM Orders"}])
    same(got["Responses"][0]["Item"], {"sku": "a"})
    same(got["Responses"][1]["Error"]["Code"], "ValidationError")
    e = refused(client.exceptions.TransactionCanceledException, "[ConditionalCheckFailed, None]", client.execute_transaction, TransactStatements=[
        {"Statement": "EXISTS(SELECT * FROM Orders WHERE customer = 'eve' AND number = 1 AND total = 9)"},
        {"Statement": "DELETE FROM Orders WHERE customer = 'ada' AND number = 1"}])
    same(e.response["CancellationReasons"][1], {"Code": "None"})
    client.execute_transaction(TransactStatements=[{"Statement": "DELETE FROM Orders WHERE customer = 'eve' AND number = 1"}])
    same(run(Statement="SELECT * FROM Orders WHERE customer = 'eve'")["Items"], [])


def policy(own, members):
    """The policy that a member of a multi-account global table needs."""
    arns = [f"arn:aws:dynamodb:{region}:{account}:table/Shared" for account, region in members]
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "replication.dynamodb.amazonaws.com"},
         "Action": ["dynamodb:ReadDataForReplication", "dynamodb:WriteDataForReplication", "dynamodb:ReplicateSettings"],
         "Resource": arns[members.index(own)],
         "Condition": {"StringEquals": {"aws:SourceAccount": [m[0] for m in members], "aws:SourceArn": arns}}},
        {"Effect": "Allow", "Principal": {"AWS": [m[0] for m in members if m != own]},
         "Action": "dynamodb:AssociateTableReplica", "Resource": arns[members.index(own)]},
    ]})


def accounts():
    """One table in two accounts."""
    members = [STAGING, PROD]
    staging, prod = (boto3.client("dynamodb", **session(m)) for m in members)
    if "GlobalTableSourceArn" not in staging.meta.service_model.operation_model("CreateTable").input_shape.members:
        print("this boto3 does not know GlobalTableSourceArn: no test of two accounts")
        return
    staging.create_table(
        TableName="Shared", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        GlobalTableSettingsReplicationMode="ENABLED",
    )
    staging.get_waiter("table_exists").wait(TableName="Shared")
    staging.put_item(TableName="Shared", Item={"id": {"S": "first"}})
    join = dict(TableName="Shared", GlobalTableSourceArn="arn:aws:dynamodb:us-east-1:111111111111:table/Shared",
                GlobalTableSettingsReplicationMode="ENABLED", ResourcePolicy=policy(PROD, members))
    e = refused(ClientError, "dynamodb:AssociateTableReplica", prod.create_table, **join)
    same(e.response["Error"]["Code"], "AccessDeniedException")
    same(prod.list_tables()["TableNames"], [])
    staging.put_resource_policy(ResourceArn=join["GlobalTableSourceArn"], Policy=policy(STAGING, members))
    prod.create_table(**join)
    prod.get_waiter("table_exists").wait(TableName="Shared", WaiterConfig={"Delay": 1})
    same(prod.get_item(TableName="Shared", Key={"id": {"S": "first"}})["Item"], {"id": {"S": "first"}})
    prod.put_item(TableName="Shared", Item={"id": {"S": "second"}})
    for _ in range(1000):
        if "Item" in staging.get_item(TableName="Shared", Key={"id": {"S": "second"}}, ConsistentRead=True):
            break
        time.sleep(0.01)
    else:
        raise AssertionError("what was written in one account does not come to the other")
    same(staging.describe_table(TableName="Shared")["Table"]["Replicas"][0]["RegionName"], "eu-west-1")
    roles()


def roles():
    """The roles that replicas need, as IAM shows them."""
    iam = boto3.client("iam", **session(STAGING))
    same([r["RoleName"] for r in iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1}).search("Roles[]")], ["AWSServiceRoleForDynamoDBGlobalTableSettingsManagement"])
    refused(iam.exceptions.NoSuchEntityException, "AWSServiceRoleForDynamoDBReplication", iam.get_role, RoleName="AWSServiceRoleForDynamoDBReplication")
    role = iam.create_service_linked_role(AWSServiceName="replication.dynamodb.amazonaws.com")["Role"]
    same(iam.get_role(RoleName=role["RoleName"])["Role"]["RoleId"], role["RoleId"])
    same(role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"], {"Service": "replication.dynamodb.amazonaws.com"})
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForDynamoDBGlobalTableSettingsManagement")["DeletionTaskId"]
    status = iam.get_service_linked_role_deletion_status(DeletionTaskId=task)
    same((status["Status"], status["Reason"]["RoleUsageList"]), ("FAILED", [{"Region": "us-east-1", "Resources": ["arn:aws:dynamodb:us-east-1:111111111111:table/Shared"]}]))


orders, things = tables()
items(things)
queries(orders)
statements(orders)
accounts()
orders.delete()
orders.wait_until_not_exists()
print("ok")
