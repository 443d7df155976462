"""A small witness, and its document, for tests of what is done with one."""

from __future__ import annotations

import json
from typing import Any

from smpcheck.mm.kernel_check.witness import Call, Lane, Moment, Object, SetupCall, Witness, document

DRAIN = Witness(
    "munlock against a drain",
    "I3",
    "",
    [Object("p", "area", 1, "", "anonymous", "munlock")],
    [SetupCall("drain", Call("write", "p")), SetupCall("munlock", Call("mlock", "p"))],
    [Lane("munlock", [Call("munlock", "p")]), Lane("drain", [Call("drain")])],
    [Moment("drain", "PageMlocked(page)", "swap.py:165")],
)

TRUNCATE = Witness(
    "truncation against munlock",
    "I1",
    "",
    [Object("f", "file"), Object("p", "area", 1, "f", "private", "munlock")],
    [SetupCall("munlock", Call("write", "p")), SetupCall("munlock", Call("mlock", "p")), SetupCall("munlock", Call("drain"))],
    [Lane("truncate", [Call("truncate", "f")]), Lane("munlock", [Call("munlock", "p")])],
)

SEGMENT = Witness(
    "SHM_UNLOCK against a drain",
    "I3",
    "",
    [Object("s", "shm"), Object("p", "area", 1, "s", "shared", "drain")],
    [SetupCall("unlock", Call("shm_lock", "s")), SetupCall("drain", Call("write", "p"))],
    [Lane("unlock", [Call("shm_unlock", "s")]), Lane("drain", [Call("drain")])],
)

OVERTAKE = Witness(
    "munlock against a load that is not counted yet",
    "I12",
    "",
    [
        Object("f", "file"),
        Object("a", "area", 1, "f", "shared", "munlocks"),
        Object("b", "area", 1, "f", "shared", "munlocks"),
        Object("cache", "area", 1, "f", "shared", "load"),
    ],
    [
        SetupCall("load", Call("write", "cache")),
        SetupCall("load", Call("drain")),
        SetupCall("munlocks", Call("mlock_on_fault", "a")),
        SetupCall("munlocks", Call("mlock_on_fault", "b")),
    ],
    [
        Lane("load", [Call("read", "a"), Call("drain")]),
        Lane("munlocks", [Call("munlock", "a"), Call("read", "b"), Call("drain"), Call("munlock", "b")]),
    ],
)


def plain(witness: Witness) -> dict[str, Any]:
    """Its document, as it comes out of a file."""
    found: dict[str, Any] = json.loads(json.dumps(document(witness)))
    return found
