"""Memory models in the cat language: reading them, saying them again, and deciding them for one execution."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model, Node


def load_model(name_or_path: str | os.PathLike[str]) -> Model:
    """See :func:`smpcheck.cat.load.load_model`."""
    from smpcheck.cat import load

    return load.load_model(name_or_path)


def show(model: Model) -> str:
    """The whole model as a cat file."""
    from smpcheck.cat import text

    return text.show(model)


def describe(node: Node) -> str:
    """The definition of one node as cat text."""
    from smpcheck.cat import text

    return text.describe(node)
