"""The kernel's primitives, by the kernel's names, for model authors; what type checkers see of them is in ``primitives.pyi``.

Thread functions that call these are compiled; calling one as Python is an error. What each means as events stands in one table,
:mod:`smpcheck.kernel.table`. One rule covers every argument: Python has no ``&``, so **where the kernel writes ``&page->flags``,
write ``page.flags``**.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from smpcheck.kernel.table import rows

MODELS = {
    "check": "The invariant ``name`` holds here: an execution in which ``cond`` is false violates it. As ``assert cond, name``.",
    "assume": "Only executions in which ``cond`` holds here are considered. No dependency arises.",
    "nondet": "Either true or false: both are considered.",
    "ghost_add": "Add to a ghost counter. Its final value is the initial value plus all that was added on each thread's way.",
    "ghost_inc": "``ghost_add(counter, 1)``.",
    "ghost_dec": "``ghost_add(counter, -1)``.",
    "result": "In final checks: what the thread's function returned.",
    "this_cpu_ptr": "This CPU's object.",
    "per_cpu_ptr": "The object of CPU ``cpu``, a compile-time constant.",
    "cast": "``(struct target *)value``: ``cast(anon_vma, page.mapping & ~1)``. For integers annotate a local: ``n: uint = v``.",
}
"""What a model says about itself, and what has no place in the table; with its docstring."""


def _declared(name: str, doc: str) -> Callable[..., NoReturn]:
    def primitive(*args: Any) -> NoReturn:
        raise RuntimeError("kernel primitives are compiled, not called: they belong into thread functions of a scenario")

    primitive.__name__ = primitive.__qualname__ = name
    primitive.__doc__ = doc
    return primitive


globals().update({name: _declared(name, doc) for name, doc in MODELS.items()})
globals().update({name: _declared(name, f"``{row.prototype}``: {row.group.title}.") for name, row in rows().items()})

__all__ = sorted([*MODELS, *rows()])
