"""The real adapters against the real simulator."""

from collections.abc import Callable, Iterator

import pytest

from component.link import Link
from simulator.control import Simulator

OpenLink = Callable[..., Link]
"""Open a link; the arguments are those of `Link`."""


@pytest.fixture(scope="session")
def running_connectwise() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def connectwise(running_connectwise: Simulator) -> Simulator:
    """ConnectWise as it was when it started: no records, no faults."""
    running_connectwise.reset()
    return running_connectwise


@pytest.fixture
def open_link(connectwise: Simulator) -> Iterator[OpenLink]:
    links: list[Link] = []

    def opened(**options: object) -> Link:
        links.append(Link(connectwise, **options))  # type: ignore[arg-type]
        return links[-1]

    yield opened
    for each in links:
        each.close()


@pytest.fixture
def link(open_link: OpenLink) -> Link:
    """A link with the right secret."""
    return open_link()
