"""The MiniStack process: started on free ports of 127.0.0.1, ended without a trace."""

import os
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from local_stack.certificate import Certificate, create_certificate
from local_stack.guarded import Guarded, new_directory, start_guarded

REGION = "us-east-1"

_LAUNCHER = Path(__file__).with_name("launcher.py")
_START_SECONDS = 60.0
_LOG_LINES_SHOWN = 30


class ServerFailed(Exception):
    """MiniStack did not start; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running MiniStack."""

    process: Guarded
    certificate: Certificate
    port: int
    http_port: int

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service answers."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def http_endpoint_url(self) -> str:
        """The same server without TLS, to see that a bucket policy refuses it."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def directory(self) -> Path:
        """Where all of its files lie."""
        return self.process.directory

    def log(self) -> str:
        """What MiniStack has written so far."""
        return self.process.log()

    def close(self) -> None:
        """End every process of the server and remove its files."""
        self.process.close()


def start_server(runtime_python: Path) -> Server:
    """Start MiniStack and wait until it answers."""
    directory = new_directory("local-stack")
    certificate = create_certificate(directory)
    port, http_port = free_ports(2)
    process = start_guarded(
        [sys.executable, "-I", _LAUNCHER, runtime_python, str(http_port)],
        directory,
        _environment(directory, certificate, port),
    )
    server = Server(process, certificate, port, http_port)
    try:
        _wait_until_healthy(server)
    except BaseException:
        server.close()
        raise
    return server


def _environment(directory: Path, certificate: Certificate, port: int) -> dict[str, str]:
    """All that MiniStack sees: nothing of the caller's AWS settings, proxies or Python paths.

    MiniStack hands this environment on to the functions. AWS_CA_BUNDLE makes their SDK trust the
    certificate; MiniStack itself tells them AWS_ENDPOINT_URL.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
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
        "DOCKER_HOST": f"unix://{os.devnull}",
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
            if server.process.has_ended():
                break
        time.sleep(0.05)
    raise ServerFailed("MiniStack did not start:\n" + _last_lines(server.log()))


def _last_lines(log: str) -> str:
    return "\n".join(log.splitlines()[-_LOG_LINES_SHOWN:])
