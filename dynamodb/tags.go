package dynamodb

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hortusdb/hortus/api"
	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/conflict"
	"github.com/hortusdb/hortus/table"
)

// settingPrefix begins the tags that are settings of Hortus. They come with
// CreateTable and stay; later they are changed through Hortus's own service.
const settingPrefix = "hortus:"

// newTags reads the tags of a new table.
func newTags(given []types.Tag) ([]table.Tag, error) {
	if err := checkTags(given); err != nil {
		return nil, err
	}
	for _, t := range given {
		if !strings.HasPrefix(*t.Key, settingPrefix) {
			continue
		}
		switch *t.Key {
		case table.ConflictTag:
			if !conflict.Rule(*t.Value).Known() {
				return nil, aws.Validation("The tag %s is %s; it can be %s or %s", *t.Key, *t.Value, conflict.LastWriter, conflict.Merge)
			}
		case table.TopologyTag:
			if !table.Topology(*t.Value).Known() {
				return nil, aws.Validation("The tag %s is %s; it can be %s or %s", *t.Key, *t.Value, table.AWSTopology, table.MixedTopology)
			}
		case table.TransactionsTag:
			if !table.Visibility(*t.Value).Known() {
				return nil, aws.Validation("The tag %s is %s; it can be %s or %s", *t.Key, *t.Value, table.ByItem, table.Together)
			}
		default:
			return nil, aws.Validation("The tag %s is not a setting of Hortus; the known ones are %s, %s and %s", *t.Key, table.ConflictTag, table.TopologyTag, table.TransactionsTag)
		}
	}
	return mergeTags(nil, given)
}

// checkTags checks tags by themselves. The model does not: the service words it
// (recorded, as all of these errors).
func checkTags(given []types.Tag) error {
	for i, t := range given {
		if err := checkTagKey(t.Key); err != nil {
			return err
		}
		switch {
		case t.Value == nil:
			return aws.Validation("The Tag Value provided is invalid, Value: null")
		case utf8.RuneCountInString(*t.Value) > MaxTagValue || !validTag(*t.Value):
			return aws.Validation("The Tag Value provided is invalid, Value: %s", shown(*t.Value))
		case slices.ContainsFunc(given[:i], func(u types.Tag) bool { return *u.Key == *t.Key }):
			return aws.Validation("Duplicate Tag Keys provided as input: Duplicate Tag Key found %s", *t.Key)
		}
	}
	return checkTagCount(len(given))
}

func checkTagKey(key *string) error {
	switch {
	case key == nil:
		return aws.Validation("The Tag Key provided is invalid, Key: null")
	case *key == "" || utf8.RuneCountInString(*key) > MaxTagKey || !validTag(*key):
		return aws.Validation("The Tag Key provided is invalid, Key: %s", shown(*key))
	case strings.HasPrefix(strings.ToLower(*key), "aws:"):
		return aws.Validation("Tag Key cannot be prefixed with aws:, Key: %s", *key)
	}
	return nil
}

func checkTagCount(n int) error {
	if n > MaxTags {
		return aws.Validation("Number of Tags exceed the current limit for the provided ResourceArn")
	}
	return nil
}

// maxShown is how many bytes of what a client sent an error text repeats.
const maxShown = 8 << 10

func shown(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}

// mergeTags adds tags to a table's, or changes their values.
func mergeTags(old []table.Tag, given []types.Tag) ([]table.Tag, error) {
	next := slices.Clone(old)
	for _, t := range given {
		i := slices.IndexFunc(next, func(u table.Tag) bool { return u.Key == *t.Key })
		if i < 0 {
			next = append(next, table.Tag{Key: *t.Key, Value: *t.Value})
		} else {
			next[i].Value = *t.Value
		}
	}
	return next, checkTagCount(len(next))
}

// validTag reports whether a tag's key or value has the characters of one
// (documented and recorded): letters, numbers and separators of any script, and a
// few signs.
func validTag(s string) bool {
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

// resource reads the ARN of a table, or of a stream of it, that is the resource of
// a call, and makes its owner the call's. elsewhere words the answer to an ARN of another Region,
// which differs by operation (known from the live service, as all of these).
func resource(c *api.Call, arn string, elsewhere func(arn string) error) (name, stream string, err error) {
	if !strings.HasPrefix(arn, "arn:") {
		return "", "", aws.InvalidParameter("ARNs must start with 'arn:': %s", arn)
	}
	p := strings.SplitN(arn, ":", 6)
	kind, rest, _ := strings.Cut(p[len(p)-1], "/")
	if len(p) < 6 || p[2] != "dynamodb" || kind != "table" || !aws.Account(p[4]).Valid() {
		return "", "", aws.InvalidParameter("Provided Arn is not a DynamoDB resource arn: %s", arn)
	}
	var part string
	var more bool
	name, part, more = strings.Cut(rest, "/")
	switch {
	case p[1] != "aws" || aws.Region(p[3]) != c.Home.Region || len(name) < shortestName || len(name) > longestName:
		return "", "", elsewhere(arn)
	case strings.HasPrefix(part, "index/"):
		return "", "", aws.InvalidParameter("Invalid resource arn provided, only table or stream is accepted. Provided resource arn: %s", arn)
	case more && !strings.HasPrefix(part, "stream/"):
		return "", "", aws.InvalidParameter("Provided Arn is not a DynamoDB resource arn: %s", arn)
	}
	c.Owner = aws.Cell{Account: aws.Account(p[4]), Region: aws.Region(p[3])}
	return name, strings.TrimPrefix(part, "stream/"), nil
}

func (a *API) decodeTagged(c *api.Call, arn, action string) error {
	name, stream, err := resource(c, arn, func(arn string) error {
		return aws.Validation("Invalid TableArn: Invalid ResourceArn provided as input %s", arn)
	})
	if err == nil {
		c.Needs = append(c.Needs, api.Need{Action: action, Table: name, Stream: stream, Cell: c.Owner})
	}
	return err
}

// tagged returns the table that an ARN names (the text is recorded, for the ARN of
// a stream too: there are no tags of streams).
func (s *Service) tagged(c *api.Call, arn string) (*table.Table, error) {
	if t := s.Engine.Table(c.Needs[0].Table); t != nil && c.Needs[0].Stream == "" {
		return t, nil
	}
	return nil, aws.Errorf("ResourceNotFoundException", "Requested resource not found: ResourceArn: %s not found", arn)
}

func (a *API) decodeTagResource(c *api.Call) error {
	in, err := decode(a.inputs.tagResource, c)
	if err != nil {
		return err
	}
	return a.decodeTagged(c, *in.ResourceArn, "dynamodb:TagResource")
}

func tagResource(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.TagResourceInput)
	if len(in.Tags) == 0 {
		return aws.Validation("Atleast one Tag needs to be provided as Input.")
	}
	// What is wrong with the tags alone goes before what is wrong with the table.
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	for _, t := range in.Tags {
		if err := checkSetting(*t.Key); err != nil {
			return err
		}
	}
	t, err := s.tagged(c, *in.ResourceArn)
	if err != nil {
		return err
	}
	if err := checkInUse(t); err != nil {
		return err
	}
	_, err = s.Engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		was := d.Tags
		if d.Tags, err = mergeTags(was, in.Tags); err != nil {
			return err
		}
		return s.countTagChange(d, was)
	})
	return done(c, err)
}

// done ends an operation that answers nothing.
func done(c *api.Call, err error) error {
	if err != nil {
		return err
	}
	return answer(c, nil)
}

// checkSetting refuses to touch a tag that is a setting.
func checkSetting(key string) error {
	if strings.HasPrefix(key, settingPrefix) {
		return aws.Validation("The tag %s is a setting of the table: it is given with CreateTable, and changed through the Hortus service alone", key)
	}
	return nil
}

func (a *API) decodeUntagResource(c *api.Call) error {
	in, err := decode(a.inputs.untagResource, c)
	if err != nil {
		return err
	}
	return a.decodeTagged(c, *in.ResourceArn, "dynamodb:UntagResource")
}

func untagResource(ctx context.Context, s *Service, c *api.Call) error {
	in := c.Input.(*sdk.UntagResourceInput)
	if len(in.TagKeys) == 0 {
		return aws.Validation("Atleast one Tag Key needs to be provided as Input.")
	}
	if err := checkTagCount(len(in.TagKeys)); err != nil {
		return err
	}
	for _, key := range in.TagKeys {
		if err := checkTagKey(&key); err != nil {
			return err
		}
		if err := checkSetting(key); err != nil {
			return err
		}
	}
	t, err := s.tagged(c, *in.ResourceArn)
	if err != nil {
		return err
	}
	_, err = s.Engine.Alter(ctx, t.Def.Name, func(d *table.Definition) error {
		was := d.Tags
		d.Tags = slices.DeleteFunc(slices.Clone(was), func(t table.Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		return s.countTagChange(d, was)
	})
	return done(c, err)
}

func (a *API) decodeListTagsOfResource(c *api.Call) error {
	in, err := decode(a.inputs.listTagsOfResource, c)
	if err != nil {
		return err
	}
	return a.decodeTagged(c, *in.ResourceArn, "dynamodb:ListTagsOfResource")
}

// listTagsOfResource answers in one page: there are at most MaxTags.
func listTagsOfResource(_ context.Context, s *Service, c *api.Call) error {
	t, err := s.tagged(c, *c.Input.(*sdk.ListTagsOfResourceInput).ResourceArn)
	if err != nil {
		return err
	}
	out := &sdk.ListTagsOfResourceOutput{Tags: []types.Tag{}}
	for i := range t.Def.Tags {
		out.Tags = append(out.Tags, types.Tag{Key: &t.Def.Tags[i].Key, Value: &t.Def.Tags[i].Value})
	}
	return answer(c, out)
}
