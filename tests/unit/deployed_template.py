"""The template as CloudFormation deploys it with certain parameters."""

from collections.abc import Mapping
from typing import Any

_NOTHING = {"Ref": "AWS::NoValue"}


def deployed_resources(template: Mapping[str, Any], **given: str) -> dict[str, dict[str, Any]]:
    """Return the resources that are created, without conditions and without what has no value."""
    parameters = {name: each["Default"] for name, each in template["Parameters"].items()} | given
    holds: dict[str, bool] = {}
    for name, condition in template["Conditions"].items():
        holds[name] = _holds(condition, parameters, holds)
    return {
        name: _chosen(resource, holds)
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or holds[resource["Condition"]]
    }


def _holds(
    condition: Mapping[str, Any], parameters: Mapping[str, Any], known: Mapping[str, bool]
) -> bool:
    """Tell whether a condition holds; those that it names are `known`."""
    [(function, arguments)] = condition.items()
    if function == "Condition":
        return known[arguments]
    if function == "Fn::Not":
        return not _holds(arguments[0], parameters, known)
    if function == "Fn::And":
        return all(_holds(each, parameters, known) for each in arguments)
    assert function == "Fn::Equals"
    one, other = (
        parameters[value["Ref"]] if isinstance(value, Mapping) else value for value in arguments
    )
    return str(one) == str(other)


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
