"""C's arithmetic: promotions, the usual conversions, pointers that move by the size of what they point to.

Every conversion that can change a value becomes a ``Cast``; constants are folded. Sources: C11 6.3.1, 6.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from smpcheck.errors import BeyondReaderError, InputError, UnsupportedError
from smpcheck.program import values
from smpcheck.program.ir import Binary, Cast, Conditional, Const, Expr, Position, Stmt, Unary
from smpcheck.program.values import INT, LONG, POINTER, CType, Ptr
from smpcheck.readers.ctree import CExpr, CStmt
from smpcheck.readers.cvalues import NeedWide, Val
from smpcheck.readers.layout import Pointer, Struct, Type, TypeTable, Void, scalar_type, show, size_of
from smpcheck.readers.operand_order import Item, Unordered, in_order, touches_memory
from smpcheck.readers.source import Source

T = TypeVar("T")

COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


class Arithmetic:
    """Pure expressions, and what the layers above share: registers, labels, positions, the statements being emitted."""

    def __init__(self, source: Source, types: TypeTable) -> None:
        self.source = source
        self.types = types
        self.int = types.scalar(INT)
        self.out: list[Item] = []
        self.unsequenced = 0
        """Within so many expressions whose operands have no order among each other."""
        self.regs: dict[str, CType] = {}
        self.count = 0
        self.labels = 0
        self.span: tuple[int, int] | None = None
        """Inside a macro: where its call stands."""

    # --- errors, positions, fresh names ---

    def wrong(self, message: str, at: int) -> NoReturn:
        """Raise InputError at an offset."""
        raise InputError(message, self.source.pos(at))

    def refuse(self, message: str, at: int) -> NoReturn:
        """Raise UnsupportedError at an offset."""
        raise UnsupportedError(message, self.source.pos(at))

    def at(self, node: CExpr | CStmt) -> int:
        """The offset to report for ``node``: inside a macro, that of its call."""
        return self.span[0] if self.span else node.at

    def where(self, node: CExpr | CStmt) -> tuple[Position, str]:
        """Position and source text of the event that ``node`` makes."""
        at, end = self.span or (node.at, node.end)
        return self.source.pos(at), self.source.snippet(at, end)

    def temp(self, type_: Type) -> str:
        """A fresh register; its name cannot clash with a variable's."""
        self.count += 1
        reg = f"%{self.count}"
        self.regs[reg] = scalar_type(type_)
        return reg

    def label(self, stem: str) -> str:
        """A fresh label."""
        self.labels += 1
        return f"{stem}{self.labels}"

    @contextmanager
    def collect(self) -> Iterator[list[Stmt]]:
        """Statements emitted inside are in this list afterwards, and nowhere else."""
        result: list[Stmt] = []
        saved, self.out = self.out, []
        try:
            yield result
            result += in_order(self.out, self.one_order)
        finally:
            self.out = saved

    def unordered(self, node: CExpr, *operands: Callable[[], T], arguments: bool = False) -> list[T]:
        """The results of lowering ``operands``, which C evaluates in no certain order: :mod:`smpcheck.readers.operand_order`.

        In a primitive's definition the order is that in which it is written, but for its ``arguments``.
        """
        results: list[T] = []
        lists: list[list[Item]] = []
        saved = self.out
        self.unsequenced += 1
        try:
            for operand in operands:
                self.out = []
                results.append(operand())
                lists.append(self.out)
        finally:
            self.out = saved
            self.unsequenced -= 1
        open_ = self.span is None or arguments
        if open_ and sum(map(touches_memory, lists)) > 1:
            self.out.append(Unordered(tuple(lists), self.source.pos(self.at(node))))
        else:
            for inner in lists:
                self.out += inner
        return results

    def one_order(self, pos: Position | None) -> None:
        """Note that operands were evaluated from left to right only."""

    # --- conversions ---

    def convert(self, value: Val, type_: Type, node: CExpr | CStmt) -> Expr:
        """``value`` as type ``type_``. Pointers and 64-bit integers convert freely; a pointer in fewer bits raises NeedWide."""
        if value.local is not None:
            what = "the address of a local variable can be passed on, but not be stored or compared"
            raise BeyondReaderError(what, self.source.pos(self.at(node)))
        if isinstance(value.type, Void):
            self.wrong("a value is used where there is none (void)", self.at(node))
        if isinstance(value.type, Struct):
            self.refuse(f"using a whole {value.type.name} as a value is not supported", self.at(node))
        source, target, expr = scalar_type(value.type), scalar_type(type_), value.expr
        if isinstance(expr, Const):
            if target is POINTER:
                return expr
            if isinstance(expr.value, Ptr) and 1 < target.bits < 64:
                self._narrow_pointer(target, node)
            wrapped = target.wrap(expr.value)
            return expr if wrapped == expr.value else Const(wrapped)
        if target == source or target is POINTER:
            return expr
        if target.bits == 1:
            return self.fold("!=", expr, Const(0), source)
        if source is POINTER:
            if target.bits < 64:
                self._narrow_pointer(target, node)
            return expr
        if target.bits > source.bits and (target.signed or not source.signed):
            return expr
        return Cast(target, expr)

    def _narrow_pointer(self, target: CType, node: CExpr | CStmt) -> None:
        if target.bits == 32:
            raise NeedWide(self.source.pos(self.at(node)))
        self.wrong(f"a pointer does not fit into {target.name}", self.at(node))

    def promote(self, value: Val) -> Val:
        """The integer promotions (6.3.1.1): what is narrower than int becomes int."""
        if isinstance(value.type, CType) and value.type.bits < 32:
            return Val(value.expr, self.int)
        return value

    def common(self, left: Type, right: Type) -> CType:
        """The usual arithmetic conversions (6.3.1.8) of promoted types; a pointer makes it a pointer."""
        a, b = scalar_type(left), scalar_type(right)
        if a is POINTER or b is POINTER:
            return POINTER
        if a.bits == b.bits:
            return b if a.signed else a
        return a if a.bits > b.bits else b

    def truth(self, value: Val, node: CExpr) -> Expr:
        """``value`` as a condition: an expression that is zero or not."""
        if value.local is not None:
            return Const(1)
        if isinstance(value.type, (Struct, Void)):
            self.wrong(f"a value of type {show(value.type)} is not a condition", self.at(node))
        return value.expr

    def as_bool(self, value: Expr) -> Expr:
        """1 where ``value`` is not zero."""
        if isinstance(value, Binary) and (value.op in COMPARISONS or value.op in ("&&", "||")):
            return value
        if isinstance(value, Unary) and value.op == "!":
            return value
        return self.fold("!=", value, Const(0), POINTER)

    # --- operators ---

    @staticmethod
    def fold_unary(op: str, arg: Expr, ctype: CType) -> Expr:
        """``op arg``, computed where it is constant."""
        if isinstance(arg, Const):
            try:
                return Const(values.unary(op, arg.value, ctype))
            except values.UndefinedValue:
                pass
        return Unary(op, arg, ctype)

    @staticmethod
    def fold(op: str, left: Expr, right: Expr, ctype: CType) -> Expr:
        """``left op right``, computed where it is constant."""
        if isinstance(left, Const) and isinstance(right, Const):
            try:
                return Const(values.binary(op, left.value, right.value, ctype))
            except values.UndefinedValue:
                pass
        return Binary(op, left, right, ctype)

    def unary(self, op: str, value: Val, node: CExpr) -> Val:
        """``op value`` for ``- ~ ! +``."""
        if op == "!":
            return Val(self.fold_unary("!", self.truth(value, node), scalar_type(value.type)), self.int)
        value = self.promote(value)
        if not isinstance(value.type, CType):
            self.wrong(f"operator {op} on a value of type {show(value.type)}", self.at(node))
        return Val(self.fold_unary(op, value.expr, value.type), value.type)

    def operate(self, op: str, left: Val, right: Val, node: CExpr) -> Val:
        """``left op right`` with C's conversions (not for ``&&`` and ``||``)."""
        for side in (left, right):
            if isinstance(side.type, (Struct, Void)):
                self.wrong(f"operator {op} on a value of type {show(side.type)}", self.at(node))
        left, right = self.promote(left), self.promote(right)
        if isinstance(left.type, Pointer) or isinstance(right.type, Pointer):
            return self._pointer_operate(op, left, right, node)
        if op in ("<<", ">>"):
            return Val(self.fold(op, left.expr, right.expr, scalar_type(left.type)), left.type)
        ctype = self.common(left.type, right.type)
        expr = self.fold(op, self.convert(left, ctype, node), self.convert(right, ctype, node), ctype)
        return Val(expr, self.int if op in COMPARISONS else ctype)

    def _pointer_operate(self, op: str, left: Val, right: Val, node: CExpr) -> Val:
        if op in COMPARISONS:
            for side in (left, right):
                if isinstance(side.type, CType) and side.type.bits < 64 and not isinstance(side.expr, Const):
                    raise NeedWide(self.source.pos(self.at(node)))
            expr = self.fold(op, self.convert(left, POINTER, node), self.convert(right, POINTER, node), POINTER)
            return Val(expr, self.int)
        if op == "+" and isinstance(right.type, Pointer):
            left, right = right, left
        if op in ("+", "-") and isinstance(left.type, Pointer) and isinstance(right.type, CType):
            return self.offset(left, right, op, node)
        a, b = self.convert(left, POINTER, node), self.convert(right, POINTER, node)
        if op == "-" and isinstance(left.type, Pointer) and isinstance(right.type, Pointer):
            size = Const(size_of(self.types.resolve(left.type.target)))
            return Val(self.fold("/", self.fold("-", a, b, LONG), size, LONG), LONG)
        if op in ("&", "|", "^"):  # not C, but litmus tests make false dependencies and tag bits of pointers this way
            return Val(self.fold(op, a, b, POINTER), left.type if isinstance(left.type, Pointer) else right.type)
        return self.wrong(f"operator {op} on a pointer", self.at(node))

    def offset(self, pointer: Val, index: Val, op: str, node: CExpr) -> Val:
        """``pointer + index`` or ``-``: in units of what ``pointer`` points to."""
        assert isinstance(pointer.type, Pointer)
        steps = self.convert(self.promote(index), LONG, node)
        address = self.convert(pointer, POINTER, node)
        target = self.types.resolve(pointer.type.target)
        if isinstance(target, Struct) and target.fields is None:
            self.wrong(f"{target.name} is not defined in this file", self.at(node))
        size = size_of(target)
        scaled = steps if size == 1 else self.fold("*", steps, Const(size), LONG)
        if scaled == Const(0):
            return Val(address, pointer.type)
        return Val(self.fold(op, address, scaled, POINTER), pointer.type)

    def add_bytes(self, address: Expr, offset: int) -> Expr:
        """``address`` moved by ``offset`` bytes."""
        return self.fold("+", address, Const(offset), POINTER) if offset else address


def partial(expr: Expr) -> bool:
    """Can evaluating ``expr`` fail (division, shifts, arithmetic of addresses)?"""
    if isinstance(expr, Binary):
        address = expr.ctype is POINTER and expr.op not in COMPARISONS
        return expr.op in ("/", "%", "<<", ">>") or address or partial(expr.left) or partial(expr.right)
    if isinstance(expr, (Unary, Cast)):
        return partial(expr.arg)
    return isinstance(expr, Conditional)
