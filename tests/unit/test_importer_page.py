"""The page about each import, through the deployed program."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from e2e.payment_xml import payment, payment_file
from fakes.deployment import FINISHED, KILLED, PUT_BACK, Deploy, Deployment
from fakes.dynamodb import client_error
from fakes.mishaps import kill, kill_after, raising
from payments.import_state import MAX_KILLS

FILE = payment_file(
    payment(external_id="R-1", invoice=1, amount=10),
    payment(external_id="R-2", invoice=99, amount=20),
    payment(external_id="R-3", invoice=1, amount=5),
)


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    return deploy()


def refused(deployment: Deployment) -> None:
    deployment.upload_content(FILE[:-5])


def given_up(deployment: Deployment) -> None:
    deployment.upload_content(FILE)
    deployment.mishaps.plan("create", kill, times=10 * MAX_KILLS)


def stopped(deployment: Deployment) -> None:
    def stop(effect: Callable[[], Any]) -> Any:
        answer = effect()
        deployment.imports.put({**deployment.row(), "stopAsked": "alice"})
        return answer

    deployment.upload_content(FILE)
    deployment.mishaps.plan("create", stop)


@pytest.mark.parametrize(
    ("arrange", "headline"),
    [
        (lambda it: it.upload(payment(invoice=1, amount=10)), "1 of 1 payment imported"),
        (lambda it: it.upload_content(FILE), "1 of 3 payments failed, 1 replaced"),
        (refused, "The file was not imported"),
        (given_up, "0 of 3 payments imported, then it ended"),
        (stopped, "then it ended"),
    ],
)
def test_however_an_import_ends_there_is_a_page_that_says_so(
    deployment: Deployment, arrange: Callable[[Deployment], object], headline: str
) -> None:
    arrange(deployment)
    deployment.to_end()
    found = deployment.bucket.latest("reports/a.html")
    assert found is not None
    assert found.metadata == deployment.bucket.latest("fail/a.xml").metadata  # type: ignore[union-attr]
    assert found.metadata["import-id"] == deployment.row()["importId"]
    page = unescape(deployment.bucket.read("reports/a.html").decode())
    assert headline in re.findall("<h1[^>]*>(.*?)</h1>", page)[0]
    assert deployment.row().get("error", "") in page


def test_what_is_ignored_has_no_page(deployment: Deployment) -> None:
    deployment.upload_content(FILE, "._a")
    deployment.run()
    assert deployment.bucket.keys("reports/") == []


def test_the_page_names_the_days_and_what_was_replaced(deployment: Deployment) -> None:
    deployment.upload(payment(external_id="R-0", invoice=1, amount=8, paymentDate="2026-01-31"))
    deployment.to_end()
    deployment.upload_content(FILE, "b")
    deployment.to_end()
    page = unescape(deployment.bucket.read("reports/b.html").decode())
    assert "Payment 101 held 8.00 of 2026-01-31, recorded as R-0 from incoming/a.xml." in page
    assert "Payment 101 held 10.00 of 2026-01-31, recorded as R-1 from incoming/b.xml." in page
    assert deployment.errors("b")[0] in page


@pytest.mark.parametrize("mishap", [kill, kill_after])
@pytest.mark.parametrize("place", ["fail/a.xml", "reports/a.html"])
def test_the_page_is_the_same_whichever_run_writes_it(
    deploy: Deploy, mishap: Any, place: str
) -> None:
    pages = []
    for disturbed in (False, True):
        deployment = deploy()
        deployment.upload_content(FILE)
        if disturbed:
            deployment.mishaps.plan("PutObject", mishap, about=f"'Key': '{place}'")
            assert deployment.run() == KILLED
            assert "finishedAt" not in deployment.row()
        deployment.to_end()
        pages.append(deployment.bucket.read("reports/a.html"))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError"])
def test_an_import_is_open_until_its_page_is_there(deployment: Deployment, code: str) -> None:
    """S3 may refuse it for a reason that only a human takes away."""
    denied = raising(client_error(code))
    deployment.mishaps.plan("PutObject", denied, about="'Key': 'reports/", times=100)
    deployment.upload_content(FILE)
    assert deployment.run() == PUT_BACK
    assert deployment.row()["status"] == "Running"
    assert deployment.connectwise.amounts(1) == [5]
    deployment.mishaps.end()
    assert deployment.run() == FINISHED
    assert deployment.bucket.keys("reports/") == ["reports/a.html"]
