"""Somebody with an IAM policy of their own, whom the local stack holds to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from local_stack import LocalStack
from local_stack.clients import Clients


@contextmanager
def somebody_with(aws: LocalStack, policy: str, name: str) -> Iterator[Clients]:
    """Have a user with just this policy for a while."""
    iam, user = aws.client("iam"), {"UserName": name}
    iam.create_user(**user)
    iam.put_user_policy(**user, PolicyName=name, PolicyDocument=policy)
    key = iam.create_access_key(**user)["AccessKey"]
    yield Clients(aws.server, key["AccessKeyId"], key["SecretAccessKey"])
    iam.delete_access_key(**user, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(**user, PolicyName=name)
    iam.delete_user(**user)
