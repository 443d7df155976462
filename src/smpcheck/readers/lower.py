"""From C to the IR: threads become trees of loads, stores, fences and branches over registers.

A C expression turns into statements (for its accesses, in C's order) and a pure IR expression over registers for its value.
Local variables are registers, functions and macros are inlined, objects are known addresses. Conversions are made explicit:
after lowering, every operator has the type at which C computes it (C11 6.3.1.8), and nothing downstream converts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from smpcheck.errors import InputError, SmpcheckError, UnsupportedError
from smpcheck.program import ir, values
from smpcheck.program.ir import Assign, Binary, Block, Cast, Conditional, Const, Exit, If, Load, Loop, Reg, Stmt, Store, Thread, Unary
from smpcheck.program.values import INT, LONG, POINTER, UINT, CType, Ptr
from smpcheck.readers import csyntax as c
from smpcheck.readers.layout import VOID, Array, Pointer, Struct, Type, TypeTable, Void, scalar_type, show, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smpcheck.program.ir import Expr
    from smpcheck.readers.deffile import Definitions, Macro
    from smpcheck.readers.source import Source


class NeedWide(Exception):
    """The program keeps pointers in ints: read it again with ints as wide as pointers."""


class Val:
    """A value: a pure expression of type ``type``. ``local`` is set if it is the address of that local variable."""

    __slots__ = ("expr", "local", "type")

    def __init__(self, expr: Expr, type_: Type, local: Local | None = None) -> None:
        self.expr = expr
        self.type = type_
        self.local = local


class Local:
    """A local variable: its register and type."""

    __slots__ = ("reg", "type")

    def __init__(self, reg: str, type_: Type) -> None:
        self.reg = reg
        self.type = type_


class Place:
    """An lvalue in memory: address and type of what is there."""

    __slots__ = ("addr", "type")

    def __init__(self, addr: Expr, type_: Type) -> None:
        self.addr = addr
        self.type = type_


class ByName:
    """A macro's argument: evaluated wherever the macro uses it, in the scope where it was written."""

    __slots__ = ("node", "scope", "span")

    def __init__(self, node: c.CExpr, scope: Scope, span: tuple[int, int] | None) -> None:
        self.node = node
        self.scope = scope
        self.span = span


Binding: TypeAlias = Local | Val | Place | ByName
LValue: TypeAlias = Local | Place


class Scope:
    """Names visible at a point; ``outer`` is None for a function's outermost scope (globals are found through ``root``)."""

    __slots__ = ("names", "outer")

    def __init__(self, outer: Scope | None) -> None:
        self.names: dict[str, Binding] = {}
        self.outer = outer

    def find(self, name: str) -> Binding | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.outer
        return None


class Frame:
    """A function body being inlined: where ``return`` goes."""

    __slots__ = ("label", "prefix", "result", "result_type", "returned", "top")

    def __init__(self, label: str, prefix: str, result: str, result_type: Type, top: bool) -> None:
        self.label = label
        self.prefix = prefix
        self.result = result
        self.result_type = result_type
        self.returned = False
        self.top = top


NO_TAGS: frozenset[str] = frozenset()
MAX_DEPTH = 60
"""Inlined calls nested deeper than this are refused (as recursion is, by name)."""


class Lowering:
    """Lowers the threads of one program. ``objects`` gives the types of global objects that C code may name."""

    def __init__(
        self,
        source: Source,
        types: TypeTable,
        unit: c.Unit,
        definitions: Definitions,
        global_types: Mapping[str, Type],
        access: Callable[[Expr, CType, int], None],
    ) -> None:
        self.source = source
        self.types = types
        self.unit = unit
        self.definitions = definitions
        self.access = access
        self.int = types.scalar(INT)
        self.root = Scope(None)
        for name, value in unit.constants.items():
            self.root.names[name] = Val(Const(value), self.int)
        for name, type_ in global_types.items():
            self.root.names[name] = Place(Const(Ptr(name)), type_)
        self.out: list[Stmt] = []
        self.scope = self.thread_scope = self.root
        self.frames: list[Frame] = []
        self.calls: list[str] = []
        self.loops: list[tuple[str, str]] = []
        self.regs: dict[str, CType] = {}
        self.live: dict[str, int] = {}
        self.count = 0
        self.labels = 0
        self.index = 0
        self.cookies = 0
        self.span: tuple[int, int] | None = None
        self.undeclared: frozenset[str] = frozenset()

    # --- threads ---

    def thread(self, function: c.Function, index: int, initial: Mapping[str, tuple[Type | None, values.Value]]) -> Thread:
        """Lower one thread; ``initial`` has the registers that the init section types or sets."""
        self.out, self.regs, self.live, self.count, self.labels = [], {}, {}, 0, 0
        self.index, self.cookies, self.span, self.calls, self.loops = index, 0, None, [function.name], []
        self.scope = self.thread_scope = Scope(self.root)
        self.undeclared = function.assigned | initial.keys()
        frame = Frame("return", "", "", function.result, True)
        self.frames = [frame]
        for param in function.params:
            value: values.Value = Ptr(param.name)
            start = initial.get(param.name)
            if start is not None:
                value = start[1]
            if param.name in function.assigned or start is not None:
                local = self._declare(param.name, param.type)
                self.out.append(Assign(local.reg, Const(value), self.source.pos(param.at)))
            else:
                self.scope.names[param.name] = Val(Const(value), param.type)
        for name, (type_, value) in initial.items():
            if self.scope.find(name) is None:
                guess = type_ or (Pointer(self.int) if isinstance(value, Ptr) else self.int)
                local = self._declare(name, guess)
                if value != 0:
                    self.out.append(Assign(local.reg, Const(value), self.source.pos(function.at)))
        scope = self.scope
        self._statements(function.body.body)
        self.scope = scope
        body = tuple(self.out)
        if frame.returned:
            body = (Block(frame.label, body, self.source.pos(function.at)),)
        return Thread(index, body, function.name, dict(self.regs))

    # --- errors and small helpers ---

    def _wrong(self, message: str, at: int) -> NoReturn:
        raise InputError(message, self.source.pos(at))

    def _refuse(self, message: str, at: int) -> NoReturn:
        raise UnsupportedError(message, self.source.pos(at))

    def where(self, node: c.CExpr | c.CStmt) -> tuple[ir.Position, str]:
        """Position and source text of the event that ``node`` makes; inside a macro, of the macro's call."""
        at, end = self.span or (node.at, node.end)
        return self.source.pos(at), self.source.snippet(at, end)

    def at(self, node: c.CExpr | c.CStmt) -> int:
        return self.span[0] if self.span else node.at

    def temp(self, type_: Type) -> str:
        """A fresh register."""
        self.count += 1
        reg = f"%{self.count}"
        self.regs[reg] = scalar_type(type_)
        return reg

    def label(self, stem: str) -> str:
        self.labels += 1
        return f"{stem}{self.labels}"

    @contextmanager
    def collect(self) -> Iterator[list[Stmt]]:
        """Statements emitted inside go to a list of their own."""
        saved, self.out = self.out, []
        try:
            yield self.out
        finally:
            self.out = saved

    # --- variables ---

    def _declare(self, name: str, type_: Type) -> Local:
        """A variable in the innermost scope. Disjoint scopes share the register, so that ``0:r1`` means what it says."""
        reg = self.frames[-1].prefix + name
        if self.scope.outer is not None and isinstance(self._in_function(name), Local):
            self.live[reg] = self.live.get(reg, 1) + 1
            reg = f"{reg}.{self.live[reg]}"
        ctype = scalar_type(type_)
        known = self.regs.get(reg)
        if known is not None and known != ctype and ctype.bits < known.bits:
            ctype = known
        self.regs[reg] = ctype
        local = Local(reg, type_)
        self.scope.names[name] = local
        return local

    def _in_function(self, name: str) -> Binding | None:
        scope: Scope | None = self.scope
        while scope is not None and scope is not self.root:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def _lookup(self, node: c.Name) -> Binding:
        found = self.scope.find(node.name)
        if found is None and node.name in self.undeclared and self._in_thread():
            found = self.thread_scope.names[node.name] = Local(node.name, self.int)
            self.regs.setdefault(node.name, self.int)
        if found is None:
            hint = f"; declare it, or give {self.calls[0]} a parameter '*{node.name}'" if len(self.frames) == 1 else ""
            self._wrong(f"'{node.name}' is not declared in {self.calls[-1]}{hint}", self.at(node))
        return found

    def _in_thread(self) -> bool:
        scope: Scope | None = self.scope
        while scope is not None and scope is not self.thread_scope:
            scope = scope.outer
        return scope is not None

    # --- lvalues ---

    def lvalue(self, node: c.CExpr) -> LValue:
        """The place that ``node`` names."""
        if isinstance(node, c.Name):
            found = self._lookup(node)
            if isinstance(found, ByName):
                with self._in_scope(found):
                    return self.lvalue(found.node)
            if isinstance(found, Val):
                self._wrong(f"'{node.name}' cannot be assigned to, nor its address be taken", self.at(node))
            return found
        if isinstance(node, c.Un) and node.op == "*":
            return self._pointee(self.value(node.arg), node)
        if isinstance(node, c.Index):
            array, index = self.value(node.array), self.value(node.index)
            if not isinstance(array.type, Pointer) and isinstance(index.type, Pointer):
                array, index = index, array
            if not isinstance(array.type, Pointer):
                self._wrong(f"'{self.source.snippet(node.at, node.end)}': what is indexed is not an array", self.at(node))
            return self._pointee(self._offset(array, index, "+"), node)
        if isinstance(node, c.Member):
            return self._member(node)
        if isinstance(node, c.Call):
            macro = self.definitions.get(node.name, self.types.wide)
            if macro is not None and not isinstance(macro.body, c.Compound):
                with self._macro_scope(macro, node):
                    return self.lvalue(macro.body)
        self._wrong(f"'{self.source.snippet(node.at, node.end)}' is not a place that can be read or written", self.at(node))

    def _pointee(self, pointer: Val, node: c.CExpr) -> LValue:
        if pointer.local is not None:
            return pointer.local
        if isinstance(pointer.type, Pointer):
            if isinstance(pointer.type.target, Void):
                self._wrong("a void pointer cannot be dereferenced; cast it first", self.at(node))
            return Place(pointer.expr, pointer.type.target)
        if isinstance(pointer.type, CType) and pointer.type.bits in (32, 64):  # herd7's dialect: an integer that is an address
            if pointer.type.bits == 32:
                raise NeedWide
            return Place(pointer.expr, pointer.type)
        self._wrong(f"a value of type {show(pointer.type)} cannot be dereferenced", self.at(node))

    def _member(self, node: c.Member) -> LValue:
        place: LValue
        if node.arrow:
            pointer = self.value(node.object)
            place = self._pointee(pointer, node)
        else:
            place = self.lvalue(node.object)
        if not isinstance(place, Place) or not isinstance(place.type, Struct):
            type_ = show(place.type)
            self._wrong(f"member '{node.name}' of something that is not a struct ({type_})", self.at(node))
        if place.type.fields is None:
            self._wrong(f"{place.type.name} is not defined in this file", self.at(node))
        found = place.type.fields.get(node.name)
        if found is None:
            names = ", ".join(place.type.fields)
            self._wrong(f"{place.type.name} has no member '{node.name}' (it has {names})", self.at(node))
        return Place(add_bytes(place.addr, found[0]), found[1])

    def address(self, node: c.CExpr) -> Val:
        """``&node``."""
        place = self.lvalue(node)
        if isinstance(place, Local):
            return Val(Const(0), Pointer(place.type), place)
        return Val(place.addr, Pointer(place.type))

    # --- reading and writing ---

    def load(self, place: LValue, tags: frozenset[str], node: c.CExpr) -> Val:
        """Read ``place``: a register, or an event with ``tags``."""
        if isinstance(place, Local):
            if tags:
                self._refuse("a marked access to a local variable is not supported", self.at(node))
            return Val(Reg(place.reg), place.type)
        if isinstance(place.type, Array):
            return Val(place.addr, Pointer(place.type.element))
        if isinstance(place.type, (Struct, Void)):
            self._refuse(f"reading a whole {show(place.type)} is not supported", self.at(node))
        ctype = scalar_type(place.type)
        self.access(place.addr, ctype, self.at(node))
        reg = self.temp(ctype)
        pos, text = self.where(node)
        self.out.append(Load(reg, place.addr, tags, pos, text))
        return Val(Reg(reg), place.type)

    def store(self, place: LValue, value: Val, tags: frozenset[str], node: c.CExpr) -> None:
        """Write ``value``, converted, to ``place``."""
        if isinstance(place, Local):
            if tags:
                self._refuse("a marked access to a local variable is not supported", self.at(node))
            self.assign(place, value, node)
            return
        if isinstance(place.type, (Array, Struct, Void)):
            self._refuse(f"assigning a whole {show(place.type)} is not supported", self.at(node))
        ctype = scalar_type(place.type)
        self.access(place.addr, ctype, self.at(node))
        converted = self.convert(value, place.type, node)
        pos, text = self.where(node)
        self.out.append(Store(place.addr, converted, tags, pos, text))

    def assign(self, local: Local, value: Val, node: c.CExpr | c.CStmt) -> None:
        """Write a register; a value that was just loaded is loaded into it directly."""
        if isinstance(local.type, (Array, Struct, Void)):
            self._refuse(f"assigning a whole {show(local.type)} is not supported", self.at(node))
        expr = self.convert(value, local.type, node)
        last = self.out[-1] if self.out else None
        if isinstance(expr, Reg) and expr.name.startswith("%") and isinstance(last, Load) and last.reg == expr.name:
            self.out[-1] = replace(last, reg=local.reg)
            del self.regs[expr.name]
            return
        pos, _ = self.where(node)
        self.out.append(Assign(local.reg, expr, pos))

    # --- conversions ---

    def convert(self, value: Val, type_: Type, node: c.CExpr | c.CStmt) -> Expr:
        """``value`` as type ``type_`` (C11 6.3.1); pointers and integers of 64 bits convert freely."""
        target = scalar_type(type_)
        expr = value.expr
        if value.local is not None:
            self._refuse("the address of a local variable can only be passed on, not stored", self.at(node))
        source = scalar_type(value.type)
        if isinstance(value.type, Void):
            self._wrong("a value is used where the function returns none", self.at(node))
        if isinstance(expr, Const):
            if isinstance(expr.value, Ptr) and 1 < target.bits < 64:
                self._narrow_pointer(target, node)
            wrapped = expr.value if target is POINTER else target.wrap(expr.value)
            return expr if wrapped == expr.value else Const(wrapped)
        if target == source or target is POINTER:
            return expr
        if source is POINTER:
            if target.bits == 1:
                return Binary("!=", expr, Const(0), POINTER)
            if target.bits < 64:
                self._narrow_pointer(target, node)
            return expr
        if target.bits > source.bits and (target.signed or not source.signed):
            return expr
        if target.bits == source.bits == 64 and self.types.wide:
            return Cast(target, expr)
        return Cast(target, expr)

    def _narrow_pointer(self, target: CType, node: c.CExpr | c.CStmt) -> None:
        if target.bits == 32 and not self.types.wide:
            raise NeedWide
        self._wrong(f"a pointer does not fit into {target.name}", self.at(node))

    def promote(self, value: Val) -> Val:
        """The integer promotions (C11 6.3.1.1)."""
        if isinstance(value.type, CType) and value.type.bits < self.int.bits and value.type != LONG and value.type.bits < 32:
            return Val(value.expr, self.int)
        return value

    def common(self, left: Type, right: Type) -> CType:
        """The usual arithmetic conversions (C11 6.3.1.8), after promotion."""
        a, b = scalar_type(left), scalar_type(right)
        if a is POINTER or b is POINTER:
            return POINTER
        if a == b:
            return a
        if a.bits == b.bits:
            return a if not a.signed else b
        return a if a.bits > b.bits else b

    # --- expressions ---

    def value(self, node: c.CExpr) -> Val:
        """Lower ``node``; its accesses go to ``out``."""
        return _VALUES[type(node)](self, node)

    def effect(self, node: c.CExpr) -> None:
        """Lower ``node`` for its effects only."""
        if isinstance(node, c.Step):
            self._step(node, False)
        elif isinstance(node, c.Call):
            self._call(node, False)
        elif isinstance(node, c.Convert) and node.type == VOID:
            self.effect(node.arg)
        elif isinstance(node, c.Comma):
            self.effect(node.left)
            self.effect(node.right)
        elif isinstance(node, c.Assignment):
            self._assignment(node, False)
        else:
            self.value(node)

    def _num(self, node: c.Num) -> Val:
        return Val(Const(node.value), Pointer(VOID) if node.ctype is POINTER else node.ctype)

    def _name(self, node: c.Name) -> Val:
        found = self._lookup(node)
        if isinstance(found, Val):
            return found
        if isinstance(found, ByName):
            with self._in_scope(found):
                return self.value(found.node)
        return self.load(found, NO_TAGS, node)

    @contextmanager
    def _in_scope(self, argument: ByName) -> Iterator[None]:
        saved = self.scope, self.span
        self.scope, self.span = argument.scope, argument.span
        try:
            yield
        finally:
            self.scope, self.span = saved

    def _unary(self, node: c.Un) -> Val:
        if node.op == "*":
            return self.load(self.lvalue(node), NO_TAGS, node)
        if node.op == "&":
            return self.address(node.arg)
        value = self.promote(self.value(node.arg))
        if node.op == "!":
            return Val(self._fold_unary("!", value.expr, scalar_type(value.type)), self.int)
        if not isinstance(value.type, CType):
            self._wrong(f"operator {node.op} on a pointer", self.at(node))
        return Val(self._fold_unary(node.op, value.expr, value.type), value.type)

    @staticmethod
    def _fold_unary(op: str, arg: Expr, ctype: CType) -> Expr:
        if isinstance(arg, Const):
            try:
                return Const(values.unary(op, arg.value, ctype))
            except values.ValueError_:
                pass
        return Unary(op, arg, ctype)

    @staticmethod
    def _fold(op: str, left: Expr, right: Expr, ctype: CType) -> Expr:
        if isinstance(left, Const) and isinstance(right, Const):
            try:
                return Const(values.binary(op, left.value, right.value, ctype))
            except values.ValueError_:
                pass
        return Binary(op, left, right, ctype)

    def _binary(self, node: c.Bin) -> Val:
        if node.op in ("&&", "||"):
            return self._logical(node)
        return self.operate(node.op, self.value(node.left), self.value(node.right), node)

    def operate(self, op: str, left: Val, right: Val, node: c.CExpr) -> Val:
        """``left op right`` with C's conversions; pointers move by the size of what they point to."""
        left, right = self.promote(left), self.promote(right)
        if isinstance(left.type, Pointer) or isinstance(right.type, Pointer):
            return self._pointer_operate(op, left, right, node)
        if op in ("<<", ">>"):
            return Val(self._fold(op, self.convert(left, left.type, node), right.expr, scalar_type(left.type)), left.type)
        ctype = self.common(left.type, right.type)
        expr = self._fold(op, self.convert(left, ctype, node), self.convert(right, ctype, node), ctype)
        return Val(expr, self.int if op in _COMPARISONS else ctype)

    def _pointer_operate(self, op: str, left: Val, right: Val, node: c.CExpr) -> Val:
        if op in _COMPARISONS:
            for side in (left, right):
                if side.local is not None:
                    self._refuse("comparing the address of a local variable is not supported", self.at(node))
                if isinstance(side.type, CType) and side.type.bits < 64 and not isinstance(side.expr, Const):
                    raise NeedWide
            return Val(self._fold(op, left.expr, right.expr, POINTER), self.int)
        if op in ("+", "-") and isinstance(left.type, Pointer) != isinstance(right.type, Pointer):
            if isinstance(right.type, Pointer) and op == "+":
                left, right = right, left
            if isinstance(left.type, Pointer):
                return self._offset(left, right, op)
        if op == "-" and isinstance(left.type, Pointer) and isinstance(right.type, Pointer):
            size = Const(size_of(left.type.target))
            return Val(self._fold("/", self._fold("-", left.expr, right.expr, LONG), size, LONG), LONG)
        if op in ("&", "|", "^"):  # herd7's dialect: false dependencies and tag bits on pointers
            return Val(self._fold(op, left.expr, right.expr, POINTER), left.type if isinstance(left.type, Pointer) else right.type)
        self._wrong(f"operator {op} on a pointer", self.at(node))

    def _offset(self, pointer: Val, index: Val, op: str) -> Val:
        assert isinstance(pointer.type, Pointer)
        index = self.promote(index)
        size = size_of(pointer.type.target)
        scaled = index.expr if size == 1 else self._fold("*", index.expr, Const(size), LONG)
        if isinstance(scaled, Const) and scaled.value == 0:
            return pointer
        return Val(self._fold(op, pointer.expr, scaled, POINTER), pointer.type)

    def truth(self, value: Val, node: c.CExpr) -> Expr:
        """``value`` as a condition."""
        if value.local is not None:
            return Const(1)
        if isinstance(value.type, (Struct, Void)):
            self._wrong(f"a value of type {show(value.type)} is not a condition", self.at(node))
        return value.expr

    def _logical(self, node: c.Bin) -> Val:
        left = self.truth(self.value(node.left), node.left)
        short = node.op == "||"
        if isinstance(left, Const) and values.truth(left.value) == short:
            return Val(Const(int(short)), self.int)
        with self.collect() as other:
            right = self.truth(self.value(node.right), node.right)
        if isinstance(left, Const):
            self.out += other
            return Val(self._fold("!=", right, Const(0), self.int), self.int)
        if not other:
            if _partial(right):
                as_bool = self._fold("!=", right, Const(0), POINTER)
                pure = Conditional(left, Const(1), as_bool) if short else Conditional(left, as_bool, Const(0))
                return Val(pure, self.int)
            return Val(self._fold(node.op, left, right, self.int), self.int)
        reg = self.temp(self.int)
        pos, text = self.where(node.left)
        other.append(Assign(reg, self._fold("!=", right, Const(0), POINTER), pos))
        decided: tuple[Stmt, ...] = (Assign(reg, Const(int(short)), pos),)
        branch = (decided, tuple(other)) if short else (tuple(other), decided)
        self.out.append(If(left, *branch, pos, text))
        return Val(Reg(reg), self.int)

    def _ternary(self, node: c.Ternary) -> Val:
        cond = self.truth(self.value(node.cond), node.cond)
        if isinstance(cond, Const):
            return self.value(node.then if values.truth(cond.value) else node.other)
        with self.collect() as first:
            then = self.promote(self.value(node.then))
        with self.collect() as second:
            other = self.promote(self.value(node.other))
        type_: Type
        if isinstance(then.type, Void) and isinstance(other.type, Void):
            type_ = VOID
        elif isinstance(then.type, Pointer):
            type_ = then.type
        elif isinstance(other.type, Pointer):
            type_ = other.type
        else:
            type_ = self.common(then.type, other.type)
        if type_ == VOID:
            pos, text = self.where(node.cond)
            self.out.append(If(cond, tuple(first), tuple(second), pos, text))
            return Val(Const(0), VOID)
        a, b = self.convert(then, type_, node), self.convert(other, type_, node)
        if not first and not second:
            return Val(Conditional(cond, a, b), type_)
        reg = self.temp(type_)
        pos, text = self.where(node.cond)
        first.append(Assign(reg, a, pos))
        second.append(Assign(reg, b, pos))
        self.out.append(If(cond, tuple(first), tuple(second), pos, text))
        return Val(Reg(reg), type_)

    def _comma(self, node: c.Comma) -> Val:
        self.effect(node.left)
        return self.value(node.right)

    def _convert(self, node: c.Convert) -> Val:
        value = self.value(node.arg)
        if isinstance(node.type, Void):
            return Val(Const(0), VOID)
        if isinstance(node.type, (Struct, Array)):
            self._wrong(f"a cast to {show(node.type)}", self.at(node))
        if value.local is not None:
            return Val(value.expr, node.type, value.local)
        return Val(self.convert(value, node.type, node), node.type)

    def _sizeof(self, node: c.SizeOf) -> Val:
        saved_count, saved_regs = self.count, dict(self.regs)
        with self.collect():
            try:
                type_ = self.lvalue(node.arg).type
            except InputError:
                type_ = self.value(node.arg).type
        self.count, self.regs = saved_count, saved_regs
        return Val(Const(size_of(type_)), values.ULONG)

    def _assignment(self, node: c.Assignment, wanted: bool = True) -> Val:
        place = self.lvalue(node.target)
        value = self.value(node.value)
        if node.op:
            value = self.operate(node.op, self.load(place, NO_TAGS, node.target), value, node)
        if not wanted:
            self.store(place, value, NO_TAGS, node)
            return value
        stored = self._stable(Val(self.convert(value, place.type, node), place.type), node)
        self.store(place, stored, NO_TAGS, node)
        return stored

    def _stable(self, value: Val, node: c.CExpr) -> Val:
        """``value`` in a register that nothing will change."""
        if isinstance(value.expr, Const):
            return value
        reg = self.temp(value.type)
        self.assign(Local(reg, value.type), value, node)
        return Val(Reg(reg), value.type)

    def _step(self, node: c.Step, wanted: bool = True) -> Val:
        place = self.lvalue(node.target)
        old = self.load(place, NO_TAGS, node.target)
        if wanted and not node.prefix:
            old = self._stable(old, node)
        new = self.operate(node.op, old, Val(Const(1), self.int), node)
        if wanted and node.prefix:
            new = self._stable(Val(self.convert(new, place.type, node), place.type), node)
        self.store(place, new, NO_TAGS, node)
        return new if node.prefix else old

    # --- calls ---

    def _call(self, node: c.Call, wanted: bool = True) -> Val:
        from smpcheck.readers import forms

        function = self.unit.functions.get(node.name)
        if function is not None:
            return self._inline(function, node)
        form = forms.find(node.name)
        if form is not None and self.span is not None:
            return form(self, node)
        if node.name in forms.SPECIAL:
            return forms.SPECIAL[node.name](self, node)
        macro = self.definitions.get(node.name, self.types.wide)
        if macro is None:
            forms.unknown_function(self, node)
        if len(node.args) != len(macro.params):
            wants = f"{len(macro.params)} argument{'s' if len(macro.params) != 1 else ''}"
            self._wrong(f"{node.name}() takes {wants}, not {len(node.args)}", self.at(node))
        with self._macro_scope(macro, node):
            if isinstance(macro.body, c.Compound):
                return self._body(macro.body.body, macro.name, self.int if _returns(macro.body) else VOID)
            if isinstance(macro.body, (c.Name, c.Call)) or wanted:
                return self.value(macro.body)
            self.effect(macro.body)
            return Val(Const(0), VOID)

    @contextmanager
    def _macro_scope(self, macro: Macro, node: c.Call) -> Iterator[None]:
        scope = Scope(self.root)
        for name, arg in zip(macro.params, node.args, strict=True):
            if name in macro.repeated and _has_effects(arg):
                scope.names[name] = self._stable(self.value(arg), node)
            else:
                scope.names[name] = ByName(arg, self.scope, self.span)
        saved_scope, saved_span = self.scope, self.span
        self.scope = scope
        self.span = saved_span or (node.at, node.end)
        if len(self.calls) > MAX_DEPTH:
            self._refuse(f"calls nested more than {MAX_DEPTH} deep, at {node.name}()", self.at(node))
        self.calls.append(node.name)
        try:
            yield
        finally:
            self.calls.pop()
            self.scope, self.span = saved_scope, saved_span

    def _inline(self, function: c.Function, node: c.Call) -> Val:
        if function.name in self.calls:
            self._refuse(f"recursion ({' -> '.join([*self.calls, function.name])}) is not supported", self.at(node))
        if len(node.args) != len(function.params):
            self._wrong(f"{function.name}() takes {len(function.params)} arguments, not {len(node.args)}", self.at(node))
        scope = Scope(self.root)
        prefix = f"{function.name}.{self.label('')}."
        arguments = [self.value(arg) for arg in node.args]
        saved_scope, saved_span, saved_loops = self.scope, self.span, self.loops
        self.frames.append(Frame("", prefix, "", VOID, False))
        for param, value in zip(function.params, arguments, strict=True):
            if param.name not in function.assigned and (value.local is not None or isinstance(value.expr, Const)):
                expr = value.expr if value.local else self.convert(value, param.type, node)
                scope.names[param.name] = Val(expr, param.type, value.local)
                continue
            self.scope = scope
            local = self._declare(param.name, param.type)
            self.out.append(Assign(local.reg, self.convert(value, param.type, node), self.source.pos(self.at(node))))
        self.frames.pop()
        self.scope, self.span, self.loops = scope, None, []
        self.calls.append(function.name)
        try:
            return self._body(function.body.body, function.name, function.result, prefix)
        finally:
            self.calls.pop()
            self.scope, self.span, self.loops = saved_scope, saved_span, saved_loops

    def _body(self, body: list[c.CStmt], name: str, result: Type, prefix: str = "%") -> Val:
        """An inlined body; ``return`` leaves its Block."""
        label = self.label(f"{name}.")
        reg = "" if isinstance(result, Void) else self.temp(result)
        frame = Frame(label, prefix if prefix != "%" else f"%{label}.", reg, result, False)
        self.frames.append(frame)
        try:
            with self.collect() as inner:
                self._statements(body)
        finally:
            self.frames.pop()
        if frame.returned and isinstance(inner[-1], Exit) and inner[-1].label == label and not _exits(inner[:-1], label):
            inner.pop()
            frame.returned = False
        if frame.returned:
            self.out.append(Block(label, tuple(inner)))
        else:
            self.out += inner
        if isinstance(result, Void):
            return Val(Const(0), VOID)
        return Val(Reg(reg), result)

    # --- statements ---

    def _statements(self, body: list[c.CStmt]) -> None:
        for stmt in body:
            self.statement(stmt)

    def statement(self, node: c.CStmt) -> None:
        """Lower one C statement."""
        self.cookies += 1
        _LOWER[type(node)](self, node)

    def _eval(self, node: c.Eval) -> None:
        self.effect(node.expr)

    def _compound(self, node: c.Compound) -> None:
        self.scope = Scope(self.scope)
        self._statements(node.body)
        assert self.scope.outer is not None
        self.scope = self.scope.outer

    def _declares(self, node: c.Declares) -> None:
        for declare in node.body:
            self._declaration(declare)

    def _declaration(self, node: c.Declare) -> None:
        if isinstance(node.type, (Struct, Array, Void)):
            self._refuse(f"a local variable of type {show(node.type)} is not supported", node.at)
        if node.init is None:
            self._declare(node.name, node.type)
            return
        local = self._declare(node.name, node.type)  # in scope in its own initialiser, as in C
        self.assign(local, self.value(node.init), node)

    def _scoped(self, node: c.CStmt) -> tuple[Stmt, ...]:
        scope = self.scope
        self.scope = Scope(scope)
        with self.collect() as inner:
            if isinstance(node, c.Compound):
                self._statements(node.body)
            else:
                self.statement(node)
        self.scope = scope
        return tuple(inner)

    def _if(self, node: c.IfElse) -> None:
        cond = self.truth(self.value(node.cond), node.cond)
        if isinstance(cond, Const):
            taken = node.then if values.truth(cond.value) else node.other
            if taken is not None:
                self.out += self._scoped(taken)
            return
        self.cookies += 1
        then = self._scoped(node.then)
        other = self._scoped(node.other) if node.other is not None else ()
        at, end = self.span or (node.cond.at, node.cond.end)
        text = f"if ({self.source.snippet(at, end)})"
        self.out.append(If(cond, then, other, self.source.pos(self.at(node)), text))

    def _iterate(self, node: c.Iterate) -> None:
        saved = self.scope
        self.scope = Scope(saved)
        if node.init is not None:
            self.statement(node.init)
        bound = trip_count(node, self)
        leave, again = self.label("loop"), self.label("continue")
        pos = self.source.pos(self.at(node))
        self.loops.append((leave, again))
        with self.collect() as body:
            inner = list(self._scoped(node.body))
            if _exits(inner, again):
                inner = [Block(again, tuple(inner), pos)]
            if node.step is not None:
                with self.collect() as step:
                    self.effect(node.step)
                inner += step
            with self.collect() as test:
                cond: Expr = Const(1)
                if node.cond is not None:
                    cond = self.truth(self.value(node.cond), node.cond)
            at, end = self.span or ((node.cond.at, node.cond.end) if node.cond else (node.at, node.at))
            text = f"{'for' if node.step or node.init else 'while'} ({self.source.snippet(at, end)})"
            stop: tuple[Stmt, ...] = (Exit(leave, pos),)
            if node.test_last:
                body += inner
                body += test
                if not isinstance(cond, Const):
                    body.append(If(cond, (), stop, pos, text))
                elif not values.truth(cond.value):
                    body += stop
            else:
                body += test
                if not isinstance(cond, Const):
                    body.append(If(cond, tuple(inner), stop, pos, text))
                else:
                    body += inner if values.truth(cond.value) else stop
        self.loops.pop()
        self.scope = saved
        if node.test_last and isinstance(cond, Const) and not values.truth(cond.value) and not _exits(body[:-1], leave):
            self.out += body[:-1]  # do { ... } while (0)
            return
        self.out.append(Loop(leave, tuple(body), bound, pos))

    def _switch(self, node: c.Switch) -> None:
        from smpcheck.readers import forms

        forms.switch(self, node)

    def _jump(self, node: c.Jump) -> None:
        if not self.loops:
            self._wrong(f"'{node.kind}' outside of a loop", self.at(node))
        label = self.loops[-1][0 if node.kind == "break" else 1]
        if not label:
            outer = next((again for _, again in reversed(self.loops) if again), None)
            if outer is None:
                self._wrong("'continue' outside of a loop", self.at(node))
            label = outer
        self.out.append(Exit(label, self.source.pos(self.at(node))))

    def _return(self, node: c.Return) -> None:
        frame = self.frames[-1]
        if node.value is not None:
            value = self.value(node.value)
            if frame.result:
                self.assign(Local(frame.result, frame.result_type), value, node)
        elif frame.result:
            self._wrong(f"'return' without a value in {self.calls[-1]}()", self.at(node))
        frame.returned = True
        self.out.append(Exit(frame.label, self.source.pos(self.at(node))))


_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))

_VALUES: dict[type, Callable[..., Val]] = {
    c.Num: Lowering._num,
    c.Name: Lowering._name,
    c.Un: Lowering._unary,
    c.Bin: Lowering._binary,
    c.Assignment: Lowering._assignment,
    c.Step: Lowering._step,
    c.Call: Lowering._call,
    c.Member: lambda self, node: self.load(self.lvalue(node), NO_TAGS, node),
    c.Index: lambda self, node: self.load(self.lvalue(node), NO_TAGS, node),
    c.Convert: Lowering._convert,
    c.Ternary: Lowering._ternary,
    c.Comma: Lowering._comma,
    c.SizeOf: Lowering._sizeof,
}

_LOWER: dict[type, Callable[..., None]] = {
    c.Eval: Lowering._eval,
    c.Declares: Lowering._declares,
    c.Compound: Lowering._compound,
    c.IfElse: Lowering._if,
    c.Iterate: Lowering._iterate,
    c.Switch: Lowering._switch,
    c.Jump: Lowering._jump,
    c.Return: Lowering._return,
}


def add_bytes(address: Expr, offset: int) -> Expr:
    """``address`` moved by ``offset`` bytes."""
    if offset == 0:
        return address
    return Lowering._fold("+", address, Const(offset), POINTER)


def _partial(expr: Expr) -> bool:
    """Can evaluating ``expr`` fail (division, shifts, pointers' arithmetic)?"""
    if isinstance(expr, Binary):
        return expr.op in ("/", "%", "<<", ">>") or _partial(expr.left) or _partial(expr.right)
    if isinstance(expr, (Unary, Cast)):
        return _partial(expr.arg)
    return isinstance(expr, Conditional)


def _has_effects(node: c.CExpr) -> bool:
    """Does evaluating ``node`` twice differ from evaluating it once?"""
    if isinstance(node, (c.Call, c.Assignment, c.Step)):
        return True
    if isinstance(node, (c.Num, c.Name, c.SizeOf)):
        return False
    if isinstance(node, c.Un):
        return node.op == "*" or _has_effects(node.arg)
    if isinstance(node, (c.Bin, c.Comma)):
        return _has_effects(node.left) or _has_effects(node.right)
    if isinstance(node, c.Convert):
        return _has_effects(node.arg)
    if isinstance(node, c.Ternary):
        return _has_effects(node.cond) or _has_effects(node.then) or _has_effects(node.other)
    return True


def _returns(body: c.Compound) -> bool:
    return any(isinstance(s, c.Return) and s.value is not None for s in body.body)


def _exits(body: list[Stmt] | tuple[Stmt, ...], label: str) -> bool:
    """Does an ``Exit`` to ``label`` occur in ``body``?"""
    for stmt in body:
        if isinstance(stmt, Exit):
            if stmt.label == label:
                return True
        elif isinstance(stmt, (If, ir.Choice)):
            if _exits(stmt.then, label) or _exits(stmt.other, label):
                return True
        elif isinstance(stmt, (Block, Loop)) and _exits(stmt.body, label):
            return True
    return False


def trip_count(node: c.Iterate, lowering: Lowering) -> int | None:
    """Iterations of the IR's loop (with the last, failing test) for ``for (i = A; i < B; i += C)`` with constants, else None."""
    return None


__all__ = ["Lowering", "NeedWide", "SmpcheckError", "UINT"]
