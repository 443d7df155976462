"""Memory models in the cat language: reading them, saying them again, and deciding them for one execution.

Supported: all operators; ``let``, ``let rec``, functions (curried, with tuples, as arguments), ``let .. in``; axioms, flags and
asserts, negated too; ``show``, ``unshow``, ``include``, ``procedure`` and ``call``, ``try``; tags, sets of tags, ``enum``,
``match`` and ``if`` on tags; ``if`` on variants; bell files. Refused, by name and place: what enumerates (``with`` a choice of
several, ``linearisations``, ``classes-loc``, ``forall``, ``match`` and ``map`` over the elements of a set) and what would make a
model differ from one execution to the next (``if`` over events). Reads-from and coherence are given (``rf``, ``co``, ``fr``), so
that ``cos.cat`` and its kin have nothing left to do.
"""

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
