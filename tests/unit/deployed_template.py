"""The template as CloudFormation deploys it with certain parameters."""

from collections.abc import Mapping
from typing import Any

_NOTHING = {"Ref": "AWS::NoValue"}


def deployed_resources(template: Mapping[str, Any], **given: str) -> dict[str, dict[str, Any]]:
    """Return the resources that are created, without conditions and without what has no value."""
    parameters = {name: each["Default"] for name, each in template["Parameters"].items()} | given
    holds = {
        name: _holds(condition, parameters) for name, condition in template["Conditions"].items()
    }
    return {
        name: _chosen(resource, holds)
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or holds[resource["Condition"]]
    }


def _holds(condition: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    [(function, arguments)] = condition.items()
    if function == "Fn::Not":
        return not _holds(arguments[0], parameters)
    assert function == "Fn::Equals"
    parameter, value = arguments
    return str(parameters[parameter["Ref"]]) == str(value)


def _chosen(value: Any, holds: Mapping[str, bool]) -> Any:
    """Replace each `If` by the branch that its condition chooses."""
    if isinstance(value, list):
        return [chosen for each in value if (chosen := _chosen(each, holds)) != _NOTHING]
    if not isinstance(value, Mapping):
        return value
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        return _chosen(then if holds[condition] else otherwise, holds)
    chosen = {name: _chosen(each, holds) for name, each in value.items()}
    return {name: each for name, each in chosen.items() if each != _NOTHING}
