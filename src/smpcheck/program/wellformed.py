"""What a well-formed program is."""

from __future__ import annotations

from smpcheck.program.ir import Program


def check(program: Program) -> None:
    """Check."""
