"""Which container engine SAM local will use, and how its containers reach this machine."""

import http.client
import json
import os
import platform
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

HOST_NAME = "host.docker.internal"
"""How containers call this machine."""

LOOPBACK = "127.0.0.1"

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_SECONDS = 10
_PULL_SECONDS = 600
_FINCH_ON_MACOS = "/Applications/Finch/lima/data/finch/sock/finch.sock"
_DOCKER_BRIDGE = "172.17.0.1"
# Where virtual machines find the Mac: Lima's (Finch, Colima), and that of `podman machine`.
_MAC_SEEN_FROM_LIMA = "192.168.5.2"
_MAC_SEEN_FROM_PODMAN = "192.168.127.254"
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_EMULATED_AS = {"arm64": "qemu-aarch64", "x86_64": "qemu-x86_64"}

_NONE = """There is no container engine, which SAM local needs. Start one of these, or install it:
  Docker Desktop (macOS, Windows, Linux)   https://docs.docker.com/desktop/
  Docker Engine (Linux)                    https://docs.docker.com/engine/install/
  Finch (macOS, Linux)                     https://runfinch.com
  podman (Linux), for root                 apt-get install podman crun netavark iptables \\
                                             iproute2 mmdebstrap
An engine that listens elsewhere is named by DOCKER_HOST.
Without one there are `make demo`, which deploys the template on a local AWS, and `make test`."""
_ROOTLESS = """{name} runs without root here: its containers cannot reach this machine.
Start it as root, with DOCKER_HOST naming its socket; or see `make demo`, which needs none."""
_NO_EMULATION = """This machine is {own}, and cannot run {wanted}.
Leave ARCH out, which builds for {own}; or have {wanted} emulated first:
  docker run --privileged --rm tonistiigi/binfmt --install {platform}
  or, on Debian and Ubuntu:  apt-get install qemu-user-static binfmt-support"""


class NoEngine(Exception):
    """SAM local cannot run here; the message says what to install, and what works without."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running container engine.

    `docker_host` is its address. What listens on `listen_on` here is reached by containers at
    `reached_at`, or, if that is None, by a name that the engine itself knows.
    """

    docker_host: str
    name: str
    architecture: str
    listen_on: str
    reached_at: str | None

    def has_image(self, name: str) -> bool:
        """Tell whether the engine holds an image."""
        return _ask(self.docker_host, "GET", f"/images/{name}/json")[0] == 200

    def pull(self, repository: str, tag: str) -> bool:
        """Fetch an image from its registry; return whether it is there now."""
        path = f"/images/create?fromImage={repository}&tag={tag}"
        with suppress(OSError, http.client.HTTPException):
            _ask(self.docker_host, "POST", path, timeout_seconds=_PULL_SECONDS)
        return self.has_image(f"{repository}:{tag}")

    def load(
        self, archive: Path, repository: str, tag: str, architecture: str, changes: Iterable[str]
    ) -> None:
        """Make an image of an archive of files."""
        query = [("fromSrc", "-"), ("platform", f"linux/{architecture}")]
        query += [("changes", each) for each in changes]
        with archive.open("rb") as files:
            status, answer = _ask(
                self.docker_host, "POST", f"/images/create?{urlencode(query)}", files, _PULL_SECONDS
            )
        if status != 200:
            raise NoEngine(f"{self.name} takes no image of our own: {answer.decode()}")
        number = json.loads(answer.splitlines()[-1])["status"]
        # By itself: podman takes no notice of a tag in the first call.
        naming = urlencode({"repo": repository, "tag": tag})
        _ask(self.docker_host, "POST", f"/images/{number}/tag?{naming}")

    def remove_image(self, name: str) -> None:
        """Remove an image, if it is there."""
        _ask(self.docker_host, "DELETE", f"/images/{name}?force=true")


def find_engine(environment: Mapping[str, str]) -> Engine:
    """Return the engine that DOCKER_HOST names, or the first that is where engines usually are.

    Raises NoEngine.
    """
    for docker_host in _candidates(environment):
        with suppress(OSError, ValueError, KeyError, http.client.HTTPException):
            return _engine(docker_host)
    if named := environment.get("DOCKER_HOST"):
        raise NoEngine(f"No container engine answers at {named}, which DOCKER_HOST names.")
    raise NoEngine(_NONE)


def check_architecture(engine: Engine, wanted: str) -> None:
    """Raise NoEngine if the engine cannot run this architecture."""
    # Docker Desktop and the others on macOS bring their own emulation, which cannot be seen here.
    if not (runs(wanted, engine.architecture) or engine.listen_on == LOOPBACK):
        raise no_emulation(wanted, engine.architecture)


def runs(wanted: str, own: str) -> bool:
    """Tell whether Linux here runs programs of an architecture, by itself or emulated."""
    return wanted == own or (_BINFMT / _EMULATED_AS[wanted]).exists()


def no_emulation(wanted: str, own: str) -> NoEngine:
    """Say that an architecture cannot be run, and what to do about it."""
    name = {"arm64": "arm64", "x86_64": "amd64"}[wanted]
    return NoEngine(_NO_EMULATION.format(own=own, wanted=wanted, platform=name))


def machine_architecture() -> str:
    """Return this machine's architecture, as Lambda calls it."""
    return _MACHINES[platform.machine().lower()]


def described(
    docker_host: str,
    version: Mapping[str, Any],
    info: Mapping[str, Any],
    bridge: Mapping[str, Any],
    *,
    on_macos: bool,
) -> Engine:
    """Tell what an engine is from what it says about itself and about its network."""
    name = _name(docker_host, version, info)
    if info.get("Rootless") or "name=rootless" in (info.get("SecurityOptions") or []):
        raise NoEngine(_ROOTLESS.format(name=name))
    architecture = _MACHINES[str(info["Architecture"]).lower()]
    if name == "Docker Desktop":
        return Engine(docker_host, name, architecture, LOOPBACK, None)
    if on_macos:
        seen = _MAC_SEEN_FROM_PODMAN if name == "Podman" else _MAC_SEEN_FROM_LIMA
        return Engine(docker_host, name, architecture, LOOPBACK, seen)
    ranges = (bridge.get("IPAM") or {}).get("Config") or [{}]
    gateway = str(ranges[0].get("Gateway") or _DOCKER_BRIDGE)
    return Engine(docker_host, name, architecture, gateway, gateway)


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    if named := environment.get("DOCKER_HOST"):
        yield named
        return
    home = Path(environment.get("HOME", "/"))
    run = Path(environment.get("XDG_RUNTIME_DIR", "/nowhere"))
    for path in (
        Path("/var/run/docker.sock"),
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        Path(_FINCH_ON_MACOS),
        Path("/var/run/finch.sock"),
        Path("/run/podman/podman.sock"),
        run / "podman/podman.sock",
    ):
        if path.exists():
            yield f"unix://{path}"


def _engine(docker_host: str) -> Engine:
    answers = [_ask(docker_host, "GET", path) for path in ("/version", "/info", "/networks/bridge")]
    told = [json.loads(answer) if status == 200 else {} for status, answer in answers]
    return described(docker_host, *told, on_macos=sys.platform == "darwin")


def _name(docker_host: str, version: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    if "finch" in docker_host:
        return "Finch"
    if str(info.get("OperatingSystem")).startswith("Docker Desktop"):
        return "Docker Desktop"
    parts = [str(part.get("Name")) for part in version.get("Components") or []]
    return "Podman" if any("Podman" in part for part in parts) else "Docker"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket of the file system."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _ask(
    docker_host: str,
    method: str,
    path: str,
    body: BinaryIO | None = None,
    timeout_seconds: float = _SECONDS,
) -> tuple[int, bytes]:
    address = urlsplit(docker_host)
    connection: http.client.HTTPConnection
    if address.scheme == "unix":
        connection = _UnixConnection(address.path, timeout_seconds)
    else:
        connection = http.client.HTTPConnection(address.netloc, timeout=timeout_seconds)
    try:
        connection.request(method, path, body, {"Content-Type": "application/x-tar"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_root() -> bool:
    """Tell whether we are root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
