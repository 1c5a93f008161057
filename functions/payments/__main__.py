"""Run the operator's command: `python -m payments`."""

import sys


def _main() -> None:
    try:
        from payments.command.app import app  # noqa: PLC0415  # it may have to be missed
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("payments"):
            raise
        sys.exit(
            f"The package {missing.name} is not installed. Install what the command needs: "
            "python -m pip install -r tests/requirements/command.txt"
        )
    app(prog_name="python -m payments")


if __name__ == "__main__":
    _main()
