"""The names that a cat file finds defined: base sets and relations, tags, and functions. Data, with few words.

Sources: herd7's manual (chapter on cat, "Predefined identifiers") for the names and their meaning; the kernel's
``linux-kernel.bell`` (6.12) and ``lock.cat`` for the tags.
"""

from __future__ import annotations

from collections.abc import Callable

from smpcheck.cat import build
from smpcheck.cat.nodes import Node

BASE_RELATIONS = ("po", "addr", "data", "ctrl", "rmw", "loc", "int", "ext", "id", "rf", "co", "fr")
"""Relations that an execution comes with. ``int`` is *of the same thread*; initial writes belong to none."""

BASE_SETS = ("R", "W", "M", "F", "IW", "FW", "RMW")
"""Reads, writes, both, fences, initial writes, coherence-last writes, both halves of atomic operations (but not of locks)."""

TAGS = (
    "Once", "Acquire", "Release", "Noreturn", "Mb", "Rmb", "Wmb", "Barrier", "Before-atomic", "After-atomic", "After-spinlock",
    "After-unlock-lock", "After-srcu-read-unlock", "Rcu-lock", "Rcu-unlock", "Sync-rcu", "Srcu-lock", "Srcu-unlock", "Sync-srcu",
    "LKR", "LKW", "UL", "LF", "RL", "RU",
)  # fmt: skip
"""Event tags that a model may name without declaring them. A program without such events makes them empty sets."""


def _internal(name: str) -> Node:
    return build.inter(build.base(name), build.base("int"))


def _external(name: str) -> Node:
    return build.inter(build.base(name), build.base("ext"))


def _initial_coherence() -> Node:
    """What coherence is before anything is known: initial writes first, final writes last."""
    iw, fw, w = build.base_set("IW"), build.base_set("FW"), build.base_set("W")
    first, last = build.product(iw, build.diff(w, iw)), build.product(build.diff(w, fw), fw)
    return build.inter(build.base("loc"), build.union(first, last))


DEFINED: dict[str, Callable[[], Node]] = {
    "po-loc": lambda: build.inter(build.base("po"), build.base("loc")),
    "rfe": lambda: _external("rf"), "rfi": lambda: _internal("rf"),
    "coe": lambda: _external("co"), "coi": lambda: _internal("co"),
    "fre": lambda: _external("fr"), "fri": lambda: _internal("fr"),
    "co0": _initial_coherence,
    "emptyset": lambda: build.EMPTY_SET,
    "I": lambda: build.base_set("IW"),
    "B": lambda: build.EMPTY_SET, "C": lambda: build.EMPTY_SET,
    "amo": lambda: build.EMPTY_REL, "lxsx": lambda: build.base("rmw"),
}  # fmt: skip
"""Names defined from the base ones. Branches (``B``) and commits (``C``) are no events here; no atomic operation is one event."""

LABELLED = ("po-loc", "rfe", "rfi", "coe", "coi", "fre", "fri", "co0")
"""Those whose names explanations use."""

REFUSED = {
    "classes-loc": "sets of sets of events",
    "classes": "sets of sets of events",
    "partition": "sets of sets of events",
    "linearisations": "enumerating orders: coherence is built in, as co",
    "generate_cos": "enumerating orders: coherence is built in, as co",
    "generate_orders": "enumerating orders: coherence is built in, as co",
    "cross": "enumerating choices: reads-from and coherence are built in, as rf and co",
    "map": "functions over the elements of a set",
    "fold": "functions over the elements of a set",
    "fromto": "fences with labels",
    "loc2events": "sets of events by the name of a location",
    "tag2level": "levels and scopes",
    "tag2scope": "levels and scopes",
    "tag2fences": "fences by tag (write fencerel(tag2events('tag)))",
    "instr": "events of one instruction",
    "same-instr": "events of one instruction",
    "iico_data": "causality inside an instruction",
    "iico_ctrl": "causality inside an instruction",
    "iico_order": "causality inside an instruction",
    "si": "events of one access",
    "sm": "events of one access",
    "depend": "dependencies between registers",
    "fail": "fail",
}
"""Names of herd7's that smpcheck knows but does not support, and what they stand for."""


def capitalised(tag: str) -> str:
    """The set that herd7 gives to the tag ``'tag``: the same name with an initial capital."""
    return tag[:1].upper() + tag[1:]
