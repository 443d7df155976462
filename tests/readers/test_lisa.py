"""LISA tests: columns of tagged accesses."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.errors import SmpcheckError
from smpcheck.program import ir
from smpcheck.program.values import Ptr, Value
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.solve import solve
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
    assert value_of(*rows) == value


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("f[]", "a fence has an annotation that says which: f[mb]"),
        ("call[sync]", "the LISA instruction 'call[sync]' is not supported"),
        ("jmp L", "the LISA instruction 'jmp L' is not supported"),
        ("w[once] x", "'w[once] x' is not a LISA instruction of the form 'w[tag] x 1'"),
        ("r[once] x r1", "a register (r0, r1, ...) expected, 'x' found"),
        ("b[] r1 NOWHERE", "no label NOWHERE in this thread (there are: none)"),
        ("L: L: f[mb]", "the label L stands here a second time"),
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


KERNEL_R = {"R": frozenset({"once", "acquire"}), "F": frozenset({"mb", "sync-rcu"})}
OWN = {"R": frozenset({"", "deref", "fast"}), "F": frozenset({"light"})}


@pytest.mark.parametrize(
    ("row", "annotations", "tags"),
    [
        ("r[fast] r1 x", OWN, {"Fast"}),
        ("r[deref] r1 x", OWN, {"Deref"}),
        ("r[] r1 x", OWN, set()),
        ("r[deref] r1 x", KERNEL_R, {"Once"}),
        ("f[sync] ", KERNEL_R, {"Sync-rcu"}),
        ("r[anything] r1 x", {}, {"Anything"}),
    ],
)
def test_tags_are_those_that_the_model_declares(row: str, annotations: dict[str, frozenset[str]], tags: set[str]) -> None:
    program = read_litmus(f"LISA t\n{{}}\n P0 ;\n {row} ;\nexists (x=0)", "t", None, annotations)
    (event,) = program.threads[0].body
    assert isinstance(event, ir.Load | ir.Fence) and event.tags == tags


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("r[] r1 x", "an annotation is missing: r[] r1 x (declared for R: [acquire], [once])"),
        ("r[mb] r1 x", "the annotation [mb] is not one that the model declares: r[mb] r1 x (declared for R: [acquire], [once])"),
        ("f[light]", "the annotation [light] is not one that the model declares"),
    ],
)
def test_an_undeclared_tag_is_refused(row: str, message: str) -> None:
    with pytest.raises(SmpcheckError) as caught:
        read_litmus(f"LISA t\n{{}}\n P0 ;\n {row} ;\nexists (x=0)", "t", None, KERNEL_R)
    assert caught.value.message.startswith(message)
    assert caught.value.pos is not None and caught.value.pos.line == 4


def test_the_kernels_model_declares_its_tags() -> None:
    declared = load_model("lkmm").annotations
    assert declared["R"] == {"once", "acquire", "noreturn"}
    assert "after-srcu-read-unlock" in declared["F"]
    assert load_model("sc").annotations == {}


def test_a_control_dependency_reaches_everything_later() -> None:
    body = "r[once] r0 x | r[once] r0 y ;\n b[] r0 L | f[mb] ;\n L: | w[once] x 1 ;\n w[once] y 1 | ;"
    test = f"LISA t\n{{}}\n P0 | P1 ;\n {body}\nexists (0:r0=1 /\\ 1:r0=1)"
    assert solve(read_litmus(test), load_model("lkmm")).verdict == "Never"
    in_c = "C t\n{}\nP0(int *x, int *y)\n{ int r0 = READ_ONCE(*x); if (r0) { } WRITE_ONCE(*y, 1); }\n"
    in_c += "P1(int *x, int *y)\n{ int r0 = READ_ONCE(*y); smp_mb(); WRITE_ONCE(*x, 1); }\nexists (0:r0=1 /\\ 1:r0=1)"
    assert solve(read_litmus(in_c), load_model("lkmm")).verdict == "Sometimes"
