"""Results to show, without a solver: what the tests of output share."""

from __future__ import annotations

from typing import Any

from smpcheck.questions.result import Result


def result(**changes: Any) -> Result:
    """Store buffering, answered; with ``changes``."""
    fields: dict[str, Any] = {
        "file": "tests/SB.litmus",
        "name": "SB",
        "status": "ok",
        "observation": "Sometimes",
        "states": (
            {"0:r0": 0, "1:r0": 0},
            {"0:r0": 0, "1:r0": 1},
            {"0:r0": 1, "1:r0": 0},
            {"0:r0": 1, "1:r0": 1},
        ),
        "condition": r"exists (0:r0=0 /\ 1:r0=0)",
        "seconds": 0.0149,
        "positive": 1,
        "negative": 3,
        "model": "lkmm",
    }
    return Result(**(fields | changes))


UNSUPPORTED = {
    "status": "unsupported",
    "observation": None,
    "states": (),
    "positive": 0,
    "negative": 0,
    "message": "tests/SB.litmus:5:3: goto is not supported",
}

MODEL = {
    "file": "m.py",
    "name": "m",
    "language": "Python",
    "quantifier": "forall",
    "condition": "forall (A)",
    "asserts": ("A", "B"),
}
"""A model that asserts A and B."""
