"""Small random programs for comparing two ways of answering the same question."""

from __future__ import annotations

from hypothesis import strategies as st

from smpcheck.program import ir
from smpcheck.program.ir import (
    Assert,
    Assign,
    Assume,
    Binary,
    Block,
    Cell,
    Choice,
    Const,
    Exit,
    Expr,
    Fence,
    FinalMem,
    FinalReg,
    If,
    Load,
    Program,
    Reg,
    Rmw,
    Stmt,
    Store,
    Thread,
)
from smpcheck.program.values import INT, POINTER, Ptr

ONCE = frozenset({"Once"})
X, Y, LOCK, P, WORD = Ptr("x"), Ptr("y"), Ptr("lock"), Ptr("p"), Ptr("word")
CELLS = {X: Cell("x"), Y: Cell("y"), LOCK: Cell("lock"), P: Cell("p", POINTER, X), WORD: Cell("word")}
REGISTERS = ("a", "b")


def values(draw: st.DrawFn) -> Expr:
    """A constant, a register, or a sum."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return Reg(draw(st.sampled_from(REGISTERS)))
    if kind == 1:
        return Binary("+", Reg(draw(st.sampled_from(REGISTERS))), Const(1))
    return Const(draw(st.integers(0, 2)))


def condition(draw: st.DrawFn) -> Expr:
    """A comparison of a register with a constant."""
    return Binary(draw(st.sampled_from(("==", "!=", "<"))), Reg(draw(st.sampled_from(REGISTERS))), Const(draw(st.integers(0, 2))))


def place(draw: st.DrawFn) -> Expr:
    return Const(draw(st.sampled_from((X, Y))))


def statements(draw: st.DrawFn, depth: int, labels: tuple[str, ...], most: int, weak: bool = False) -> tuple[Stmt, ...]:
    return tuple(stmt for _ in range(draw(st.integers(1, most))) for stmt in statement(draw, depth, labels, weak))


def ordered(draw: st.DrawFn, depth: int) -> tuple[Stmt, ...]:
    """What lock-free code is made of: flags in a word, set and cleared by atomic operations and tested by loads; acquires and
    releases; spinlocks that order."""
    reg, bit = draw(st.sampled_from(REGISTERS)), draw(st.sampled_from((1, 2)))
    full = (Fence(frozenset({"Mb"})),) if draw(st.booleans()) else ()
    match draw(st.sampled_from(["set", "clear", "test", "test", "acquire", "release", "forget", *["lock"] * (depth > 0)])):
        case "set":
            return (*full, Rmw(reg, Const(WORD), Binary("|", Reg(reg), Const(bit)), ONCE | {"RMW"}, ONCE | {"RMW"}), *full)
        case "clear":
            return (*full, Rmw(reg, Const(WORD), Binary("&", Reg(reg), Const(3 - bit)), ONCE | {"RMW"}, ONCE | {"RMW"}), *full)
        case "test":
            is_set = Binary("!=", Binary("&", Reg("b"), Const(bit)), Const(0))
            return (Load("b", Const(WORD), ONCE), If(is_set, (Assign("a", Const(bit)),)), Assign("b", Const(0)))
        case "acquire":
            return (Load(reg, Const(draw(st.sampled_from((X, WORD)))), frozenset({"Acquire"})),)
        case "release":
            return (Store(Const(X), values(draw), frozenset({"Release"})),)
        case "forget":
            return (Load(reg, place(draw), ONCE), Assign(reg, Const(0)))
        case "lock":
            taking = frozenset({"LKR", "Acquire"})
            take = Rmw("l", Const(LOCK), Const(1), taking, frozenset({"LKW"}), Binary("==", Reg("l"), Const(0)), True)
            return (take, *statements(draw, 0, (), 2, True), Store(Const(LOCK), Const(0), frozenset({"UL", "Release"})))
    raise AssertionError


def statement(draw: st.DrawFn, depth: int, labels: tuple[str, ...], weak: bool = False) -> tuple[Stmt, ...]:
    if weak and draw(st.booleans()):
        return ordered(draw, depth)
    kinds = ["load", "store", "store", "load", "rmw", "assert", "fence"]
    if depth:
        kinds += ["if", "choice", "block", "cmpxchg", "locked", "through"]
    if labels:
        kinds.append("exit")
    reg = draw(st.sampled_from(REGISTERS))
    match draw(st.sampled_from(kinds)):
        case "load":
            return (Load(reg, place(draw), ONCE),)
        case "store":
            return (Store(place(draw), values(draw), ONCE),)
        case "rmw":
            return (Rmw(reg, place(draw), Binary("+", Reg(reg), Const(1)), ONCE | {"RMW"}, ONCE | {"RMW"}),)
        case "assert":
            return (Assert(condition(draw), draw(st.sampled_from(("A", "B")))),)
        case "fence":
            return (Fence(frozenset({"Mb"})),)
        case "if":
            return (If(condition(draw), statements(draw, depth - 1, labels, 2), statements(draw, depth - 1, labels, 2)),)
        case "choice":
            one, other = ((Assign(reg, Const(v)), *statements(draw, depth - 1, labels, 1)) for v in (0, 1))
            return (Choice(one, other),)
        case "block":
            label = f"L{len(labels)}"
            return (Block(label, statements(draw, depth - 1, (*labels, label), 2)),)
        case "exit":
            return (Exit(draw(st.sampled_from(labels))),)
        case "cmpxchg":
            where, expected = place(draw), Const(draw(st.integers(0, 1)))
            done = Rmw(reg, where, Const(2), ONCE | {"RMW"}, ONCE | {"RMW"}, Binary("==", Reg(reg), expected))
            failed = (Load(reg, where, ONCE), Assume(Binary("!=", Reg(reg), expected)))
            return (Choice((Fence(frozenset({"Mb"})), done), failed),)
        case "locked":
            take = Rmw("l", Const(LOCK), Const(1), frozenset({"LKR"}), frozenset({"LKW"}), Binary("==", Reg("l"), Const(0)), True)
            release = Store(Const(LOCK), Const(0), frozenset({"UL", "Release"}))
            return (take, *statements(draw, depth - 1, (), 2), release)
        case "through":
            target = draw(st.sampled_from((X, Y)))
            return (Load("q", Const(P), ONCE), Store(Reg("q"), values(draw), ONCE), Store(Const(P), Const(target), ONCE))
    raise AssertionError


@st.composite
def programs(draw: st.DrawFn, most_threads: int = 3, most: int = 3, weak: bool = False) -> Program:
    """Two or three threads with branches, early exits, locks, compare-and-exchange, choices and a pointer; ``weak``: with what
    orders accesses, too."""
    types = {"a": INT, "b": INT, "l": INT, "q": POINTER}
    threads = []
    for index in range(draw(st.integers(2, most_threads))):
        start: tuple[Stmt, ...] = tuple(Assign(r, Const(0)) for r in ("a", "b"))
        body = statements(draw, 2, (), most, weak)
        threads.append(Thread(index, start + body, f"T{index}", types))
    observed: tuple[FinalReg | FinalMem, ...] = (*(FinalMem(c) for c in (X, Y)), *(FinalReg(t.index, "a") for t in threads))
    invariant = Assert(Binary("!=", FinalMem(X), Const(2)), "I")
    test = Binary("==", FinalMem(Y), FinalReg(0, "a"))
    return Program("random", CELLS, tuple(threads), condition=test, observed=observed, invariants=(invariant,))


def straight(*threads: tuple[Stmt, ...], cells: dict[Ptr, Cell] | None = None, **more: object) -> Program:
    """A program from statement lists."""
    made = []
    for index, body in enumerate(threads):
        names = {s.reg for s in body if isinstance(s, Load | Assign)} | {s.old for s in body if isinstance(s, Rmw)}
        made.append(Thread(index, body, f"T{index}", dict.fromkeys(names, INT)))
    return Program("test", cells or CELLS, tuple(made), **more)  # type: ignore[arg-type]


__all__ = ["CELLS", "LOCK", "ONCE", "P", "X", "Y", "ir", "programs", "straight"]
