"""The names that a cat file finds defined: base sets and relations, tags, and functions. Data, with few words.

Sources: herd7's manual (chapter on cat, "Predefined identifiers") for the names and their meaning. Tags
are those of :mod:`smpcheck.program.tags`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from smpcheck.cat import build
from smpcheck.cat.nodes import Node
from smpcheck.program import tags
from smpcheck.program.events import DEPENDENCIES
from smpcheck.program.ir import Language
from smpcheck.program.tags import KERNEL

BASE_RELATIONS = ("po", "rmw", "loc", "int", "ext", "id", "rf", "co", "fr", *DEPENDENCIES)
"""Relations that an execution comes with. ``int`` is *of the same thread*; initial writes belong to none. Machine code may also
have dependencies that pass a choice (``pick-``, see models/README.md) and instructions that order their own accesses."""

BASE_SETS = ("R", "W", "M", "F", "IW", "FW", "RMW")
"""Reads, writes, both, fences, initial writes, coherence-last writes, both halves of atomic operations (but not of locks)."""

KERNEL_TAGS = tags.names("C")
"""Event tags of the kernel's primitives."""

MACHINES: tuple[Language, ...] = ("AArch64", "X86", "X86_64", "PPC", "RISCV", "ARM")
MACHINE_TAGS = {language: tags.names(language) for language in MACHINES}
"""Event tags that only the code of one kind of machine has; models/README.md says what each means."""

_SHARED = ("X", "EX", "NT", "DMB", "DSB")
TAGS = (*tags.ROWS, *_SHARED)
"""Event tags that a model may name without declaring them. A program without such events makes them empty sets."""


def languages(sets: Iterable[str]) -> tuple[Language, ...] | None:
    """The languages whose programs a model with these base sets speaks of; None where it names no events of one of them."""
    named = set(sets)
    spoken = [language for language, own in MACHINE_TAGS.items() if named.intersection(own)]
    if "ARM" in spoken and named.intersection(MACHINE_TAGS["AArch64"]) - {*MACHINE_TAGS["ARM"]}:
        spoken.remove("ARM")  # all that ARMv7 has, AArch64 has too
    kernel = KERNEL if named.intersection(KERNEL_TAGS) else ()
    return (*kernel, *spoken) or None


def _internal(name: str) -> Node:
    return build.inter(build.base(name), build.base("int"))


def _external(name: str) -> Node:
    return build.inter(build.base(name), build.base("ext"))


def _initial_coherence() -> Node:
    """What coherence is before anything is known: initial writes first, final writes last."""
    iw, fw, w = build.base_set("IW"), build.base_set("FW"), build.base_set("W")
    first, last = build.product(iw, build.diff(w, iw)), build.product(build.diff(w, fw), fw)
    return build.inter(build.base("loc"), build.union(first, last))


def _one_instruction() -> Node:
    """The halves of a read-modify-write that is one instruction of a machine."""
    atomic = build.base_set("X")
    return build.seq(build.setid(atomic), build.seq(build.base("rmw"), build.setid(atomic)))


def _one_access() -> Node:
    """The events of one access, each with itself too (herd7's, and Dat3M's, ``si``), not the halves of an atomic operation."""
    return build.union(build.setid(build.base_set("M")), build.base("sca-class"))


OF_PAGE_TABLES = ("same-oa", "at-least-one-writable")
"""Functions of herd7's on pairs of page table entries, which no program has."""

NO_EVENTS = (
    "B", "BR", "PoD", "BCC", "PRED", "C", "Rreg", "Wreg", "ADDR", "NDATA", "DATA", "NExp", "SPEC", "SPURIOUS", "CutOff", "UB",
    "T", "GCS", "TLBI", "TLBIIS", "TLBInXS", "no-loc", "FAULT", "FAULT-RD", "FAULT-WR", "EXC-ENTRY", "EXC-RET", "SVC", "MMU",
    "D-MMU", "Translation", "AccessFlag", "Permission", "TagCheck", "AF", "DB", "PA", "PTE", "D-PTE", "I-PTE", "PTEV", "PTEINV",
    "PTEAF0", "Instr", "Restricted-CMODX", "IC.IALLU", "IC.IALLUIS", "IC.IVAU", "DC.CVAU", "DC.IVAC", "DC.ZVA",
)  # fmt: skip
"""Sets that no program here has a member of: branches, accesses to registers, faults, tags of memory, page tables, caches."""

NO_PAIRS = ("rf-reg", "same-low-order-bits", "same-tag-loc", "PTEtoPA", "inv-domain", "inv-field")
"""Relations between such events."""

DEFINED: dict[str, Callable[[], Node]] = {
    "po-loc": lambda: build.inter(build.base("po"), build.base("loc")),
    "rfe": lambda: _external("rf"), "rfi": lambda: _internal("rf"),
    "coe": lambda: _external("co"), "coi": lambda: _internal("co"),
    "fre": lambda: _external("fr"), "fri": lambda: _internal("fr"),
    "co0": _initial_coherence,
    "emptyset": lambda: build.EMPTY_SET,
    "pco": _initial_coherence,
    "I": lambda: build.base_set("IW"),
    "amo": _one_instruction, "lxsx": lambda: build.diff(build.base("rmw"), _one_instruction()),
    "AMO": lambda: build.union(build.base_set("X"), build.base_set("EX")),
    "Exp": lambda: build.base_set("M"),
    "si": _one_access, "sm": _one_access,
    **{tag.lower(): partial(build.base_set, tag) for tag in ("MFENCE", "SFENCE", "LFENCE", "SYNC", "LWSYNC", "ISYNC", "EIEIO")},
    **dict.fromkeys(NO_EVENTS, lambda: build.EMPTY_SET), **dict.fromkeys(NO_PAIRS, lambda: build.EMPTY_REL),
}  # fmt: skip
"""Names defined from the base ones. ``AMO``, ``mfence``, ``sync`` and their like are Dat3M's: there ``X`` is what herd7 calls
``EX``, and its models use ``AMO | X`` for either. Every access is explicit."""

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
    "depend": "dependencies between registers",
    "fail": "fail",
}
"""Names of herd7's that smpcheck knows but does not support, and what they stand for."""

UNKNOWN_PAIRS = {
    "same-instr": "events of one instruction",
    "same-static": "events of one instruction",
    "iico_data": "causality inside an instruction",
    "iico_ctrl": "causality inside an instruction",
}
"""Relations that are not known. They may be named, but an axiom that in the end depends on one is refused: most do not, for what
they are restricted to is empty."""


def capitalised(tag: str) -> str:
    """The set that herd7 gives to the tag ``'tag``: the same name with an initial capital."""
    return tag[:1].upper() + tag[1:]
