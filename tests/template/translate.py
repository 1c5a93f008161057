"""Print the template as SAM hands it to CloudFormation, for tools that know nothing of SAM."""

import json
import sys
from pathlib import Path

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

_FOLDERS = ("CodeUri", "ContentUri")


def main() -> None:
    """Translate the template that the first argument names."""
    template = yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        # `sam package` puts an address in place of a folder; without one nothing is translated.
        properties.update({name: "s3://bucket/key" for name in _FOLDERS if name in properties})
    print(json.dumps(transform(template, {}, ManagedPolicyLoader(None)), indent=2))


if __name__ == "__main__":
    main()
