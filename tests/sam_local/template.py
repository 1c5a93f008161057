"""A template for SAM local, derived from the product's: for one architecture, and a local AWS."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local_stack.artifacts import BuildFailed
from local_stack.clients import ROOT_CREDENTIALS

ROOT = Path(__file__).resolve().parents[2]
FUNCTION = "ImportPaymentsFunction"
CERTIFICATE = "local-aws.pem"
"""The name of the local AWS's certificate, in the folder that the container sees as /var/task."""

# SAM passes on only what the template declares.
ADDED_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN", *ROOT_CREDENTIALS)

_FOLDERS = {"CodeUri", "ContentUri"}
_PYTHON_313 = ROOT / ".build" / "emulator" / "bin"


def product_template() -> dict[str, Any]:
    """Return the product's template."""
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return template


def derived(template: dict[str, Any], architecture: str) -> dict[str, Any]:
    """Return the template for this architecture, with the variables that a local AWS takes."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in _FOLDERS & properties.keys():
            properties[name] = str(ROOT / properties[name])
        for name in {"Architectures", "CompatibleArchitectures"} & properties.keys():
            properties[name] = [architecture]
        if "BuildArchitecture" in resource.get("Metadata", {}):
            resource["Metadata"]["BuildArchitecture"] = architecture
    variables = template["Resources"][FUNCTION]["Properties"]["Environment"]["Variables"]
    variables |= dict.fromkeys(ADDED_VARIABLES, "")
    return template


def built_in(folder: Path) -> Path:
    """Return where in a folder the result of `build` is."""
    return folder / "build"


def build(sam: str, architecture: str, folder: Path) -> Path:
    """Have SAM build the derived template; return where the result is.

    Without the function's own Python on this machine SAM needs a container for it.
    """
    print(f"sam build, for {architecture}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    template, built = folder / "template.json", built_in(folder)
    template.write_text(
        json.dumps(derived(product_template(), architecture), default=str), encoding="utf-8"
    )
    command: list[str | Path] = [sam, "build", "--template", template, "--build-dir", built]
    command += ["--cached", "--cache-dir", folder / "cache"]
    command += [] if _PYTHON_313.exists() else ["--use-container"]
    environment = os.environ | {
        "PATH": f"{_PYTHON_313}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
    }
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildFailed(f"sam build has failed:\n{done.stdout}{done.stderr}")
    return built
