"""What each kernel primitive does in one step under sequential consistency: a table of Python fragments.

In a fragment ``o.F`` is the place, ``m`` the mask of a bit, ``nr`` its number, ``a`` and ``b`` the other arguments, ``t`` the
task. The meaning with all orderings is in :mod:`smpcheck.kernel.table`, against which a test compares each fragment; primitives
that differ in their ordering only share one, and a barrier does nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from msgspec import Struct

from smpcheck.kernel.table import Row, rows

Form = Literal["value", "void", "update", "plain", "lock", "bit_lock", "call", "nothing"]


class Primitive(Struct, frozen=True):
    """One primitive.

    ``form``: ``value``, an expression that only reads; ``void``, a statement; ``update``, the body of a function of ``o`` that
    changes something and returns a value; ``plain``, two steps, a read to ``old`` and then a write; ``lock`` and ``bit_lock``,
    waiting until the expression ``busy`` is false, then ``text``; ``call``, a method of the task; ``nothing``, no step.
    ``arguments`` names them in order; ``place`` is written ``o``.
    """

    form: Form
    arguments: tuple[str, ...] = ()
    text: str = ""
    busy: str = ""
    kind: str = ""


PLACE = ("o",)
BIT = ("nr", "o")

READ, WRITE, BOTH, TAKE, FREE = "read", "write", "update", "lock", "unlock"

PRIMITIVES: dict[str, Primitive] = {
    "READ_ONCE": Primitive("value", PLACE, "o.F", kind=READ),
    "rcu_dereference": Primitive("value", PLACE, "o.F", kind=READ),
    "atomic_read": Primitive("value", PLACE, "o.F", kind=READ),
    "test_bit": Primitive("value", BIT, "o.F & m != 0", kind=READ),
    "spin_is_locked": Primitive("value", PLACE, "o.F.value != 0", kind=READ),
    "set_bit": Primitive("void", BIT, "o.F |= m", kind=BOTH),
    "clear_bit": Primitive("void", BIT, "o.F &= ~m", kind=BOTH),
    "change_bit": Primitive("void", BIT, "o.F ^= m", kind=BOTH),
    "__set_bit": Primitive("plain", BIT, "old | m", kind=WRITE),
    "__clear_bit": Primitive("plain", BIT, "old & ~m", kind=WRITE),
    "__test_and_set_bit": Primitive("plain", BIT, "old | m", "old & m != 0", kind=WRITE),
    "__test_and_clear_bit": Primitive("plain", BIT, "old & ~m", "old & m != 0", kind=WRITE),
    "test_and_set_bit": Primitive("update", BIT, "old = o.F; o.F = old | m; return old & m != 0", kind=BOTH),
    "test_and_clear_bit": Primitive("update", BIT, "old = o.F; o.F = old & ~m; return old & m != 0", kind=BOTH),
    "test_and_change_bit": Primitive("update", BIT, "old = o.F; o.F = old ^ m; return old & m != 0", kind=BOTH),
    "spin_lock": Primitive("lock", PLACE, "lock.value = 1", "lock.value", TAKE),
    "mutex_lock": Primitive("lock", PLACE, "lock.value = 1", "lock.value", TAKE),
    "down_write": Primitive("lock", PLACE, "lock.value = -1", "lock.value", TAKE),
    "down_read": Primitive("lock", PLACE, "lock.value += 1", "lock.value < 0", TAKE),
    "wait_on_bit_lock": Primitive("bit_lock", ("o", "nr", "mode"), "o.F |= m", "o.F & m", TAKE),
    "spin_trylock": Primitive("call", PLACE, "t.try_lock(o.F, 1)", kind=TAKE),
    "mutex_trylock": Primitive("call", PLACE, "t.try_lock(o.F, 1)", kind=TAKE),
    "down_write_trylock": Primitive("call", PLACE, "t.try_lock(o.F, -1)", kind=TAKE),
    "down_read_trylock": Primitive("call", PLACE, "t.try_read(o.F)", kind=TAKE),
    "test_and_set_bit_lock": Primitive(
        "update", ("t", *BIT), "old = o.F & m != 0; o.F |= m; old or t.take(o._bits[nr]); return old", kind=TAKE
    ),
    "spin_unlock": Primitive("void", PLACE, "t.release(o.F)", kind=FREE),
    "mutex_unlock": Primitive("void", PLACE, "t.release(o.F)", kind=FREE),
    "up_write": Primitive("void", PLACE, "t.release(o.F)", kind=FREE),
    "up_read": Primitive("void", PLACE, "t.release_read(o.F)", kind=FREE),
    "clear_bit_unlock": Primitive("void", BIT, "o.F &= ~m; t.release(o._bits[nr])", kind=FREE),
    "atomic_inc_not_zero": Primitive("update", PLACE, "old = o.F; o.F = old and old + 1; return old != 0", kind=BOTH),
    "atomic_dec_and_test": Primitive("update", PLACE, "o.F -= 1; return o.F == 0", kind=BOTH),
    "atomic_inc_and_test": Primitive("update", PLACE, "o.F += 1; return o.F == 0", kind=BOTH),
    "atomic_sub_and_test": Primitive("update", ("a", "o"), "o.F -= a; return o.F == 0", kind=BOTH),
    "atomic_add_negative": Primitive("update", ("a", "o"), "o.F += a; return o.F < 0", kind=BOTH),
    "atomic_add_unless": Primitive(
        "update", ("o", "a", "b"), "old = o.F; o.F = old if old == b else old + a; return old != b", kind=BOTH
    ),
    "atomic_dec_if_positive": Primitive("update", PLACE, "new = o.F - 1; o.F = new if new >= 0 else o.F; return new", kind=BOTH),
    "smp_mb": Primitive("nothing"),
    "rcu_read_lock": Primitive("nothing", (), "t.rcu += 1"),
    "rcu_read_unlock": Primitive("nothing", (), "t.rcu -= 1"),
}

for _name in ("WRITE_ONCE", "smp_store_release", "smp_store_mb"):
    PRIMITIVES[_name] = Primitive("void", ("o", "a"), "o.F = a", kind=WRITE)
for _name, _op in (("add", "+= a"), ("sub", "-= a"), ("and", "&= a"), ("or", "|= a"), ("xor", "^= a"), ("andnot", "&= ~a")):
    PRIMITIVES[f"atomic_{_name}"] = Primitive("void", ("a", "o"), f"o.F {_op}", kind=BOTH)
    PRIMITIVES[f"atomic_fetch_{_name}"] = Primitive("update", ("a", "o"), f"old = o.F; o.F {_op}; return old", kind=BOTH)
    if _name in ("add", "sub"):
        PRIMITIVES[f"atomic_{_name}_return"] = Primitive("update", ("a", "o"), f"o.F {_op}; return o.F", kind=BOTH)
for _name, _op in (("inc", "+= 1"), ("dec", "-= 1")):
    PRIMITIVES[f"atomic_{_name}"] = Primitive("void", PLACE, f"o.F {_op}", kind=BOTH)
    PRIMITIVES[f"atomic_fetch_{_name}"] = Primitive("update", PLACE, f"old = o.F; o.F {_op}; return old", kind=BOTH)
    PRIMITIVES[f"atomic_{_name}_return"] = Primitive("update", PLACE, f"o.F {_op}; return o.F", kind=BOTH)
PRIMITIVES["xchg"] = Primitive("update", ("o", "a"), "old = o.F; o.F = a; return old", kind=BOTH)
PRIMITIVES["cmpxchg"] = Primitive("update", ("o", "a", "b"), "old = o.F; o.F = b if old == a else old; return old", kind=BOTH)

_TAG = re.compile(r"(?<=[a-z])\{[\w-]*\}")


def _in_one_step(row: Row) -> tuple[object, ...]:
    """What a row of the table does where everything happens in order: its definition without tags, and its parameters."""
    params = tuple((param.name, param.kind if param.kind != "place" else "pointer") for param in row.params)
    return _TAG.sub("", row.body), params, row.result == "void"


@cache
def _by_meaning() -> dict[tuple[object, ...], Primitive]:
    return {_in_one_step(rows()[name]): primitive for name, primitive in PRIMITIVES.items()}


def primitive_of(name: str) -> Primitive | None:
    """The fragment of a primitive: its own, or that of one that differs from it in its ordering or in its width only."""
    row = rows().get(name)
    return PRIMITIVES.get(name) or (_by_meaning().get(_in_one_step(row)) if row is not None and name not in NOT_HERE else None)


GHOSTS = {"ghost_add": None, "ghost_inc": 1, "ghost_dec": -1}
"""What is added to a ghost counter; None: an argument."""

NOT_HERE = {
    "synchronize_rcu": "grace periods are not run step by step",
    "assume": "a step-by-step run cannot take back what it did",
    "nondet": "a step-by-step run takes one way",
    "smp_cond_load_relaxed": "waiting for a value is not run step by step",
    "smp_cond_load_acquire": "waiting for a value is not run step by step",
    "bit_spin_lock": "spinning on bits is not run step by step",
    "bit_spin_unlock": "spinning on bits is not run step by step",
    "downgrade_write": "downgrading is not run step by step",
    **dict.fromkeys(
        ("srcu_read_lock", "srcu_read_unlock", "srcu_down_read", "srcu_up_read"), "grace periods are not run step by step"
    ),
    "result": "results belong into final checks",
}
"""Primitives that are refused, and why."""
