package compatibility

// difference is what an operation, or a member of its input, does not do as AWS
// does it.
type difference struct {
	at    string // "Operation", "Operation.Member", or "*.Member" for each operation that has it.
	state string // differs, notYet, or done where that needs a word.
	how   string // How it differs, and why.
	shown string // A test, or a known difference of conformance/differential, that shows it.
}

// States of an operation or a member. What is built and has no entry is done.
const (
	done    = "done"
	differs = "differs"
	notYet  = "not yet"
)

// differences are all that are known, in the order of operations, a line each.
// An operation that is not built needs no entry, but may have one that says why.
var differences = []difference{
	{"*.ReturnItemCollectionMetrics", differs, "the size is exact, and up to date", "collection metrics"},

	{"CreateTable.VectorIndexes", notYet, "refused with a `ValidationException`; vectors are not searched", "TestUnbuiltMembers"},
	{"CreateTable.SSESpecification", differs, "kept and described; there is no KMS, and nothing is encrypted", "TestControlPlane"},
	{"DeleteTable", differs, "a replica that is being made may be deleted, though it is `CREATING`, where no member at hand can seed it or it has no leave to replicate", "TestStranded"},
	{"DescribeContinuousBackups", differs, "point-in-time recovery is always off: there is none yet", "TestControlPlane"},
	{"DescribeEndpoints", differs, "names the endpoint that was called", "TestSDKEndpointsAndLimits"},
	{"DescribeLimits", differs, "the default quotas, which nobody can raise", "TestSDKEndpointsAndLimits"},
	{"DescribeTable", differs, "sizes and counts are more recent than AWS's six hours", "TestFigures"},
	{"PutResourcePolicy", differs, "holds from the answer on, on AWS after some seconds, and the next change is taken at once, on AWS after 15 seconds", "TestSDKResourcePolicy"},
	{"ExecuteStatement", differs, "no word is said about text that is not made of PartiQL's tokens, nor about the type of an Ion literal, which is refused as on AWS", "TestStatements"},
	{"Scan", differs, "the order of items is stable, and another one than AWS's", "TestHashOrder"},
	{"Scan.Segment", differs, "which keys a segment has is the service's own matter", "which segment a key is in"},
	{"TagResource.ResourceArn", differs, "tables only; the ARN of a stream is not found, as recorded of the live service", "TestControlPlane"},
	{"UntagResource.ResourceArn", differs, "tables only; the ARN of a stream is not found, as recorded of the live service", "TestControlPlane"},
	{"ListTagsOfResource.ResourceArn", differs, "tables only; the ARN of a stream is not found, as recorded of the live service", "TestControlPlane"},
	{"TransactWriteItems", differs, "an item that another transaction has cancels it before any condition is tested, so the other reasons are `None`; what AWS says of them is not recorded", "TestTransactionConflicts"},
	{"ExecuteTransaction", differs, "an item that another transaction has cancels it before any condition is tested, so the other reasons are `None`; what AWS says of them is not recorded", "TestTransactionConflicts"},
	{"TransactGetItems", differs, "a single write of an item conflicts when its answer falls in the time of the read, whenever it began; AWS's moment is not recorded", "TestReadsMeetWrites"},
	{"BatchWriteItem", differs, "the write of an item that a transaction has is in `UnprocessedItems`: the operation has no error for it; what AWS does is not recorded", "TestTransactionConflicts"},
	{"DescribeTableReplicaAutoScaling", differs, "of the replicas of the own account", "TestControlPlane"},
	{"UpdateTableReplicaAutoScaling", differs, "settings are kept and described; nothing acts on load yet", "TestControlPlane"},
	{"UpdateItem", differs, "the limit of 400 KB holds of the item that results, as on AWS in ten Regions; in the others it holds of what the update writes, too, with some bytes for each action", "TestItems"},
	{"UpdateTable.GlobalTableWitnessUpdates", notYet, "refused: there is no strong consistency of several Regions", "TestUnbuiltMembers"},
	{"UpdateTable.MultiRegionConsistency", differs, "`STRONG` is refused: replicas are eventually consistent", "TestUnbuiltMembers"},
	{"UpdateTable.ReplicaUpdates", differs, "overrides hold from the answer on; a replica's key is kept and described; there is no KMS, and nothing is encrypted", "TestControlPlane"},
	{"UpdateTable.SSESpecification", differs, "kept and described; there is no KMS, and nothing is encrypted", "TestControlPlane"},
	{"UpdateTable.VectorIndexUpdates", notYet, "refused with a `ValidationException`; vectors are not searched", "TestUnbuiltMembers"},
	{"UpdateTimeToLive", differs, "holds at once, on AWS within an hour", "TestSDKTimeToLive"},

	{"CreateGlobalTable", done, retired, "TestControlPlane"},
	{"UpdateGlobalTable", done, retired, "TestControlPlane"},
	{"DescribeGlobalTable", done, retired, "TestControlPlane"},
	{"ListGlobalTables", done, retired, "TestControlPlane"},
	{"DescribeGlobalTableSettings", done, retired, "TestControlPlane"},
	{"UpdateGlobalTableSettings", done, retired, "TestControlPlane"},
}

// retired is recorded: the calls of 2017 look at no member any more.
const retired = "global tables of 2017 are retired on AWS, too: it answers what AWS answers now"
