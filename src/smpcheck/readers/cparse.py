"""From C text to :mod:`smpcheck.readers.ctree`, by way of tree-sitter's concrete syntax.

tree-sitter knows the grammar; this module keeps what has meaning, resolves types as it goes (C declares before use), and refuses
by name and position what smpcheck does not support.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.values import INT, POINTER, ULONG
from smpcheck.readers.ctree import (
    MAX_ARRAY,
    Assignment,
    Bin,
    Call,
    CExpr,
    Comma,
    Compound,
    Convert,
    CStmt,
    Declare,
    Declares,
    Eval,
    Function,
    IfElse,
    Index,
    Iterate,
    Jump,
    Member,
    Name,
    Num,
    Param,
    Return,
    SizeOf,
    Step,
    Switch,
    Ternary,
    Un,
    Unit,
    constant,
    number,
)
from smpcheck.readers.layout import VOID, Array, Pointer, Struct, Type, TypeTable, make_struct, size_of
from smpcheck.readers.source import Source, shorten

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_c

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


_NULL_NAMES = {"NULL": POINTER, "nullptr": POINTER}
_BOOLEAN_NAMES = {"true": 1, "false": 0}
_ESCAPES = {"n": 10, "t": 9, "r": 13, "0": 0, "\\": 92, "'": 39, '"': 34, "a": 7, "b": 8, "f": 12, "v": 11}
_SKIPPED = frozenset(("comment", ";", "{", "}", "(", ")", ","))
_TYPE_NODES = frozenset(("type_qualifier", "storage_class_specifier", "attribute_specifier"))


class CReader:
    """Converts C text to a :class:`Unit`. ``offset`` maps an offset in ``code`` to one in the source file."""

    def __init__(self, source: Source, types: TypeTable, offset: Callable[[int], int] = lambda at: at) -> None:
        self.source = source
        self.types = types
        self.offset = offset
        self.unit = Unit()
        self.code = b""
        self._assigned: set[str] = set()

    def read(self, code: str) -> Unit:
        """Parse ``code`` (ASCII; everything else is replaced by ``?``, which C does not accept)."""
        self.code = code.encode("ascii", "replace")
        root = _parser().parse(self.code).root_node
        if root.has_error:
            self._syntax_error(root)
        for node in root.named_children:
            self._top_level(node)
        return self.unit

    # --- errors ---

    def _refuse(self, what: str, node: Node) -> NoReturn:
        raise UnsupportedError(f"{what} is not supported", self.source.pos(self.offset(node.start_byte)))

    def _wrong(self, message: str, node: Node) -> NoReturn:
        raise InputError(message, self.source.pos(self.offset(node.start_byte)))

    def _syntax_error(self, root: Node) -> NoReturn:
        node = root
        while True:
            bad = next((c for c in node.children if c.has_error or c.is_missing), None)
            if bad is None or (node.type == "ERROR" and not bad.is_missing):
                break
            node = bad
        if node.is_missing:
            before = self.code[: node.start_byte].rstrip()
            raise InputError(f"C syntax error: '{node.type}' expected here", self.source.pos(self.offset(len(before))))
        raise InputError(f"C syntax error at '{shorten(self._text(node), 30)}'", self.source.pos(self.offset(node.start_byte)))

    def _text(self, node: Node) -> str:
        return self.code[node.start_byte : node.end_byte].decode("ascii")

    # --- declarations ---

    def _top_level(self, node: Node) -> None:
        kind = node.type
        if kind == "function_definition":
            self._function(node)
        elif kind == "declaration":
            self.unit.globals += self._declaration(node, True)
        elif kind in ("struct_specifier", "enum_specifier"):
            self._type(node)
        elif kind == "type_definition":
            base = self._specified_type(node)
            for declarator in node.children_by_field_name("declarator"):
                name, type_, _ = self._declarator(declarator, base)
                self.types.define(name, type_)
        elif kind != "comment" and not (kind == "expression_statement" and not node.named_children):
            self._refuse(f"'{self._short(node)}' outside of a function", node)

    def _short(self, node: Node) -> str:
        return shorten(self._text(node))

    def _specified_type(self, node: Node) -> Type:
        type_node = node.child_by_field_name("type")
        if type_node is None:
            return self.types.scalar(INT)
        return self._type(type_node)

    def _type(self, node: Node) -> Type:
        kind = node.type
        if kind == "struct_specifier":
            return self._struct(node)
        if kind == "enum_specifier":
            return self._enum(node)
        if kind == "union_specifier":
            self._refuse("a union", node)
        if kind == "macro_type_specifier":
            self._refuse(f"the type '{self._short(node)}'", node)
        found = self.types.lookup(tuple(self._text(node).split()))
        if found is None:
            self._wrong(f"unknown type '{self._short(node)}'; define it with struct or typedef before its use", node)
        return found

    def _struct(self, node: Node) -> Type:
        name_node, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        name = "struct " + (self._text(name_node) if name_node else f"#{node.start_byte}")
        if body is None:
            known = self.types.lookup(("struct", name[7:]))
            return known if known is not None else Struct(name, None, 1, 1)
        if name in self.types.names:
            self._wrong(f"{name} is defined twice", node)
        members: list[tuple[str, Type]] = []
        for member in body.named_children:
            if member.type == "comment":
                continue
            if member.type != "field_declaration" or any(c.type == "bitfield_clause" for c in member.children):
                self._refuse(f"the member '{self._short(member)}'", member)
            base = self._specified_type(member)
            declarators = member.children_by_field_name("declarator")
            if not declarators:
                self._refuse("an anonymous member", member)
            for declarator in declarators:
                field_name, type_, _ = self._declarator(declarator, base)
                self._complete(type_, declarator)
                members.append((field_name, type_))
        made = make_struct(name, members)
        self.types.define(name, made)
        return made

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

    def _declaration(self, node: Node, top_level: bool = False) -> list[Declare]:
        base = self._specified_type(node)
        out: list[Declare] = []
        for child in node.children_by_field_name("declarator"):
            init: CExpr | None = None
            target = child
            if child.type == "init_declarator":
                inner, value = child.child_by_field_name("declarator"), child.child_by_field_name("value")
                assert inner is not None and value is not None
                target, init = inner, self._expr(value)
            elif _declares_function(child):
                if not top_level:
                    self._refuse("declaring a function inside of a function", child)
                continue
            name, type_, _ = self._declarator(target, base)
            self._complete(type_, target)
            out.append(Declare(name, type_, init, self.offset(child.start_byte), self.offset(child.end_byte)))
        return out

    def _function(self, node: Node) -> None:
        declarator, body = node.child_by_field_name("declarator"), node.child_by_field_name("body")
        assert declarator is not None and body is not None
        result = self._specified_type(node)
        while declarator.type == "pointer_declarator":
            result = Pointer(result)
            declarator = declarator.child_by_field_name("declarator")
            assert declarator is not None
        if declarator.type != "function_declarator":
            self._refuse(f"the definition of '{self._short(declarator)}'", node)
        name_node = declarator.child_by_field_name("declarator")
        params_node = declarator.child_by_field_name("parameters")
        assert name_node is not None and params_node is not None
        name = self._text(name_node)
        if name in self.unit.functions:
            self._wrong(f"{name} is defined twice", name_node)
        params: list[Param] = []
        for child in params_node.named_children:
            if child.type == "comment":
                continue
            if child.type != "parameter_declaration":
                self._refuse(f"the parameter '{self._short(child)}'", child)
            base, inner = self._specified_type(child), child.child_by_field_name("declarator")
            if inner is None:
                if base == VOID and len(params_node.named_children) == 1:
                    break
                self._wrong(f"the parameter '{self._short(child)}' has no name", child)
            param_name, type_, _ = self._declarator(inner, base)
            if isinstance(type_, Array):
                type_ = Pointer(type_.element)
            params.append(Param(param_name, type_, self.offset(child.start_byte)))
        self._assigned = set()
        statements = self._compound(body)
        at = self.offset(name_node.start_byte)
        self.unit.functions[name] = Function(name, result, params, statements, frozenset(self._assigned), at)

    # --- statements ---

    def _compound(self, node: Node) -> Compound:
        body = [self._stmt(child) for child in node.named_children if child.type != "comment"]
        return Compound(body, self.offset(node.start_byte), self.offset(node.end_byte))

    def _stmt(self, node: Node) -> CStmt:
        handler = _STATEMENTS.get(node.type)
        if handler is None:
            self._refuse(f"'{self._short(node)}' ({node.type.replace('_', ' ')})", node)
        return handler(self, node, self.offset(node.start_byte), self.offset(node.end_byte))

    def _expression_stmt(self, node: Node, at: int, end: int) -> CStmt:
        children = node.named_children
        if not children or children[0].type == "comment":
            return Compound([], at, end)
        return Eval(self._expr(children[0]), at, end)

    def _declaration_stmt(self, node: Node, at: int, end: int) -> CStmt:
        return Declares(self._declaration(node), at, end)

    def _compound_stmt(self, node: Node, at: int, end: int) -> CStmt:
        return self._compound(node)

    def _field(self, node: Node, name: str) -> Node:
        found = node.child_by_field_name(name)
        assert found is not None
        return found

    def _if(self, node: Node, at: int, end: int) -> CStmt:
        other = node.child_by_field_name("alternative")
        return IfElse(
            self._expr(self._field(node, "condition")),
            self._stmt(self._field(node, "consequence")),
            self._stmt(next(c for c in other.named_children if c.type != "comment")) if other else None,
            at,
            end,
        )

    def _while(self, node: Node, at: int, end: int) -> CStmt:
        condition = self._expr(self._field(node, "condition"))
        return Iterate(None, condition, None, self._stmt(self._field(node, "body")), node.type == "do_statement", at, end)

    def _for(self, node: Node, at: int, end: int) -> CStmt:
        first = node.child_by_field_name("initializer")
        cond, step = node.child_by_field_name("condition"), node.child_by_field_name("update")
        init: CStmt | None = None
        if first is not None:
            init = self._stmt(first) if first.type == "declaration" else Eval(self._expr(first), at, end)
        return Iterate(
            init,
            self._expr(cond) if cond else None,
            self._expr(step) if step else None,
            self._stmt(self._field(node, "body")),
            False,
            at,
            end,
        )

    def _switch(self, node: Node, at: int, end: int) -> CStmt:
        cases: list[tuple[list[CExpr | None], list[CStmt]]] = []
        for child in self._field(node, "body").named_children:
            if child.type == "comment":
                continue
            if child.type != "case_statement":
                self._refuse(f"'{self._short(child)}' outside of a case", child)
            value = child.child_by_field_name("value")
            label = self._expr(value) if value else None
            body = [self._stmt(c) for c in child.named_children if c != value and c.type != "comment"]
            if cases and not cases[-1][1]:
                cases[-1][0].append(label)
                cases[-1] = (cases[-1][0], body)
            else:
                cases.append(([label], body))
        return Switch(self._expr(self._field(node, "condition")), cases, at, end)

    def _jump(self, node: Node, at: int, end: int) -> CStmt:
        return Jump("break" if node.type == "break_statement" else "continue", at, end)

    def _return(self, node: Node, at: int, end: int) -> CStmt:
        value = next((c for c in node.named_children if c.type != "comment"), None)
        return Return(self._expr(value) if value else None, at, end)

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
        text = self._text(node)
        sign = text[:1] if text[:1] in "+-" else ""  # the grammar takes a sign into the literal, C does not
        found = number(text[len(sign) :])
        if found is None:
            self._wrong(f"'{text}' is not an integer constant", node)
        positive = Num(found[0], self.types.scalar(found[1]), at, end)
        return Un(sign, positive, at, end) if sign else positive

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

    def _unary(self, node: Node, at: int, end: int) -> CExpr:
        op, arg = self._operator(node), self._expr(self._field(node, "argument"))
        if op == "&":
            self._changes(arg)
        return Un(op, arg, at, end)

    def _changes(self, target: CExpr) -> None:
        if isinstance(target, Name):
            self._assigned.add(target.name)

    def _binary(self, node: Node, at: int, end: int) -> CExpr:
        first, second, op = self._field(node, "left"), self._field(node, "right"), self._operator(node)
        if op in _ALSO_UNARY and first.type == "parenthesized_expression":  # (foo_t)-1 is a cast if foo_t is a type
            cast = self.types.lookup(tuple(self._text(first)[1:-1].split()))
            if cast is not None:
                if second.type == "binary_expression":
                    self._refuse(f"'{self._short(node)}' without parentheses after the cast", node)
                return Convert(cast, Un(op, self._expr(second), at, end), at, end)
        return Bin(op, self._expr(first), self._expr(second), at, end)

    def _assignment(self, node: Node, at: int, end: int) -> CExpr:
        target, value = self._expr(self._field(node, "left")), self._expr(self._field(node, "right"))
        self._changes(target)
        return Assignment(self._operator(node)[:-1], target, value, at, end)

    def _update(self, node: Node, at: int, end: int) -> CExpr:
        argument, operator = self._field(node, "argument"), self._field(node, "operator")
        target = self._expr(argument)
        self._changes(target)
        return Step(operator.type[0], operator.start_byte < argument.start_byte, target, at, end)

    def _call(self, node: Node, at: int, end: int) -> CExpr:
        function = self._field(node, "function")
        arguments = [c for c in self._field(node, "arguments").named_children if c.type != "comment"]
        if function.type == "parenthesized_expression" and len(arguments) == 1:  # (foo_t)(x) is a cast if foo_t is a type
            cast = self.types.lookup(tuple(self._text(function)[1:-1].split()))
            if cast is not None:
                return Convert(cast, self._expr(arguments[0]), at, end)
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

    def _cast(self, node: Node, at: int, end: int) -> CExpr:
        return Convert(self._described(self._field(node, "type")), self._expr(self._field(node, "value")), at, end)

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
        return Num(type_.fields[member][0], ULONG, at, end)


def _declares_function(node: Node | None) -> bool:
    while node is not None and node.type == "pointer_declarator":
        node = node.child_by_field_name("declarator")
    return node is not None and node.type == "function_declarator"


_ALSO_UNARY = frozenset("+-*&")

_STATEMENTS: dict[str, Callable[[CReader, Node, int, int], CStmt]] = {
    "expression_statement": CReader._expression_stmt,
    "declaration": CReader._declaration_stmt,
    "compound_statement": CReader._compound_stmt,
    "if_statement": CReader._if,
    "while_statement": CReader._while,
    "do_statement": CReader._while,
    "for_statement": CReader._for,
    "switch_statement": CReader._switch,
    "break_statement": CReader._jump,
    "continue_statement": CReader._jump,
    "return_statement": CReader._return,
}

_EXPRESSIONS: dict[str, Callable[[CReader, Node, int, int], CExpr]] = {
    "identifier": CReader._name,
    "number_literal": CReader._number,
    "true": CReader._name,
    "false": CReader._name,
    "null": CReader._name,
    "char_literal": CReader._char,
    "parenthesized_expression": CReader._parenthesized,
    "unary_expression": CReader._unary,
    "pointer_expression": CReader._unary,
    "binary_expression": CReader._binary,
    "assignment_expression": CReader._assignment,
    "update_expression": CReader._update,
    "call_expression": CReader._call,
    "field_expression": CReader._member,
    "subscript_expression": CReader._subscript,
    "cast_expression": CReader._cast,
    "conditional_expression": CReader._conditional,
    "comma_expression": CReader._comma,
    "sizeof_expression": CReader._sizeof,
    "offsetof_expression": CReader._offsetof,
}

_REFUSED = {
    "compound_literal_expression": "a compound literal",
    "initializer_list": "an initializer list for a local variable",
    "string_literal": "a string",
    "generic_expression": "_Generic",
    "compound_statement": "a statement expression ({ ... })",
    "gnu_asm_expression": "inline assembly",
}
