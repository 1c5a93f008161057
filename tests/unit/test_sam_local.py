"""What SAM local is told: the engine, the template, the events, the lines."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from payments.deliveries import deliveries
from payments.models import SourceFile
from sam_local.engine import Engine, NoEngine, described
from sam_local.events import Uploaded, event_about
from sam_local.lines import Pasted, samconfig
from sam_local.template import ADDED_VARIABLES, FUNCTION, derived, product_template

SOCKET = "unix:///var/run/docker.sock"
DOCKER: dict[str, Any] = {"Components": [{"Name": "Engine"}]}
PODMAN: dict[str, Any] = {"Components": [{"Name": "Podman Engine"}]}
BRIDGE: dict[str, Any] = {"IPAM": {"Config": [{"Gateway": "10.88.0.1"}]}}


def engine(
    version: dict[str, Any], *, socket: str = SOCKET, on_macos: bool = False, **info: Any
) -> Engine:
    told = {"Architecture": "x86_64", "OperatingSystem": "Debian", **info}
    return described(socket, version, told, BRIDGE, on_macos=on_macos)


@pytest.mark.parametrize(
    ("found", "name", "listen_on", "reached_at"),
    [
        (engine(DOCKER), "Docker", "10.88.0.1", "10.88.0.1"),
        (engine(PODMAN), "Podman", "10.88.0.1", "10.88.0.1"),
        (
            engine(DOCKER, OperatingSystem="Docker Desktop", on_macos=True),
            "Docker Desktop",
            "127.0.0.1",
            None,
        ),
        (
            engine(DOCKER, socket="unix:///a/finch.sock", on_macos=True),
            "Finch",
            "127.0.0.1",
            "192.168.5.2",
        ),
        (engine(PODMAN, on_macos=True), "Podman", "127.0.0.1", "192.168.127.254"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_each_engine_reaches_this_machine_in_its_own_way(
    found: Engine, name: str, listen_on: str, reached_at: str | None
) -> None:
    """On a Mac and with Docker Desktop 127.0.0.1 is reached, on Linux its address on the bridge."""
    assert (found.name, found.listen_on, found.reached_at) == (name, listen_on, reached_at)


def test_the_architecture_is_the_engines() -> None:
    """Docker and podman have different words for it."""
    for word in ("aarch64", "arm64"):
        assert engine(DOCKER, Architecture=word).architecture == "arm64"
    assert engine(PODMAN, Architecture="amd64").architecture == "x86_64"


@pytest.mark.parametrize("info", [{"Rootless": True}, {"SecurityOptions": ["name=rootless"]}])
def test_an_engine_whose_containers_do_not_reach_this_machine_is_refused(
    info: dict[str, Any],
) -> None:
    with pytest.raises(NoEngine, match="without root"):
        engine(PODMAN, **info)


def test_the_derived_template_is_for_one_architecture_and_declares_what_a_local_aws_takes() -> None:
    template = derived(product_template(), "x86_64")
    assert "arm64" not in json.dumps(template, default=str)
    assert variables(template).keys() == variables(product_template()).keys() | set(ADDED_VARIABLES)


def variables(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][FUNCTION]["Properties"]["Environment"][
        "Variables"
    ]
    return found


@pytest.mark.parametrize(
    "sample", ["s3-put.json", "s3-put-awkward-key.json", "sqs-eventbridge.json"]
)
def test_an_event_about_an_object_names_exactly_that(sample: str) -> None:
    uploaded = Uploaded("payments", "incoming/a+b c.xml", "v1", "e1", 5)
    [delivery] = deliveries(event_about(sample, uploaded))
    [file] = delivery.files
    assert file == SourceFile("payments", "incoming/a+b c.xml", "v1", "e1", file.sequencer)


def test_samconfig_gives_both_commands_the_same() -> None:
    config = tomllib.loads(samconfig([("env_vars", "env.json"), ("add_host", ["a:1"])]))
    invoke = config["default"]["local_invoke"]["parameters"]
    assert invoke == {"env_vars": "env.json", "add_host": ["a:1"]}
    assert config["default"]["local_start_lambda"]["parameters"] == invoke


def test_a_line_to_paste_is_complete_wherever_it_is_pasted() -> None:
    pasted = Pasted(Path("/a folder"), [], SOCKET, "sam")
    assert pasted.invoke("events/s3-put.json") == (
        f"cd '/a folder' && env DOCKER_HOST={SOCKET} sam local invoke {FUNCTION} "
        "--event events/s3-put.json"
    )
