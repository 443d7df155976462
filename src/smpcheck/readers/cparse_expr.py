"""C expressions and types, from tree-sitter's concrete syntax to :mod:`smpcheck.readers.ctree`.

Types are resolved as the text goes on (C declares before use); what smpcheck does not support is refused by name and position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import msgspec
from msgspec import field

from smpcheck.errors import BeyondReaderError, InputError, NotParsedError
from smpcheck.program.values import INT, POINTER, ULONG, CType
from smpcheck.readers.ctree import (
    MAX_ARRAY,
    Assignment,
    Bin,
    Call,
    CExpr,
    Comma,
    Convert,
    Index,
    Member,
    Name,
    Num,
    SizeOf,
    Step,
    Ternary,
    Un,
    Unit,
    constant,
    number,
)
from smpcheck.readers.layout import VOID, Array, BitField, Declared, Pointer, Struct, Type, TypeTable, make_struct, size_of
from smpcheck.readers.source import Source, shorten

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Tree

_NULL_NAMES = {"NULL": POINTER, "nullptr": POINTER}
_BOOLEAN_NAMES = {"true": 1, "false": 0}
_ESCAPES = {"n": 10, "t": 9, "r": 13, "0": 0, "\\": 92, "'": 39, '"': 34, "a": 7, "b": 8, "f": 12, "v": 11}


@cache
def _language() -> Language:
    import tree_sitter
    import tree_sitter_c

    return tree_sitter.Language(tree_sitter_c.language())


def c_parser() -> Parser:
    """A parser of C text: a new one, as one is no good for two threads at a time."""
    from tree_sitter import Parser

    return Parser(_language())


_Prefix: TypeAlias = "tuple[str | Type, int]"
"""A unary operator or the type of a cast, and its offset."""


class _Operand(msgspec.Struct, frozen=True):
    """An operand with what binds more tightly than every binary operator: prefixes, outermost first, and steps after it."""

    value: CExpr
    prefixes: list[_Prefix] = field(default_factory=list)
    steps: list[tuple[str, int]] = field(default_factory=list)


class ExpressionReader:
    """Converts nodes of expressions and types. ``offset`` maps an offset in the parsed text to one in the source file."""

    def __init__(self, source: Source, types: TypeTable, offset: Callable[[int], int] = lambda at: at) -> None:
        self.source = source
        self.types = types
        self.offset = offset
        self.unit = Unit()
        self.code = b""
        self._assigned: set[str] = set()

    def parse(self, code: bytes) -> Tree:
        """tree-sitter's view of C text."""
        return c_parser().parse(code)

    # --- errors ---

    def _refuse(self, what: str, node: Node) -> NoReturn:
        raise BeyondReaderError(f"{what} is not supported", self.source.pos(self.offset(node.start_byte)))

    def _wrong(self, message: str, node: Node) -> NoReturn:
        raise InputError(message, self.source.pos(self.offset(node.start_byte)))

    def _text(self, node: Node) -> str:
        return self.code[node.start_byte : node.end_byte].decode("ascii")

    def _field(self, node: Node, name: str) -> Node:
        found = node.child_by_field_name(name)
        assert found is not None
        return found

    # --- types ---

    def _short(self, node: Node) -> str:
        return shorten(self._text(node))

    def _specified_type(self, node: Node) -> Type:
        type_node = node.child_by_field_name("type")
        if type_node is None:
            return self.types.scalar(INT)
        return self._type(type_node)

    def _type(self, node: Node) -> Type:
        kind = node.type
        if kind in ("struct_specifier", "union_specifier"):
            return self._struct(node, kind == "union_specifier")
        if kind == "enum_specifier":
            return self._enum(node)
        if kind == "macro_type_specifier":
            self._refuse(f"the type '{self._short(node)}'", node)
        found = self.types.lookup(tuple(self._text(node).split()))
        if found is None:
            what = f"unknown type '{self._short(node)}'; define it with struct or typedef before its use"
            raise NotParsedError(what, self.source.pos(self.offset(node.start_byte)))
        return found

    def _struct(self, node: Node, union: bool) -> Type:
        name_node, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        word = "union" if union else "struct"
        name = f"{word} {self._text(name_node) if name_node else f'#{node.start_byte}'}"
        if body is None:
            known = self.types.lookup(tuple(name.split()))
            return known if known is not None else Struct(name, None, 1, 1)
        if name in self.types.names:
            self._wrong(f"{name} is defined twice", node)
        members: list[Declared] = []
        for child in body.named_children:
            if child.type == "comment":
                continue
            if child.type != "field_declaration":
                self._refuse(f"the member '{self._short(child)}'", child)
            members += self._members(child)
        names = [name for member in members for name in _names(member)]
        for name_twice in (n for i, n in enumerate(names) if n in names[:i]):
            self._wrong(f"{name} has two members '{name_twice}'", node)
        try:
            made = make_struct(name, members, union)
        except ValueError as error:
            self._refuse(str(error), node)
        self.types.define(name, made)
        return made

    def _members(self, node: Node) -> list[Declared]:
        """The members that one declaration in a struct declares."""
        base = self._specified_type(node)
        widths = {c.start_byte: self._constant(c.named_children[0]) for c in node.children if c.type == "bitfield_clause"}
        declarators = node.children_by_field_name("declarator")
        if not declarators and not widths:
            if not isinstance(base, Struct) or base.fields is None:
                self._wrong(f"'{self._short(node)}' declares nothing", node)
            return [Declared("", base)]
        found: list[Declared] = [] if declarators else [self._bit_field("", base, width, node) for width in widths.values()]
        for i, declarator in enumerate(declarators):
            name, type_, _ = self._declarator(declarator, base)
            self._complete(type_, declarator)
            end = declarators[i + 1].start_byte if i + 1 < len(declarators) else node.end_byte
            width = next((w for at, w in widths.items() if declarator.end_byte <= at < end), None)
            found.append(Declared(name, type_) if width is None else self._bit_field(name, type_, width, declarator))
        return found

    def _bit_field(self, name: str, type_: Type, width: int, node: Node) -> Declared:
        if not isinstance(type_, CType):
            self._wrong(f"the bit field '{self._short(node)}' is not of an integer type", node)
        if not (0 if not name else 1) <= width <= type_.bits:
            self._wrong(f"a bit field of {width} bits in a {type_.name}, which has {type_.bits}", node)
        return Declared(name, type_, width)

    def _complete(self, type_: Type, node: Node) -> None:
        inner = type_
        while isinstance(inner, Array):
            inner = inner.element
        if inner == VOID or (isinstance(inner, Struct) and inner.fields is None):
            self._wrong(f"'{self._short(node)}' has an incomplete type", node)

    def _enum(self, node: Node) -> Type:
        body = node.child_by_field_name("body")
        value = 0
        for item in body.named_children if body else ():
            if item.type != "enumerator":
                continue
            name = item.child_by_field_name("name")
            given = item.child_by_field_name("value")
            assert name is not None
            if given is not None:
                value = self._constant(given)
            self.unit.constants[self._text(name)] = value
            value += 1
        return self.types.scalar(INT)

    def _constant(self, node: Node) -> int:
        value = constant(self._expr(node), self.unit.constants)
        if value is None:
            self._wrong(f"'{self._short(node)}' is not a constant", node)
        return value

    def _declarator(self, node: Node, base: Type) -> tuple[str, Type, Node]:
        """Name, type and name node of a (possibly abstract) declarator over ``base``."""
        kind = node.type
        if kind in ("identifier", "field_identifier", "type_identifier"):
            return self._text(node), base, node
        inner = node.child_by_field_name("declarator")
        if kind in ("pointer_declarator", "abstract_pointer_declarator"):
            pointer = Pointer(base)
            return ("", pointer, node) if inner is None else self._declarator(inner, pointer)
        if kind in ("array_declarator", "abstract_array_declarator"):
            size = node.child_by_field_name("size")
            if size is None:
                self._refuse("an array without a length", node)
            length = self._constant(size)
            if not 0 < length <= MAX_ARRAY:
                self._wrong(f"an array has between 1 and {MAX_ARRAY} elements, not {length}", size)
            array = Array(base, length)
            return ("", array, node) if inner is None else self._declarator(inner, array)
        if kind in ("parenthesized_declarator", "abstract_parenthesized_declarator"):
            return self._declarator(node.named_children[0], base)
        if kind == "attributed_declarator":
            return self._declarator(node.named_children[0], base)
        return self._refuse(f"the declarator '{self._short(node)}'", node)

    # --- expressions ---

    def _expr(self, node: Node) -> CExpr:
        handler = _EXPRESSIONS.get(node.type)
        if handler is None:
            self._refuse(_REFUSED.get(node.type, f"'{self._short(node)}' ({node.type.replace('_', ' ')})"), node)
        return handler(self, node, self.offset(node.start_byte), self.offset(node.end_byte))

    def _name(self, node: Node, at: int, end: int) -> CExpr:
        name = self._text(node)
        if name in _BOOLEAN_NAMES:
            return Num(_BOOLEAN_NAMES[name], self.types.scalar(INT), at, end)
        if name in _NULL_NAMES:
            return Num(0, POINTER, at, end)
        return Name(name, at, end)

    def _number(self, node: Node, at: int, end: int) -> CExpr:
        sign = self._text(node)[:1]
        if sign not in "+-":
            return self._unsigned(node, 0)
        return Un(sign, self._unsigned(node, 1), at, end)  # the grammar takes a sign into the literal, C does not

    def _unsigned(self, node: Node, skip: int) -> CExpr:
        """An integer constant without the ``skip`` characters of its sign."""
        text = self._text(node)[skip:].lstrip()
        found = number(text)
        if found is None:
            self._wrong(f"'{text}' is not an integer constant", node)
        end = self.offset(node.end_byte)
        return Num(found[0], self.types.scalar(found[1]), end - len(text), end)

    def _char(self, node: Node, at: int, end: int) -> CExpr:
        body = self._text(node)[1:-1]
        code = _ESCAPES.get(body[1:]) if body.startswith("\\") else ord(body) if len(body) == 1 else None
        if code is None:
            self._wrong(f"{self._text(node)} is not a character constant that smpcheck knows", node)
        return Num(code, self.types.scalar(INT), at, end)

    def _parenthesized(self, node: Node, at: int, end: int) -> CExpr:
        inner = next(c for c in node.named_children if c.type != "comment")
        if inner.type == "compound_statement":
            self._refuse("a statement expression ({ ... })", node)
        return self._expr(inner)

    def _operator(self, node: Node) -> str:
        return self._field(node, "operator").type

    def _changes(self, target: CExpr) -> None:
        if isinstance(target, Name):
            self._assigned.add(target.name)

    # Operators. tree-sitter reads ``(a) - 1 * 2`` as a cast of ``-1`` and ``!n--`` as ``(!n)--``: it cannot know which names are
    # types, and takes a sign for part of a number. So only the order of operands and operators is taken from its tree; what
    # belongs to what is decided here, by the precedences of C (C11 6.5).

    def _operators(self, node: Node, at: int, end: int) -> CExpr:
        operands: list[_Operand] = []
        operators: list[str] = []
        self._chain(node, operands, operators)
        values = iter([self._applied(operand) for operand in operands])
        pending = iter([*operators, ""])
        value, _ = self._climb(next(values), next(pending), values, pending, 1)
        return value

    def _climb(self, left: CExpr, op: str, values: Iterator[CExpr], operators: Iterator[str], least: int) -> tuple[CExpr, str]:
        """``left op ...`` as far as operators bind at least as tightly as ``least``; also the operator after that."""
        while op and _PRECEDENCE[op] >= least:
            right, after = self._climb(next(values), next(operators), values, operators, _PRECEDENCE[op] + 1)
            left, op = Bin(op, left, right, left.at, right.end), after
        return left, op

    def _chain(self, node: Node, operands: list[_Operand], operators: list[str]) -> None:
        """Add the operands of ``node`` and the operators between them, in the order of the text."""
        kind = node.type
        if kind == "binary_expression":
            first, op = self._field(node, "left"), self._operator(node)
            cast = self._parenthesized_type(first) if op in _ALSO_UNARY else None
            if cast is None:
                self._chain(first, operands, operators)
                operators.append(op)
                self._chain(self._field(node, "right"), operands, operators)
            else:  # (foo_t) - 1
                start = self.offset(self._field(node, "operator").start_byte)
                prefixes: list[_Prefix] = [(cast, self.offset(node.start_byte)), (op, start)]
                self._prefixed(prefixes, self._field(node, "right"), operands, operators)
        elif kind in ("unary_expression", "pointer_expression"):
            prefix = (self._operator(node), self.offset(node.start_byte))
            self._prefixed([prefix], self._field(node, "argument"), operands, operators)
        elif kind == "cast_expression":
            self._cast(node, operands, operators)
        elif kind == "update_expression" and self._field(node, "operator").start_byte > node.start_byte:
            self._chain(self._field(node, "argument"), operands, operators)
            operands[-1].steps.append((self._operator(node)[0], self.offset(node.end_byte)))
        else:
            operands.append(_Operand(self._expr(node)))

    def _prefixed(self, prefixes: list[_Prefix], node: Node, operands: list[_Operand], operators: list[str]) -> None:
        """Add ``node`` with ``prefixes`` (outermost first) before its first operand."""
        place = len(operands)
        self._chain(node, operands, operators)
        operands[place].prefixes[:0] = prefixes

    def _cast(self, node: Node, operands: list[_Operand], operators: list[str]) -> None:
        described, value = self._field(node, "type"), self._field(node, "value")
        name = described.child_by_field_name("type")
        if name is not None and name.type == "type_identifier" and self.types.lookup((self._text(name),)) is None:
            text = self._text(value)
            if text[0] in _ALSO_UNARY:  # (a) - b * 2
                operator = "&&" if text.startswith("&&") else text[0]
                operands.append(_Operand(self._expr(self._as_expression(described))))
                operators.append(operator)
                if value.type == "number_literal":
                    operands.append(_Operand(self._unsigned(value, 1)))
                else:
                    place = len(operands)
                    self._chain(value, operands, operators)
                    del operands[place].prefixes[: len(operator)]
                return
        self._prefixed([(self._described(described), self.offset(node.start_byte))], value, operands, operators)

    def _as_expression(self, node: Node) -> Node:
        """What stands in ``node``, read as an expression. Offsets stay what they are."""
        before = b"void f(){return"
        text = self.code[node.start_byte : node.end_byte]
        root = self.parse(before + b" " * (node.start_byte - len(before)) + text + b";}").root_node
        found = root.named_descendant_for_byte_range(node.start_byte, node.end_byte)
        if root.has_error or found is None:
            self._wrong(f"'{self._short(node)}' is neither a type nor an expression", node)
        return found

    def _parenthesized_type(self, node: Node) -> Type | None:
        """The type that ``(foo_t)``, read as an expression, names."""
        if node.type != "parenthesized_expression":
            return None
        return self.types.lookup(tuple(self._text(node)[1:-1].split()))

    def _applied(self, operand: _Operand) -> CExpr:
        """An operand with what stands after and before it."""
        value = operand.value
        for op, end in operand.steps:
            self._changes(value)
            value = Step(op, False, value, value.at, end)
        for prefix, at in reversed(operand.prefixes):
            if isinstance(prefix, str):
                if prefix == "&":
                    self._changes(value)
                value = Un(prefix, value, at, value.end)
            else:
                value = Convert(prefix, value, at, value.end)
        return value

    def _assignment(self, node: Node, at: int, end: int) -> CExpr:
        target, value = self._expr(self._field(node, "left")), self._expr(self._field(node, "right"))
        self._changes(target)
        return Assignment(self._operator(node)[:-1], target, value, at, end)

    def _update(self, node: Node, at: int, end: int) -> CExpr:
        operator = self._field(node, "operator")
        if operator.start_byte > node.start_byte:
            return self._operators(node, at, end)
        target = self._expr(self._field(node, "argument"))
        self._changes(target)
        return Step(operator.type[0], True, target, at, end)

    def _call(self, node: Node, at: int, end: int) -> CExpr:
        function = self._field(node, "function")
        arguments = [c for c in self._field(node, "arguments").named_children if c.type != "comment"]
        cast = self._parenthesized_type(function) if len(arguments) == 1 else None
        if cast is not None:  # (foo_t)(x)
            return Convert(cast, self._expr(arguments[0]), at, end)
        if function.type == "call_expression" and self._text(self._field(function, "function")) == GUARD:  # guard(mutex)(&lock)
            kinds = self._field(function, "arguments").named_children
            return Call(GUARD, [self._expr(c) for c in (*kinds, *arguments)], at, end)
        if function.type != "identifier":
            self._refuse("a call through a pointer", node)
        return Call(self._text(function), [self._expr(c) for c in arguments], at, end)

    def _member(self, node: Node, at: int, end: int) -> CExpr:
        name = self._text(self._field(node, "field"))
        arrow = any(c.type == "->" for c in node.children)
        return Member(self._expr(self._field(node, "argument")), name, arrow, at, end)

    def _subscript(self, node: Node, at: int, end: int) -> CExpr:
        return Index(self._expr(self._field(node, "argument")), self._expr(self._field(node, "index")), at, end)

    def _described(self, node: Node) -> Type:
        base, declarator = self._specified_type(node), node.child_by_field_name("declarator")
        return base if declarator is None else self._declarator(declarator, base)[1]

    def _conditional(self, node: Node, at: int, end: int) -> CExpr:
        then = node.child_by_field_name("consequence")
        if then is None:
            self._refuse("'?:' without its middle operand", node)
        cond, other = self._expr(self._field(node, "condition")), self._expr(self._field(node, "alternative"))
        return Ternary(cond, self._expr(then), other, at, end)

    def _comma(self, node: Node, at: int, end: int) -> CExpr:
        return Comma(self._expr(self._field(node, "left")), self._expr(self._field(node, "right")), at, end)

    def _sizeof(self, node: Node, at: int, end: int) -> CExpr:
        described = node.child_by_field_name("type")
        if described is None:
            return SizeOf(self._expr(self._field(node, "value")), at, end)
        type_ = self._described(described)
        self._complete(type_, described)
        return Num(size_of(type_), ULONG, at, end)

    def _offsetof(self, node: Node, at: int, end: int) -> CExpr:
        type_, member = self._described(self._field(node, "type")), self._text(self._field(node, "member"))
        if not isinstance(type_, Struct) or type_.fields is None or member not in type_.fields:
            self._wrong(f"offsetof: no member '{member}' in '{self._text(self._field(node, 'type'))}'", node)
        if isinstance(type_.fields[member][1], BitField):
            self._wrong(f"offsetof: '{member}' is a bit field, which has no address", node)
        return Num(type_.fields[member][0], ULONG, at, end)


def _names(member: Declared) -> list[str]:
    """The names that a member brings into its struct."""
    if member.name or not isinstance(member.type, Struct):
        return [member.name] if member.name else []
    return list(member.type.fields or {})


GUARD = "guard"
"""``guard(mutex)(&lock)``: the lock is held to the end of the block (include/linux/cleanup.h)."""

_ALSO_UNARY = frozenset("+-*&")

_LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_PRECEDENCE = {op: level for level, ops in enumerate(_LEVELS, 1) for op in ops}
"""How tightly the binary operators bind."""

_EXPRESSIONS: dict[str, Callable[[ExpressionReader, Node, int, int], CExpr]] = {
    "identifier": ExpressionReader._name,
    "number_literal": ExpressionReader._number,
    "true": ExpressionReader._name,
    "false": ExpressionReader._name,
    "null": ExpressionReader._name,
    "char_literal": ExpressionReader._char,
    "parenthesized_expression": ExpressionReader._parenthesized,
    "unary_expression": ExpressionReader._operators,
    "pointer_expression": ExpressionReader._operators,
    "binary_expression": ExpressionReader._operators,
    "assignment_expression": ExpressionReader._assignment,
    "update_expression": ExpressionReader._update,
    "call_expression": ExpressionReader._call,
    "field_expression": ExpressionReader._member,
    "subscript_expression": ExpressionReader._subscript,
    "cast_expression": ExpressionReader._operators,
    "conditional_expression": ExpressionReader._conditional,
    "comma_expression": ExpressionReader._comma,
    "sizeof_expression": ExpressionReader._sizeof,
    "offsetof_expression": ExpressionReader._offsetof,
}

_REFUSED = {
    "compound_literal_expression": "a compound literal",
    "initializer_list": "an initializer list (for shared objects there is the init section)",
    "string_literal": "a string",
    "generic_expression": "_Generic",
    "compound_statement": "a statement expression ({ ... })",
    "gnu_asm_expression": "inline assembly",
}
