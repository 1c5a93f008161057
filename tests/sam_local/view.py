"""What came of an import: its two files, and what ConnectWise holds."""

from decimal import Decimal

from local_stack import Bucket
from simulator.control import Simulator

_SUCCESS, _FAIL = "success/", "fail/"


def results(bucket: Bucket) -> dict[str, str]:
    """Return the files that have come back, by name, with the version of the last."""
    listed = bucket.s3.list_object_versions(Bucket=bucket.name, Prefix=_FAIL)
    return {
        version["Key"].removeprefix(_FAIL): version["VersionId"]
        for version in reversed(listed.get("Versions", []))
    }


def shown(bucket: Bucket, connectwise: Simulator, names: list[str]) -> str:
    """Return the two files of each name, and the payments, as text."""
    parts = []
    for name in names:
        for folder in (_SUCCESS, _FAIL):
            content = bucket.read(f"{folder}{name}").decode()
            parts.append(f"--- {folder}{name}\n{content.strip()}\n")
    return "\n".join([*parts, payments(connectwise)])


def payments(connectwise: Simulator) -> str:
    """Return what ConnectWise holds, a line for each payment."""
    found = connectwise.payments()
    lines = [f"--- ConnectWise holds {len(found)} payments"]
    for payment in found:
        invoice, day = payment["invoice"], str(payment.get("paymentDate", ""))[:10]
        number = invoice.get("identifier") or invoice["id"]
        lines.append(f"{payment['id']:>6}  {number:<12} {Decimal(payment['amount']):>10.2f}  {day}")
    return "\n".join(lines) + "\n"
