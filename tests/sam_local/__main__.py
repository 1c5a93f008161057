"""Set the stage for SAM local: `python -m sam_local`."""

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack
from types import FrameType

from local_stack import DeploymentFailed, LocalStack, ServerFailed
from local_stack.artifacts import BuildFailed
from local_stack.sam_template import package
from sam_local import podman
from sam_local.engine import (
    Engine,
    NoEngine,
    check_architecture,
    find_engine,
    machine_architecture,
    no_emulation,
    runs,
)
from sam_local.image import held_image, stand_in
from sam_local.lines import Pasted, find_sam
from sam_local.stage import Stage, explain, set_up, showing
from sam_local.template import ROOT, build, built_in
from simulator.control import SimulatorError

_FOLDER = ROOT / ".build" / "sam-local"
_INSIDE = "--inside"
_POLL_SECONDS = 0.5


def main() -> int:
    """Read the options, run, and return the exit code."""
    parser = argparse.ArgumentParser(prog="sam_local", description=__doc__)
    parser.add_argument("--architecture", choices=["x86_64", "arm64"])
    parser.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _run(options.architecture, inside=options.inside)
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left running.", flush=True)
        return 130
    except (BuildFailed, DeploymentFailed, NoEngine, ServerFailed, SimulatorError) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def _run(architecture: str | None, *, inside: bool) -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        engine = _own_engine(architecture, running) if inside else _engine(architecture)
        architecture = architecture or engine.architecture
        sam, folder = find_sam(), _FOLDER / architecture
        built = built_in(folder) if inside else build(sam, architecture, folder)
        image = running.enter_context(held_image(engine, architecture, _FOLDER, ours=inside))
        stage = running.enter_context(set_up(engine, image, built, _FOLDER))
        url = running.enter_context(showing(stage))
        prefix = podman.inside_prefix() if inside else []
        print(explain(stage, Pasted(stage.folder, prefix, engine.docker_host, sam), url))
        print("\nCtrl-C ends everything. What comes back is shown here.", flush=True)
        _show_what_comes(stage)


def _engine(architecture: str | None) -> Engine:
    """Return the engine that runs; where none does, begin anew with podman, if that is there."""
    try:
        engine = find_engine(os.environ)
    except NoEngine:
        if "DOCKER_HOST" in os.environ or not podman.is_installed():
            raise
    else:
        check_architecture(engine, architecture or engine.architecture)
        return engine
    own = machine_architecture()
    architecture = architecture or own
    register = not runs(architecture, own)
    if register and (architecture != "arm64" or podman.emulator() is None):
        raise no_emulation(architecture, own)
    print("No container engine runs: podman is started for this, and ends with it.", flush=True)
    # What takes a network is done before there is none.
    package(ROOT / "template.yaml", LocalStack().builder, lambda _: "")
    stand_in(architecture, _FOLDER)
    build(find_sam(), architecture, _FOLDER / architecture)
    podman.move_into_namespaces([_INSIDE, "--architecture", architecture], users=register)
    raise AssertionError("this program has begun anew")


def _own_engine(architecture: str | None, running: ExitStack) -> Engine:
    register = architecture is not None and not runs(architecture, machine_architecture())
    process, docker_host = podman.start_podman(podman.emulator() if register else None)
    running.callback(process.close)
    return find_engine({"DOCKER_HOST": docker_host})


def _show_what_comes(stage: Stage) -> None:
    seen = stage.results()
    while True:
        time.sleep(_POLL_SECONDS)
        now = stage.results()
        if new := sorted(name for name, version in now.items() if seen.get(name) != version):
            print(f"\n{stage.shown(new)}", flush=True)
        seen = now


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
