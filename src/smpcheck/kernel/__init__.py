"""The vocabulary of models: ``from smpcheck.kernel import *`` gives kernel types, primitives and scenarios by the kernel's names.

The subset of Python that thread functions may use is described in docs/python-models.md. The names are loaded when one is asked
for (:mod:`smpcheck.kernel.vocabulary`): a litmus test in C needs the table of primitives only.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """This package. ``scenario`` is the decorator, and not the module of that name."""

    def __getattr__(self, name: str) -> Any:
        if "__all__" not in self.__dict__ and (name == "__all__" or not name.endswith("__")):
            module = import_module(f"{__name__}.vocabulary")
            if not getattr(module.__spec__, "_initializing", False):  # else it asks for a part of this package
                names = vars(module)
                self.__dict__.update({each: names[each] for each in ("__all__", *names["__all__"])})
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "scenario" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
