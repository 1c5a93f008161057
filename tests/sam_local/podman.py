"""An engine of our own where none runs but podman is installed: private, and gone afterwards.

podman is started as a service with its images and containers in a temporary folder, and in
namespaces of its own: nothing of the machine's network, mounts and processes is touched, and
whatever runs in containers ends with it. What serves the containers has to be in the same network
namespace, so the whole program moves there.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local_stack.guarded import Guarded, new_directory, start_guarded
from local_stack.waiting import wait_for
from sam_local.engine import NoEngine, is_root

_TOOLS = ("podman", "crun", "iptables", "ip", "unshare", "nsenter")
_QEMU = "qemu-aarch64-static"
_SOCKET = "podman.sock"
_START_SECONDS = 30
_EVERYBODY = "0 0 65536"


# Without limits and groups of processes: whoever has started us may not be allowed to set them.
_CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
cgroups = "disabled"
[engine]
events_logger = "file"
"""

# crun refuses a machine that has both kinds of control groups: the newer ones are covered.
_START = """
ip link set lo up
mount -t tmpfs none /run
[ ! -d /sys/fs/cgroup/unified ] || mount -t tmpfs none /sys/fs/cgroup/unified
exec podman --root "$0/root" --runroot "$0/run" --tmpdir "$0/tmp" --network-config-dir "$0/net" \
  --cgroup-manager cgroupfs system service --time=0 "unix://$0/podman.sock"
"""
# Registered for this user namespace alone. F: the emulator is found from inside of containers too.
_ARM64_PROGRAM = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00\xb7\x00"
_ALL_BUT_ITS_ABI = r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe" + r"\xff" * 3
_REGISTER = f"""
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 1
echo ':qemu-aarch64:M::{_ARM64_PROGRAM}:{_ALL_BUT_ITS_ABI}:{{emulator}}:F' \\
  > /proc/sys/fs/binfmt_misc/register || exit 1
"""


def is_installed() -> bool:
    """Tell whether podman can be started here as a service of our own."""
    return sys.platform == "linux" and is_root() and all(map(shutil.which, _TOOLS))


def move_into_namespaces(arguments: Sequence[str], *, users: bool) -> None:
    """Begin this program anew with these arguments, in a network namespace of its own.

    With `users` in a user namespace too, in which an emulator can be registered for us alone.
    """
    python = [sys.executable, "-m", "sam_local", *arguments]
    if not users:
        os.execvp("unshare", ["unshare", "--net", *python])
    entered = [f"--{kind}=/proc/self/fd/{file}" for kind, file in _new_namespaces().items()]
    os.execvp("nsenter", ["nsenter", *entered, *python])


def _new_namespaces() -> dict[str, int]:
    """Return open files of a new user namespace, in which everybody is who he is, and its network.

    `unshare` maps users only with a program that not every machine has.
    """
    with subprocess.Popen(
        ["unshare", "--user", "--net", "sh", "-c", "echo; read _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        namespaces = Path(f"/proc/{holder.pid}")
        for name in ("uid_map", "gid_map"):
            (namespaces / name).write_text(_EVERYBODY)
        files = {kind: os.open(namespaces / "ns" / kind, os.O_RDONLY) for kind in ("user", "net")}
    for file in files.values():
        os.set_inheritable(file, True)
    return files


def emulator() -> str | None:
    """Return the emulator of arm64, if it is installed."""
    return shutil.which(_QEMU)


def start_podman(registered: str | None) -> tuple[Guarded, str]:
    """Start podman, and return it and the address of its service.

    `registered` is the emulator that is to be registered first, if any.
    """
    directory = new_directory("podman")
    (directory / "containers.conf").write_text(_CONTAINERS_CONF)
    register = _REGISTER.format(emulator=registered) if registered else ""
    process = start_guarded(
        # With a process namespace: a container's own guardian would survive any other end.
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
         "sh", "-c", f"{register}{_START}", directory],
        directory,
        {"PATH": os.environ["PATH"], "CONTAINERS_CONF": str(directory / "containers.conf")},
    )  # fmt: skip
    socket = directory / _SOCKET
    wait_for(lambda: socket.exists() or process.has_ended(), _START_SECONDS, "podman")
    if process.has_ended():
        log = process.log()
        process.close()
        raise NoEngine(f"podman did not start:\n{log}")
    return process, f"unix://{socket}"


def inside_prefix() -> list[str]:
    """Return what has to stand before a command for it to reach the containers."""
    return ["nsenter", f"--net=/proc/{os.getpid()}/ns/net"]
