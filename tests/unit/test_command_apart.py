"""The function must not need what only the operator's command needs."""

from pathlib import Path

import payments

PACKAGE = Path(payments.__file__).parent


def test_nothing_that_the_function_runs_imports_the_command() -> None:
    """Its packages are not in the layer."""
    command = {PACKAGE / "__main__.py", *(PACKAGE / "command").rglob("*.py")}
    modules = set(PACKAGE.rglob("*.py")) - command
    importing = [path.name for path in modules if "payments.command" in path.read_text("utf-8")]
    assert modules
    assert importing == []
