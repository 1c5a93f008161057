"""The program under everything that a seed can do to it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from simulation.scenario import MODES, scenario
from simulation.simulation import SeedFailed, simulate

SEEDS = int(os.environ.get("SEEDS", "100"))
_HASHES = (
    "import logging; logging.disable(logging.CRITICAL);"
    "from simulation.scenario import MODES, scenario; from simulation.simulation import simulate;"
    "print([simulate(scenario(seed, mode)).trace_hash for mode in MODES for seed in range(8)])"
)


@pytest.mark.parametrize("mode", MODES)
def test_whatever_goes_wrong_what_must_hold_holds(mode: str) -> None:
    """At every step, and at the end; set SEEDS for more, or run `make simulate`."""
    for seed in range(SEEDS):
        try:
            simulate(scenario(seed, mode))
        except SeedFailed as failure:
            pytest.fail(f"{failure}\nmake simulate ARGS='--mode {mode} --seed {seed}'")


def test_a_seed_is_always_the_same_run() -> None:
    """To the last interleaving, in every process, whatever its hash seed is."""
    told = {
        subprocess.run(
            [sys.executable, "-c", _HASHES],
            env={
                **os.environ,
                "PYTHONHASHSEED": hash_seed,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "12345")
    }
    assert len(told) == 1


def test_seeds_are_different_runs() -> None:
    """Otherwise they would be of no use."""
    hashes = [simulate(scenario(seed, "storm")).trace_hash for seed in range(20)]
    assert len(set(hashes)) == 20
