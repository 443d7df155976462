"""From C text to :mod:`smpcheck.readers.ctree`, by way of tree-sitter: functions, declarations, statements.

tree-sitter knows the grammar; here and in :mod:`smpcheck.readers.cparse_expr` what has meaning is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from smpcheck.errors import BeyondReaderError, NotParsedError
from smpcheck.readers.cparse_expr import ExpressionReader
from smpcheck.readers.ctree import (
    CExpr,
    Compound,
    CStmt,
    Declare,
    Declares,
    Eval,
    Function,
    IfElse,
    Iterate,
    Jump,
    Param,
    Return,
    Switch,
    Unit,
)
from smpcheck.readers.layout import VOID, Array, Pointer
from smpcheck.readers.source import shorten

if TYPE_CHECKING:
    from tree_sitter import Node


class CReader(ExpressionReader):
    """Converts C text to a :class:`Unit`."""

    def read(self, code: str) -> Unit:
        """Parse ``code`` (ASCII; everything else is replaced by ``?``, which C does not accept)."""
        self.code = code.encode("ascii", "replace")
        root = self.parse(self.code).root_node
        if root.has_error and not _only_unnamed_bit_fields(root):
            self._syntax_error(root)
        for node in root.named_children:
            self._top_level(node)
        return self.unit

    def _syntax_error(self, root: Node) -> NoReturn:
        node = root
        while True:
            bad = next((c for c in node.children if c.has_error or c.is_missing), None)
            if bad is None or (node.type == "ERROR" and not bad.is_missing):
                break
            node = bad
        if node.is_missing:
            before = self.code[: node.start_byte].rstrip()
            if node.type == ";" and before.endswith(b")") and self.code[node.start_byte :].lstrip().startswith(b"{"):
                what = "a macro with a block after it, as scoped_guard(...) { ... } and list_for_each_entry(...) { ... } are,"
                raise BeyondReaderError(f"{what} is not supported", self.source.pos(self.offset(len(before))))
            raise NotParsedError(f"C syntax error: '{node.type}' expected here", self.source.pos(self.offset(len(before))))
        raise NotParsedError(
            f"C syntax error at '{shorten(self._text(node), 30)}'", self.source.pos(self.offset(node.start_byte))
        )

    # --- declarations ---

    def _top_level(self, node: Node) -> None:
        kind = node.type
        if kind == "function_definition":
            self._function(node)
        elif kind == "declaration":
            self.unit.globals += self._declaration(node, True)
        elif kind in ("struct_specifier", "union_specifier", "enum_specifier"):
            self._type(node)
        elif kind == "type_definition":
            base = self._specified_type(node)
            for declarator in node.children_by_field_name("declarator"):
                name, type_, _ = self._declarator(declarator, base)
                self.types.define(name, type_)
        elif kind != "comment" and not (kind == "expression_statement" and not node.named_children):
            self._refuse(f"'{self._short(node)}' outside of a function", node)

    def _declaration(self, node: Node, top_level: bool = False) -> list[Declare]:
        base = self._specified_type(node)
        storage = next((self._text(c) for c in node.children if c.type == "storage_class_specifier"), "")
        if storage in ("static", "extern") and not top_level:
            self._refuse(f"a local variable that is {storage}, and so shared,", node)
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
            const = _is_const(target if target.type == "pointer_declarator" else node)
            out.append(Declare(name, type_, init, self.offset(child.start_byte), self.offset(child.end_byte), const))
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
            if any(param.name == param_name for param in params):
                self._wrong(f"{name} has two parameters '{param_name}'", child)
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
        numbers: list[int | None] = []
        for child in self._field(node, "body").named_children:
            if child.type == "comment":
                continue
            if child.type != "case_statement":
                self._refuse(f"'{self._short(child)}' outside of a case", child)
            value = child.child_by_field_name("value")
            label = self._expr(value) if value else None
            number = None if value is None else self._constant(value)
            if number in numbers:
                self._wrong(f"a second '{'default' if number is None else f'case {number}'}' in this switch", child)
            numbers.append(number)
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


def _only_unnamed_bit_fields(node: Node) -> bool:
    """Is nothing wrong with the code but that it has bit fields without names, as C allows and tree-sitter does not know?"""
    if node.is_missing:
        parent = node.parent
        return (
            node.type == "field_identifier" and parent is not None and any(c.type == "bitfield_clause" for c in parent.children)
        )
    return node.type != "ERROR" and all(_only_unnamed_bit_fields(c) for c in node.children if c.has_error or c.is_missing)


def _is_const(node: Node) -> bool:
    """Is ``const`` among the qualifiers of a declaration, or of a pointer's declarator?"""
    return any(child.type == "type_qualifier" and child.text == b"const" for child in node.children)


def _declares_function(node: Node | None) -> bool:
    while node is not None and node.type == "pointer_declarator":
        node = node.child_by_field_name("declarator")
    return node is not None and node.type == "function_declarator"


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
