"""Validators for the forms that smpcheck's output promises."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from smpcheck.schemas import NAMES, schema


def validator(name: str) -> Draft202012Validator:
    """A validator for one of smpcheck's own schemas, which refer to each other."""
    found: dict[str, Any] = {name: schema(name) for name in NAMES}
    registry: Registry[Any] = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in found.values()])
    return Draft202012Validator(found[name], registry=registry)


def strict(name: str) -> Draft202012Validator:
    """The same, with every object closed: no key that the schema does not describe."""

    def closed(node: Any) -> Any:
        if isinstance(node, list):
            return [closed(part) for part in node]
        if not isinstance(node, dict):
            return node
        made = {key: closed(part) for key, part in node.items()}
        if "properties" in made and "additionalProperties" not in made and made.get("type") == "object" and "oneOf" not in made:
            made["additionalProperties"] = False
        return made

    found: dict[str, Any] = {name: closed(schema(name)) for name in NAMES}
    registry: Registry[Any] = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in found.values()])
    return Draft202012Validator(found[name], registry=registry)
