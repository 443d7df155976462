"""Validators for the forms that smpcheck's output promises."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from smpcheck.schemas import schema


def validator(name: str) -> Draft202012Validator:
    """A validator for one of smpcheck's own schemas, as a user has it: the file, and nothing besides."""
    return Draft202012Validator(schema(name))


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

    return Draft202012Validator(closed(schema(name)))
