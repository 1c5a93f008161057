"""Who is let in: the checks before a call reaches any record."""

from simulator.answers import Refusal, error
from simulator.calls import OpenCall
from simulator.settings import Settings

_READS_PAYMENTS = frozenset({"payments", "payment"})


def check_access(call: OpenCall, settings: Settings) -> None:
    """Raise `Refusal` unless the call may go on."""
    _check_url(call, settings)
    if call.route.kind == "companyinfo":
        return
    _check_codebase(call, settings)
    _check_credentials(call, settings)
    _check_permission(call.route.kind, settings)


def _check_url(call: OpenCall, settings: Settings) -> None:
    # Some 2,000 characters are what working clients keep to; the true limit is not documented.
    length = len(f"http://{call.headers['host']}{call.path}?{call.query}")
    if settings.url_limit is not None and length > settings.url_limit:
        raise error(414, "UriTooLong", "The request URL is too long.")


def _check_codebase(call: OpenCall, settings: Settings) -> None:
    if call.route.codebase != settings.codebase:
        raise error(404, "NotFound", "The requested resource was not found.")


def _check_credentials(call: OpenCall, settings: Settings) -> None:
    if call.headers["authorization"] != settings.authorization():
        code = "Unauthorized" if settings.refused_credentials_status == 401 else "NotFound"
        raise error(settings.refused_credentials_status, code, "The credentials were refused.")
    # Working clients report 403 for a call without a clientId.
    if call.headers["client_id"] != settings.client_id:
        raise error(403, "Forbidden", "A valid clientId header is required.")


def _check_permission(kind: str, settings: Settings) -> None:
    if kind == "invoices":
        allowed = settings.read_invoices
    elif kind == "unposted":
        allowed = settings.unposted != "forbid"
    elif kind == "payment-delete":
        allowed = settings.delete_payments != "forbid"
    elif kind in _READS_PAYMENTS:
        allowed = settings.read_payments
    else:
        allowed = settings.write_payments or not kind.startswith("payment-")
    if not allowed:
        raise _forbidden()


def _forbidden() -> Refusal:
    return error(403, "Forbidden", "The security role does not permit this.")
