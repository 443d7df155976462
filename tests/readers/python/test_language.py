"""The language: C's types and operators, control flow, calls, what is known when compiling, and dependencies as in C."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.program import ir, values
from smpcheck.program.ir import FinalReg
from smpcheck.readers.python import read_python_file
from smpcheck.simulate import outcomes, simulate
from tests.readers.python.common import HEADER, compile_one, compile_text, lines, model, thread


def returned(folder: Path, body: str, fields: str = "", before: str = "", setup: str = "") -> object:
    """What the thread returns, run alone."""
    program = compile_one(folder, model(body, fields, setup, before))
    result = simulate(program, "round-robin")
    assert result.status == "finished", result
    return result.final[FinalReg(0, "return")]


# --- values -----------------------------------------------------------------------------------------------------------

VALUES = {
    "return 7 // -2": -3,
    "return -7 % 3": -1,
    "n: uint = -1\nreturn n": 2**32 - 1,
    "n: u8 = 300\nreturn n": 44,
    "n: short = 40000\nreturn n": -25536,
    "n: bool = 7\nreturn n": 1,
    "n: int = 1 << 31\nreturn n": -(2**31),
    "n: ulong = 1\nreturn n << 40": 2**40,
    "return cast(ulong, 1) << PG_big": 2**40,
    "n: uint = 3\nreturn n - 5": 2**32 - 2,
    "n: uint = 3\nm: long = 5\nreturn n - m": -2,
    "n: uint = 1\nreturn -1 < n": 0,
    "n: u8 = 200\nreturn n + 100": 300,
    "n: ulong = 5\nreturn ~n & 0xff": 250,
    "return 3 < 4 < 5": 1,
    "return not 3": 0,
    "return (2 or 0) + (2 and 3)": 2,
    "return 5 if 2 > 3 else 6": 6,
    "return max(3, 5) + min(3, 5) + abs(-2)": 10,
    "return True + bool(7) + int(3)": 5,
    "return 3 in (1, 2, 3)": 1,
    "return 3 not in (1, 2, 3)": 0,
    "return s != NULL": 1,
    "return NULL == 0": 1,
    "n = 1\nn += 2\nn <<= 3\nn -= 1\nn //= 2\nn %= 7\nn |= 8\nn &= 13\nn ^= 1\nn *= 3\nn >>= 1\nreturn n": 19,
    "return len(ORDER) + ORDER[1]": 23,
    "return Zone.HIGH + 1": 3,
}

BEFORE = """
from enum import IntEnum
ORDER = (10, 20, 30)
class Zone(IntEnum):
    LOW = 0
    HIGH = 2
PG_big = 40
"""


@pytest.mark.parametrize("body", VALUES)
def test_values_are_those_of_c(body: str, tmp_path: Path) -> None:
    assert returned(tmp_path, body, before=BEFORE) == VALUES[body]


TYPES = {
    "u8": values.UCHAR,
    "short": values.SHORT,
    "int": values.INT,
    "uint": values.UINT,
    "long": values.LONG,
    "ulong": values.ULONG,
}


def promoted(ctype: values.CType) -> values.CType:
    return ctype if ctype.bits >= 32 else values.INT


def common(a: values.CType, b: values.CType) -> values.CType:
    """C11 6.3.1.8, written down again."""
    a, b = promoted(a), promoted(b)
    if a.bits != b.bits:
        return a if a.bits > b.bits else b
    return a if not a.signed else b


@settings(deadline=None, max_examples=60)
@given(
    left=st.sampled_from(sorted(TYPES)),
    right=st.sampled_from(sorted(TYPES)),
    op=st.sampled_from(["+", "-", "*", "//", "%", "&", "|", "^", "==", "<", ">="]),
    a=st.integers(-(2**40), 2**40),
    b=st.integers(-(2**40), 2**40),
    known=st.booleans(),
)
def test_two_types_meet_as_in_c(
    tmp_path_factory: pytest.TempPathFactory, left: str, right: str, op: str, a: int, b: int, known: bool
) -> None:
    va, vb = TYPES[left].wrap(a), TYPES[right].wrap(b)
    at = common(TYPES[left], TYPES[right])
    if op in ("//", "%") and vb == 0:
        return
    expected = values.binary({"//": "/"}.get(op, op), at.wrap(va), at.wrap(vb), at)
    folder = tmp_path_factory.mktemp("types")
    if known:
        body = f"a: {left} = {va}\nb: {right} = {vb}\nreturn a {op} b"
        assert returned(folder, body) == expected
    else:
        fields = f"a: {left} = {va}\nb: {right} = {vb}"
        assert returned(folder, f"return s.a {op} s.b", fields) == expected


def test_an_unannotated_variable_takes_the_wider_type_where_ways_meet(tmp_path: Path) -> None:
    body = "n = -1\nif READ_ONCE(s.x):\n    n = s.big\nreturn n > 0"
    assert returned(tmp_path, body, "x: int\nbig: ulong = 5") == 1
    assert returned(tmp_path, body, "x: int\nbig: long = 5") == 0


def test_pointers_are_addresses_with_tag_bits(tmp_path: Path) -> None:
    fields = "m: Ptr[Any]\nn: int = 5"
    body = "WRITE_ONCE(s.m, s | 1)\nm = READ_ONCE(s.m)\nif not m & 1:\n    return -1\nt: thing = cast(thing, m & ~1)\nreturn t.n"
    assert returned(tmp_path, body, fields) == 5


def test_pointer_arithmetic_counts_elements(tmp_path: Path) -> None:
    fields = "n: int = 5\nm: short"
    body = "p = a[0] + 1\np.n = 7\nreturn (p - a[0]) * 100 + a[1].n * 10 + (p == a[1])"
    text = model(body, fields).replace("@scenario", "a = objects(thing, 3)\n@scenario")
    program = compile_one(tmp_path, text)
    assert simulate(program).final[FinalReg(0, "return")] == 171


def test_arrays_are_indexed_by_values(tmp_path: Path) -> None:
    fields = "i: int = 2\nxs: Array[int] = array(4, (10, 20, 30, 40))\nps: Array[Ptr[thing]] = array(2)"
    body = "s.ps[1] = s\np = s.ps[s.i - 1]\ns.xs[s.i] += 1\nreturn p.xs[p.i] + s.xs[3]"
    assert returned(tmp_path, body, fields) == 71


def test_embedded_structs_are_part_of_the_object(tmp_path: Path) -> None:
    before = "class inner(Struct):\n    a: int = 3\n    b: ulong = 4\n"
    program = compile_one(tmp_path, model("i = s.i\ni.b += 1\nreturn i.a + s.i.b", "x: int\ni: inner", before=before))
    assert [c.name for c in program.cells.values()] == ["S.i.a", "S.i.b"]
    assert simulate(program).final[FinalReg(0, "return")] == 8


# --- what is known when compiling -------------------------------------------------------------------------------------

SWITCH = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Variant:
    name: str
    munlocks: bool = False
    limit: int = 2
V0, V1 = Variant("V0"), Variant("V1", True, 5)
V = parameter("variant", V0)
"""


def test_a_switch_leaves_only_its_side(tmp_path: Path) -> None:
    body = "if V.munlocks and READ_ONCE(s.x):\n    WRITE_ONCE(s.y, V.limit)\nelse:\n    smp_mb()"
    text = model(body, before=SWITCH) + "\nother = one.bind(variant=V1)\n"
    first, second = compile_text(tmp_path, text)
    assert lines(first.threads[0].body) == ["F Mb"]
    assert first.name == "one" and second.name == "one[variant=V1]"
    inner = lines(second.threads[0].body)
    assert "    W Once &S+4 = 5" in inner and any(line.strip() == "F Mb" for line in inner)


def test_constants_pass_through_calls_and_variables(tmp_path: Path) -> None:
    before = "def twice(n: int) -> int:\n    m = n + n\n    return m\n"
    assert thread(tmp_path, "k = twice(2)\nif k == 4:\n    s.x = k\nelse:\n    s.y = 1", before=before) == ["W plain &S = 4"]


def test_a_range_that_is_known_is_unrolled_with_constant_indices(tmp_path: Path) -> None:
    fields = "xs: Array[int] = array(3)"
    assert thread(tmp_path, "for i in range(3):\n    s.xs[i] = i", fields) == [f"W plain {a} = {i}" for i, a in enumerate(
        ("&S", "&S+4", "&S+8"))]  # fmt: skip
    assert thread(tmp_path, "for i in range(2, 0, -1):\n    s.xs[i] = i", fields) == ["W plain &S+8 = 2", "W plain &S+4 = 1"]
    assert thread(tmp_path, "for i, k in enumerate((5, 6)):\n    s.xs[i] = k", fields) == ["W plain &S = 5", "W plain &S+4 = 6"]


def test_constant_fields_are_no_events(tmp_path: Path) -> None:
    fields = "zone: Const[Ptr[thing]]\nnext: Ptr[thing]\nx: int"
    setup = "t.Z = thing(x=7)\nt.S.zone = t.Z\nt.S.next = t.Z\nt.Z.zone = t.S"
    assert thread(tmp_path, "s.zone.x = 1", fields, setup) == ["W plain &Z+16 = 1"]
    assert thread(tmp_path, "n = s.next\nn.zone.x = 1", fields, setup) == [
        "n = R plain &S+8",
        "W plain (((n == 0) ? 0 : ((n == &Z) ? &S : &Z)) + 16) = 1",
    ]


def test_per_cpu_data_is_the_threads_own(tmp_path: Path) -> None:
    text = """
class vec(Struct):
    nr: int
vecs = per_cpu(vec, nr=3)
def f() -> int:
    this_cpu_ptr(vecs).nr += 1
    return per_cpu_ptr(vecs, 1).nr + smp_processor_id()
@scenario
def one(t: Setup) -> None:
    vecs[1].nr = 10
    t.thread(f)
    t.thread(f, cpu=1)
"""
    program = compile_one(tmp_path, text)
    assert {c.name: c.init for c in program.cells.values()} == {"vecs[0].nr": 3, "vecs[1].nr": 10}
    assert simulate(program, "round-robin:9").final[FinalReg(1, "return")] == 12


def test_initial_values_belong_to_their_scenario(tmp_path: Path) -> None:
    text = """
class thing(Struct):
    x: int = 1
    xs: Array[int] = array(2)
G = thing(x=2)
def f() -> int:
    return G.x + G.xs[1]
@scenario
def one(t: Setup) -> None:
    G.x = 10
    G.xs[1] = 5
    t.thread(f)
@scenario
def two(t: Setup) -> None:
    t.thread(f)
"""
    one, two = compile_text(tmp_path, text)
    assert [simulate(p).final[FinalReg(0, "return")] for p in (one, two, one)] == [15, 2, 15]


def test_only_cells_that_are_touched_are_part_of_the_program(tmp_path: Path) -> None:
    program = compile_one(tmp_path, model("s.b = 1", "a: int\nb: int\nc: int", "t.observe('S.c')"))
    assert [c.name for c in program.cells.values()] == ["S.b", "S.c"]


# --- control flow -----------------------------------------------------------------------------------------------------


def test_early_return_break_and_continue(tmp_path: Path) -> None:
    body = """
n = 0
for i in range(6):
    if i == s.x:
        continue
    if i == s.y:
        break
    n += i
while True:
    if n > 20:
        return n
    n += 9
"""
    assert returned(tmp_path, body, "x: int = 1\ny: int = 4") == 23


def test_nested_loops_leave_the_right_one(tmp_path: Path) -> None:
    inner = "    for j in range(3):\n        if j == s.x:\n            break\n        n += 1\n"
    body = f"n = 0\nfor i in range(3):\n{inner}    n += 10\nreturn n"
    assert returned(tmp_path, body, "x: int = 2") == 36


def test_a_loop_of_unknown_length_is_a_loop(tmp_path: Path) -> None:
    body = "n = 0\nfor i in range(s.x):\n    n += i\nreturn n"
    assert returned(tmp_path, body, "x: int = 100") == 4950
    assert returned(tmp_path, "n = 0\nfor i in range(10, s.x, -3):\n    n += i\nreturn n", "x: int = 2") == 21
    found = thread(tmp_path, "for i in range(s.x):\n    s.y = i")
    assert found[0].startswith("for") and any(line.startswith("loop") for line in found)


def test_a_long_range_is_not_unrolled_and_knows_its_bound(tmp_path: Path) -> None:
    program = compile_one(tmp_path, model("n = 0\nfor i in range(1000):\n    n += i\nreturn n"))
    (loop,) = [s for s in program.threads[0].body if isinstance(s, ir.Loop)]
    assert loop.bound == 1001
    assert simulate(program).final[FinalReg(0, "return")] == 499500


def test_a_loop_over_a_large_array_is_a_loop(tmp_path: Path) -> None:
    text = model("n = 0\nfor p in pages:\n    n += p.x\nreturn n", "x: int = 2").replace(
        "@scenario", "pages = objects(thing, 100)\n@scenario")  # fmt: skip
    assert simulate(compile_one(tmp_path, text)).final[FinalReg(0, "return")] == 200


def test_a_variable_changed_in_a_loop_is_not_a_constant_there(tmp_path: Path) -> None:
    body = "n = 0\nk = 1\nwhile n < s.x:\n    if k == 1:\n        k = 2\n    n += k\nreturn n * 10 + k"
    assert returned(tmp_path, body, "x: int = 3") == 42


def test_short_circuit_does_not_evaluate_the_right_side(tmp_path: Path) -> None:
    before = "def bump(s: thing) -> int:\n    s.y += 1\n    return s.y\n"
    body = "if s.x and bump(s):\n    s.z = 1\na = s.x or bump(s)\nb = not (s.x or bump(s) == 7)\nreturn s.y * 100 + a * 10 + b"
    assert returned(tmp_path, body, "x: int\ny: int\nz: int", before) == 211
    assert returned(tmp_path, body, "x: int = 1\ny: int\nz: int", before) == 110


def test_a_conditional_value_evaluates_one_side(tmp_path: Path) -> None:
    before = "def bump(s: thing) -> int:\n    s.y += 1\n    return 5\n"
    assert returned(tmp_path, "n = bump(s) if s.x else s.y\nreturn n * 10 + s.y", before=before) == 0
    assert returned(tmp_path, "n = bump(s) if not s.x else s.y\nreturn n * 10 + s.y", before=before) == 51


def test_a_function_called_twice_in_an_expression_keeps_both_values(tmp_path: Path) -> None:
    before = "def next(s: thing, by: int = 1) -> int:\n    old = s.x\n    s.x += by\n    return old\n"
    assert returned(tmp_path, "return next(s) + 10 * next(s, by=5) + 100 * next(s)", "x: int = 1", before) == 721


def test_functions_may_be_passed(tmp_path: Path) -> None:
    before = """
def walk(s: thing, visit: Any) -> int:
    return visit(s) + visit(s)
def one_more(s: thing) -> int:
    s.x += 1
    return s.x
"""
    assert returned(tmp_path, "return walk(s, one_more)", before=before) == 3


def test_a_call_as_condition_branches_where_it_returns(tmp_path: Path) -> None:
    before = """
def ready(s: thing) -> bool:
    if READ_ONCE(s.x):
        return False
    return READ_ONCE(s.y) == 2
"""
    program = compile_one(tmp_path, model("if ready(s):\n    s.x = 1\nelse:\n    s.x = 2", before=before))
    assert not any("return" in line for line in lines(program.threads[0].body))
    execution = simulate(program).execution()
    reads = {e.id for e in execution.events if e.kind == "R"}
    (write,) = [e.id for e in execution.events if e.thread == 0 and e.kind == "W"]
    assert execution.relations["ctrl"] >= {(r, write) for r in reads}
    assert execution.events[write].value == 2


def test_a_status_code_as_condition_branches_too(tmp_path: Path) -> None:
    before = "def isolate(s: thing) -> int:\n    if READ_ONCE(s.x):\n        return 0\n    return -16\n"
    assert thread(tmp_path, "if isolate(s) == 0:\n    s.y = 1", before=before) == [
        "block.2",
        "  block.3",
        "    block.4",
        "      $1 = R Once &S",
        "      if $1",
        "        leave block.4",
        "      leave block.3",
        "    W plain &S+4 = 1",
        "    leave block.2",
    ]


def test_a_spinning_loop_is_a_wait(tmp_path: Path) -> None:
    assert thread(tmp_path, "while READ_ONCE(s.x) == 0:\n    cpu_relax()\ns.y = 1") == [
        "wait.2",
        "  $1 = R Once &S",
        "  if ($1 != 0)",
        "    leave wait.2",
        "W plain &S+4 = 1",
    ]


def test_a_failed_lock_attempt_takes_the_other_side_without_another_branch(tmp_path: Path) -> None:
    before = "def trylock(s: thing) -> bool:\n    return spin_trylock(s.lock)\n"
    body = "if not trylock(s):\n    return 1\ns.x = 1\nspin_unlock(s.lock)\nreturn 0"
    found = thread(tmp_path, body, "x: int\nlock: spinlock_t", before=before)
    assert not any(line.strip().startswith("if") for line in found)
    assert not any("held" in line for line in found)


# --- dependencies -----------------------------------------------------------------------------------------------------


def dependencies(folder: Path, body: str, fields: str = "") -> set[tuple[str, str, str]]:
    """Dependencies of the thread, run alone: kind, cell read, cell accessed."""
    execution = simulate(compile_one(folder, model(body, fields))).execution()
    events = execution.events
    found = [(kind, pair) for kind in ("addr", "data", "ctrl") for pair in execution.relations[kind]]
    return {(kind, str(events[a].cell), str(events[b].cell)) for kind, (a, b) in found}


def test_data_flows_through_expressions_and_variables(tmp_path: Path) -> None:
    assert dependencies(tmp_path, "r = READ_ONCE(s.x)\nq = r + 1\nWRITE_ONCE(s.y, q * 0)") == {("data", "S.x", "S.y")}


def test_indices_and_pointers_are_address_dependencies(tmp_path: Path) -> None:
    fields = "i: int\np: Ptr[thing]\nxs: Array[int] = array(2)"
    program = "r = READ_ONCE(s.i)\nWRITE_ONCE(s.xs[r], 1)"
    assert dependencies(tmp_path, program, fields) == {("addr", "S.i", "S.xs[0]")}
    setup = compile_one(tmp_path, model("q = READ_ONCE(s.p)\nq.i = 1", fields, "t.S.p = t.S"))
    execution = simulate(setup).execution()
    assert len(execution.relations["addr"]) == 1 and not execution.relations["data"]


def test_branches_are_control_dependencies(tmp_path: Path) -> None:
    assert dependencies(tmp_path, "if READ_ONCE(s.x) == 0:\n    WRITE_ONCE(s.y, 1)") == {("ctrl", "S.x", "S.y")}


def test_known_branches_are_none(tmp_path: Path) -> None:
    assert dependencies(tmp_path, "k = 1\nr = READ_ONCE(s.x)\nif k:\n    WRITE_ONCE(s.y, 1)") == set()


# --- checks, ghosts, final states -------------------------------------------------------------------------------------


def failing(folder: Path, text: str) -> set[str]:
    """The checks that some execution fails."""
    return set(outcomes(compile_one(folder, text)).failed)


def test_checks_by_name(tmp_path: Path) -> None:
    body = 'check("I1", s.x == 0)\nassert s.x == 1, "I2"\nassert s.x < 0\n'
    body += 'BUG_ON(s.x == 0)\nif WARN_ON(s.x != 0):\n    check("I3", 0)'
    assert failing(tmp_path, model(body)) == {"I2", "assert s.x < 0", "BUG_ON(s.x == 0)"}


def test_checks_that_are_known_to_hold_leave_nothing(tmp_path: Path) -> None:
    assert thread(tmp_path, 'check("fine", s != NULL)\nassert 2 > 1') == []


def test_assumptions_and_choices(tmp_path: Path) -> None:
    program = compile_one(tmp_path, model("if nondet():\n    s.x = 1\nassume(s.x == 1)\nreturn s.x"))
    assert {tuple(v for _, v in state) for state in outcomes(program).states} == {(1,)}


GHOSTS = """
class zone(Struct):
    stat: Array[ghost_t] = array(2)
    next: Ptr[zone]
class page(Struct):
    flags: ulong
    zone: Ptr[zone]
total = ghost(5)
def count(p: page, item: int) -> None:
    ghost_inc(READ_ONCE(p.zone).stat[item])
    ghost_add(total, 2)
def f(p: page) -> None:
    count(p, 1)
    if READ_ONCE(p.flags):
        ghost_dec(READ_ONCE(p.zone).stat[0])
def right(z: zone, other: zone) -> bool:
    if z.stat[0] != -1 or z.stat[1] != 2:
        return False
    return other.stat[0] == 0 and other.stat[1] == 0 and total == 9
@scenario
def one(t: Setup) -> None:
    t.Z, t.Y = zone(), zone()
    t.P, t.Q = page(flags=1, zone=t.Z), page(zone=t.Z)
    t.thread(f, t.P)
    t.thread(f, t.Q)
    t.final("counts", right, t.Z, t.Y)
"""


@pytest.mark.parametrize("cells", [False, True])
def test_ghost_counters_are_sums_without_events(tmp_path: Path, cells: bool) -> None:
    from smpcheck.readers.python import compile_scenario, load_scenarios

    (tmp_path / "m.py").write_text(HEADER + GHOSTS)
    (scenario,) = load_scenarios(tmp_path / "m.py")
    program = compile_scenario(scenario, ghost_cells=cells)
    assert outcomes(program).failed == frozenset()
    result = simulate(program)
    assert len(result.trace.events) == 5
    wrong = compile_one(tmp_path, GHOSTS.replace("total == 9", "total == 8"))
    assert outcomes(wrong).failed == {"counts"}


def test_final_checks_read_final_values_through_pointers(tmp_path: Path) -> None:
    text = """
class node(Struct):
    next: Ptr[node]
    v: int
    lock: spinlock_t
    n: atomic_t = ATOMIC_INIT(3)
    flags: flags_t = flag_word({"a": 0, "b": 9}, layout="separate", init=512)
def f(h: node, x: node) -> int:
    WRITE_ONCE(h.next, x)
    return 4
def through(h: node, t: Any) -> bool:
    p = h.next
    if p == NULL:
        return False
    total = 0
    for i in range(2):
        total += i
    ok = test_bit(9, h.flags) and h.flags == 512 and READ_ONCE(h.v) == 0
    return p.v == 8 and total == 1 and ok and result(t) == 4 and atomic_read(h.n) == 3 and not h.next.next
@scenario
def one(s: Setup) -> None:
    s.H, s.X = node(), node(v=8)
    t = s.thread(f, s.H, s.X)
    s.final("linked", through, s.H, t)
"""
    assert failing(tmp_path, text) == set()
    assert failing(tmp_path, text.replace("p.v == 8", "p.v == 9")) == {"linked"}


def test_exists_and_forall_are_the_condition(tmp_path: Path) -> None:
    text = model("s.x = 1\nreturn 2", setup="t.exists(seen, t.S, t._threads[0])", before="""
def seen(s: Any, t: Any) -> bool:
    return cast(thing, s).x == 1 and result(t) == 2
""")  # fmt: skip
    program = compile_one(tmp_path, text)
    assert (program.quantifier, program.condition_text) == ("exists", "seen")
    assert outcomes(program).condition == {True}
    assert [str(o) for o in program.observed] == [str(FinalReg(0, "return")), str(ir.FinalMem(values.Ptr("S")))]
    assert compile_one(tmp_path, text.replace("t.exists", "t.forall")).quantifier == "forall"


def test_threads_with_one_name_are_told_apart(tmp_path: Path) -> None:
    setup = "t.thread(f, t.S)\nt.thread(f, t.S)\nt.thread(f, t.S, name='f#1')\nt.thread(f, t.S, name='g')"
    names = [thread.name for thread in compile_one(tmp_path, model("s.x = 1", setup=setup)).threads]
    assert names == ["f#2", "f#3", "f#4", "f#1", "g"]


def test_after_sees_what_all_did(tmp_path: Path) -> None:
    text = model("s.x += 1", setup='t.thread(g, t.S)\nt.after(drain, t.S)\nt.final("all", done, t.S)', before="""
def g(s: Any) -> None:
    cast(thing, s).y = 5
def drain(s: Any) -> None:
    p: thing = s
    check("sees", p.x == 1 and p.y == 5)
    p.y = 6
def done(s: Any) -> bool:
    return cast(thing, s).y == 6
""")  # fmt: skip
    program = compile_one(tmp_path, text)
    assert failing(tmp_path, text) == set()
    assert len(program.threads) == 3 and program.threads[2].name == "drain"


# --- locks ------------------------------------------------------------------------------------------------------------

LOCKS = "lock: spinlock_t\nother: spinlock_t\nmu: mutex\nflags: flags_t = flag_word({'locked': 0})"
ORDER = 't.locks(lock_order("thing.mu > thing.flags:locked > thing.lock > {thing.other}"))'


def held(folder: Path, body: str) -> set[str]:
    return failing(folder, model(body, LOCKS, ORDER))


def test_the_declared_order_is_checked_where_a_thread_waits(tmp_path: Path) -> None:
    take = {
        "lock": ("spin_lock(s.lock)", "spin_unlock(s.lock)"),
        "other": ("spin_lock(s.other)", "spin_unlock(s.other)"),
        "mu": ("mutex_lock(s.mu)", "mutex_unlock(s.mu)"),
        "bit": ("wait_on_bit_lock(s.flags, 0, TASK_UNINTERRUPTIBLE)", "clear_bit_unlock(0, s.flags)"),
    }

    def nested(*names: str) -> set[str]:
        body = [take[n][0] for n in names] + [take[n][1] for n in reversed(names)]
        return held(tmp_path, "\n".join(body))

    assert nested("mu", "bit", "lock", "other") == set()
    assert nested("other", "lock") == {"lock-order"}
    assert nested("bit", "mu") == {"lock-order"}
    assert nested("lock", "bit") == {"lock-order", "sleep-under-spinlock"}
    assert held(tmp_path, "spin_lock(s.other)\nif spin_trylock(s.lock):\n    spin_unlock(s.lock)\nspin_unlock(s.other)") == set()


def test_nothing_sleeps_under_a_spinlock_or_in_a_reader(tmp_path: Path) -> None:
    body = "spin_lock(s.lock)\nmutex_lock(s.mu)\nmutex_unlock(s.mu)\nspin_unlock(s.lock)"
    assert held(tmp_path, body) == {"sleep-under-spinlock", "lock-order"}
    found = compile_one(tmp_path, model("rcu_read_lock()\nmutex_lock(s.mu)\nmutex_unlock(s.mu)\nrcu_read_unlock()", LOCKS))
    assert outcomes(found).failed == {"sleep-under-spinlock"}


def test_a_lock_that_is_held_on_one_way_only_is_checked_on_that_way(tmp_path: Path) -> None:
    body = "if s.flags:\n    spin_lock(s.other)\nspin_lock(s.lock)\nspin_unlock(s.lock)\nif s.flags:\n    spin_unlock(s.other)"
    assert held(tmp_path, body) == set()
    fields = LOCKS.replace("{'locked': 0}", "{'locked': 0}, init=1")
    assert failing(tmp_path, model(body, fields, ORDER)) == {"lock-order"}


def test_a_lock_must_be_given_back(tmp_path: Path) -> None:
    assert held(tmp_path, "spin_lock(s.lock)") == {"lock-held-at-exit"}


def test_a_completion_is_waited_for_and_never_held(tmp_path: Path) -> None:
    fields = f"{LOCKS}\ndone: completion"
    twice = "complete(s.done)\ncomplete(s.done)\n"
    both = "mutex_lock(s.mu)\nwait_for_completion(s.done)\nmutex_unlock(s.mu)\nwait_for_completion(s.done)\nmutex_lock(s.mu)\n"
    found = outcomes(compile_one(tmp_path, model(f"{twice}{both}mutex_unlock(s.mu)", fields, ORDER)))
    assert (found.failed, found.lock_cycles) == (frozenset(), ())
    assert failing(tmp_path, model("complete_all(s.done)\ntry_wait_for_completion(s.done)", fields, ORDER)) == set()
    body = f"{twice}spin_lock(s.lock)\nwait_for_completion(s.done)\nspin_unlock(s.lock)"
    assert failing(tmp_path, model(body, fields, ORDER)) == {"sleep-under-spinlock"}


def test_locks_passed_as_arguments_keep_their_class(tmp_path: Path) -> None:
    before = "def inside(l: spinlock_t) -> None:\n    spin_lock(l)\n    spin_unlock(l)\n"
    text = model("spin_lock(s.other)\ninside(s.lock)\nspin_unlock(s.other)", LOCKS, ORDER, before)
    assert failing(tmp_path, text) == {"lock-order"}


def test_programs_are_read_in_order_of_definition(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    more = '\ntwo = scenario(name="second")(one.function)\nthree = one.bind(mode=3)\n'
    path.write_text(HEADER + model("s.x = 1", setup='"what it is about"') + more)
    assert [p.name for p in read_python_file(path)] == ["one", "second", "one[mode=3]"]
    assert read_python_file(str(path))[0].file == str(path)


def test_the_example_of_the_documentation_holds(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "python-models.md").read_text()
    (tmp_path / "m.py").write_text(text.split("```python\n")[1].split("```")[0])
    (program,) = read_python_file(tmp_path / "m.py")
    found = outcomes(program)
    assert found.failed == frozenset() and len(found.states) == 2
