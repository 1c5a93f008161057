"""Settings are changed one by one with the real `sam deploy`, and everything else stays.

SAM CLI asks CloudFormation for the previous value of each parameter that is not named. What it is
told beside that is in `samconfig.toml`, as everybody has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from demo.aws import environment
from e2e.deployed import ROOT
from local_stack import LocalStack, Stack

pytestmark = pytest.mark.e2e

SAM = ROOT / ".build" / "sam" / "bin" / "sam"
STACK, OTHER_STACK = "connectwise-payments", "connectwise-payments-b"
COPIED = ("template.yaml", "samconfig.toml", "functions", "layers")
NEWER = {
    "\nParameters:\n": "  NewSetting:\n    Type: String\n    Default: as it comes\n",
    "\nResources:\n": "  New:\n    Type: AWS::SNS::Topic\n"
    "    Properties: { DisplayName: !Ref NewSetting }\n",
}
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Clone:
    """The product's files in a folder of somebody's own, who deploys them."""

    aws: LocalStack
    folder: Path
    home: Path

    def deploy(self, *overrides: str, options: Sequence[str] = ()) -> CompletedProcess[str]:
        """Run `sam deploy` as the README has it, without being asked."""
        named = ("--parameter-overrides", *overrides) if overrides else ()
        return self.sam("deploy", "--no-confirm-changeset", *options, *named)

    def sam(self, *arguments: str) -> CompletedProcess[str]:
        """Run SAM CLI in the folder."""
        own = {"HOME": str(self.home), "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
        return subprocess.run(
            [SAM, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]} | environment(self.aws) | own,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def deployed(self, *overrides: str, options: Sequence[str] = ()) -> dict[str, str]:
        """Run `sam deploy`, and return how the first stack is set then."""
        done = self.deploy(*overrides, options=options)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.settings(STACK)

    def settings(self, stack: str) -> dict[str, str]:
        """How a stack is set."""
        return {row["ParameterKey"]: row["ParameterValue"] for row in self.stacks()[stack]}

    def stacks(self) -> dict[str, list[dict[str, str]]]:
        """The parameters of each stack that there is."""
        found = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        return {each["StackName"]: each.get("Parameters", []) for each in found}

    def artifacts(self) -> list[str]:
        """All that SAM CLI has uploaded to its bucket."""
        sam = Stack("aws-sam-cli-managed-default", {}, self.aws.server, self.aws.clients)
        [bucket] = sam.resources("AWS::S3::Bucket").values()
        return sam.bucket(bucket).keys()

    def upgrade(self) -> None:
        """Fetch a newer version, whose template has one parameter more."""
        template = self.folder / "template.yaml"
        text = template.read_text(encoding="utf-8")
        for heading, addition in NEWER.items():
            text = text.replace(heading, heading + addition, 1)
        template.write_text(text, encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        """All that is in the folder."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def clone(aws: LocalStack, tmp_path: Path) -> Iterator[Clone]:
    if not SAM.exists():
        pytest.skip("SAM CLI is not installed: run `make sam`")
    folder, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        folder.mkdir(exist_ok=True)
        copy(ROOT / name, folder / name)
    cloned = Clone(aws, folder, home)
    yield cloned
    for stack in {STACK, OTHER_STACK} & cloned.stacks().keys():
        Stack(stack, {}, aws.server, aws.clients).delete()


def test_a_setting_that_is_not_named_stays(clone: Clone) -> None:
    """Also when the next version is deployed, whose new settings take their defaults."""
    before = clone.files()
    first = clone.deployed("ReportEmail=a@b.example Enabled=false")
    assert (first["ReportEmail"], first["Enabled"]) == ("a@b.example", "false")
    changed = clone.deployed("MaxConnections=4", "ReportOn=Always")
    assert changed == first | {"MaxConnections": "4", "ReportOn": "Always"}
    assert clone.files() == before, "the clone stays clean"
    clone.upgrade()
    assert clone.deployed() == changed | {"NewSetting": "as it comes"}
    assert clone.deployed("ReportEmail=''")["ReportEmail"] == "", "a setting is taken back"


def test_another_stack_has_settings_and_artifacts_of_its_own(clone: Clone) -> None:
    first = clone.deployed("Enabled=false")
    other = ("--stack-name", OTHER_STACK, "--s3-prefix", OTHER_STACK)
    assert clone.deployed("ConnectWiseSecretName=other", options=other) == first
    assert clone.settings(OTHER_STACK) == first | {
        "ConnectWiseSecretName": "other",
        "Enabled": "true",
    }
    of_other = {key for key in clone.artifacts() if key.startswith(f"{OTHER_STACK}/")}
    assert of_other
    before = set(clone.artifacts())
    assert clone.sam("delete", "--no-prompts", "--stack-name", OTHER_STACK).returncode == 0
    assert set(clone.artifacts()) == before - of_other


def test_nothing_to_change_is_told_so_that_a_misspelt_name_is_seen(clone: Clone) -> None:
    """SAM CLI passes over a name that the template does not have."""
    clone.deployed()
    misspelt = clone.deploy("Enabeld=false")
    assert misspelt.returncode == 1
    assert "No changes to deploy" in misspelt.stdout + misspelt.stderr
    assert clone.deploy(options=("--no-fail-on-empty-changeset",)).returncode == 0
