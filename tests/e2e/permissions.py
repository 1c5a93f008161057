"""Why the function's role has each of its permissions: a test fails without it, or a reason.

A permission is a statement's Sid and an action. `test_template.py` checks that none is missing.
"""

Permission = tuple[str, str]

# Without it the import waits, and the log says why.
IMPORTS_WAIT_FOR: tuple[Permission, ...] = (
    ("ReadIncoming", "s3:GetObjectVersion"),
    ("WriteResults", "s3:PutObject"),
    ("TellWhatIsNotThere", "s3:ListBucket"),
    ("StoreOutcomes", "s3:PutObject"),
    ("StoreOutcomes", "s3:GetObject"),
    ("TruthTable", "dynamodb:BatchGetItem"),
    ("TruthTable", "dynamodb:BatchWriteItem"),
    ("LedgerTable", "dynamodb:BatchGetItem"),
    ("LedgerTable", "dynamodb:BatchWriteItem"),
    ("ImportsTable", "dynamodb:GetItem"),
    ("ImportsTable", "dynamodb:UpdateItem"),
)

# Each has a test of its own in `test_operations.py`.
TESTED_APART: dict[Permission, str] = {
    ("ReadIncoming", "s3:GetObject"): "test_an_object_without_version_needs_its_own_permission",
    ("Secret", "secretsmanager:GetSecretValue"): "test_the_secret_needs_a_permission",
    ("Queue", "sqs:ChangeMessageVisibility"): "test_putting_a_message_back_needs_a_permission",
    ("Queue", "sqs:GetQueueAttributes"): "test_counting_what_waits_behind_needs_a_permission",
    ("Report", "sns:Publish"): "test_a_report_needs_a_permission_but_no_import_fails_for_it",
}

_LAMBDA_POLLS = (
    "Lambda polls the queue with the role, and refuses an event source mapping without it (see "
    "Lambda's guide on SQS). MiniStack takes messages out of the queue without asking IAM."
)
_LAMBDA_LOGS = (
    "Lambda writes what the function prints with the role. MiniStack writes it without asking IAM."
)
_KMS = (
    "SNS, and with a key of one's own also S3, SQS and DynamoDB, use the key in the role's name: "
    "to write (GenerateDataKey), to read and to check a new data key (Decrypt). MiniStack's "
    "services do not ask KMS."
)

# MiniStack does not ask for these; `test_operations.py` notices if it begins to.
EXPLAINED: dict[Permission, str] = {
    ("TellWhatIsNotThere", "s3:ListBucketVersions"): (
        "Without it S3 might answer 403 instead of 404 for a version that is not there: a deleted "
        "file would be tried for days. S3's reference names ListBucket only, which is needed for "
        "what has no version; but it has an action of its own for listing versions, and whether it "
        "asks for that one can only be seen on AWS. It shows no more than keys."
    ),
    ("Queue", "sqs:ReceiveMessage"): _LAMBDA_POLLS,
    ("Queue", "sqs:DeleteMessage"): _LAMBDA_POLLS,
    ("Key", "kms:Decrypt"): _KMS,
    ("Key", "kms:GenerateDataKey"): _KMS,
    ("Log", "logs:CreateLogStream"): _LAMBDA_LOGS,
    ("Log", "logs:PutLogEvents"): _LAMBDA_LOGS,
}
