"""Help for tests of the Python reader: compile a source text, and write the result down as short lines."""

from __future__ import annotations

from pathlib import Path

from smpcheck.program import ir
from smpcheck.program.values import Ptr
from smpcheck.readers.python import read_python_file

HEADER = "from __future__ import annotations; from typing import Any\nfrom smpcheck.kernel import *\n"


def compile_text(folder: Path, text: str) -> list[ir.Program]:
    """The programs of a model; line 1 of ``text`` is line 3 of the file."""
    path = folder / "model.py"
    path.write_text(HEADER + text)
    return read_python_file(path)


def compile_one(folder: Path, text: str) -> ir.Program:
    """The only program of a model."""
    (program,) = compile_text(folder, text)
    return program


def thread(folder: Path, body: str, fields: str = "", setup: str = "", before: str = "") -> list[str]:
    """The lines of a thread ``def f(s: S) -> Any`` over an object S with the given fields, without barriers' positions."""
    program = compile_one(folder, model(body, fields, setup, before))
    return lines(program.threads[0].body)


def model(body: str, fields: str = "", setup: str = "", before: str = "") -> str:
    """A model with one thread function ``f`` and one object ``S``."""
    fields = fields or "x: int\ny: int"
    indented = "\n".join("    " + line for line in fields.strip().splitlines())
    code = "\n".join("    " + line for line in body.strip("\n").splitlines())
    more = "\n".join("    " + line for line in setup.strip().splitlines())
    return f"""
{before}
class thing(Struct):
{indented}

def f(s: thing) -> Any:
{code}

@scenario
def one(t: Setup) -> None:
    t.S = thing()
    t.thread(f, t.S)
{more}
"""


def show(expr: ir.Expr | None) -> str:
    """An expression in C's notation."""
    match expr:
        case ir.Const(Ptr() as p):
            return str(p)
        case ir.Const(value):
            return str(value)
        case ir.Reg(name):
            return name
        case ir.Unary(op, arg, _):
            return f"{op}{show(arg)}"
        case ir.Cast(ctype, arg):
            return f"({ctype.name}){show(arg)}"
        case ir.Binary(op, left, right, _):
            return f"({show(left)} {op} {show(right)})"
        case ir.Conditional(cond, then, other):
            return f"({show(cond)} ? {show(then)} : {show(other)})"
        case ir.FinalMem(cell):
            return f"[{cell}]"
        case ir.FinalReg(number, name):
            return f"{number}:{name}"
    raise AssertionError(expr)


def tags(*found: frozenset[str]) -> str:
    return "/".join(",".join(sorted(t - {"RMW"})) or "plain" for t in found)


def lines(body: tuple[ir.Stmt, ...], indent: str = "") -> list[str]:
    """Statements as lines, without lock bookkeeping."""
    out: list[str] = []
    deeper = indent + "  "
    for stmt in body:
        match stmt:
            case ir.Assign(reg, expr):
                if not reg.startswith("@"):
                    out.append(f"{indent}{reg} := {show(expr)}")
            case ir.Load():
                out.append(f"{indent}{stmt.reg} = R {tags(stmt.tags)} {show(stmt.addr)}")
            case ir.Store():
                out.append(f"{indent}W {tags(stmt.tags)} {show(stmt.addr)} = {show(stmt.value)}")
            case ir.Rmw():
                when = f" when {show(stmt.when)}" if stmt.when is not None else ""
                waits = " waits" if stmt.blocking else ""
                effect = f"{show(stmt.addr)} = {show(stmt.new)}"
                out.append(f"{indent}{stmt.old} = RW {tags(stmt.read_tags, stmt.write_tags)} {effect}{when}{waits}")
            case ir.Fence():
                out.append(f"{indent}F {tags(stmt.tags)}")
            case ir.If():
                out += [f"{indent}if {show(stmt.cond)}", *lines(stmt.then, deeper)]
                if stmt.other:
                    out += [f"{indent}else", *lines(stmt.other, deeper)]
            case ir.Choice():
                out += [f"{indent}either", *lines(stmt.then, deeper), f"{indent}or", *lines(stmt.other, deeper)]
            case ir.Block():
                out += [f"{indent}{stmt.label}", *lines(stmt.body, deeper)]
            case ir.Loop():
                out += [f"{indent}{stmt.label}", *lines(stmt.body, deeper)]
            case ir.Exit(label):
                out.append(f"{indent}leave {label}")
            case ir.Assume(cond):
                out.append(f"{indent}assume {show(cond)}")
            case ir.Assert(cond, name):
                out.append(f"{indent}check {name}: {show(cond)}")
    return out
