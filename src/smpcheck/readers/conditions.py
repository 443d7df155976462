"""Final conditions: ``exists (0:r1=1 /\\ x=2)``, with herd7's grammar and some of its later liberties, and herd7's print form.

Grammar (loosest first): ``\\/`` (also ``||``), ``/\\`` (also ``&&``), ``=>``, ``~`` (also ``not``, ``!``), comparison. That
``=>`` binds tighter than ``/\\`` is herd7's choice (its lib/stateParser.mly). On the left of a comparison a name is the
location; on the right it is the address, unless written ``[x]`` or ``*x``. ``0:r1`` is a register of thread 0.
Printed as in herd7's ``lib/constrGen.ml``: locations in brackets, but for elements of arrays; ``not (...)``;
parentheses only where needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn, Protocol

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.program.flow import atoms
from smpcheck.program.ir import Binary, Cast, Const, Expr, FinalMem, FinalReg, Unary
from smpcheck.program.values import INT, LONG, POINTER, CType, Ptr
from smpcheck.readers.ctree import number
from smpcheck.readers.source import Source

TOKEN = re.compile(
    r"\s*(?:(?P<reg>P?\d+\s*:\s*[A-Za-z_%$][\w.$%]*)"
    r"|(?P<num>0[xX][0-9a-fA-F]+|\d+)"
    r"|(?P<name>%?[A-Za-z_]\w*)"
    r"|(?P<op>/\\|\\/|=>|==|!=|<>|<=|>=|&&|\|\||->|[~!=<>()\[\]*&.;,:{}+-])"
    r"|(?P<bad>\S)|$)"
)
COMPARISONS = {"=": "==", "==": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
NUMBERS = {"NULL": 0, "false": 0, "true": 1}
"""Names that stand for numbers, as in C."""
_OR, _AND = {"\\/", "||"}, {"/\\", "&&"}


class Printed(Struct, frozen=True):
    """An expression and its text; ``level`` is the operator it is made of (for parentheses)."""

    expr: Expr
    text: str
    level: str = "atom"


class Tokens:
    """A cursor over the tokens of ``source.text[start:end]``."""

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.items: list[tuple[str, str, int]] = []
        at = start
        for match in TOKEN.finditer(source.text, start, end):
            kind = match.lastgroup
            if kind is None:
                break
            value, begin = match[kind], match.start(kind)
            if kind == "bad":
                raise InputError(f"unexpected character '{value}'", source.pos(begin))
            self.items.append((kind, value, begin))
            at = match.end()
        self.items.append(("end", "", max(start, at)))
        self.i = 0
        self.kind, self.value, self.at = self.items[0]
        """Of the token that comes next."""

    def next(self) -> str:
        """Take one token."""
        value = self.value
        if self.kind != "end":
            self.i += 1
            self.kind, self.value, self.at = self.items[self.i]
        return value

    def accept(self, *values: str) -> bool:
        """Take the token if it is one of ``values``."""
        found = self.value in values
        if found:
            self.next()
        return found

    def expect(self, value: str) -> None:
        """Take the token ``value``, or say what is there instead."""
        if not self.accept(value):
            self.fail(f"'{value}'")

    def fail(self, wanted: str) -> NoReturn:
        """Raise InputError: ``wanted`` was expected here."""
        found = f"'{self.value}'" if self.kind != "end" else "the end"
        raise InputError(f"{wanted} expected, {found} found", self.source.pos(self.at))


def path(tokens: Tokens) -> tuple[int | str, ...]:
    """``[1]`` and ``.f`` after a name."""
    steps: list[int | str] = []
    while True:
        if tokens.accept("["):
            found = number(tokens.value) if tokens.kind == "num" else None
            if found is None:
                tokens.fail("a constant index")
            tokens.next()
            steps.append(found[0])
            tokens.expect("]")
        elif tokens.accept(".", "->"):
            if tokens.kind != "name":
                tokens.fail("the name of a member")
            steps.append(tokens.next())
        else:
            return tuple(steps)


class Names(Protocol):
    """What names mean in a condition. Each raises InputError, at the offset ``at``, for what does not exist."""

    def place(self, name: str, steps: tuple[int | str, ...], at: int) -> tuple[Ptr, list[Ptr] | None]:
        """The address of (a part of) an object, and those of its elements if it is not one location."""

    def variable(self, address: Ptr, name: str, steps: tuple[int | str, ...], at: int) -> FinalMem:
        """The final contents of the location at ``address``, which these words name."""

    def register(self, thread: int, name: str, at: int) -> FinalReg:
        """A register of a thread."""

    def element(self, address: Ptr) -> FinalMem:
        """The final contents of the element of an array at ``address``."""

    def show(self, address: Ptr) -> str:
        """How an address is printed."""

    def type_of(self, term: FinalReg | FinalMem) -> CType:
        """The type of a register or location."""

    @property
    def word(self) -> CType | None:
        """In machine code, the type of a number; beside a register or location it is of that one's type. None: as in C."""


class ConditionReader:
    """Parses propositions from ``tokens``."""

    def __init__(self, tokens: Tokens, names: Names) -> None:
        self.tokens = tokens
        self.names = names
        self.arrays: dict[Ptr, list[Ptr]] = {}
        """The elements of the arrays met (terms of level ``array``)."""
        self.words: tuple[str, tuple[int | str, ...], int] = "", (), 0
        """What named the last location."""
        self.named: set[FinalMem] = set()
        """The single locations met."""

    def whole_arrays(self) -> set[tuple[FinalMem, ...]]:
        """The arrays met, each as its elements."""
        return {tuple(map(self.names.element, cells)) for cells in self.arrays.values()}

    def proposition(self) -> Printed:
        """A whole proposition."""
        return self._chain(_OR, self._conjunction, "||", " \\/ ", "or")

    def _implication(self) -> Printed:
        left = self._negation()
        if not self.tokens.accept("=>"):
            return left
        right = self._implication()
        expr = Binary("||", Unary("!", left.expr), right.expr)
        return Printed(expr, f"{_inside(left, 'implies')} => {_inside(right, 'implies')}", "implies")

    def _conjunction(self) -> Printed:
        return self._chain(_AND, self._implication, "&&", " /\\ ", "and")

    def _chain(self, tokens: set[str], part: Callable[[], Printed], op: str, joint: str, level: str) -> Printed:
        result = part()
        while self.tokens.value in tokens:
            self.tokens.next()
            other = part()
            text = _inside(result, level) + joint + _inside(other, level)
            result = Printed(Binary(op, result.expr, other.expr), text, level)
        return result

    def _negation(self) -> Printed:
        if self.tokens.accept("~", "!", "not"):
            inner = self._negation()
            return Printed(Unary("!", inner.expr), f"not ({inner.text})")
        if self.tokens.accept("("):
            inner = self.proposition()
            self.tokens.expect(")")
            return inner
        if self.tokens.value in ("true", "false"):
            word = self.tokens.next()
            return Printed(Const(int(word == "true")), word)
        return self._comparison()

    def _comparison(self) -> Printed:
        at = self.tokens.at
        left = self.term(True)
        sign = self.tokens.value
        op = COMPARISONS.get(sign)
        if op is None:
            self.tokens.fail("'=' or another comparison")
        self.tokens.next()
        if self.tokens.value == "{" and op in ("==", "!="):
            return self._array(left, op)
        right = self.term(isinstance(left.expr, Const))  # a value on the left: the location is on the right
        for side in (left, right):
            if side.level == "array":
                raise InputError(f"{side.text} is not one location: name an element", self.tokens.source.pos(at))
        if isinstance(left.expr, Const) and not isinstance(right.expr, Const) and op in ("==", "!="):
            left, right = right, left
        expr = self._compare(op, left.expr, right.expr)
        if op == "!=":
            return Printed(expr, f"not ({left.text}={right.text})")
        return Printed(expr, f"{left.text}{'=' if op == '==' else op}{right.text}")

    def _compare(self, op: str, left: Expr, right: Expr) -> Expr:
        """``left op right`` as C compares them: where the usual conversions lead to an unsigned type, -1 is its largest value."""
        types = [self._type(left), self._type(right)]
        if types[0] is types[1] is INT and self.names.word is None:
            return Binary(op, left, right, POINTER)
        if self.names.word is not None:
            return Binary(op, _as(types[1], left, right), _as(types[0], right, left), POINTER)
        common = max(types, key=lambda t: (t.bits, not t.signed))

        def converted(side: Expr, ctype: CType) -> Expr:
            if common.signed or common is POINTER or common.bits < INT.bits or not ctype.signed:
                return side
            return Const(common.wrap(side.value)) if isinstance(side, Const) else Cast(common, side)

        return Binary(op, converted(left, types[0]), converted(right, types[1]), POINTER)

    def _type(self, side: Expr) -> CType:
        if isinstance(side, (FinalReg, FinalMem)):
            return self.names.type_of(side)
        assert isinstance(side, Const)
        return POINTER if isinstance(side.value, Ptr) else INT if INT.wrap(side.value) == side.value else LONG

    def _array(self, left: Printed, op: str) -> Printed:
        """``a={1,2}``: element by element."""
        at = self.tokens.at
        self.tokens.expect("{")
        items = [self.term(False)]
        while self.tokens.accept(","):
            items.append(self.term(False))
        self.tokens.expect("}")
        if not isinstance(left.expr, FinalMem) or left.level != "array":
            raise InputError(f"{left.text} is not an array", self.tokens.source.pos(at))
        elements = self.arrays[left.expr.cell]
        if len(elements) != len(items):
            raise InputError(f"{left.text} has {len(elements)} elements, not {len(items)}", self.tokens.source.pos(at))
        expr: Expr = Const(1)
        for cell, item in zip(elements, items, strict=True):
            equal = self._compare("==", self.names.element(cell), item.expr)
            expr = equal if expr == Const(1) else Binary("&&", expr, equal)
        text = f"{left.text}={{{','.join(i.text for i in items)}}}"
        return Printed(Unary("!", expr), f"not ({text})") if op == "!=" else Printed(expr, text)

    def term(self, location: bool) -> Printed:
        """A register, a location or (where ``location`` is false) an address or number."""
        tokens = self.tokens
        kind, value, at = tokens.kind, tokens.value, tokens.at
        if kind == "reg":
            tokens.next()
            thread, _, name = value.removeprefix("P").partition(":")
            tokens.accept("*")
            register = self.names.register(int(thread), name.strip(), at)
            return Printed(register, f"{register.thread}:{register.name}")
        if kind == "num" or (value in "+-" and kind == "op"):
            sign = -1 if tokens.accept("-") else 1
            if sign == 1:
                tokens.accept("+")
            found = number(tokens.value) if tokens.kind == "num" else None
            if found is None:
                tokens.fail("a number")
            tokens.next()
            amount = sign * found[0] if self.names.word is None else self.names.word.wrap(sign * found[0])
            return Printed(Const(amount), str(amount))
        if tokens.accept("["):
            inner = self._address()
            tokens.expect("]")
            return self._memory(inner)
        if tokens.accept("*"):
            return self._memory(self._address())
        if kind == "name" and value in NUMBERS:
            tokens.next()
            return Printed(Const(NUMBERS[value]), str(NUMBERS[value]))
        if tokens.accept("&") or (kind == "name" and not location):
            address, _ = self._address()
            shown = self.names.show(address)
            return Printed(Const(address), shown if self.words[1] else _base(shown))
        if kind == "name":
            return self._memory(self._address())
        return tokens.fail("a register (0:r1), a location (x) or a number")

    def _address(self) -> tuple[Ptr, list[Ptr] | None]:
        if self.tokens.kind != "name":
            self.tokens.fail("the name of an object")
        at = self.tokens.at
        self.words = self.tokens.next(), path(self.tokens), at
        return self.names.place(*self.words)

    def _memory(self, found: tuple[Ptr, list[Ptr] | None]) -> Printed:
        address, elements = found
        if elements is None:
            variable = self.names.variable(address, *self.words)
            self.named.add(variable)
            name = variable.name or self.names.show(address)
            return Printed(variable, name if name.endswith("]") else f"[{name}]")
        self.arrays[address] = elements
        return Printed(self.names.element(address), _base(self.names.show(address)), "array")


def _as(ctype: CType, side: Expr, other: Expr) -> Expr:
    """A number beside a register or location, as one of its type; anything else as it is."""
    if not isinstance(side, Const) or isinstance(side.value, Ptr) or isinstance(other, Const):
        return side
    return Const(ctype.wrap(side.value))


def _base(shown: str) -> str:
    """What an array or a struct is called, of which ``shown`` is the first element."""
    return re.sub(r"(\[0\]|\.\w+)$", "", shown)


_PARENTHESES = {("implies", "or"), ("implies", "and"), ("and", "or"), ("and", "implies"), ("or", "implies")}


def _inside(part: Printed, above: str) -> str:
    return f"({part.text})" if (above, part.level) in _PARENTHESES else part.text


def final_terms(expr: Expr) -> set[FinalReg | FinalMem]:
    """The registers and locations that a condition reads."""
    return set(atoms(expr))
