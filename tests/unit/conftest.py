"""What holds for every unit test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

from fakes.deployment import Deploy, Deployment

# No deadline, since the machine is shared; no chance, since a failure must come back.
settings.register_profile("unit", deadline=None, derandomize=True, database=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    disable_socket()
    yield
    enable_socket()


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    """Deploy the program with these invoices and settings, in memory."""
    return lambda *invoices, **more: Deployment(tmp_path / "disk", *invoices, **more)
