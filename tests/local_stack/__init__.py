"""The product's own template.yaml deployed on this machine: no Docker, no AWS account, no SAM CLI.

MiniStack plays AWS. What it does differently from AWS is named where it matters, in `launcher.py`.
Where the two disagree, AWS's documentation is right.
"""

from local_cloudwatch.emf import Metric
from local_stack.bucket import Bucket
from local_stack.clients import Clients
from local_stack.deployment import DeploymentFailed
from local_stack.function import Function
from local_stack.local_stack import LocalStack
from local_stack.queue import Queue
from local_stack.server import ServerFailed
from local_stack.stack import Stack
from local_stack.waiting import wait_for

__all__ = [
    "Bucket",
    "Clients",
    "DeploymentFailed",
    "Function",
    "LocalStack",
    "Metric",
    "Queue",
    "ServerFailed",
    "Stack",
    "wait_for",
]
