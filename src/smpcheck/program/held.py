"""Registers in which readers count how often a thread holds a lock, so that checks can be made, and runs can tell who holds what.

They make no events. The names are the only convention, and it is here.
"""

from __future__ import annotations

_BEGINS = "@held:"


def held_register(lock: str) -> str:
    """The register that counts how often its thread holds ``lock`` (a lock's name, or a class of locks)."""
    return _BEGINS + lock


def held_lock(register: str) -> str | None:
    """The lock that a register counts; None: it is another register."""
    return register[len(_BEGINS) :] if register.startswith(_BEGINS) else None
