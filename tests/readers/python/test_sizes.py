"""Unions, bit fields, struct assignment and pointers to other types in models: as C has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.errors import SmpcheckError
from smpcheck.program.ir import Program
from smpcheck.questions.explain import explain
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.registry import read_programs
from smpcheck.simulate import outcomes
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

TYPES = """from smpcheck.kernel import *

class halves(Struct):
    low: u16
    high: u16

class word(Union):
    all: u32 = 0
    part: halves
    bytes: Array[u8] = array(4)

class state(Struct):
    up: uint = bit_field(1)
    speed: uint = bit_field(3, 5)
    sign: int = bit_field(4, -3)
    _: uint = bit_field(0)
    stopped: uint = bit_field(1)
    number: int

class box(Struct):
    w: word
    b: state
    c: state
    q: Ptr[Struct] = NULL

"""


def program(tmp_path: Path, *bodies: str, setup: str = "box()", ends: str = "") -> Program:
    """Threads with these bodies on one box; ``ends`` is observed."""
    threads = [f"def t{n}(p: box) -> int:\n" + "".join(f"    {line}\n" for line in b.split("; ")) for n, b in enumerate(bodies)]
    made = "".join(f"    s.thread(t{n}, s.P)\n" for n in range(len(bodies)))
    shown = f"    s.observe('{ends}')\n" if ends else ""
    path = tmp_path / "sizes.py"
    path.write_text(TYPES + "\n".join(threads) + f"\n@scenario\ndef both(s: Setup) -> None:\n    s.P = {setup}\n{made}{shown}")
    (found,) = read_programs(str(path))
    return found


def states(found: Program, model: str = "sc") -> set[tuple[object, ...]]:
    answer = solve(found, load_model(model), Question(mode="states"))
    return {tuple(state.values()) for state, _ in answer.states}


def test_the_members_of_a_union_lie_at_one_place(tmp_path: Path) -> None:
    body = "p.w.part.high = 0x102; p.w.bytes[0] += 1; return p.w.all"
    found = program(tmp_path, body, setup="box(w=word(all=0x3000007))", ends="P.w.part.high")
    assert states(found) == {(0x1020008, 0x102)}


@pytest.mark.parametrize("member", ["part=halves(low=7, high=0x300)", "bytes=[7, 0, 0, 3]"])
def test_a_union_starts_with_any_one_of_its_members(tmp_path: Path, member: str) -> None:
    assert states(program(tmp_path, "return p.w.all", setup=f"box(w=word({member}))")) == {(0x3000007,)}


def test_a_union_is_the_same_in_c_and_step_by_step(tmp_path: Path) -> None:
    found = program(
        tmp_path, "WRITE_ONCE(p.w.all, 0x10001)", "a = READ_ONCE(p.w.part.high); return a * 2 + READ_ONCE(p.w.part.low)"
    )
    in_c = read_litmus(
        """C u
{ union word w; }
struct halves { u16 low; u16 high; };
union word { u32 all; struct halves part; };
P0(union word *w) { WRITE_ONCE(w->all, 0x10001); }
P1(union word *w) { int r; r = READ_ONCE(w->part.high) * 2; r += READ_ONCE(w->part.low); }
locations [1:r] exists (true)
"""
    )
    for model in ("sc", "lkmm"):
        assert states(found, model) == states(in_c, model)
    assert {tuple(value for _, value in state) for state in outcomes(found).states} == states(found) == {(0,), (1,), (3,)}


def test_bit_fields_hold_what_fits_into_them(tmp_path: Path) -> None:
    body = "p.b.speed += 3; p.b.up = 3; p.b.sign -= 6; return p.b.speed * 100 + p.b.up * 10 + p.b.sign"
    assert states(program(tmp_path, body)) == {(17,)}


def test_two_bit_fields_of_one_run_race_and_others_do_not(tmp_path: Path) -> None:
    def races(first: str, second: str) -> bool:
        found = program(tmp_path, f"p.b.{first} = 1", f"p.b.{second} = 1")
        return "data-race" in solve(found, load_model("lkmm"), Question()).flags

    assert races("up", "speed")
    assert not races("up", "stopped") and not races("stopped", "number")


def test_a_race_of_bit_fields_is_explained_as_one(tmp_path: Path) -> None:
    found = program(tmp_path, "p.b.up = 1; return 0", "p.b.speed = 1; return 0")
    (answer, *_) = explain(found, load_model("lkmm"))
    assert "up, speed and sign are bit fields in one run" in answer.races[0].sentence


def test_a_struct_is_assigned_member_by_member(tmp_path: Path) -> None:
    body = "p.b.number = 9; p.c = p.b; return p.c.speed * 10 + p.c.number"
    assert states(program(tmp_path, body)) == {(59,)}


def test_a_pointer_to_another_type_leads_to_parts(tmp_path: Path) -> None:
    found = program(tmp_path, "h = cast(Ptr[u8], p); h[2] = 5; return p.w.all")
    assert states(found) == {(0x50000,)}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("WRITE_ONCE(p.b.up, 1)", r"sizes.py:27:5: WRITE_ONCE of p.b.up: a bit field has no address"),
        ("h = cast(Ptr[u8], p); g = cast(Ptr[u16], h + 1); g[0] = 1", r"sizes.py:29:5: g\[0\]: a misaligned access of 2 bytes"),
        ("h = cast(Ptr[u32], p); h[99] = 1", r"sizes.py:28:5: h\[99\]: there is no object at &P\+396"),
        ("p.b = p.w", r"sizes.py:27:5: p.b is struct state: only another one can be assigned to it"),
        ("p.b._ = 1", r"state\._: a bit field without a width has no value"),
    ],
)
def test_what_is_refused(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(SmpcheckError, match=message):
        program(tmp_path, f"{body}; return 0")


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ("box(w=word(all=1, bytes=[2, 0, 0, 0]))", "P.w: a union starts with one member, not with all and bytes"),
        ("box(b=state(up=s))", r"P.b.up cannot start as"),
    ],
)
def test_what_cannot_be_there_at_first_is_refused(tmp_path: Path, setup: str, message: str) -> None:
    with pytest.raises(SmpcheckError, match=message):
        program(tmp_path, "return p.w.all", setup=setup)
