"""Expressions: C's operators on C's types; short-circuit evaluation as branches where memory is touched."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

from smpcheck.errors import InputError
from smpcheck.kernel.layout import Pointer, Scalar, StructOf, Type
from smpcheck.kernel.table import Param
from smpcheck.kernel.types import Struct
from smpcheck.program import ir, values
from smpcheck.readers.python.primitives import Argument, Condition, argument_kinds
from smpcheck.readers.python.source import as_function, function_source
from smpcheck.readers.python.typed import (
    Known,
    Place,
    RValue,
    Static,
    arithmetic,
    boolean,
    convert,
    ctype_of,
    fold_unary,
    join_types,
    negation,
    promote,
    to_ctype,
    truth_value,
)
from smpcheck.readers.python.walker import Outcome, Walker, variable_type

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "/", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "==", ast.IsNot: "!=",
}  # fmt: skip
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "-", ast.Invert: "~", ast.UAdd: "+"}

STATIC_CALLS = (range, len, enumerate, zip, reversed, tuple, list, sum)
"""Builtins that are computed when compiling, on what is known then."""

PURE = frozenset(("max", "min", "abs", "len", "bool", "int", "cast"))
"""Functions that compute a value of what they are given, and no more."""

PRIMITIVE_MODULE = "smpcheck.kernel.primitives"


class Expressions(Walker):
    """Evaluation of expressions."""

    @abstractmethod
    def special(self, name: str, node: ast.Call) -> tuple[Known | None] | None:
        """The value of a primitive that is no event (``check``, ``nondet``), in a tuple; None if it is not one."""

    def value(self, node: ast.expr, mask: int | None = None) -> Known:
        """The value of an expression. ``mask``: only these bits of a flag word are wanted."""
        match node:
            case ast.Constant(obj):
                if isinstance(obj, str):
                    return Static(obj)
                return self.known(obj, node)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                found = self.lvalue(node)
                return found if isinstance(found, Static) else self.read(found, node, mask)
            case ast.Call():
                result = self.call_node(node, mask)
                if result is None:
                    raise InputError(f"{self.source.text(node)} has no value", self.pos(node))
                return result
            case ast.BinOp():
                return self._binary(node)
            case ast.UnaryOp(op, operand):
                return self._unary(op, operand, node)
            case ast.Compare():
                return self._compare(node)
            case ast.BoolOp():
                return self._bool_op(node)
            case ast.IfExp():
                return self._if_exp(node)
            case ast.Tuple(elts) | ast.List(elts):
                return Static(tuple(self._element(e) for e in elts))
        hints = {
            ast.Lambda: "a lambda is only the condition of smp_cond_load_*",
            ast.JoinedStr: "names are plain strings",
            ast.NamedExpr: "assign in a statement of its own",
        }
        raise self.refuse(node, f"this expression ({type(node).__name__})", hints.get(type(node), ""))

    def _element(self, node: ast.expr) -> Any:
        """An element of a tuple written in a thread function: kept as what it stands for."""
        found = self.value(node)
        if isinstance(found, Static):
            return found.obj
        if isinstance(found, RValue) and isinstance(found.const, int) and not isinstance(found.type, Pointer):
            return found.const
        return found

    def known(self, obj: Any, node: ast.AST, name: str = "") -> Known:
        """As in :class:`Walker`; elements of tuples may be values already."""
        return obj if isinstance(obj, RValue | Place) else super().known(obj, node, name)

    # operators

    def _binary(self, node: ast.BinOp) -> Known:
        op = BINARY.get(type(node.op))
        if op is None:
            hint = "use // (towards zero, as in C)" if isinstance(node.op, ast.Div) else ""
            raise self.refuse(node, f"the operator {type(node.op).__name__}", hint)
        if op == "&":
            right = self.value(node.right) if not self.might_touch(node.right) else None
            bits = right.const if isinstance(right, RValue) else None
            left = self.rvalue(node.left, "an operand", bits if isinstance(bits, int) else None)
            other = right if isinstance(right, RValue) else self.rvalue(node.right, "an operand")
            return arithmetic(op, left, other, self.pos(node))
        left = self.rvalue(node.left, "an operand")
        return arithmetic(op, left, self.rvalue(node.right, "an operand"), self.pos(node))

    def _unary(self, op: ast.unaryop, operand: ast.expr, node: ast.AST) -> Known:
        if isinstance(op, ast.Not):
            if self.might_touch(operand) and isinstance(operand, ast.BoolOp):
                return negation(self._short_circuit(operand))
            found = self.value(operand)
            known = self.is_true(found)
            if known is not None or not isinstance(found, RValue):
                return truth_value(not known)
            return negation(found)
        value = self.rvalue(operand, "an operand")
        if isinstance(value.type, Pointer):
            raise InputError(f"{self.source.text(operand)} is a pointer", self.pos(node))
        ctype = promote(ctype_of(value.type))
        expr = to_ctype(value.expr, ctype_of(value.type), ctype)
        return RValue(fold_unary(UNARY[type(op)], expr, ctype), Scalar(ctype))

    def _compare(self, node: ast.Compare) -> Known:
        result: RValue | None = None
        left = self.value(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.In | ast.NotIn):
                part = self._member(left, right_node, isinstance(op, ast.In), node)
            else:
                right = self.value(right_node)
                part = self._comparison(COMPARE[type(op)], left, right, node)
                left = right
            result = part if result is None else self._both(result, part)
        assert result is not None
        return result

    def _comparison(self, op: str, left: Known, right: Known, node: ast.AST) -> RValue:
        if isinstance(left, RValue) and isinstance(right, RValue):
            return arithmetic(op, left, right, self.pos(node))
        if op in ("==", "!="):
            a, b = (self._python(left), self._python(right))
            return truth_value(bool(a == b) == (op == "=="))
        raise InputError(f"{self.source.text(node)} compares what has no order", self.pos(node))

    def _python(self, found: Known) -> Any:
        if isinstance(found, Static):
            return found.obj
        return found.const if isinstance(found, RValue) and found.const is not None else found

    def _member(self, left: Known, right: ast.expr, positive: bool, node: ast.AST) -> RValue:
        items = self.static(right)
        if not isinstance(left, RValue):
            return truth_value((self._python(left) in items) == positive)
        result = truth_value(False)
        for item in items:
            other = self.known(item, node)
            if not isinstance(other, RValue):
                raise InputError(f"{self.source.text(node)}: {item!r} is not a value", self.pos(node))
            result = self._either(result, arithmetic("==", left, other, self.pos(node)))
        return result if positive else negation(result)

    @staticmethod
    def _both(a: RValue, b: RValue) -> RValue:
        for one, other in ((a, b), (b, a)):
            if one.const is not None:
                return boolean(other) if one.const else truth_value(False)
        return RValue(ir.Binary("&&", a.expr, b.expr), Scalar(values.INT))

    @staticmethod
    def _either(a: RValue, b: RValue) -> RValue:
        for one, other in ((a, b), (b, a)):
            if one.const is not None:
                return truth_value(True) if one.const else boolean(other)
        return RValue(ir.Binary("||", a.expr, b.expr), Scalar(values.INT))

    # conditions

    def might_touch(self, node: ast.expr) -> bool:
        """Could evaluating this be more than arithmetic on locals and constants?"""
        for each in _deciding(node):
            if each is None:
                return True
            name, has_parts = each
            if has_parts:
                found = self.env.get(self.frame.key(name.id)) or self.lookup(name)
                if not isinstance(found, Static):
                    return True
            else:
                local = name.id in self.source.local_names
                variable = self.env.get(self.frame.key(name.id)) if local else self.lookup(name)
                if isinstance(variable, Place):
                    return True
        return False

    def _needs_branches(self, node: ast.expr) -> bool:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._needs_branches(node.operand)
        return isinstance(node, ast.BoolOp) and any(self.might_touch(v) for v in node.values[1:])

    def condition(self, test: ast.expr, then: Callable[[], None], other: Callable[[], None]) -> None:
        """``if test: then else: other``."""
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, then, other = test.operand, other, then
        if self._needs_branches(test):

            def whole(end: str) -> None:
                def first(otherwise: str) -> None:
                    self.jump(test, otherwise, False)
                    if self.alive:
                        then()
                    if self.alive:
                        self.leave(end, test)

                self.block(first, test)
                if self.alive:
                    other()

            self.block(whole, test)
            return
        call = self._condition_call(test)
        if call is not None:
            self._call_condition(*call, test, then, other)
            return
        self.decide(self.value(test), then, other, test)

    def decide(self, found: Known, then: Callable[[], None], other: Callable[[], None], node: ast.AST) -> None:
        """Branch on a value, or go the one way that is known."""
        known = self.is_true(found)
        if known is not None or not isinstance(found, RValue):
            (then if known else other)()
        else:
            self.branch(found, then, other, node)

    calls_are_jumps = True
    """Are the returns of a function that is called as a condition jumps to the sides of the branch?"""

    def _condition_call(self, test: ast.expr) -> tuple[ast.Call, Any, Callable[[RValue], RValue], bool] | None:
        """``f(x)`` or ``f(x) == constant`` for a function ``f`` of the model: the call, ``f``, and what is asked of its value."""
        call, compare = test, None
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in COMPARE:
            call, compare = test.left, test
        if not self.calls_are_jumps or not isinstance(call, ast.Call):
            return None
        function = as_function(self.callee(call))
        if function is None or not self._decides_by_branches(function):
            return None
        if compare is None:
            return call, function, boolean, True
        if self.might_touch(compare.comparators[0]):
            return None
        right = self.value(compare.comparators[0])
        if not isinstance(right, RValue):
            return None
        op, pos = COMPARE[type(compare.ops[0])], self.pos(test)
        return call, function, lambda value: arithmetic(op, value, right, pos), False

    def _decides_by_branches(self, function: FunctionType) -> bool:
        known = self._by_branches.get(function)
        if known is None:
            known = self._by_branches[function] = _decides_by_branches(function)
        return known

    def _call_condition(
        self,
        call: ast.Call,
        function: Any,
        test: Callable[[RValue], RValue],
        plain: bool,
        node: ast.AST,
        then: Callable[[], None],
        other: Callable[[], None],
    ) -> None:
        def whole(end: str) -> None:
            def negative(other_label: str) -> None:
                def positive(then_label: str) -> None:
                    self.inline(function, call, Outcome(then_label, other_label, test, plain))

                self.block(positive, node)
                if self.alive:
                    then()
                if self.alive:
                    self.leave(end, node)

            self.block(negative, node)
            if self.alive:
                other()

        self.block(whole, node)

    def jump(self, test: ast.expr, label: str, when: bool) -> None:
        """Leave ``label`` if the truth of ``test`` is ``when``: C's short-circuit evaluation."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self.jump(test.operand, label, not when)
        elif isinstance(test, ast.BoolOp) and self._needs_branches(test):
            if isinstance(test.op, ast.Or) == when:
                for operand in test.values:
                    if self.alive:
                        self.jump(operand, label, when)
            else:

                def around(skip: str) -> None:
                    for operand in test.values[:-1]:
                        if self.alive:
                            self.jump(operand, skip, not when)
                    if self.alive:
                        self.jump(test.values[-1], label, when)

                self.block(around, test)
        else:

            def go() -> None:
                self.leave(label, test)

            self.condition(test, go if when else _nothing, _nothing if when else go)

    def _bool_op(self, node: ast.BoolOp) -> Known:
        if self._needs_branches(node):
            return self._short_circuit(node)
        conjunction = isinstance(node.op, ast.And)
        result: RValue | None = None
        for operand in node.values:
            found = self.value(operand)
            part = self.truth(found)
            if result is not None:
                part = self._both(result, part) if conjunction else self._either(result, part)
            result = part
            if result.const is not None and bool(result.const) != conjunction:
                return result
        assert result is not None
        return result

    def _short_circuit(self, node: ast.BoolOp) -> RValue:
        """The value of a short-circuit expression that has to branch; it depends on all operands that were evaluated."""
        conjunction = isinstance(node.op, ast.And)
        pos = self.pos(node)

        def rest(operands: list[ast.expr]) -> RValue:
            first = self.truth(self.value(operands[0]))
            if len(operands) == 1 or (first.const is not None and bool(first.const) != conjunction):
                return first
            if first.const is not None:
                return rest(operands[1:])
            key = self.temp()
            self.env[key] = self.set_register(key, truth_value(False), pos)

            def go_on() -> None:
                self.env[key] = self.set_register(key, rest(operands[1:]), pos)

            self.branch(first, go_on if conjunction else _nothing, _nothing if conjunction else go_on, node)
            found = self.env.pop(key)
            assert isinstance(found, RValue)
            return self._both(first, found) if conjunction else self._either(first, found)

        return rest(node.values)

    def _if_exp(self, node: ast.IfExp) -> Known:
        if not self.might_touch(node.body) and not self.might_touch(node.orelse):
            test = self._bool_op(node.test) if isinstance(node.test, ast.BoolOp) else self.value(node.test)
            known = self.is_true(test)
            if known is not None or not isinstance(test, RValue):
                return self.value(node.body if known else node.orelse)
            then, other = self.rvalue(node.body), self.rvalue(node.orelse)
            kind = join_types(then.type, other.type)
            if kind is None:
                raise InputError(f"{self.source.text(node)} has values of unrelated types", self.pos(node))
            a, b = convert(then, kind, self.pos(node), "the value"), convert(other, kind, self.pos(node), "the value")
            return RValue(ir.Conditional(test.expr, a.expr, b.expr), kind)
        return self._choose(node.test, lambda: self.rvalue(node.body), lambda: self.rvalue(node.orelse), node)

    def _choose(self, test: ast.expr, then: Callable[[], RValue], other: Callable[[], RValue], node: ast.AST) -> RValue:
        """A value that depends on a branch."""
        key = self.temp()
        done: list[RValue] = []

        def side(make: Callable[[], RValue]) -> Callable[[], None]:
            def run() -> None:
                value = make()
                if done:
                    kind = join_types(done[0].type, value.type)
                    if kind is None:
                        raise InputError(f"{self.source.text(node)} has values of unrelated types", self.pos(node))
                done.append(value)
                self.env[key] = self.set_register(key, value, self.pos(node))

            return run

        self.condition(test, side(then), side(other))
        found = self.env.pop(key)
        assert isinstance(found, RValue)
        return found

    # calls

    def call_node(self, node: ast.Call, mask: int | None = None) -> Known | None:
        """A call; None if it has no value."""
        function = self.callee(node)
        module, name = getattr(function, "__module__", ""), getattr(function, "__name__", "")
        if name == "cast" and module in (PRIMITIVE_MODULE, "typing"):
            return self._cast(node)
        if module == PRIMITIVE_MODULE:
            if node.keywords and name != "check":
                raise self.refuse(node, f"a keyword argument of {name}", "pass it by position, as in C")
            done = self.special(name, node)
            return done[0] if done is not None else self.primitive(name, node, mask)
        if function in STATIC_CALLS:
            args = [self.static(a) for a in node.args]
            try:
                result = function(*args)
                return self.known(tuple(result) if function in (enumerate, zip, reversed) else result, node)
            except TypeError as error:
                raise InputError(str(error), self.pos(node)) from None
        if function in (bool, int, abs, min, max):
            return self._numeric(function, node)
        return self.inline(function, node)

    def arguments(self, name: str, node: ast.Call) -> list[Argument]:
        """The arguments of a primitive, from left to right."""
        params = argument_kinds(name)
        if len(node.args) != len(params):
            raise InputError(f"{name} takes {len(params)} arguments, not {len(node.args)}", self.pos(node))
        return [self._argument(param, arg) for param, arg in zip(params, node.args, strict=True)]

    def _argument(self, param: Param, node: ast.expr) -> Argument:
        if param.kind in ("place", "pointer", "array"):
            return self.target_place(node)
        if param.kind == "condition":
            return self.wait_condition(node)
        if param.kind == "local":
            return self.local_argument(node)
        return self.rvalue(node) if param.kind == "value" else None

    def wait_condition(self, node: ast.expr) -> Condition:
        """The condition of a wait."""
        raise self.refuse(node, "waiting here", "")

    def local_argument(self, node: ast.expr) -> RValue:
        """A variable that a primitive reads and writes."""
        raise self.refuse(node, "writing a variable here", "")

    def _numeric(self, function: Any, node: ast.Call) -> RValue:
        args = [self.rvalue(a) for a in node.args]
        if not args or node.keywords or (function in (bool, int, abs) and len(args) != 1):
            raise self.refuse(node, self.source.text(node))
        if function is bool:
            return RValue(boolean(args[0]).expr, Scalar(values.BOOL))
        if function is int:
            return convert(args[0], Scalar(values.INT), self.pos(node), "int()")
        if function is abs:
            args.append(RValue(fold_unary("-", args[0].expr, promote(ctype_of(args[0].type))), args[0].type))
        result = args[0]
        for other in args[1:]:
            kind = join_types(result.type, other.type)
            less = arithmetic("<" if function is min else ">", result, other, self.pos(node))
            if kind is None or isinstance(kind, Pointer):
                raise InputError(f"{self.source.text(node)} needs integers", self.pos(node))
            if less.const is not None:
                result = result if less.const else other
            else:
                result = RValue(ir.Conditional(less.expr, result.expr, other.expr), kind)
        return result

    def _cast(self, node: ast.Call) -> Known:
        if len(node.args) != 2 or node.keywords:
            raise InputError("cast(type, value)", self.pos(node))
        target = self.value(node.args[0]) if not isinstance(node.args[0], ast.Constant) else None
        obj = self.source.annotation(node.args[0]) if not isinstance(target, Static) else target.obj
        kind: Type | None
        if isinstance(obj, type) and issubclass(obj, Struct) and obj is not Struct:
            kind = Pointer(StructOf(obj))
        else:
            kind = variable_type(obj, "the value", self.pos(node))
        if kind is None:
            raise InputError(f"{self.source.text(node.args[0])} is not a C type", self.pos(node.args[0]))
        value = self.rvalue(node.args[1])
        if isinstance(kind, Pointer):
            if _is_view(value.type, kind):
                self.memory.viewed()
            return RValue(value.expr, kind)
        return convert(value, kind, self.pos(node), "the value")


def _is_view(have: Type, want: Pointer) -> bool:
    """May a pointer that is cast from one type to another lead to parts of what is there, or to several things?"""
    source = have.target if isinstance(have, Pointer) else None
    if want.target is None or source == want.target:
        return False
    return source is not None or isinstance(want.target, Scalar)


def _decides_by_branches(function: FunctionType, depth: int = 0) -> bool:
    """Does a function of the model find its value by more than evaluating one expression?"""
    if function.__module__ == PRIMITIVE_MODULE:
        return False
    source = function_source(function)
    body = [s for s in source.node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None or depth > 20:
        return True
    for part in ast.walk(body[0].value):
        if isinstance(part, ast.BoolOp | ast.IfExp):
            return True
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id not in source.parameters:
            inner = as_function(source.lookup(part.func.id, part))
            if inner is not None and _decides_by_branches(inner, depth + 1):
                return True
    return False


@lru_cache(maxsize=1 << 16)
def _deciding(node: ast.expr) -> tuple[tuple[ast.Name, bool] | None, ...]:
    """The names on whose meaning it depends whether an expression is more than arithmetic, each with whether a part of what it
    means is asked for; None at the end: it is more in any case.
    """
    found: list[tuple[ast.Name, bool] | None] = []
    for part in ast.walk(node):
        root = part
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        if isinstance(part, ast.Call):
            if not (isinstance(part.func, ast.Name) and part.func.id in PURE):
                return (*found, None)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            found.append((part, False))
        elif root is not part:
            if not isinstance(root, ast.Name):
                return (*found, None)
            found.append((root, True))
    return tuple(found)


def _nothing() -> None:
    """An empty side of a branch."""
