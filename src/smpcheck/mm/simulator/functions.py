"""One model function, statement by statement and expression by expression.

``(yield n) or E`` is a step that reads: the task resumes with None. Where a place or an argument is itself found by steps or
calls, it is evaluated before; else it may as well be evaluated when the step is taken: only shared memory changes meanwhile.
"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import TYPE_CHECKING, Any

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel import primitives as kernel_primitives
from smpcheck.kernel.scenario import Parameter
from smpcheck.kernel.types import PerCpu, Struct, ThreadLocal
from smpcheck.mm.simulator.accesses import Accesses
from smpcheck.mm.simulator.sites import constant, name, statements
from smpcheck.program.ir import Position
from smpcheck.readers.python.source import FunctionSource, as_function, function_source

if TYPE_CHECKING:
    from smpcheck.mm.simulator.translate import Translator

TASK = "t\u00b7"
_MISSING = object()
_BUILTINS = (range, len, min, max, abs, enumerate, zip, reversed)


class ModelCall(ast.Call):
    """A call of a function of the model; ``target`` is its name in the code."""

    target: str = ""


class Body(Accesses):
    """Translates one function. ``quiet``: fields are read without steps, and nothing is written."""

    def __init__(self, translator: Translator, source: FunctionSource, quiet: bool) -> None:
        super().__init__(translator, source, quiet)
        self.calls: set[str] = set()
        self.temporaries = 0

    def function(self, new_name: str) -> ast.FunctionDef:
        """The definition under its new name."""
        old = self.source.node
        parameters = [ast.arg(TASK), *(ast.arg(p) for p in self.source.parameters)]
        args = ast.arguments([], parameters, None, [], [], None, [])
        body = self.block(old.body) or [ast.Pass()]
        return ast.copy_location(ast.FunctionDef(new_name, args, body, [], None, None), old)

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for stmt in body:
            out.extend(self.statement(stmt))
            if out and isinstance(out[-1], ast.Return | ast.Break | ast.Continue):
                break  # a switch may have decided that nothing after it is reached
        return out

    # names and what is known of them

    def is_local(self, identifier: str) -> bool:
        source = self.source
        return (identifier in source.assigned or identifier in source.parameters) and identifier not in source.shared

    def known(self, node: ast.expr) -> Any:
        """The value of an expression over constants and switches, or ``_MISSING``."""
        match node:
            case ast.Constant(value):
                return 0 if value is None else value
            case ast.Name(identifier) if not self.is_local(identifier):
                value = self.translator.overrides.get(identifier, self.source.lookup(identifier, node))
                value = value.value if isinstance(value, Parameter) else value
                return 0 if value is None else value if isinstance(value, int | str) else _MISSING
            case ast.Attribute(ast.Name(identifier), attribute) if not self.is_local(identifier):
                value = self.source.lookup(identifier, node)
                return getattr(value.value, attribute) if isinstance(value, Parameter) else _MISSING
            case ast.UnaryOp(op, operand):
                inner = self.known(operand)
                return _MISSING if inner is _MISSING else _fold(ast.UnaryOp(op, ast.Constant(inner)))
            case ast.BinOp(left, op, right):
                a, b = self.known(left), self.known(right)
                both = _MISSING not in (a, b)
                return _fold(ast.BinOp(ast.Constant(a), op, ast.Constant(b))) if both else _MISSING
            case ast.Compare(left, ops, rights):
                parts = [self.known(each) for each in (left, *rights)]
                if any(part is _MISSING for part in parts):
                    return _MISSING
                return _fold(ast.Compare(ast.Constant(parts[0]), ops, [ast.Constant(p) for p in parts[1:]]))
            case ast.BoolOp(op, operands):
                deciding = isinstance(op, ast.Or)
                found = [self.known(each) for each in operands]
                if found[0] is not _MISSING and bool(found[0]) == deciding:
                    return deciding
                if any(each is _MISSING for each in found):
                    return _MISSING
                return any(found) if deciding else all(found)
        return _MISSING

    # statements

    def statement(self, stmt: ast.stmt) -> list[ast.stmt]:
        """What a statement becomes."""
        match stmt:
            case ast.Expr(ast.Constant()) | ast.Pass() | ast.Global() | ast.ImportFrom():
                return []
            case ast.Expr(ast.Call() as call):
                return self.call_statement(call)
            case ast.Return(value):
                given = None if value is None else self.value(value)
                return [ast.copy_location(ast.Return(given), stmt)]
            case ast.Assign([target], value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                return self.assign(target, self.value(value), stmt)
            case ast.AugAssign(ast.Name(identifier) as target, op, value) if self.is_local(identifier):
                return [ast.copy_location(ast.AugAssign(target, op, self.value(value)), stmt)]
            case ast.If(test, then, other):
                return self.conditional(stmt, test, then, other)
            case ast.While(test, body, []):
                return [ast.copy_location(ast.While(self.value(test), self.block(body) or [ast.Pass()], []), stmt)]
            case ast.For(ast.Name(identifier) as target, iterated, body, []) if self.is_local(identifier):
                loop = ast.For(target, self.value(iterated), self.block(body) or [ast.Pass()], [], None)
                return [ast.copy_location(loop, stmt)]
            case ast.Break() | ast.Continue():
                return [stmt]
            case ast.Assert(test, ast.Constant(str() as title)):
                return self.check(title, self.value(test), stmt)
        raise UnsupportedError(f"not run step by step: {self.source.text(stmt).splitlines()[0]}", self.source.pos(stmt))

    def conditional(self, stmt: ast.stmt, test: ast.expr, then: list[ast.stmt], other: list[ast.stmt]) -> list[ast.stmt]:
        known = self.known(test)
        if known is not _MISSING:
            return self.block(then if known else other)
        new = ast.If(self.value(test), self.block(then) or [ast.Pass()], self.block(other))
        return [ast.copy_location(new, stmt)]

    def assign(self, target: ast.expr, value: ast.expr, stmt: ast.stmt) -> list[ast.stmt]:
        if isinstance(target, ast.Name):
            if self.is_local(target.id):
                return [ast.copy_location(ast.Assign([target], value), stmt)]
            found = self.source.lookup(target.id, target)
            if isinstance(found, ThreadLocal):
                place = ast.copy_location(ast.Attribute(name(TASK, target), self.own(found), ast.Store()), target)
                return [ast.copy_location(ast.Assign([place], value), stmt)]
        if isinstance(target, ast.Attribute):
            return self.store(target, value, stmt)
        raise UnsupportedError(f"not run step by step: {self.source.text(stmt).splitlines()[0]}", self.source.pos(stmt))

    def own(self, variable: ThreadLocal) -> str:
        """The task's attribute for one of its variables."""
        attribute = f"own{variable.number}"
        self.translator.thread_locals[attribute] = variable.init or 0
        return attribute

    # expressions

    def value(self, node: ast.expr) -> ast.expr:
        """What an expression becomes."""
        known = self.known(node)
        if known is not _MISSING:
            return constant(known, node)
        match node:
            case ast.Name(identifier):
                return node if self.is_local(identifier) else self.global_value(node)
            case ast.Attribute():
                return self.load(node)
            case ast.Subscript(base, index):
                return ast.copy_location(ast.Subscript(self.array(base), self.value(index), ast.Load()), node)
            case ast.Call():
                return self.call(node)
            case ast.BoolOp(op, operands):
                return self.junction(node, op, operands)
            case ast.BinOp(left, op, right):
                return ast.copy_location(ast.BinOp(self.value(left), op, self.value(right)), node)
            case ast.UnaryOp(op, operand):
                return ast.copy_location(ast.UnaryOp(op, self.value(operand)), node)
            case ast.Compare(left, ops, rights):
                return ast.copy_location(ast.Compare(self.value(left), ops, [self.value(r) for r in rights]), node)
            case ast.IfExp(test, then, other):
                chosen = self.known(test)
                if chosen is not _MISSING:
                    return self.value(then if chosen else other)
                return ast.copy_location(ast.IfExp(self.value(test), self.value(then), self.value(other)), node)
        raise UnsupportedError(f"not run step by step: {self.source.text(node)}", self.source.pos(node))

    def junction(self, node: ast.BoolOp, op: ast.boolop, operands: list[ast.expr]) -> ast.expr:
        """``and`` or ``or`` without what switches decide."""
        deciding = isinstance(op, ast.Or)
        left: list[ast.expr] = []
        for each in operands:
            known = self.known(each)
            if known is _MISSING:
                left.append(self.value(each))
            elif bool(known) == deciding:
                left.append(constant(deciding, each))
                break
        return left[0] if len(left) == 1 else ast.copy_location(ast.BoolOp(op, left), node)

    def global_value(self, node: ast.Name) -> ast.expr:
        found = self.source.lookup(node.id, node)
        if isinstance(found, ThreadLocal):
            return ast.copy_location(ast.Attribute(name(TASK, node), self.own(found), ast.Load()), node)
        if isinstance(found, Struct | PerCpu):
            return name(self.translator.shared(found, node.id), node)
        raise UnsupportedError(f"{node.id} is {type(found).__name__}: not run step by step", self.source.pos(node))

    # calls

    def call(self, node: ast.Call) -> ast.expr:
        """A call that has a value."""
        target = self.callee(node)
        if target in _BUILTINS:
            return ast.copy_location(ast.Call(node.func, [self.value(arg) for arg in node.args], []), node)
        if getattr(target, "__module__", "") == kernel_primitives.__name__:
            return self.primitive(target.__name__, node)
        function = as_function(target)
        if function is None:
            raise UnsupportedError(f"a call of {self.source.text(node.func)} is not run step by step", self.source.pos(node))
        return self.model_call(function, node)

    def callee(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name) or self.is_local(node.func.id):
            raise UnsupportedError(f"{self.source.text(node.func)}: functions are called by name", self.source.pos(node))
        if node.func.id == "sum" or node.func.id == "print":
            raise UnsupportedError(f"{node.func.id} is not run step by step", self.source.pos(node))
        return self.source.lookup(node.func.id, node)

    def model_call(self, function: FunctionType, node: ast.Call) -> ast.expr:
        parameters = function_source(function).parameters
        given: dict[str, ast.expr] = dict(zip(parameters, node.args, strict=False))
        given.update({keyword.arg: keyword.value for keyword in node.keywords if keyword.arg})
        defaults = dict(zip(reversed(parameters), reversed(function.__defaults__ or ()), strict=False))
        if len(node.args) > len(parameters) or set(given) - set(parameters):
            raise InputError(f"{function.__name__} takes {', '.join(parameters)}", self.source.pos(node))
        args: list[ast.expr] = [name(TASK, node)]
        for parameter in parameters:
            if parameter in given:
                args.append(self.value(given[parameter]))
            elif parameter in defaults:
                args.append(constant(defaults[parameter] or 0, node))
            else:
                raise InputError(f"{function.__name__} needs {parameter}", self.source.pos(node))
        target = self.translator.want(function, self.quiet)
        self.calls.add(target)
        made = ast.copy_location(ModelCall(name(target, node), args, []), node)
        made.target = target
        return made

    def call_statement(self, node: ast.Call) -> list[ast.stmt]:
        """A call for its effect."""
        target = self.callee(node)
        if getattr(target, "__module__", "") == kernel_primitives.__name__:
            return self.primitive_statement(target.__name__, node)
        return [ast.copy_location(ast.Expr(self.call(node)), node)]

    def temporary(self) -> str:
        self.temporaries += 1
        return f"_\u00b7{self.temporaries}"

    def check(self, title: str, condition: ast.expr, node: ast.AST) -> list[ast.stmt]:
        """Tell the task if ``condition`` is false."""
        number = constant(self.number(node, "check"), node)
        parts = {"c": condition, "t": name(TASK, node), "n": number, "x": constant(title, node)}
        return statements("if not c: t.fail(n, x)", node, parts)


def _fold(node: ast.expr) -> Any:
    """The value of an operation on constants."""
    where = Position("<constant>", 1)
    try:
        tree = ast.fix_missing_locations(ast.Expression(node))
        return eval(compile(tree, "<constant>", "eval"), {"__builtins__": {}})
    except (ArithmeticError, TypeError) as error:
        raise InputError(f"{ast.unparse(node)}: {error}", where) from None
