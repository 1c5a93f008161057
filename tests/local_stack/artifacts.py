"""Zip files of functions and layers, as `sam build` and `sam package` make them."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = "requirements.txt"

_LEFT_OUT = {"__pycache__", ".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class BuildFailed(Exception):
    """A function or a layer could not be built; the message is what pip or SAM said."""


@dataclass(frozen=True, slots=True)
class ArtifactBuilder:
    """Builds zip files for the interpreter that will run them, and keeps those with packages."""

    runtime_python: Path
    cache: Path

    def build(self, source: Path, subfolder: str = "", install: bool = True) -> bytes:
        """Zip the folder's files under the subfolder, with its requirements beside them.

        A layer's packages belong under `python/`, a function's at the top.
        """
        if not install or not (source / REQUIREMENTS).is_file():
            return _zip({Path(subfolder, name): path for name, path in _files(source)})
        kept = self.cache / f"{self._fingerprint(source, subfolder)}.zip"
        if not kept.exists():
            self._build_with_packages(source, subfolder, kept)
        return kept.read_bytes()

    def _build_with_packages(self, source: Path, subfolder: str, kept: Path) -> None:
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache) as directory:
            root = Path(directory, "root")
            self._install(source / REQUIREMENTS, root / subfolder)
            shutil.copytree(
                source,
                root / subfolder,
                ignore=shutil.ignore_patterns(*_LEFT_OUT),
                dirs_exist_ok=True,
            )
            finished = Path(directory, kept.name)
            finished.write_bytes(_zip(dict(_files(root, left_out=set()))))
            finished.replace(kept)  # in one step: another run may be building the same

    def _install(self, requirements: Path, target: Path) -> None:
        hashes = ["--require-hashes"] if "--hash=" in requirements.read_text() else []
        self._run(
            "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input",
            "--no-compile", "--target", target, *hashes, "-r", requirements,
        )  # fmt: skip
        # MiniStack unzips a layer for every worker. Byte code that is not checked against the
        # unzipped file's date saves compiling it each time, which AWS does not time either.
        self._run("compileall", "-q", "--invalidation-mode", "unchecked-hash", target)

    def _run(self, module: str, *arguments: str | Path) -> None:
        command = [self.runtime_python, "-I", "-m", module, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildFailed(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")

    def _fingerprint(self, source: Path, subfolder: str) -> str:
        """Name everything that the zip file depends on."""
        interpreter = self.runtime_python.resolve()
        content = hashlib.sha256(f"{interpreter} {subfolder}".encode())
        for name, path in _files(source):
            content.update(f"\0{name}\0".encode() + path.read_bytes())
        return content.hexdigest()[:32]


def _files(root: Path, left_out: set[str] = _LEFT_OUT) -> Iterator[tuple[Path, Path]]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - left_out)
        for name in sorted(set(names) - left_out):
            path = Path(folder, name)
            yield path.relative_to(root), path


def _zip(files: dict[Path, Path]) -> bytes:
    """The same bytes for the same files, whenever they were written."""
    with tempfile.TemporaryFile() as buffer:
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in files.items():
                entry = zipfile.ZipInfo(name.as_posix(), _EARLIEST_ZIP_DATE)
                entry.external_attr = (path.stat().st_mode & 0o777) << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
        buffer.seek(0)
        return buffer.read()
