"""LISA tests: columns of tagged accesses."""

from __future__ import annotations

import pytest

from smpcheck.errors import SmpcheckError
from smpcheck.program import ir
from smpcheck.program.values import Ptr, Value
from smpcheck.readers.litmus import read_litmus
from tests.readers.machine import Machine


def column(*rows: str, init: str = "", question: str = "exists (x=0)") -> ir.Program:
    """A test of one thread."""
    return read_litmus(f"LISA t\n{{ {init} }}\n P0 ;\n" + "".join(f" {row} ;\n" for row in rows) + question, "t.litmus")


def value_of(*rows: str, init: str = "", reg: str = "r1") -> Value:
    return Machine(column(*rows, init=init)).run().reg(reg)


def test_columns_are_threads() -> None:
    text = """LISA MP (* as ever *)
    { x = 0; 1:r3 = x; }
     P0          | P1             ;
     w[once] x 1 | r[acquire] r1 y;
     f[wmb]      | (* wait *)     ;
     w[release] y 1 | r[once] r2 r3 ;
    exists (1:r1=1 /\\ 1:r2=0)"""
    program = read_litmus(text, "t.litmus")
    assert program.name == "MP"
    kinds = [[type(s).__name__ for s in t.body] for t in program.threads]
    assert kinds == [["Store", "Fence", "Store"], ["Assign", "Load", "Load"]]
    assert program.condition_text == "exists (1:r1=1 /\\ 1:r2=0)"
    first = program.threads[1].body[1]
    assert isinstance(first, ir.Load) and (str(first.pos), first.text) == ("t.litmus:4:20", "r[acquire] r1 y")


@pytest.mark.parametrize(
    ("row", "tags"),
    [
        ("r[once] r1 x", ["Once"]),
        ("r[deref] r1 x", ["Once"]),
        ("r[lderef] r1 x", ["Once"]),
        ("r[acquire] r1 x", ["Acquire"]),
        ("r[] r1 x", []),
        ("w[once] x 1", ["Once"]),
        ("w[assign] x 1", ["Release"]),
        ("w[release] x r1", ["Release"]),
        ("f[mb]", ["Mb"]),
        ("f[sync]", ["Sync-rcu"]),
        ("f[rcu_read_lock]", ["Rcu-lock"]),
        ("f[rcu_read_unlock]", ["Rcu-unlock"]),
        ("f[before-atomic]", ["Before-atomic"]),
    ],
)
def test_tags(row: str, tags: list[str]) -> None:
    (stmt,) = column(row).threads[0].body
    assert isinstance(stmt, (ir.Load, ir.Store, ir.Fence)) and sorted(stmt.tags) == tags


def test_a_dependency_barrier_is_nothing() -> None:
    assert column("f[rb_dep]").threads[0].body == ()


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        (["mov r1 5"], 5),
        (["mov r1 (add 2 3)", "mov r1 (xor r1 1)"], 4),
        (["mov r1 (and 6 3)"], 2),
        (["mov r1 (eq r2 0)"], 1),
        (["mov r1 (neq r2 0)"], 0),
        (["mov r1 x"], Ptr("x")),
        (["w[once] x 7", "r[once] r1 x"], 7),
        (["mov r2 (xor r2 r2)", "w[once] x+r2 7", "mov r3 (add x r2)", "r[once] r1 r3"], 7),
        (["w[once] x 3", "rmw[once] r1 (add r1 2) x", "r[once] r4 x", "mov r1 (add r1 r4)"], 8),
        (["w[once] x 3", "mov r2 9", "rmw[mb] r1 r2 x", "r[once] r4 x", "mov r1 (add r1 r4)"], 12),
        (["mov r1 1", "b[] r1 END", "mov r1 2", "END: mov r3 1"], 1),
        (["b[] r1 END", "mov r1 2", "END:"], 2),
        (["b[] A", "mov r1 1", "B: mov r1 (add r1 10)", "b[] C", "A: b[] r2 B", "mov r1 5", "C:"], 5),
        (["mov r2 1", "b[] r2 A", "mov r1 1", "A:", "b[] r2 B", "mov r1 2", "B:", "mov r1 (add r1 4)"], 4),
        (["AGAIN: mov r1 (add r1 1)", "mov r2 (neq r1 5)", "b[] r2 AGAIN"], 5),
        (["AGAIN:", "mov r1 (add r1 1)", "mov r2 (eq r1 3)", "b[] r2 OUT", "b[] AGAIN", "OUT: mov r1 (add r1 10)"], 13),
    ],
)
def test_instructions_compute(rows: list[str], value: Value) -> None:
    if rows[0] == "b[] A":  # a branch back to what is no loop
        with pytest.raises(SmpcheckError, match=r"label B is not a loop|a branch into the loop"):
            column(*rows)
    else:
        assert value_of(*rows) == value


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("r[rmb] r1 x", "the annotation [rmb] is not supported here (known: once, acquire, deref, lderef)"),
        ("f[frob]", "the annotation [frob] is not supported here"),
        ("call[sync]", "the LISA instruction 'call[sync]' is not supported"),
        ("jmp L", "the LISA instruction 'jmp L' is not supported"),
        ("w[once] x", "'w[once] x' is not a LISA instruction of the form 'w[tag] x 1'"),
        ("r[once] x r1", "a register (r0, r1, ...) expected, 'x' found"),
        ("b[] r1 NOWHERE", "no label NOWHERE in P0"),
        ("L: L: f[mb]", "the label L is defined twice"),
        ("f[mb] | f[mb]", "'f[mb]' stands in column 2 of a test of 1 threads"),
    ],
)
def test_errors_have_positions(row: str, message: str) -> None:
    with pytest.raises(SmpcheckError) as caught:
        column(row)
    assert caught.value.message.startswith(message)
    assert caught.value.pos is not None and caught.value.pos.line == 4


def test_columns_have_their_headings() -> None:
    with pytest.raises(SmpcheckError, match=r"3:1: 'P0' expected, 'f.mb.' found"):
        read_litmus("LISA t\n{}\nf[mb] ;\nexists (x=0)", "t")
    with pytest.raises(SmpcheckError, match="no threads: a row"):
        read_litmus("LISA t\n{}\nexists (x=0)", "t")
    with pytest.raises(SmpcheckError, match="';' expected at the end of this row"):
        read_litmus("LISA t\n{}\n P0 ;\n f[mb]\nexists (x=0)", "t")
