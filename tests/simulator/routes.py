"""Which resource a path names, and what a call does there."""

import re
from dataclasses import dataclass

_ID = r"(\d{1,10})"
_RESOURCES: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = tuple(
    (re.compile(pattern), kinds)
    for pattern, kinds in (
        (
            f"finance/invoices/{_ID}/payments/{_ID}",
            {"GET": "payment", "PATCH": "payment-update", "DELETE": "payment-delete"},
        ),
        (f"finance/invoices/{_ID}/payments", {"GET": "payments", "POST": "payment-create"}),
        ("finance/invoices", {"GET": "invoices"}),
        ("finance/accounting/unpostedpayments", {"GET": "unposted"}),
    )
)
_COMPANY = re.compile(r"/login/companyinfo/([^/]+)")
_API = re.compile(r"/([^/]+/)apis/3\.0/(.*)")


@dataclass(frozen=True, slots=True)
class Route:
    """What a call is about. The kind is `other` where there is nothing, and `not-allowed` where
    the resource does not know the method.
    """

    kind: str
    codebase: str = ""
    company: str = ""
    invoice_id: int = 0
    payment_id: int = 0


def find_route(method: str, path: str) -> Route:
    """Find what a call is about."""
    company = _COMPANY.fullmatch(path)
    if company:
        return Route("companyinfo" if method == "GET" else "not-allowed", company=company[1])
    api = _API.fullmatch(path)
    if not api:
        return Route("other")
    for pattern, kinds in _RESOURCES:
        match = pattern.fullmatch(api[2])
        if match:
            ids = [int(found) for found in match.groups()]
            return Route(kinds.get(method, "not-allowed"), api[1], "", *ids)
    return Route("other", api[1])
