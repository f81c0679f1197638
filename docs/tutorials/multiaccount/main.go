// Command multiaccount has one table in two accounts, with the AWS SDK for Go: the
// calls are those that a program makes on AWS. docs/tutorials/multi-account-sdk.md
// goes through it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const table = "MusicTable"

// account is one of the two: who it is, where its replica is, and its client.
type account struct {
	id, region string
	*dynamodb.Client
}

func (a account) arn() string {
	return fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", a.region, a.id, table)
}

func main() {
	endpoint := flag.String("endpoint", "http://127.0.0.1:8000", "the server; on AWS there is none to give")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := run(ctx, *endpoint); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, endpoint string) error {
	a := connect(endpoint, "111111111111", "us-east-2")
	b := connect(endpoint, "222222222222", "us-east-1")
	for _, step := range []func(context.Context, account, account) error{
		createSource, join, writeBoth, changeSettings, withholdLeave, leave,
	} {
		if err := step(ctx, a, b); err != nil {
			return err
		}
	}
	return nil
}

// connect makes an account's client. On AWS its credentials come from a profile.
func connect(endpoint, id, region string) account {
	return account{id, region, dynamodb.New(dynamodb.Options{
		Region: region, BaseEndpoint: aws.String(endpoint), Credentials: credentials.NewStaticCredentialsProvider(id, "any", ""),
	})}
}

// policy lets the replication service work for both, and the other account join.
func policy(own, other account) *string {
	type object map[string]any
	b, err := json.Marshal(object{"Version": "2012-10-17", "Statement": []object{
		{
			"Sid": "Replicate", "Effect": "Allow", "Principal": object{"Service": "replication.dynamodb.amazonaws.com"},
			"Action":   []string{"dynamodb:ReadDataForReplication", "dynamodb:WriteDataForReplication", "dynamodb:ReplicateSettings"},
			"Resource": own.arn(),
			"Condition": object{"StringEquals": object{
				"aws:SourceAccount": []string{own.id, other.id}, "aws:SourceArn": []string{own.arn(), other.arn()},
			}},
		},
		{"Sid": "Join", "Effect": "Allow", "Principal": object{"AWS": other.id}, "Action": "dynamodb:AssociateTableReplica", "Resource": own.arn()},
	}})
	if err != nil {
		panic(err) // Of strings, by what this program says itself.
	}
	return aws.String(string(b))
}

// createSource makes the table that others may join, with an item in it.
func createSource(ctx context.Context, a, b account) error {
	_, err := a.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("Artist"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("SongTitle"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("Artist"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("SongTitle"), KeyType: types.KeyTypeRange},
		},
		StreamSpecification:                &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages},
		GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled,
		ResourcePolicy:                     policy(a, b),
	})
	if err == nil {
		err = a.active(ctx)
	}
	if err != nil {
		return err
	}
	return a.put(ctx, "item_1", "Song Value 1")
}

// join adds the other account's replica. It names no keys: they are the source's.
func join(ctx context.Context, a, b account) error {
	_, err := b.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(table), GlobalTableSourceArn: aws.String(a.arn()),
		GlobalTableSettingsReplicationMode: types.GlobalTableSettingsReplicationModeEnabled,
		ResourcePolicy:                     policy(b, a),
	})
	if err == nil {
		err = b.active(ctx)
	}
	if err != nil {
		return err
	}
	for _, x := range []account{a, b} {
		if err := x.describe(ctx); err != nil {
			return err
		}
	}
	return b.wait(ctx, "item_1", "Song Value 1")
}

// writeBoth writes in each and reads it in the other.
func writeBoth(ctx context.Context, a, b account) error {
	return errors.Join(
		a.put(ctx, "item_2", "Song Value 2"), b.wait(ctx, "item_2", "Song Value 2"),
		b.put(ctx, "item_3", "Song Value 3"), a.wait(ctx, "item_3", "Song Value 3"),
	)
}

// changeSettings changes a setting in one that both have in step.
func changeSettings(ctx context.Context, a, b account) error {
	_, err := b.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               aws.String(table),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("Expires"), Enabled: aws.Bool(true)},
	})
	if err != nil {
		return err
	}
	return until(ctx, func() (bool, error) {
		out, err := a.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(table)})
		if err != nil || aws.ToString(out.TimeToLiveDescription.AttributeName) != "Expires" {
			return false, err
		}
		fmt.Printf("%s expires items by %s\n", a.region, *out.TimeToLiveDescription.AttributeName)
		return true, nil
	})
}

// withholdLeave takes one's policy away: its status says so, what is written waits,
// and comes once the policy is back.
func withholdLeave(ctx context.Context, a, b account) error {
	if _, err := b.DeleteResourcePolicy(ctx, &dynamodb.DeleteResourcePolicyInput{ResourceArn: aws.String(b.arn())}); err != nil {
		return err
	}
	err := until(ctx, func() (bool, error) {
		out, err := b.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
		return err == nil && out.Table.TableStatus == types.TableStatusReplicationNotAuthorized, err
	})
	if err != nil {
		return err
	}
	if err := errors.Join(b.describe(ctx), a.put(ctx, "item_4", "Song Value 4")); err != nil {
		return err
	}
	if _, err := b.PutResourcePolicy(ctx, &dynamodb.PutResourcePolicyInput{ResourceArn: aws.String(b.arn()), Policy: policy(b, a)}); err != nil {
		return err
	}
	return b.wait(ctx, "item_4", "Song Value 4")
}

// leave has one replica leave with its data: its protection is taken away first, by
// a call of its own.
func leave(ctx context.Context, a, b account) error {
	if err := b.active(ctx); err != nil {
		return err
	}
	_, err := b.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: aws.String(table), DisassociationProtectionEnabled: aws.Bool(false)})
	if err != nil {
		return err
	}
	_, err = b.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: aws.String(table),
		ReplicaUpdates: []types.ReplicationGroupUpdate{{Disassociate: &types.DisassociateReplicationGroupMemberAction{
			RegionName: aws.String(b.region), DisassociationMode: types.DisassociationModeWaitForReplication,
		}}},
	})
	if err != nil {
		return err
	}
	for _, x := range []account{b, a} {
		err := until(ctx, func() (bool, error) {
			out, err := x.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
			return err == nil && out.Table.TableStatus == types.TableStatusActive && len(out.Table.Replicas) == 0, err
		})
		if err != nil {
			return err
		}
		if err := x.describe(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a account) put(ctx context.Context, song, value string) error {
	_, err := a.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(table), Item: map[string]types.AttributeValue{
		"Artist": text(song), "SongTitle": text(value),
	}})
	return err
}

// wait reads an item until it is there.
func (a account) wait(ctx context.Context, song, value string) error {
	return until(ctx, func() (bool, error) {
		out, err := a.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: map[string]types.AttributeValue{
			"Artist": text(song), "SongTitle": text(value),
		}})
		if err != nil || out.Item == nil {
			return false, err
		}
		fmt.Printf("%s has %s\n", a.region, song)
		return true, nil
	})
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func (a account) active(ctx context.Context) error {
	return dynamodb.NewTableExistsWaiter(a).Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)}, 2*time.Minute,
		func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = time.Second })
}

// describe prints the status of a replica, and who the others are.
func (a account) describe(ctx context.Context) error {
	out, err := a.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
	if err != nil {
		return err
	}
	fmt.Printf("%s is %s", a.region, out.Table.TableStatus)
	for _, r := range out.Table.Replicas {
		fmt.Printf(", and %s is %s", *r.RegionName, r.ReplicaStatus)
	}
	fmt.Println()
	return nil
}

// until asks once in a tenth of a second.
func until(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
