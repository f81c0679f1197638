#!/usr/bin/env bash
# Calls a Hortus server by the AWS CLI, as a person would.
#
# usage: orders.sh URL HORTUS_BINARY
#
# It makes tables in two accounts, and fails on the first thing that is not as
# on AWS.
set -euo pipefail
url=$1 hortus=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export AWS_SECRET_ACCESS_KEY=any AWS_PAGER='' AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

fail() {
  echo "orders.sh: line ${BASH_LINENO[1]}: $*" >&2
  exit 1
}
staging() { AWS_ACCESS_KEY_ID=111111111111 aws dynamodb "$@" --region us-east-1 --endpoint-url "$url"; }
roles() { AWS_ACCESS_KEY_ID=111111111111 aws iam "$@" --region us-east-1 --endpoint-url "$url"; }
prod() { AWS_ACCESS_KEY_ID=222222222222 aws dynamodb "$@" --region eu-west-1 --endpoint-url "$url"; }
# is WANT COMMAND...: the command prints WANT.
is() {
  local want=$1 got
  shift
  got=$("$@") || fail "$* failed"
  [[ $got == "$want" ]] || fail "$* printed '$got', want '$want'"
}
# refused WORD COMMAND...: the command fails and says WORD.
refused() {
  local word=$1
  shift
  if "$@" >"$scratch/out" 2>&1; then fail "$* was not refused"; fi
  grep -q -- "$word" "$scratch/out" || fail "$* said $(cat "$scratch/out"), want $word"
}

# A table, items of all ten types, a condition, an update, a query.
staging create-table --table-name Orders --billing-mode PAY_PER_REQUEST \
  --attribute-definitions AttributeName=customer,AttributeType=S AttributeName=number,AttributeType=N \
  --key-schema AttributeName=customer,KeyType=HASH AttributeName=number,KeyType=RANGE >"$scratch/out"
staging wait table-exists --table-name Orders
is ACTIVE staging describe-table --table-name Orders --query Table.TableStatus --output text
key='{"customer":{"S":"ada"},"number":{"N":"1"}}'
cat >"$scratch/item.json" <<'ITEM'
{"customer":{"S":"ada"},"number":{"N":"1"},"b":{"B":"AAH+/w=="},"yes":{"BOOL":true},"none":{"NULL":true},
 "ss":{"SS":["a","b"]},"ns":{"NS":["1","2.5"]},"bs":{"BS":["AQ==","Ag=="]},"l":{"L":[{"S":""},{"N":"0"}]},"m":{"M":{"deep":{"M":{}}}}}
ITEM
staging put-item --table-name Orders --item "file://$scratch/item.json"
is $'2\tTrue\t2.5' staging get-item --table-name Orders --key "$key" --consistent-read \
  --query 'Item.[length(l.L), yes.BOOL, ns.NS[1]]' --output text
refused ConditionalCheckFailedException staging put-item --table-name Orders --item "$key" --condition-expression 'attribute_not_exists(customer)'
is 5 staging update-item --table-name Orders --key "$key" --update-expression 'ADD visits :n' \
  --expression-attribute-values '{":n":{"N":"5"}}' --return-values UPDATED_NEW --query Attributes.visits.N --output text
staging batch-write-item --request-items '{"Orders":[{"PutRequest":{"Item":{"customer":{"S":"ada"},"number":{"N":"2"}}}},{"PutRequest":{"Item":{"customer":{"S":"bob"},"number":{"N":"3"}}}}]}' >"$scratch/out"
is $'2\t1' staging query --table-name Orders --key-condition-expression 'customer = :c' --no-scan-index-forward \
  --expression-attribute-values '{":c":{"S":"ada"}}' --query 'Items[].number.N' --output text
is 3 staging scan --table-name Orders --page-size 1 --query 'length(Items)' --output json
is 2 staging batch-get-item --request-items "{\"Orders\":{\"Keys\":[$key,{\"customer\":{\"S\":\"bob\"},\"number\":{\"N\":\"3\"}},{\"customer\":{\"S\":\"eve\"},\"number\":{\"N\":\"3\"}}]}}" \
  --query 'length(Responses.Orders)' --output text
staging delete-item --table-name Orders --key "$key"
is 2 staging scan --table-name Orders --select COUNT --query Count --output text
refused ResourceNotFoundException staging get-item --table-name Nowhere --key "$key"
refused 'Missing the key customer in the item' staging put-item --table-name Orders --item '{"x":{"S":"1"}}'
arn=arn:aws:dynamodb:us-east-1:111111111111:table
staging tag-resource --resource-arn $arn/Orders --tags Key=team,Value=orders
is orders staging list-tags-of-resource --resource-arn $arn/Orders --query 'Tags[0].Value' --output text
is 40000 staging describe-limits --query TableMaxReadCapacityUnits --output text

# One table in two accounts.
policy() { # OWN_ARN OTHER_ACCOUNT
  cat <<POLICY
{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"Service":"replication.dynamodb.amazonaws.com"},"Resource":"$1",
  "Action":["dynamodb:ReadDataForReplication","dynamodb:WriteDataForReplication","dynamodb:ReplicateSettings"],
  "Condition":{"StringEquals":{"aws:SourceAccount":["111111111111","222222222222"],
   "aws:SourceArn":["$arn/Shared","arn:aws:dynamodb:eu-west-1:222222222222:table/Shared"]}}},
 {"Effect":"Allow","Principal":{"AWS":"$2"},"Action":"dynamodb:AssociateTableReplica","Resource":"$1"}]}
POLICY
}
staging create-table --generate-cli-skeleton >"$scratch/out"
if grep -q GlobalTableSourceArn "$scratch/out"; then
  staging create-table --table-name Shared --billing-mode PAY_PER_REQUEST --global-table-settings-replication-mode ENABLED \
    --attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH >"$scratch/out"
  staging put-item --table-name Shared --item '{"id":{"S":"first"}}'
  join=(create-table --table-name Shared --global-table-source-arn $arn/Shared --global-table-settings-replication-mode ENABLED
    --resource-policy "$(policy arn:aws:dynamodb:eu-west-1:222222222222:table/Shared 111111111111)")
  refused AccessDeniedException prod "${join[@]}"
  is '' prod list-tables --query 'TableNames' --output text
  staging put-resource-policy --resource-arn $arn/Shared --policy "$(policy $arn/Shared 222222222222)" >"$scratch/out"
  prod "${join[@]}" >"$scratch/out"
  for ((i = 0; i < 60; i++)); do
    [[ $(prod describe-table --table-name Shared --query Table.TableStatus --output text) == ACTIVE ]] && break
  done
  is first prod get-item --table-name Shared --key '{"id":{"S":"first"}}' --query Item.id.S --output text
  prod put-item --table-name Shared --item '{"id":{"S":"second"}}'
  for ((i = 0; i < 60; i++)); do
    [[ $(staging scan --table-name Shared --query Count --output text) == 2 ]] && break
  done
  is second staging get-item --table-name Shared --key '{"id":{"S":"second"}}' --query Item.id.S --output text
  # The role that it needs.
  is AWSServiceRoleForDynamoDBGlobalTableSettingsManagement roles list-roles --query 'Roles[].RoleName' --output text
  refused NoSuchEntity roles get-role --role-name AWSServiceRoleForDynamoDBReplication
  task=$(roles delete-service-linked-role --role-name AWSServiceRoleForDynamoDBGlobalTableSettingsManagement --query DeletionTaskId --output text)
  is $'FAILED\t'$arn/Shared roles get-service-linked-role-deletion-status --deletion-task-id "$task" --query '[Status, Reason.RoleUsageList[0].Resources[0]]' --output text
  "$hortus" replication status --endpoint "$url" | grep Shared >/dev/null || fail "hortus replication status does not show the table"
else
  echo "this AWS CLI does not know --global-table-source-arn: no test of two accounts"
fi

staging delete-table --table-name Orders >"$scratch/out"
staging wait table-not-exists --table-name Orders
echo ok
