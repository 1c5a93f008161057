"""The lines to paste: what to run in another terminal, each complete by itself."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sam_local.template import FUNCTION, ROOT

_LAMBDA_PORT = 3001


@dataclass(frozen=True, slots=True)
class Pasted:
    """What all lines have in common: the folder, and what goes before each command."""

    folder: Path
    prefix: Sequence[str]
    docker_host: str
    sam: str

    def invoke(self, event: str) -> str:
        """Return the line that has the function handle an event."""
        return self._line(self._command(*self._invoking(event)))

    def generated(self, bucket: str, key: str) -> str:
        """Return the line that has SAM make up the event."""
        making = [
            self.sam,
            "local",
            "generate-event",
            "s3",
            "put",
            "--bucket",
            bucket,
            "--key",
            key,
        ]
        return self._line(shlex.join(making), "|", self._command(*self._invoking("-")))

    def start_lambda(self) -> str:
        """Return the line that keeps the function running."""
        starting = ("local", "start-lambda", "--warm-containers", "EAGER")
        return self._line(self._command(*self._sam, *starting))

    def invoke_started(self, event: str) -> str:
        """Return the line that calls the running function, with AWS's command if it is there."""
        url = f"http://127.0.0.1:{_LAMBDA_PORT}"
        if not _works("aws"):
            return self.fetch(f"{url}/2015-03-31/functions/{FUNCTION}/invocations", event)
        calling = self._command(
            "aws", "lambda", "invoke", "--endpoint-url", url, "--no-sign-request",
            "--region", "us-east-1", "--function-name", FUNCTION,
            "--payload", f"fileb://{event}", "answer.json",
        )  # fmt: skip
        return self._line(calling, "&& cat answer.json")

    def fetch(self, url: str, sent: str = "") -> str:
        """Return the line that shows what an address answers."""
        if shutil.which("curl"):
            posting = ["--data-binary", f"@{sent}"] if sent else []
            return self._line(self._command("curl", "-sS", *posting, url))
        body = f", open({sent!r}, 'rb').read()" if sent else ""
        code = f"import urllib.request as r; print(r.urlopen({url!r}{body}).read().decode())"
        return self._line(self._command(sys.executable, "-c", code))

    @property
    def _sam(self) -> list[str]:
        """SAM, which finds its other settings in the folder's samconfig.toml."""
        engine = [f"DOCKER_HOST={self.docker_host}"] if self.docker_host else []
        return ["env", *engine, self.sam]

    def _invoking(self, event: str) -> list[str]:
        return [*self._sam, "local", "invoke", FUNCTION, "--event", event]

    def _command(self, *words: str) -> str:
        return shlex.join([*self.prefix, *words])

    def _line(self, *commands: str) -> str:
        return f"cd {shlex.quote(str(self.folder))} && {' '.join(commands)}"


def find_sam() -> str:
    """Return SAM CLI: the one on PATH, or ours."""
    return "sam" if _works("sam") else str(ROOT / ".build" / "sam" / "bin" / "sam")


def samconfig(settings: Iterable[tuple[str, object]]) -> str:
    """Return a samconfig.toml with the same settings for `invoke` and `start-lambda`."""
    lines = ["version = 0.1"]
    # A value of JSON is one of TOML too.
    shared = [f"{name} = {json.dumps(value)}" for name, value in settings]
    for command in ("local_invoke", "local_start_lambda"):
        lines += [f"[default.{command}.parameters]", *shared]
    return "\n".join(lines) + "\n"


def _works(command: str) -> bool:
    """Tell whether a command is there; a version manager's may be without being there."""
    if shutil.which(command) is None:
        return False
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run([command, "--version"], env=environment, capture_output=True, check=False)
    return done.returncode == 0
