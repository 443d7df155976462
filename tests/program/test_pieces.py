"""Objects are cut into the pieces that accesses of several sizes need, and no further."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.models import about_sizes, require_language
from smpcheck.program import ir
from smpcheck.program.pieces import cut
from smpcheck.program.values import INT, POINTER, UCHAR, UINT, ULONG, USHORT, CType, Ptr
from smpcheck.readers.litmus import read_litmus
from smpcheck.simulate import outcomes
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

ONCE = frozenset({"Once"})
REGISTERS = {"p": POINTER, "r": ULONG, "q": ULONG}


def at(base: str, offset: int = 0) -> ir.Const:
    return ir.Const(Ptr(base, offset))


def load(addr: ir.Expr, ctype: CType, reg: str = "r") -> ir.Load:
    return ir.Load(reg, addr, ONCE, ctype=ctype, text="a load")


def store(addr: ir.Expr, ctype: CType, value: object = 1) -> ir.Store:
    return ir.Store(addr, ir.Const(value), ONCE, ctype=ctype, text="a store")  # type: ignore[arg-type]


def program(cells: dict[Ptr, ir.Cell], *bodies: tuple[ir.Stmt, ...], **more: object) -> ir.Program:
    threads = tuple(ir.Thread(i, body, f"P{i}", REGISTERS) for i, body in enumerate(bodies))
    return ir.Program("t", cells, threads, **more)  # type: ignore[arg-type]


def word(ctype: CType = UINT, init: int = 0) -> dict[Ptr, ir.Cell]:
    return {Ptr("x"): ir.Cell("x", ctype, init)}


def final(source: ir.Program) -> dict[str, object]:
    answer = solve(source, load_model("sc"), Question(mode="states"))
    ((state, _),) = answer.states
    return {source.variable_name(v): value for v, value in state.items()}


def test_a_program_without_mixed_sizes_is_the_same_object() -> None:
    plain = program(word() | {Ptr("p"): ir.Cell("p", POINTER, Ptr("x"))}, (load(at("p"), POINTER, "p"), load(ir.Reg("p"), UINT)))
    assert cut(plain) is plain


def test_an_object_is_cut_where_an_access_begins_or_ends_and_nowhere_else() -> None:
    pieces = cut(program(word(), (store(at("x"), UINT),), (load(at("x", 2), UCHAR),)))
    assert [(p.offset, cell.ctype.size) for p, cell in pieces.cells.items()] == [(0, 2), (2, 1), (3, 1)]
    ((whole,), (part,)) = (thread.body for thread in pieces.threads)
    assert isinstance(whole, ir.Store) and [offset for offset, _ in whole.pieces] == [0, 2, 3]
    assert isinstance(part, ir.Load) and not part.pieces


def test_a_cut_is_carried_to_all_that_an_access_may_be_to() -> None:
    cells = {Ptr("a", 4 * i): ir.Cell(f"a[{i}]", UINT) for i in range(3)} | {Ptr("b"): ir.Cell("b", UINT)}
    index = ir.Binary("+", at("a"), ir.Binary("*", ir.Reg("r"), ir.Const(4), ULONG), POINTER)
    threads = ((load(at("b"), UINT), store(index, UINT)), (load(at("a", 6), USHORT), store(at("b"), UINT, 1)))
    pieces = cut(program(cells, *threads))
    found = [(p.base, p.offset, cell.ctype.size) for p, cell in pieces.cells.items()]
    assert found == [("a", 0, 2), ("a", 2, 2), ("a", 4, 2), ("a", 6, 2), ("a", 8, 4), ("b", 0, 4)]


def test_cells_that_one_access_covers_stay_as_they_are() -> None:
    cells = {Ptr("s"): ir.Cell("s.a", USHORT, 1), Ptr("s", 2): ir.Cell("s.b", USHORT, 2)}
    pieces = cut(program(cells, (load(at("s"), UINT),), observed=(ir.FinalReg(0, "r"),)))
    assert pieces.mixed and pieces.cells == cells
    assert final(pieces) == {"0:r": 0x20001}


@pytest.mark.parametrize(("big", "value"), [(False, 0x55000000), (True, 0x00000055)])
def test_byte_order_is_the_programs(big: bool, value: int) -> None:
    shown = (ir.FinalReg(0, "r"), ir.FinalMem(Ptr("x")))
    pieces = cut(program(word(), (store(at("x", 3), UCHAR, 0x55), load(at("x"), UINT)), observed=shown, big_endian=big))
    assert final(pieces) == {"0:r": value, "[x]": value}


def test_a_type_without_a_sign_sees_no_sign() -> None:
    pieces = cut(program(word(INT, -1), (load(at("x"), UINT),), observed=(ir.FinalReg(0, "r"), ir.FinalMem(Ptr("x")))))
    assert final(pieces) == {"0:r": 0xFFFFFFFF, "[x]": -1}


def test_an_access_that_leaves_its_object_and_a_misaligned_one_are_faults() -> None:
    def faults(offset: int) -> set[str]:
        address = ir.Binary("+", at("x"), ir.Reg("q"), POINTER)
        body = (ir.Assign("q", ir.Const(offset)), load(at("x", 1), UCHAR), load(address, USHORT))
        return set(solve(cut(program(word(), body)), load_model("sc"), Question(mode="stops", stops=True)).failed)

    assert (faults(2), faults(1), faults(4)) == (set(), {"misaligned"}, {"bad-address"})


def test_what_is_too_fine_and_a_part_of_an_address_are_refused_with_the_access() -> None:
    many = {Ptr("x", 8 * i): ir.Cell(f"x[{i}]", ULONG) for i in range(16)}
    bytes_ = tuple(load(at("x", i), UCHAR) for i in range(128))
    with pytest.raises(LimitError, match="cuts 'x' into too many pieces"):
        cut(program(many, bytes_))
    with pytest.raises(UnsupportedError, match="'a store', an access of 8 bytes, may store an address"):
        cut(program(word(ULONG), (store(at("x"), ULONG, Ptr("x")),), (load(at("x", 4), UINT),)))


def test_a_model_says_what_it_makes_of_mixed_sizes_or_refuses() -> None:
    mixed = cut(program(word(), (store(at("x"), UINT),), (load(at("x", 2), UCHAR),)))
    assert about_sizes(load_model("sc"), mixed) == ()
    assert about_sizes(load_model("lkmm"), mixed)[0].startswith("mixed sizes: an extension of the model")
    with pytest.raises(UnsupportedError, match="power says nothing of accesses of several sizes"):
        require_language(load_model("power"), mixed)


@pytest.mark.parametrize("model", ["sc", "tso", "lkmm"])
@pytest.mark.parametrize("tags", [ONCE, frozenset[str]()], ids=["marked", "plain"])
def test_a_marked_store_is_not_torn_and_a_plain_one_is_under_lkmm(model: str, tags: frozenset[str]) -> None:
    write = ir.Store(at("x"), ir.Const(0x10001), tags, ctype=UINT)
    torn = ir.Binary("==", ir.FinalReg(1, "r"), ir.Const(1), ULONG)
    source = program(word(), (write,), (load(at("x"), UINT), load(at("x", 2), USHORT, "q")), condition=torn)
    answer = solve(cut(source), load_model(model))
    assert answer.verdict == ("Sometimes" if model == "lkmm" and not tags else "Never")


def test_an_index_that_nothing_bounds_is_no_access_of_another_size() -> None:
    ring = read_litmus(
        """C ring
{ int *q[2]; int i; int *p; }
P0(int **q, int *i, int *data) { int r = READ_ONCE(*i); WRITE_ONCE(q[r], data); WRITE_ONCE(*i, r + 1); }
P1(int **q) { int *r = READ_ONCE(q[0]); int v = 1; if (r) v = READ_ONCE(*r); }
exists (1:v=0)
""",
        "ring.litmus",
    )
    assert not ring.in_pieces
    assert about_sizes(load_model("lkmm"), ring) == ()
    assert outcomes(ring).condition
