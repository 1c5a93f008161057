"""One local stack and one ConnectWise for all end-to-end tests; a clean scene for each."""

from collections.abc import Iterator
from itertools import count, islice

import pytest

from e2e.deployed import (
    FIRST_INVOICE,
    INVOICE_NUMBER,
    INVOICE_TOTAL,
    SECRET_NAME,
    Deploy,
    Deployment,
    deploy,
)
from local_stack import LocalStack
from simulator.control import Simulator

_INVOICES = 100_000
_next_invoice = count(FIRST_INVOICE)


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalStack]:
    with LocalStack() as running:
        yield running


@pytest.fixture(scope="session")
def running_connectwise() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture(scope="session")
def default_deployment(aws: LocalStack, running_connectwise: Simulator) -> Deployment:
    aws.put_secret(SECRET_NAME, running_connectwise.secret)
    return deploy(aws, running_connectwise, "payments", {})


@pytest.fixture
def connectwise(running_connectwise: Simulator) -> Simulator:
    """ConnectWise without payments and faults; every invoice is open."""
    running_connectwise.reset()
    running_connectwise.add_invoices(
        count=_INVOICES,
        first_id=FIRST_INVOICE,
        number=INVOICE_NUMBER,
        total=INVOICE_TOTAL,
    )
    return running_connectwise


@pytest.fixture
def deployment(default_deployment: Deployment, connectwise: Simulator) -> Deployment:
    """The template as it is deployed by default."""
    assert default_deployment.connectwise is connectwise
    return default_deployment


@pytest.fixture(scope="module")
def deploy_once(
    request: pytest.FixtureRequest, aws: LocalStack, running_connectwise: Simulator
) -> Iterator[Deploy]:
    """Deploy stacks for the tests of one module."""
    aws.put_secret(SECRET_NAME, running_connectwise.secret)
    deployments: list[Deployment] = []

    def deploy_stack(**parameters: str) -> Deployment:
        name = f"{request.module.__name__.rpartition('.')[2].replace('_', '-')}-{len(deployments)}"
        deployments.append(deploy(aws, running_connectwise, name, parameters))
        return deployments[-1]

    yield deploy_stack
    for each in deployments:
        each.stack.delete()


@pytest.fixture
def invoice() -> int:
    """An invoice that no other test uses: so is every id made of it."""
    return next(_next_invoice)


@pytest.fixture
def invoices() -> list[int]:
    """More of them, in a row."""
    return list(islice(_next_invoice, 20))
