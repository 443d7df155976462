"""Every primitive as events: tags, values, fences, what waits and what may fail."""

from __future__ import annotations

from pathlib import Path

import pytest

import smpcheck.kernel
import smpcheck.kernel.primitives
from smpcheck.program import ir
from smpcheck.program.flow import statements
from smpcheck.program.values import Ptr
from smpcheck.readers.python.specials import SPECIAL
from tests.readers.python.common import compile_one, model, thread

FIELDS = """
x: int
w: ulong
p: Ptr[thing]
v: atomic_t
l: atomic_long_t
lock: spinlock_t
mu: mutex
sem: rw_semaphore
flags: flags_t = flag_word({"a": 0, "b": 5, "c": 21})
"""
X, W, P, V, L, LOCK, MU, SEM, FLAGS = (f"&S+{n}" if n else "&S" for n in (0, 8, 16, 24, 32, 40, 44, 48, 56))
UNLOCKED = 18446744073709551615
MB = "F Mb"


def busy(bit: int, reg: str = "$1") -> str:
    return f"(({reg} & {1 << bit}) != 0)"


def WAS(what: str) -> str:
    """The variable in the definition of ``__test_and_set_bit`` and its like."""
    return f"%__test_and_{what}_bit#.2.was"


EVENTS = {
    "READ_ONCE(s.x)": [f"$1 = R Once {X}"],
    "WRITE_ONCE(s.x, 3)": [f"W Once {X} = 3"],
    "smp_load_acquire(s.x)": [f"$1 = R Acquire {X}"],
    "smp_store_release(s.x, 3)": [f"W Release {X} = 3"],
    "smp_store_mb(s.x, 3)": [f"W Once {X} = 3", MB],
    "rcu_dereference(s.p)": [f"$1 = R Once {P}"],
    "rcu_assign_pointer(s.p, s)": [f"W Release {P} = &S"],
    "smp_mb()": [MB],
    "smp_rmb()": ["F Rmb"],
    "smp_wmb()": ["F Wmb"],
    "barrier()": ["F Barrier"],
    "smp_mb__before_atomic()": ["F Before-atomic"],
    "smp_mb__after_atomic()": ["F After-atomic"],
    "smp_mb__after_spinlock()": ["F After-spinlock"],
    "smp_mb__after_unlock_lock()": ["F After-unlock-lock"],
    "cpu_relax()": ["F Barrier"],
    "rcu_read_lock(); rcu_read_unlock()": ["F Rcu-lock", "F Rcu-unlock"],
    "synchronize_rcu()": ["F Sync-rcu"],
    "test_bit(5, s.flags)": [f"$1 = R Once {FLAGS}"],
    "set_bit(5, s.flags)": [f"$1 = RW Noreturn/Once {FLAGS} = ($1 | 32)"],
    "clear_bit(5, s.flags)": [f"$1 = RW Noreturn/Once {FLAGS} = ($1 & {UNLOCKED - 32})"],
    "change_bit(5, s.flags)": [f"$1 = RW Noreturn/Once {FLAGS} = ($1 ^ 32)"],
    "test_and_set_bit(5, s.flags)": [MB, f"$1 = RW Once/Once {FLAGS} = ($1 | 32)", MB],
    "test_and_clear_bit(5, s.flags)": [MB, f"$1 = RW Once/Once {FLAGS} = ($1 & {UNLOCKED - 32})", MB],
    "test_and_change_bit(5, s.flags)": [MB, f"$1 = RW Once/Once {FLAGS} = ($1 ^ 32)", MB],
    "__set_bit(5, s.flags)": [f"$1 = R plain {FLAGS}", f"W plain {FLAGS} = ($1 | 32)"],
    "__clear_bit(5, s.flags)": [f"$1 = R plain {FLAGS}", f"W plain {FLAGS} = ($1 & {UNLOCKED - 32})"],
    "__test_and_set_bit(5, s.flags)": [f"{WAS('set')} = R plain {FLAGS}", f"W plain {FLAGS} = ({WAS('set')} | 32)"],
    "__test_and_clear_bit(5, s.flags)": [
        f"{WAS('clear')} = R plain {FLAGS}",
        f"W plain {FLAGS} = ({WAS('clear')} & {UNLOCKED - 32})",
    ],
    "set_bit(3, s.w)": [f"$1 = RW Noreturn/Once {W} = ($1 | 8)"],
    "wait_on_bit_lock(s.flags, 0, TASK_UNINTERRUPTIBLE); clear_bit_unlock(0, s.flags)": [
        f"$1 = RW Acquire/Once {FLAGS} = ($1 | 1) when (($1 & 1) == 0) waits",
        f"$1 = RW Once/Release {FLAGS} = ($1 & {UNLOCKED - 1})",
    ],
    "bit_spin_lock(0, s.flags); bit_spin_unlock(0, s.flags)": [
        f"$1 = RW Acquire/Once {FLAGS} = ($1 | 1) when (($1 & 1) == 0) waits",
        f"$1 = RW Once/Release {FLAGS} = ($1 & {UNLOCKED - 1})",
    ],
    "if not test_and_set_bit_lock(0, s.flags): clear_bit_unlock(0, s.flags)": [
        "either",
        f"  $1 = RW Acquire/Once {FLAGS} = ($1 | 1) when (($1 & 1) == 0)",
        f"  $1 = RW Once/Release {FLAGS} = ($1 & {UNLOCKED - 1})",
        "or",
        f"  $1 = R Once {FLAGS}",
        f"  assume {busy(0)}",
    ],
    "spin_lock(s.lock); spin_unlock(s.lock)": [
        f"$1 = RW Acquire,LKR/LKW {LOCK} = 1 when ($1 == 0) waits",
        f"W Release,UL {LOCK} = 0",
    ],
    "if spin_trylock(s.lock): spin_unlock(s.lock)": [
        "either",
        f"  $1 = RW Acquire,LKR/LKW {LOCK} = 1 when ($1 == 0)",
        f"  W Release,UL {LOCK} = 0",
        "or",
        f"  $1 = R LF {LOCK}",
        "  assume ($1 != 0)",
    ],
    "r = spin_is_locked(s.lock)\nreturn r": [
        "either",
        f"  $1 = R RL {LOCK}",
        "  assume ($1 == 1)",
        "or",
        f"  $1 = R RU {LOCK}",
        "  assume ($1 == 0)",
        "r := $1",
        "$return1 := r",
        "return := $return1",
    ],
    "mutex_lock(s.mu); mutex_unlock(s.mu)": [
        f"$1 = RW Acquire/Once {MU} = 1 when ($1 == 0) waits",
        f"W Release {MU} = 0",
    ],
    "if mutex_trylock(s.mu): mutex_unlock(s.mu)": [
        "either",
        f"  $1 = RW Acquire/Once {MU} = 1 when ($1 == 0)",
        f"  W Release {MU} = 0",
        "or",
        f"  $1 = R Once {MU}",
        "  assume ($1 != 0)",
    ],
    "down_read(s.sem); up_read(s.sem)": [
        f"$1 = RW Acquire/Once {SEM} = ($1 + 1) when ($1 >= 0) waits",
        f"$1 = RW Once/Release {SEM} = ($1 - 1)",
    ],
    "down_write(s.sem); downgrade_write(s.sem); up_read(s.sem)": [
        f"$1 = RW Acquire/Once {SEM} = -1 when ($1 == 0) waits",
        f"W Release {SEM} = 1",
        f"$1 = RW Once/Release {SEM} = ($1 - 1)",
    ],
    "down_write(s.sem); up_write(s.sem)": [
        f"$1 = RW Acquire/Once {SEM} = -1 when ($1 == 0) waits",
        f"W Release {SEM} = 0",
    ],
    "if down_read_trylock(s.sem): up_read(s.sem)": [
        "either",
        f"  $1 = RW Acquire/Once {SEM} = ($1 + 1) when ($1 >= 0)",
        f"  $1 = RW Once/Release {SEM} = ($1 - 1)",
        "or",
        f"  $1 = R Once {SEM}",
        "  assume ($1 < 0)",
    ],
    "if down_write_trylock(s.sem): up_write(s.sem)": [
        "either",
        f"  $1 = RW Acquire/Once {SEM} = -1 when ($1 == 0)",
        f"  W Release {SEM} = 0",
        "or",
        f"  $1 = R Once {SEM}",
        "  assume ($1 != 0)",
    ],
    "atomic_read(s.v)": [f"$1 = R Once {V}"],
    "atomic_read_acquire(s.v)": [f"$1 = R Acquire {V}"],
    "atomic_set(s.v, 3)": [f"W Once {V} = 3"],
    "atomic_set_release(s.v, 3)": [f"W Release {V} = 3"],
    "atomic_inc(s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 + 1)"],
    "atomic_dec(s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 - 1)"],
    "atomic_add(2, s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 + 2)"],
    "atomic_sub(2, s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 - 2)"],
    "atomic_and(2, s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 & 2)"],
    "atomic_or(2, s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 | 2)"],
    "atomic_xor(2, s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 ^ 2)"],
    "atomic_andnot(2, s.v)": [f"$1 = RW Noreturn/Once {V} = ($1 & -3)"],
    "atomic_long_inc(s.l)": [f"$1 = RW Noreturn/Once {L} = ($1 + 1)"],
    "atomic_dec_and_test(s.v)": [MB, f"$1 = RW Once/Once {V} = ($1 - 1)", MB],
    "atomic_inc_and_test(s.v)": [MB, f"$1 = RW Once/Once {V} = ($1 + 1)", MB],
    "atomic_sub_and_test(2, s.v)": [MB, f"$1 = RW Once/Once {V} = ($1 - 2)", MB],
    "atomic_add_negative(-1, s.v)": [MB, f"$1 = RW Once/Once {V} = ($1 + -1)", MB],
    "atomic_inc_not_zero(s.v)": [
        "either", f"  {MB}", f"  $1 = RW Once/Once {V} = ($1 + 1) when ($1 != 0)", f"  {MB}",
        "or", f"  $1 = R Once {V}", "  assume ($1 == 0)",
    ],
    "atomic_add_unless(s.v, 2, 5)": [
        "either", f"  {MB}", f"  $1 = RW Once/Once {V} = ($1 + 2) when ($1 != 5)", f"  {MB}",
        "or", f"  $1 = R Once {V}", "  assume ($1 == 5)",
    ],
    "atomic_dec_if_positive(s.v)": [
        "either", f"  {MB}", f"  $1 = RW Once/Once {V} = ($1 - 1) when ($1 > 0)", f"  {MB}",
        "or", f"  $1 = R Once {V}", "  assume ($1 <= 0)",
    ],
}  # fmt: skip

ORDERS = {
    "": ("Once/Once", True),
    "_relaxed": ("Once/Once", False),
    "_acquire": ("Acquire/Once", False),
    "_release": ("Once/Release", False),
}
for suffix, (order, full) in ORDERS.items():
    fence = [MB] if full else []
    for name, op in (("inc", "+"), ("dec", "-")):
        EVENTS[f"atomic_{name}_return{suffix}(s.v)"] = [*fence, f"$1 = RW {order} {V} = ($1 {op} 1)", *fence]
    for name, op in (("add", "+"), ("sub", "-")):
        EVENTS[f"atomic_{name}_return{suffix}(2, s.v)"] = [*fence, f"$1 = RW {order} {V} = ($1 {op} 2)", *fence]
    for name, effect in (("add", "+ 2"), ("sub", "- 2"), ("and", "& 2"), ("or", "| 2"), ("xor", "^ 2"), ("andnot", "& -3")):
        EVENTS[f"atomic_fetch_{name}{suffix}(2, s.v)"] = [*fence, f"$1 = RW {order} {V} = ($1 {effect})", *fence]
    for prefix, field, where in (("", "s.x", X), ("atomic_", "s.v", V)):
        EVENTS[f"{prefix}xchg{suffix}({field}, 4)"] = [*fence, f"$1 = RW {order} {where} = 4", *fence]
        EVENTS[f"{prefix}cmpxchg{suffix}({field}, 1, 4)"] = [
            "either", *[f"  {f}" for f in fence], f"  $1 = RW {order} {where} = 4 when ($1 == 1)", *[f"  {f}" for f in fence],
            "or", f"  $1 = R Once {where}", "  assume ($1 != 1)",
        ]  # fmt: skip


@pytest.mark.parametrize("call", EVENTS)
def test_events(call: str, tmp_path: Path) -> None:
    assert thread(tmp_path, call, FIELDS) == EVENTS[call]


def test_every_special_is_declared() -> None:
    assert set(SPECIAL) <= set(smpcheck.kernel.__all__)


def test_calling_a_primitive_as_python_says_what_it_is_for() -> None:
    with pytest.raises(RuntimeError, match="compiled, not called"):
        smpcheck.kernel.smp_mb()


VALUES = {
    "test_bit(5, s.flags)": "(($1 & 32) != 0)",
    "test_and_set_bit(5, s.flags)": "(($1 & 32) != 0)",
    "atomic_dec_and_test(s.v)": "(($1 - 1) == 0)",
    "atomic_inc_and_test(s.v)": "(($1 + 1) == 0)",
    "atomic_add_negative(-1, s.v)": "(($1 + -1) < 0)",
    "atomic_inc_return(s.v)": "($1 + 1)",
    "atomic_fetch_add(3, s.v)": "$1",
    "atomic_xchg(s.v, 3)": "$1",
    "cmpxchg(s.x, 0, 1)": "$1",
    "atomic_inc_not_zero(s.v)": "($1 != 0)",
    "atomic_dec_if_positive(s.v)": "($1 - 1)",
}


@pytest.mark.parametrize("call", VALUES)
def test_values(call: str, tmp_path: Path) -> None:
    assert thread(tmp_path, f"return {call}", FIELDS)[-1] == f"return := {VALUES[call]}"


def test_events_carry_the_call_as_text_and_its_position(tmp_path: Path) -> None:
    program = compile_one(tmp_path, model("s.y = 1\natomic_inc(s.v)", "y: int\nv: atomic_t"))
    store, rmw = program.threads[0].body
    assert store.text == "s.y = 1" and rmw.text == "atomic_inc(s.v)"  # type: ignore[union-attr]
    assert (rmw.pos.line, rmw.pos.column) == (11, 5)  # type: ignore[union-attr]


def test_flag_bytes_are_cells_of_their_own(tmp_path: Path) -> None:
    fields = 'flags: flags_t = flag_word({"a": 0, "b": 5, "c": 21}, layout="separate", init=1 << 21 | 1)'
    program = compile_one(tmp_path, model("set_bit(21, s.flags)\nreturn test_bit(5, s.flags)", fields))
    assert [(c.name, c.ctype.name, c.init) for c in program.cells.values()] == [
        ("S.flags.byte0", "unsigned char", 1),
        ("S.flags.byte2", "unsigned char", 32),
    ]
    assert thread(tmp_path, "set_bit(21, s.flags)", fields) == ["$1 = RW Noreturn/Once &S+2 = ($1 | 32)"]
    both = ["$1 = R plain &S", "$2 = R plain &S+2"]
    assert thread(tmp_path, "r = s.flags & (1 << 5 | 1 << 21)", fields) == both
    assert thread(tmp_path, "r = s.flags & (1 << 5 | 1)", fields) == both[:1]
    assert thread(tmp_path, "r = READ_ONCE(s.flags) & (1 << 21)", fields) == ["$1 = R Once &S+2"]
    assert thread(tmp_path, "s.flags |= 1 << 21", fields)[0] == "$1 = R plain &S+2"
    assert thread(tmp_path, "s.flags = 33 | 1 << 21", fields) == ["W plain &S = 33", "W plain &S+2 = 32"]
    assert thread(tmp_path, "n = s.flags & 7\nset_bit(n, s.flags)", fields)[1:] == [
        "n := ($1 & 7)",
        "$1 = RW Noreturn/Once (&S + (long)(n >> 3)) = ($1 | (1 << (n & 7)))",
    ]


BIT_OPERATIONS = sorted(name for name in smpcheck.kernel.primitives.__all__ if name.endswith("_bit") and "wait" not in name)


@pytest.mark.parametrize("name", BIT_OPERATIONS)
def test_a_bit_operation_touches_the_byte_of_its_bit_only(name: str, tmp_path: Path) -> None:
    fields = 'flags: flags_t = flag_word({"a": 0, "c": 21}, layout="separate", init=1)'
    program = compile_one(tmp_path, model(f"{name}(21, s.flags)", fields))
    places = {s.addr for s in statements(program.threads[0].body) if isinstance(s, ir.Load | ir.Store | ir.Rmw)}
    assert places == {ir.Const(Ptr("S", 2))}


def test_a_wait_is_a_read_that_sees_the_condition(tmp_path: Path) -> None:
    assert thread(tmp_path, "v = smp_cond_load_acquire(s.x, lambda n: n > 2)\nreturn v") == [
        "wait.2",
        "  $2 = R Acquire &S",
        "  if ($2 > 2)",
        "    leave wait.2",
        "v := $2",
        "$return1 := v",
        "return := $return1",
    ]
