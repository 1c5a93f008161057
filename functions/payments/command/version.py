"""Which version of the command this is."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_DISTRIBUTION = "connectwise-invoice-payments"
_PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def this_version() -> str:
    """Return the version that is installed, or that of the tree which it is run from."""
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        project = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["project"]
        return str(project["version"])
