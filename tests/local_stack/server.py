"""The MiniStack process: started on free ports of 127.0.0.1, ended without a trace."""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from local_stack.certificate import Certificate, create_certificate
from local_stack.guardian import EXIT_CODE_FILE

REGION = "us-east-1"

_HERE = Path(__file__).parent
_START_SECONDS = 60.0
_END_SECONDS = 30.0
_LOG_LINES_SHOWN = 30


class ServerFailed(Exception):
    """MiniStack did not start; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running MiniStack."""

    directory: Path
    certificate: Certificate
    port: int
    http_port: int
    guardian: subprocess.Popen[bytes]

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service answers."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def http_endpoint_url(self) -> str:
        """The same server without TLS, to see that a bucket policy refuses it."""
        return f"http://127.0.0.1:{self.http_port}"

    def log(self) -> str:
        """What MiniStack has written so far."""
        return _log_file(self.directory).read_text(errors="replace")

    def close(self) -> None:
        """End every process of the server and remove its files."""
        assert self.guardian.stdin is not None
        self.guardian.stdin.close()
        self.guardian.wait(_END_SECONDS)


def start_server(runtime_python: Path) -> Server:
    """Start MiniStack and wait until it answers."""
    server = _spawn(runtime_python)
    try:
        _wait_until_healthy(server)
    except BaseException:
        server.close()
        raise
    return server


def _spawn(runtime_python: Path) -> Server:
    # Resolved: macOS's temporary directory is a link, and processes are found by their paths.
    directory = Path(tempfile.mkdtemp(prefix="local-stack-")).resolve()
    certificate = create_certificate(directory)
    port, http_port = free_ports(2)
    launcher: list[str | Path] = [sys.executable, "-I", _HERE / "launcher.py", runtime_python]
    with _log_file(directory).open("wb") as log:
        guardian = subprocess.Popen(
            [sys.executable, "-I", _HERE / "guardian.py", directory, *launcher, str(http_port)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=_environment(directory, certificate, port),
            cwd=directory,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent; the guardian tidies
        )
    return Server(directory, certificate, port, http_port, guardian)


def _environment(directory: Path, certificate: Certificate, port: int) -> dict[str, str]:
    """All that MiniStack sees: nothing of the caller's AWS settings, proxies or Python paths.

    MiniStack hands this environment on to the functions. AWS_CA_BUNDLE makes their SDK trust the
    certificate; MiniStack itself tells them AWS_ENDPOINT_URL.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "S3_DATA_DIR": str(directory / "s3"),
        "STATE_DIR": str(directory / "state"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AUTH": "true",  # the function's role decides, as on AWS
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate.certificate),
        "MINISTACK_SSL_KEY": str(certificate.private_key),
        "AWS_CA_BUNDLE": str(certificate.certificate),
        # These would listen on every interface, and tidy up containers that are not ours.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{directory / 'no-docker.sock'}",
    }


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _wait_until_healthy(server: Server) -> None:
    context = ssl.create_default_context(cafile=str(server.certificate.certificate))
    direct = urllib.request.build_opener(  # past any proxy of the caller
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with direct.open(f"{server.endpoint_url}/_ministack/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if (server.directory / EXIT_CODE_FILE).exists():
                break
        time.sleep(0.05)
    raise ServerFailed("MiniStack did not start:\n" + _last_lines(server.log()))


def _last_lines(log: str) -> str:
    return "\n".join(log.splitlines()[-_LOG_LINES_SHOWN:])


def _log_file(directory: Path) -> Path:
    return directory / "ministack.log"
