"""smpcheck: can this happen, is this barrier needed, and why, for code that shares memory the way the Linux kernel does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.api import CheckOptions, Result, check, check_all
    from smpcheck.properties import Property, PropertyError, always, holds, never, sometimes

__version__ = "0.2.0"

__all__ = [
    "CheckOptions",
    "Property",
    "PropertyError",
    "Result",
    "__version__",
    "always",
    "check",
    "check_all",
    "holds",
    "never",
    "sometimes",
]

_LAZY = dict.fromkeys(("CheckOptions", "Result", "check", "check_all"), "smpcheck.api")
_LAZY |= dict.fromkeys(("Property", "PropertyError", "always", "holds", "never", "sometimes"), "smpcheck.properties")
"""Public names and the module each is imported from when it is first used, so that ``import smpcheck`` costs nothing."""


def __getattr__(name: str) -> object:
    if name in _LAZY:
        from importlib import import_module

        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
