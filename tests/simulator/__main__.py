"""Run a simulator: `python -m simulator --port 0`.

One line of JSON says that it is ready: where it listens, and the credentials that it takes.
"""

import argparse
import asyncio
import json
import os
import signal
import sys

from simulator.server import SimulatorServer
from simulator.settings import Settings
from simulator.simulation import Simulation


def main() -> None:
    """Read the options and serve until told to end."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--company", default="acme")
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="end when standard input closes or the parent process is gone",
    )
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    simulation = Simulation(Settings(company=options.company))
    server = SimulatorServer(simulation)
    await server.start(options.port)
    print(json.dumps(simulation.secret()), flush=True)
    watch = asyncio.create_task(_watch_parent(stopped)) if options.exit_with_parent else None
    await stopped.wait()
    if watch:
        watch.cancel()
    await server.stop()


async def _watch_parent(stopped: asyncio.Event) -> None:
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _read_input, stopped)
    # A process that the parent forked may hold the other end of standard input open.
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stopped.set()


def _read_input(stopped: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stopped.set()


if __name__ == "__main__":
    main()
