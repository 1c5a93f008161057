"""boto3 clients for the local stack that know nothing of the caller's own AWS account."""

import os
from typing import Any

import boto3
import botocore.config
import botocore.session

from local_stack.server import REGION, Server

# MiniStack's root user, whom no policy binds there (on AWS a bucket policy's Deny does). The
# functions do not use it: each has the credentials of its own role.
_ROOT_ACCESS_KEY = "test"
ROOT_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": _ROOT_ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": _ROOT_ACCESS_KEY,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


class Clients:
    """One client a service, made on first use; with administrator's rights, or those of a key."""

    def __init__(self, server: Server, key_id: str = "", secret_key: str = "") -> None:
        self._server = server
        self._session = _isolated_session(
            key_id or _ROOT_ACCESS_KEY, secret_key or _ROOT_ACCESS_KEY
        )
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        """Return the client of a service, by boto3's name for it."""
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service,
                endpoint_url=self._server.endpoint_url,
                verify=str(self._server.certificate.certificate),
                # An empty mapping, not None: with None botocore takes proxies from the environment.
                config=botocore.config.Config(proxies={}, max_pool_connections=20),
            )
        return self._clients[service]


def _isolated_session(key_id: str, secret_key: str) -> boto3.Session:
    """A session that reads neither ~/.aws nor AWS_PROFILE."""
    no_file = (None, None, os.devnull, None)
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": no_file,
            "credentials_file": no_file,
        }
    )
    return boto3.Session(
        aws_access_key_id=key_id,
        aws_secret_access_key=secret_key,
        region_name=REGION,
        botocore_session=core,
    )
