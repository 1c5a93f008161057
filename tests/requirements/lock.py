"""Pin every requirements.in with hashes, for all supported Pythons, without index addresses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# AWS's runtime interface client is only ever installed for the function's own Python.
OLDEST_PYTHON = {"emulator": "3.13"}
OPTIONS = (
    "--universal --generate-hashes --upgrade --no-emit-index-url --no-header --no-annotate --quiet"
)


def main() -> None:
    """Renew all requirements.txt."""
    wanted = sorted(Path(__file__).parent.glob("*.in"))
    for source in [ROOT / "layers/dependencies/requirements.in", *wanted]:
        oldest = OLDEST_PYTHON.get(source.stem, "3.11")
        target = source.with_suffix(".txt")
        command = ["uv", "pip", "compile", *OPTIONS.split(), "--python-version", oldest]
        subprocess.run([sys.executable, "-m", *command, str(source), "-o", str(target)], check=True)
        print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
