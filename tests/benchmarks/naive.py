"""The naive import: pyconnectwise as its documentation shows it, one payment after another.

A payment with an id is updated. For any other the payments of its invoice are looked up, and the
first is updated, or a new one created.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

# pyconnectwise imports its endpoints and models on first use; here, before the clock starts.
import pyconnectwise.endpoints.manage.FinanceEndpoint
import requests

from benchmarks.job import Job, Work

_request = requests.request


def prepare(job: Job) -> Work:
    """Return the import of the job's file."""
    vars(requests)["request"] = _request_over_plain_http
    return lambda: _import(job)


def _request_over_plain_http(method: str, url: str, **named: Any) -> requests.Response:
    """Call as pyconnectwise does, which only knows https; the simulator only knows http.

    It opens a connection for each call. With ConnectWise that takes a TLS handshake, spared here.
    """
    return _request(method, url.replace("https://", "http://", 1), **named)


def _import(job: Job) -> None:
    client = pyconnectwise.ConnectWiseManageAPIClient(
        job.secret["company"],
        urlsplit(job.secret["site"]).netloc,
        job.secret["clientId"],
        job.secret["publicKey"],
        job.secret["privateKey"],
    )
    for record in ElementTree.parse(Path(job.file)).getroot():
        _import_record(client, record)


def _import_record(client: Any, record: ElementTree.Element) -> None:
    payments = client.finance.invoices.id(int(_text(record, "invoice/id"))).payments
    own_id = record.findtext("id")
    existing = int(own_id) if own_id else next((payment.id for payment in payments.get()), None)
    fields = {
        "amount": float(_text(record, "amount")),
        "paymentDate": _text(record, "paymentDate"),
    }
    if existing is None:
        payments.post(fields)
    else:
        operations = [
            {"op": "replace", "path": name, "value": value} for name, value in fields.items()
        ]
        payments.id(existing).patch(operations)


def _text(record: ElementTree.Element, path: str) -> str:
    text = record.findtext(path)
    assert text is not None
    return text
