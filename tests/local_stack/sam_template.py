"""A SAM template whose local folders are replaced by S3 addresses, as `sam package` does."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local_stack.artifacts import ArtifactBuilder

_FOLDER_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


@dataclass(frozen=True, slots=True)
class _Folder:
    """A property that names a local folder, and how `sam build` treats that folder."""

    properties: dict[str, Any]
    name: str
    subfolder: str
    install: bool


def package(
    template_path: Path, builder: ArtifactBuilder, upload: Callable[[bytes], str]
) -> dict[str, Any]:
    """Build and upload every folder that the template names; return the deployable template."""
    template: dict[str, Any] = yaml_parse(template_path.read_text(encoding="utf-8"))
    for folder in _folders(template):
        source = template_path.parent / folder.properties[folder.name]
        artifact = builder.build(source, folder.subfolder, folder.install)
        folder.properties[folder.name] = upload(artifact)
    return template


def to_json(template: dict[str, Any]) -> str:
    """The template as CloudFormation takes it; an unquoted date in YAML is a string there."""
    return json.dumps(template, default=str)


def _folders(template: dict[str, Any]) -> Iterator[_Folder]:
    in_globals = template.get("Globals", {}).get("Function", {})
    if _is_local(in_globals.get("CodeUri")):
        yield _Folder(in_globals, "CodeUri", subfolder="", install=True)
    for resource in template["Resources"].values():
        name = _FOLDER_PROPERTIES.get(resource["Type"])
        properties = resource.get("Properties", {})
        if name and _is_local(properties.get(name)):
            yield _folder(resource, properties, name)


def _folder(resource: dict[str, Any], properties: dict[str, Any], name: str) -> _Folder:
    if name == "CodeUri":
        return _Folder(properties, name, subfolder="", install=True)
    # Without a BuildMethod SAM takes a layer's folder as it is.
    is_built = "BuildMethod" in resource.get("Metadata", {})
    return _Folder(properties, name, subfolder="python" if is_built else "", install=is_built)


def _is_local(uri: object) -> bool:
    return isinstance(uri, str) and not uri.startswith("s3://")
