"""The image that the function runs in: AWS's own, or one that stands in where it cannot be had.

The stand-in is Debian's Python 3.13 with AWS's runtime client and boto3. It shows SAM, the mounts,
the variables, the layer and the emulator at work, not AWS's image. SAM adds the emulator and the
layer to either.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sam_local.engine import Engine, NoEngine
from sam_local.template import ROOT

REPOSITORY = "public.ecr.aws/lambda/python"
STAND_IN = "localhost/lambda-python-stand-in"

_PYTHON = ROOT / ".build" / "emulator" / "bin" / "python"
_REQUIREMENTS = ROOT / "tests" / "requirements" / "emulator.txt"
_DEBIAN = "trixie"  # its python3 is 3.13
_PACKAGES = "base-files,dash,coreutils,python3.13-minimal,libpython3.13-stdlib,libstdc++6"
_MACHINES = {"x86_64": ("amd64", "x86_64"), "arm64": ("arm64", "aarch64")}
"""What Debian and Python call Lambda's architectures."""

_BOOTSTRAP = b"""#!/bin/sh
export PYTHONPATH="$LAMBDA_TASK_ROOT:/opt/python:$LAMBDA_RUNTIME_DIR"
exec /usr/bin/python3.13 -m awslambdaric "$_HANDLER"
"""
_CHANGES = (
    "ENV LAMBDA_TASK_ROOT=/var/task",
    "ENV LAMBDA_RUNTIME_DIR=/var/runtime",
    "ENV LANG=C.UTF-8",
    "ENV TZ=:UTC",
    "WORKDIR /var/task",
)


@contextmanager
def held_image(engine: Engine, architecture: str, cache: Path, *, ours: bool) -> Iterator[str]:
    """Have the engine hold an image for this architecture, and yield its name.

    AWS's stays there, as it does whenever SAM is used; the stand-in does not. An engine of `ours`
    reaches no registry, and takes everything with it.
    """
    tag = tag_of(architecture)
    name = f"{REPOSITORY}:{tag}"
    if engine.has_image(name) or (not ours and engine.pull(REPOSITORY, tag)):
        yield name
        return
    archive, name = stand_in(architecture, cache), f"{STAND_IN}:{tag}"
    engine.load(archive, STAND_IN, tag, _MACHINES[architecture][0], _CHANGES)
    try:
        yield name
    finally:
        if not ours:
            engine.remove_image(name)


def tag_of(architecture: str) -> str:
    """Return AWS's tag of the image for an architecture."""
    return f"3.13-{architecture}"


def stand_in(architecture: str, cache: Path) -> Path:
    """Return the stand-in's files as an archive, built once. Raises NoEngine if that cannot be."""
    recipe = hashlib.sha256(Path(__file__).read_bytes() + _REQUIREMENTS.read_bytes())
    archive = cache / f"python-{tag_of(architecture)}-{recipe.hexdigest()[:8]}.tar"
    if archive.exists():
        return archive
    if not (shutil.which("mmdebstrap") and _PYTHON.exists()):
        raise _no_image(
            architecture, "mmdebstrap (apt-get install mmdebstrap) or Python 3.13 lacks"
        )
    print("An image is built in place of AWS's, which no registry here has: once", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        root, finished = Path(folder, "root"), Path(folder, "finished.tar")
        try:
            _fill(root, architecture)
        except subprocess.CalledProcessError as error:
            raise _no_image(architecture, error.stderr) from error
        with tarfile.open(finished, "w") as tar:
            tar.add(root, ".", filter=lambda found: None if found.isdev() else found)
        finished.rename(archive)
    return archive


def _fill(root: Path, architecture: str) -> None:
    debian, machine = _MACHINES[architecture]
    # Only unpacked: nothing of another architecture has to run for it.
    _run(
        "mmdebstrap", "--quiet", "--variant=extract", f"--architectures={debian}",
        f"--include={_PACKAGES}", _DEBIAN, str(root),
    )  # fmt: skip
    shutil.rmtree(root / "usr/share")
    runtime = root / "var/runtime"
    _run(
        str(_PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
        "--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:",
        "--implementation=cp", "--python-version=3.13", f"--platform=manylinux2014_{machine}",
        f"--platform=manylinux_2_28_{machine}", "--target", str(runtime), "-r", str(_REQUIREMENTS),
    )  # fmt: skip
    (runtime / "bootstrap").write_bytes(_BOOTSTRAP)
    (runtime / "bootstrap").chmod(0o755)
    (root / "var/task").mkdir()
    # An emulated Python would compile all of it at each start.
    _run(
        str(_PYTHON), "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash",
        "-s", str(root), "-p", "/", str(root / "usr/lib/python3.13"), str(runtime),
    )  # fmt: skip


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)


def _no_image(architecture: str, reason: str) -> NoEngine:
    return NoEngine(
        f"The image {REPOSITORY}:{tag_of(architecture)} can be had from no registry here, and none "
        f"can be built in its place: {reason} That takes a network once; `make demo` takes neither "
        "image nor engine."
    )
