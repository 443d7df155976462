"""JSON Schemas of what ``--format json`` prints, one file for each kind and version (JSON Schema 2020-12)."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

NAMES = ("execution-1", "result-2", "answers-2", "mm-check-1", "mm-witness-1", "mm-provoke-1")
"""``execution-1``: one execution. ``result-2``: a line of ``smpcheck check``. ``answers-2``: a document of ``explain``,
``barriers`` or ``compare``. ``mm-check-1``: a line of ``smpcheck mm check``. ``mm-witness-1``: a failing run as system calls.
``mm-provoke-1``: a document of ``smpcheck mm live --provoke`` or ``--from``."""


def schema(name: str) -> dict[str, Any]:
    """The schema of that name, of :data:`NAMES`. :raises KeyError: there is none"""
    if name not in NAMES:
        raise KeyError(name)
    found: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return found
