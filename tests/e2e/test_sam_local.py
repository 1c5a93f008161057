"""SAM CLI itself, unchanged, runs the built function in containers: each printed line is pasted."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from e2e.deployed import ROOT
from local_stack import wait_for
from local_stack.guardian import processes
from sam_local.engine import machine_architecture

pytestmark = pytest.mark.e2e

_SAM = ROOT / ".build" / "sam" / "bin" / "sam"
_SECONDS = 300
_FOLDER = re.compile(r"cd (\S+) && ")
_CANNOT_RUN = ("There is no container engine", "can be had from no registry", "cannot run arm64")


class Stage:
    """The running `make sam-local`, and what it has printed."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sam_local", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=_environment(),
        )
        assert self.process.stdout is not None
        self.printed: list[str] = []
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C ends"):
                return
        self.close()
        told = "\n".join(self.printed)
        if any(words in told for words in _CANNOT_RUN):
            pytest.skip(told)
        pytest.fail(told)

    @property
    def folder(self) -> Path:
        """Where SAM finds everything."""
        return _folder_of(self.line("s3-put.json"))

    def line(self, about: str) -> str:
        """Return the first printed line to paste that has this in it."""
        return next(each for each in self.printed if about in each and each.startswith("cd "))

    def end(self, number: signal.Signals) -> int:
        """End it by a signal, and wait until all of it is gone."""
        places = [self.folder, *self._own_podman()]
        os.kill(self.process.pid, number)
        exit_code = self.process.wait(_SECONDS)
        assert self.process.stdout is not None
        self.printed += self.process.stdout.read().splitlines()
        wait_for(lambda: not any(map(_left_of, places)), description="the end of all")
        return exit_code

    def _own_podman(self) -> list[Path]:
        """Return the folder of the podman that was started for this, if one was."""
        if not any("podman is started for this" in line for line in self.printed):
            return []
        [address] = re.findall(r"DOCKER_HOST=unix://(\S+)", self.line("s3-put.json"))
        return [Path(address).parent]

    def close(self) -> None:
        """End it if it still runs."""
        self.process.kill()
        self.process.communicate()


def _folder_of(line: str) -> Path:
    found = _FOLDER.match(line)
    assert found, line
    return Path(found[1])


def _environment(**more: str) -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT / "functions"), str(ROOT / "tests")])
    return os.environ | {"PYTHONPATH": paths, **more}


def _environment_for(line: str) -> dict[str, str]:
    """SAM leaves files in its temporary folder."""
    return os.environ | {"SAM_CLI_TELEMETRY": "0", "TMPDIR": str(_folder_of(line))}


def _left_of(folder: Path) -> bool:
    return folder.exists() or any(str(folder) in each.command for each in processes())


def pasted(line: str) -> str:
    """Run a line as a shell does; return what it writes to standard output."""
    done = subprocess.run(
        line,
        shell=True,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
        env=_environment_for(line),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answered(output: str) -> dict[str, Any]:
    """Return the function's answer: SAM exits with 0 whatever it is."""
    answer: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return answer


def file_of(output: str) -> dict[str, Any]:
    """Return what became of the one file, as the function answers."""
    [file] = answered(output)["files"]
    return dict(file)


@pytest.fixture(scope="module")
def sam() -> Path:
    if not _SAM.exists():
        pytest.skip("SAM CLI is not installed: see `make sam`")
    return _SAM


@pytest.fixture(scope="module")
def arm64_run(sam: Path) -> Iterator[Future[tuple[Stage, str]]]:
    """The arm64 build, invoked beside everything else: emulated it takes its time."""
    if machine_architecture() == "arm64":
        pytest.skip("This machine runs arm64 by itself, in the other tests.")

    def run() -> tuple[Stage, str]:
        stage = Stage("--architecture", "arm64")
        return stage, pasted(stage.line("s3-put.json"))

    with ThreadPoolExecutor(1) as beside:
        future = beside.submit(run)
        yield future
        if future.exception() is None:
            future.result()[0].close()


@pytest.fixture(scope="module")
def stage(sam: Path, arm64_run: object) -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def shown(stage: Stage) -> dict[str, str]:
    """Paste the line that shows what came back; return the parts by their titles."""
    parts = pasted(stage.line("curl" if any("curl" in x for x in stage.printed) else "urllib"))
    titled = (part.partition("\n") for part in parts.split("--- ")[1:])
    return {title: text for title, _, text in titled}


def test_an_engine_that_does_not_answer_is_told_by_its_name() -> None:
    """Another one would not be what SAM uses."""
    done = subprocess.run(
        [sys.executable, "-m", "sam_local"],
        capture_output=True,
        text=True,
        env=_environment(DOCKER_HOST="unix:///nowhere.sock"),
        check=False,
    )
    assert done.returncode == 1
    assert "No container engine answers at unix:///nowhere.sock" in done.stderr


@pytest.mark.parametrize(
    ("line", "name", "status", "succeeded", "failed"),
    [
        ("events/s3-put.json", "payments-good.xml", "Succeeded", 10, 0),
        ("events/sqs-eventbridge.json", "payments-with-errors.xml", "CompletedWithFailures", 2, 8),
        ("events/s3-put-awkward-key.json", "a+b c.xml", "Succeeded", 10, 0),
        ("generate-event", "payments-twice.xml", "Succeeded", 5, 0),
    ],
)
def test_a_pasted_line_imports_its_file(
    stage: Stage, line: str, name: str, status: str, succeeded: int, failed: int
) -> None:
    file = file_of(pasted(stage.line(line)))
    assert (file["key"], file["status"]) == (f"incoming/{name}", status)
    assert (file["created"] + file["updated"], file["failed"]) == (succeeded, failed)
    parts = shown(stage)
    assert parts[f"success/{name}"].count("<InvoicePayment>") == succeeded
    assert parts[f"fail/{name}"].count("<ErrorMessage>") >= failed
    held = next(text for title, text in parts.items() if title.startswith("ConnectWise holds"))
    ids = re.findall(r"<id>(\d+)</id>\s*<externalId>", parts[f"success/{name}"])
    assert len(ids) == succeeded
    assert set(ids) <= {row.split()[0] for row in held.strip().splitlines()}


def test_a_started_function_answers_calls(stage: Stage) -> None:
    line = stage.line("start-lambda")
    with subprocess.Popen(
        line,
        shell=True,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=_environment_for(line),
    ) as started:
        try:
            assert started.stderr is not None
            assert any("Running on" in each for each in started.stderr), line
            output = pasted(stage.printed[stage.printed.index(line) + 1])
            assert file_of(output)["status"] == "Succeeded"
        finally:
            os.killpg(started.pid, signal.SIGINT)
            started.communicate(timeout=_SECONDS)


def test_with_aws_out_of_reach_the_answer_says_so_whatever_the_queue_says(stage: Stage) -> None:
    """The message of the sample event is in no queue, which is not what is wrong."""
    environment = json.loads((stage.folder / "env.json").read_text())
    [variables] = environment.values()
    variables["AWS_ENDPOINT_URL"] = "https://host.docker.internal:9"
    (stage.folder / "no-aws.json").write_text(json.dumps(environment))
    file = file_of(pasted(f"{stage.line('sqs-eventbridge.json')} --env-vars no-aws.json"))
    assert file["status"] == "Waiting"
    assert "imports table" in file["error"]
    assert "Could not connect" in file["error"]


def test_ctrl_c_leaves_nothing_behind(stage: Stage) -> None:
    assert stage.end(signal.SIGINT) == 130
    assert stage.printed[-1] == "Stopped. Nothing is left running."


def test_the_delivered_build_runs_on_its_own_architecture(
    arm64_run: "Future[tuple[Stage, str]]",
) -> None:
    """Its binaries are loaded here before AWS does it; killed, it leaves nothing either."""
    stage, output = arm64_run.result()
    assert file_of(output)["status"] == "Succeeded"
    template = (stage.folder / "template.yaml").read_text()
    assert template.count("arm64") == 3
    assert stage.end(signal.SIGKILL) == -signal.SIGKILL
