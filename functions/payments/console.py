"""Addresses of the AWS console, for people who read a mail."""

from __future__ import annotations

from urllib.parse import quote

_DOMAINS = {"cn-": "amazonaws.cn", "us-gov-": "amazonaws-us-gov.com"}
_DOMAIN = "aws.amazon.com"


def object_page(region: str, bucket: str, key: str) -> str:
    """Return the address of the console's page about an object."""
    domain = next((it for start, it in _DOMAINS.items() if region.startswith(start)), _DOMAIN)
    prefix = quote(key, safe="", errors="replace")
    return f"https://{region}.console.{domain}/s3/object/{bucket}?region={region}&prefix={prefix}"
