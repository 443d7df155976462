"""Final checks as expressions: the same source language, read as a function of final memory, ghosts and thread results.

Both sides of a branch are walked, each under its path condition; where ways meet, values become ``cond ? a : b``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.kernel.layout import Bits, Flags, Ghost, Scalar, Type
from smpcheck.kernel.scenario import ThreadSpec
from smpcheck.program import ir, values
from smpcheck.program.ir import Position
from smpcheck.program.values import Ptr
from smpcheck.readers.python import specials
from smpcheck.readers.python.memory import Memory
from smpcheck.readers.python.primitives import Primitives, Site, is_pure
from smpcheck.readers.python.source import function_source
from smpcheck.readers.python.statements import Statements
from smpcheck.readers.python.typed import (
    Known,
    Place,
    RValue,
    Unknown,
    boolean,
    by_reference,
    ctype_of,
    extracted,
    fold,
    fold_unary,
    join_types,
    offset_by,
    to_ctype,
)
from smpcheck.readers.python.walker import EXPAND, Env, Frame

RETURN = "return"


class Results(Struct, frozen=True):
    """What final checks may ask of threads: the type of each one's value, and each ghost counter's final value."""

    types: Mapping[int, Type]
    ghost: Callable[[Ptr], ir.Expr]


class FinalCompiler(Statements):
    """Compiles a function into one expression over the final state."""

    calls_are_jumps = False

    def __init__(self, memory: Memory, results: Results, expand: int = EXPAND) -> None:
        super().__init__(memory, 0, expand)
        self.results = results
        self.path: ir.Expr = ir.Const(1)
        self.out: list[ir.Stmt] = []
        self.primitives = Primitives(self)
        self.exits: dict[str, list[tuple[ir.Expr, Env]]] = {}
        self.paths: dict[int, list[ir.Expr]] = {}

    def final(self, function: Any, args: list[Known]) -> RValue:
        """The truth of ``function(*args)`` in a final state."""
        source = function_source(function)
        found = self.call(function, args, {}, source.node)
        if found is None:
            raise InputError(f"{source.node.name} returns nothing, so it says nothing", source.pos(source.node))
        known = self.is_true(found)
        if known is not None or not isinstance(found, RValue):
            return RValue(ir.Const(int(bool(known))), Scalar(values.INT))
        return boolean(found)

    # effects

    def _no_effect(self, node: ast.AST) -> InputError:
        return InputError(f"a final check has no effects: {self.source.text(node)}", self.pos(node))

    def load(self, place: Place, tags: frozenset[str], site: Any, mask: int | None = None) -> RValue:
        """The final value of a place."""
        where = site.pos if isinstance(site, Site) else self.pos(site)
        kind = place.type
        if by_reference(kind) and not (isinstance(kind, Scalar) and kind.cell):
            raise InputError(f"{place.label} is {kind}: it is not read as a whole", where)
        if isinstance(kind, Flags):
            word: ir.Expr = ir.Const(0)
            for byte, shift, ctype in kind.cells:
                offset = place.offset + byte if place.offset is not None else None
                part = self._cell(offset_by(place.addr, byte), ctype, offset, False, place, where)
                word = fold("|", fold("<<", part, ir.Const(shift), values.ULONG), word, values.ULONG)
            return RValue(word, Scalar(values.ULONG))
        if isinstance(kind, Bits):
            return extracted(kind, self._cell(place.addr, kind.place, place.offset, False, place, where))
        ghost = isinstance(kind, Ghost)
        ctype = values.LONG if ghost else ctype_of(kind)
        value = self._cell(place.addr, ctype, place.offset, ghost, place, where)
        return RValue(value, Scalar(ctype) if ghost else kind)

    def _cell(
        self, addr: ir.Expr, ctype: values.CType, offset: int | None, ghost: bool, place: Place, where: Position
    ) -> ir.Expr:
        if isinstance(addr, ir.Const):
            address = addr.value
            if isinstance(address, Ptr) and address in self.memory.slots:
                return self.results.ghost(address) if ghost else self.memory.final(address, ctype)
            if isinstance(address, Ptr) and self.memory.covers(address, ctype.size):
                return self.memory.final(address, ctype)
            if address == 0 or not isinstance(address, Ptr):
                return ir.Const(0)
            raise InputError(f"{place.label}: there is no object at {address}", where)
        result: ir.Expr = ir.Const(0)
        for address, slot in self.memory.slots.items():
            fits = slot.cell.ctype == ctype or (self.memory.in_sizes and not ghost and self.memory.covers(address, ctype.size))
            if slot.ghost == ghost and fits and (offset is None or offset in slot.within):
                here = ir.Binary("==", addr, ir.Const(address), values.POINTER)
                value = self.results.ghost(address) if ghost else self.memory.final(address, ctype)
                result = ir.Conditional(here, value, result)
        return result

    def assign_plain(self, place: Place, value: RValue, node: ast.AST, mask: int | None = None) -> None:
        raise self._no_effect(node)

    def change_bits(self, place: Place, kind: Bits, change: Callable[[RValue], RValue], node: ast.AST) -> None:
        raise self._no_effect(node)

    def copy(self, target: Place, source: Place, node: ast.AST) -> None:
        raise self._no_effect(node)

    def set_register(self, key: str, value: RValue, pos: Position) -> RValue:
        """A variable is its value."""
        return value

    # what the table of primitives may ask for; in final checks only loads are possible

    def emit(self, stmt: ir.Stmt) -> None:
        raise InputError("a final check has no effects", getattr(stmt, "pos", None))

    def choice(self, then: Callable[[], None], other: Callable[[], None], pos: Position) -> None:
        raise InputError("a final check has no effects", pos)

    def store(self, place: Place, value: RValue, tags: frozenset[str], site: Site) -> None:
        raise InputError("a final check has no effects", site.pos)

    def touch(self, addr: ir.Expr, offset: int | None) -> None: ...

    def may_sleep(self, what: str, pos: Position) -> None: ...

    def waits_for(self, lock: str, kind: str, pos: Position) -> None: ...

    def acquired(self, lock: str, kind: str) -> None: ...

    def released(self, lock: str) -> None: ...

    # control

    def branch(self, cond: RValue, then: Callable[[], None], other: Callable[[], None], node: ast.AST) -> None:
        """Both sides, each under its path condition."""
        start, path = self.env, self.path
        test = boolean(cond).expr
        ends = []
        for body, side in ((then, test), (other, fold_unary("!", test, values.INT))):
            self.env, self.path, self.alive = dict(start), conjunction(path, side), True
            body()
            ends.append((self.path, self.env, self.alive))
        (path_a, env_a, alive_a), (path_b, env_b, alive_b) = ends
        if alive_a and alive_b:
            whole = path_a == conjunction(path, test) and path_b == conjunction(path, fold_unary("!", test, values.INT))
            self.env = self.merge([(test if whole else path_a, env_a), (path_b, env_b)])
            self.path = path if whole else disjunction(path_a, path_b)
            self.alive = True
        else:
            self.path, self.env, self.alive = ends[0] if alive_a else ends[1]

    def merge(self, ends: list[tuple[ir.Expr, Env]]) -> Env:
        """What variables are where ways with these conditions meet."""
        env = ends[-1][1]
        for condition, other in reversed(ends[:-1]):
            joined: Env = {}
            for key in (k for k in other if k in env):
                joined[key] = self._select(condition, other[key], env[key])
            env = joined
        return env

    @staticmethod
    def _select(condition: ir.Expr, then: Known | Unknown, other: Known | Unknown) -> Known | Unknown:
        if then == other:
            return then
        if not isinstance(then, RValue) or not isinstance(other, RValue):
            return Unknown("has different compile-time values on the ways that meet here")
        kind = join_types(then.type, other.type)
        if kind is None:
            return Unknown("has values of unrelated types on the ways that meet here: annotate it")
        a, b = then.expr, other.expr
        if isinstance(kind, Scalar):
            a, b = to_ctype(a, ctype_of(then.type), kind.ctype), to_ctype(b, ctype_of(other.type), kind.ctype)
        return RValue(ir.Conditional(condition, a, b), kind)

    def leave(self, label: str, node: ast.AST) -> None:
        """Leave an enclosing block."""
        self.exits[label].append((self.path, dict(self.env)))
        self.alive = False

    def block(self, body: Callable[[str], None], node: ast.AST) -> None:
        """Statements that may be left early."""
        label = self.label("block")
        self.exits[label] = []
        body(label)
        ends = self.exits.pop(label)
        if self.alive:
            ends.append((self.path, self.env))
        self.alive = bool(ends)
        if ends:
            self.env = self.merge(ends)
            self.path = ends[0][0]
            for path, _ in ends[1:]:
                self.path = disjunction(self.path, path)

    def loop(self, body: Callable[[str], None], assigned: Iterable[str], node: ast.AST, bound: int | None) -> None:
        raise self.refuse(node, "a loop of unknown length in a final check", "loop over constants")

    def give(self, frame: Frame, result: Known | None, stmt: ast.Return) -> None:
        """A value under the path condition of its return."""
        self.paths.setdefault(id(frame), []).append(self.path)
        frame.returned.append(result)

    def join_results(self, frame: Frame, returned: list[Known], node: ast.AST) -> Known:
        """The value of a call."""
        paths = self.paths.pop(id(frame))
        found: Known | Unknown = returned[-1]
        for path, value in zip(reversed(paths[:-1]), reversed(returned[:-1]), strict=True):
            found = self._select(path, value, found)
        if isinstance(found, Unknown):
            raise InputError(f"the value of {frame.source.node.name} {found.why}", self.pos(node))
        return found

    def assertion(self, test: ast.expr, name: str, stmt: ast.AST) -> None:
        raise self._no_effect(stmt)

    # primitives

    def primitive(self, name: str, node: ast.Call, mask: int | None = None) -> Known | None:
        """A primitive that reads: the final value."""
        if not is_pure(name):
            raise self._no_effect(node)
        return self.primitives.expand(name, self.arguments(name, node), Site(name, self.pos(node), self.source.text(node)))

    def shown_at(self, site: Site) -> tuple[Position, str]:
        """Where it stands."""
        return site.pos, site.text

    def special(self, name: str, node: ast.Call) -> tuple[Known | None] | None:
        """``result(thread)`` and per-CPU data."""
        if name == "result":
            (arg,) = specials.arguments(self, node, 1)
            thread = self.static(arg)
            if not isinstance(thread, ThreadSpec):
                raise InputError(f"{self.source.text(arg)} is not a thread of the scenario", self.pos(node))
            kind = self.results.types.get(thread.index)
            if kind is None:
                raise InputError(f"{thread.name} returns no value", self.pos(node))
            return (RValue(ir.FinalReg(thread.index, RETURN), kind),)
        if name in ("this_cpu_ptr", "per_cpu_ptr"):
            return (specials.this_cpu_ptr(self, node),)
        if name in specials.SPECIAL:
            raise self._no_effect(node)
        return None


def conjunction(a: ir.Expr, b: ir.Expr) -> ir.Expr:
    """Both of two truth values."""
    if a == ir.Const(1):
        return b
    return a if b == ir.Const(1) else ir.Binary("&&", a, b)


def disjunction(a: ir.Expr, b: ir.Expr) -> ir.Expr:
    """One of two truth values."""
    if ir.Const(1) in (a, b):
        return ir.Const(1)
    if isinstance(a, ir.Binary) and isinstance(b, ir.Binary) and a.op == b.op == "&&" and a.left == b.left:
        one, other = a.right, b.right
        if other == fold_unary("!", one, values.INT) or one == fold_unary("!", other, values.INT):
            return a.left
    if b == fold_unary("!", a, values.INT) or a == fold_unary("!", b, values.INT):
        return ir.Const(1)
    return ir.Binary("||", a, b)
