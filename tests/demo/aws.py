"""Point the operator's command at the local stack, as one does with AWS: by the environment."""

import os

from local_stack import LocalStack
from local_stack.server import REGION

_OWN_SETTINGS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")


def use_local_stack(stack: LocalStack) -> None:
    """Leave nothing of the caller's own AWS account in the environment."""
    for name in list(os.environ):
        if name in _OWN_SETTINGS or name.startswith("AWS_ENDPOINT_URL_"):
            del os.environ[name]
    os.environ |= environment(stack)


def environment(stack: LocalStack) -> dict[str, str]:
    """Return what AWS's SDK needs to reach the local stack, and nothing else."""
    return {
        "AWS_ENDPOINT_URL": stack.server.endpoint_url,
        "AWS_CA_BUNDLE": str(stack.server.certificate.certificate),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
