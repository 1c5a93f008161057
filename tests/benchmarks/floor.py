"""The bare floor: the calls themselves, on as many threads, and nothing else.

No file is read while the clock runs, nothing is looked up in bulk, remembered, checked or written.
The session is set up as ours is, so that the comparison does not flatter us: `trust_env` off saves
`requests` a search through the environment for each call.
"""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import requests
from requests.adapters import HTTPAdapter

from benchmarks.job import Job, Work
from benchmarks.scene import AMOUNT, DATE, Kind
from simulator.settings import Settings

_Send = Callable[[], None]


def prepare(job: Job) -> Work:
    """Return a loop over calls that are known before the clock starts."""
    session = _session(job)
    records = ElementTree.parse(Path(job.file)).getroot()
    calls = [_call(session, job, record) for record in records]
    threads = [
        Thread(target=_send_all, args=(calls[first :: job.connections],))
        for first in range(job.connections)
    ]
    return lambda: _run(threads)


def _run(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _send_all(calls: list[_Send]) -> None:
    for call in calls:
        call()


def _session(job: Job) -> requests.Session:
    secret = job.secret
    login = f"{secret['company']}+{secret['publicKey']}:{secret['privateKey']}"
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=job.connections))
    session.headers["Authorization"] = "Basic " + b64encode(login.encode()).decode()
    session.headers["clientId"] = secret["clientId"]
    return session


def _call(session: requests.Session, job: Job, record: ElementTree.Element) -> _Send:
    """Return the call, or the two calls, that one payment takes."""
    invoice_id = int(record.findtext("invoice/id") or 0)
    api = f"{job.secret['site']}/{Settings().codebase}apis/3.0"
    own_url = f"{api}/finance/invoices/{invoice_id}/payments"
    fields = {"amount": float(AMOUNT), "paymentDate": DATE}
    body = {**fields, "invoice": {"id": invoice_id}}
    operations = [{"op": "replace", "path": name, "value": value} for name, value in fields.items()]

    def create() -> None:
        session.post(own_url, json=body).raise_for_status()

    def update(payment_id: object) -> None:
        session.patch(f"{own_url}/{payment_id}", json=operations).raise_for_status()

    def find_and_update() -> None:
        found = session.get(own_url, params={"fields": "id,amount", "pageSize": "1000"})
        update(found.json()[0]["id"])

    if job.kind == Kind.NEW:
        return create
    return find_and_update if job.kind == Kind.BY_INVOICE else lambda: update(record.findtext("id"))
