"""Statements: assignments, branches, loops and returns."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel import layout
from smpcheck.kernel.layout import ArrayOf, Bits, Constant, Flags, Ghost, Pointer, Scalar, StructOf, field_type
from smpcheck.kernel.types import Struct, ThreadLocal
from smpcheck.program import ir, values
from smpcheck.readers.python.expressions import BINARY, Expressions
from smpcheck.readers.python.source import assigned_names
from smpcheck.readers.python.typed import (
    Known,
    Place,
    RValue,
    Static,
    arithmetic,
    by_reference,
    convert,
    fold,
    literal,
    offset_by,
    scaled,
)
from smpcheck.readers.python.walker import Frame, Outcome

REFUSED = {
    ast.With: ("with", "lock and unlock by name, as the kernel does"),
    ast.Try: ("try", "return error codes, as the kernel does"),
    ast.Raise: ("raise", "return error codes, as the kernel does"),
    ast.Delete: ("del", ""),
    ast.ClassDef: ("a class", "declare structs at the top of the file"),
    ast.FunctionDef: ("a function inside a function", "define it at the top of the file"),
    ast.Import: ("import", "import at the top of the file"),
    ast.ImportFrom: ("import", "import at the top of the file"),
    ast.Match: ("match", "use if and elif"),
    ast.Nonlocal: ("nonlocal", "pass values and return them"),
}


def member_that_is_not_copied(struct: type[Struct]) -> str:
    """What of a struct is no memory, or more than it shows; nothing if it can be assigned as a whole."""
    for name in layout.members(struct):
        kind = field_type(struct, name)
        inner = kind.element if isinstance(kind, ArrayOf) else kind
        if isinstance(inner, Constant | Ghost) or (isinstance(inner, Flags) and inner.separate):
            return f"{struct.__name__}.{name}, which is {kind},"
        if isinstance(inner, StructOf) and (found := member_that_is_not_copied(inner.struct)):
            return found
    return ""


class Statements(Expressions):
    """Execution of statements."""

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Walk statements until one leaves."""
        for stmt in body:
            if not self.alive:
                return
            self._temps = self.frame.first_temp
            self.statement(stmt)

    def statement(self, stmt: ast.stmt) -> None:
        """One statement."""
        match stmt:
            case ast.Expr(ast.Constant()) | ast.Pass() | ast.Global():
                pass
            case ast.Expr(ast.Call() as call):
                self.call_node(call)
            case ast.Expr(expr):
                self.value(expr)
            case ast.Assign(targets, value):
                if len(targets) > 1:
                    raise self.refuse(stmt, "an assignment to several targets", "write one assignment for each")
                self._assign(targets[0], value, stmt)
            case ast.AnnAssign(target, annotation, value):
                self._annotated(target, annotation, value, stmt)
            case ast.AugAssign(target, op, value):
                self._augmented(target, op, value, stmt)
            case ast.If(test, body, orelse):
                self.condition(test, lambda: self.run(body), lambda: self.run(orelse))
            case ast.While():
                self._while(stmt)
            case ast.For():
                self._for(stmt)
            case ast.Break():
                self.leave(self._loop_label(stmt, 0), stmt)
            case ast.Continue():
                self.leave(self._loop_label(stmt, 1), stmt)
            case ast.Return(value):
                self._return(value, stmt)
            case ast.Assert(test, message):
                self.assertion(test, self._message(test, message), stmt)
            case _:
                what, hint = REFUSED.get(type(stmt), (f"this statement ({type(stmt).__name__})", ""))
                raise self.refuse(stmt, what, hint)

    def assertion(self, test: ast.expr, name: str, stmt: ast.AST) -> None:
        """``assert test``."""
        raise self.refuse(stmt, "assert", "")

    def _message(self, test: ast.expr, message: ast.expr | None) -> str:
        if message is None:
            return f"assert {self.source.text(test)}"
        if isinstance(message, ast.Constant) and isinstance(message.value, str):
            return message.value
        raise self.refuse(message, "a computed message of assert", "use a plain string")

    # assignments

    def _assign(self, target: ast.expr, value: ast.expr, stmt: ast.stmt) -> None:
        if isinstance(target, ast.Name) and target.id not in self.source.shared:
            self.set_variable(target.id, self.value(value), stmt)
            return
        own = self._thread_local(target)
        if own is not None:
            self.set_thread_local(own, self.source.text(target), self.rvalue(value), stmt)
            return
        if self._is_copy(target, value, stmt):
            return
        place = self._assignable(target)
        self.assign_plain(place, convert(self.rvalue(value), place.type, self.pos(stmt), place.label), stmt)

    def _is_copy(self, target: ast.expr, value: ast.expr, stmt: ast.stmt) -> bool:
        """Copy a struct, if this is the assignment of a whole one."""
        if not isinstance(target, ast.Attribute | ast.Subscript):
            return False
        place = self.lvalue(target)
        if not isinstance(place, Place) or not isinstance(place.type, StructOf):
            return False
        source = self.lvalue(value)
        if not isinstance(source, Place) or source.type != place.type:
            raise InputError(f"{place.label} is {place.type}: only another one can be assigned to it as a whole", self.pos(stmt))
        member = member_that_is_not_copied(place.type.struct)
        if member:
            raise UnsupportedError(f"{place.label} = {source.label}: {member} cannot be copied", self.pos(stmt))
        self.copy(place, source, stmt)
        return True

    def _thread_local(self, target: ast.expr) -> ThreadLocal | None:
        if not isinstance(target, ast.Name):
            return None
        found = self.source.lookup(target.id, target)
        return found if isinstance(found, ThreadLocal) else None

    def _assignable(self, target: ast.expr) -> Place:
        if isinstance(target, ast.Tuple | ast.List):
            raise self.refuse(target, "an assignment to several targets", "write one assignment for each")
        place = self.lvalue(target)
        if not isinstance(place, Place):
            raise InputError(f"{self.source.text(target)} cannot be assigned in a thread", self.pos(target))
        if by_reference(place.type):
            hint = "use its primitives" if isinstance(place.type, Scalar) else "assign its fields"
            raise InputError(f"{place.label} is {place.type}: {hint}", self.pos(target))
        if isinstance(place.type, Constant):
            raise InputError(f"{place.label} is constant: it cannot be assigned in a thread", self.pos(target))
        if isinstance(place.type, Ghost):
            raise InputError(f"{place.label} is a ghost counter: use ghost_add", self.pos(target))
        return place

    def _annotated(self, target: ast.expr, annotation: ast.expr, value: ast.expr | None, stmt: ast.stmt) -> None:
        if not isinstance(target, ast.Name):
            raise self.refuse(stmt, "an annotation here", "annotate local variables only")
        if value is not None:
            self.set_variable(target.id, self.value(value), stmt, annotation)
        else:
            self.set_variable(target.id, Static(None), stmt, annotation)
            del self.env[self.frame.key(target.id)]

    def _augmented(self, target: ast.expr, operator: ast.operator, value: ast.expr, stmt: ast.stmt) -> None:
        op = BINARY.get(type(operator))
        if op is None:
            hint = "use //= (towards zero, as in C)" if isinstance(operator, ast.Div) else ""
            raise self.refuse(stmt, f"the operator {type(operator).__name__}=", hint)
        if isinstance(target, ast.Name) and target.id not in self.source.shared:
            old = self.rvalue(target)
            self.set_variable(target.id, arithmetic(op, old, self.rvalue(value), self.pos(stmt)), stmt)
            return
        own = self._thread_local(target)
        if own is not None:
            old = self.rvalue(target)
            self.set_thread_local(own, self.source.text(target), arithmetic(op, old, self.rvalue(value), self.pos(stmt)), stmt)
            return
        place = self._assignable(target)
        right = self.rvalue(value)
        if isinstance(place.type, Bits):
            kind, pos = place.type, self.pos(stmt)
            self.change_bits(place, kind, lambda old: convert(arithmetic(op, old, right, pos), kind, pos, place.label), stmt)
            return
        mask: int | None = None
        if isinstance(place.type, Flags) and isinstance(right.const, int) and op in ("|", "&", "^"):
            mask = right.const if op != "&" else ~right.const
        old = self.load(place, frozenset(), target, mask)
        new = convert(arithmetic(op, old, right, self.pos(stmt)), place.type, self.pos(stmt), place.label)
        self.assign_plain(place, new, stmt, mask)

    # loops and returns

    def _loop_label(self, stmt: ast.stmt, which: int) -> str:
        return self.loops[-1][which]

    def _while(self, stmt: ast.While) -> None:
        if stmt.orelse:
            raise self.refuse(stmt, "the else of a loop", "")
        if self.spin(stmt):
            return
        always = isinstance(stmt.test, ast.Constant) and stmt.test.value

        def body(label: str) -> None:
            if not always:
                self.jump(stmt.test, label, False)
            if self.alive:
                if not always:
                    self.round_begins(label, stmt)
                self._round(stmt.body, label)

        self.loop(body, {self.frame.key(n) for n in assigned_names(stmt.body)}, stmt, None)

    def spin(self, stmt: ast.While) -> bool:
        """Compile ``while condition: cpu_relax()`` as waiting, if it is that."""
        return False

    def round_begins(self, label: str, stmt: ast.While) -> None:
        """The test of the loop ``label`` is done, and a round of it follows."""

    def _round(self, body: list[ast.stmt], leave: str) -> None:
        """A loop's body once: ``continue`` leaves it, ``break`` leaves ``leave``."""

        def inner(label: str) -> None:
            self.loops.append((leave, label))
            self.run(body)
            self.loops.pop()

        self.block(inner, body[0])

    def _for(self, stmt: ast.For) -> None:
        if stmt.orelse:
            raise self.refuse(stmt, "the else of a loop", "")
        ranged = self._range(stmt.iter)
        if ranged is not None:
            start, stop, step = ranged
            known = [v.const for v in ranged]
            if all(isinstance(v, int) for v in known):
                rounds = range(*known)  # type: ignore[arg-type]
                if len(rounds) <= self.expand:
                    self._unrolled(stmt, [self.known(i, stmt) for i in rounds])
                    return
                self._counted(stmt, start, stop, step, lambda i: i, len(rounds) + 1)
            else:
                self._counted(stmt, start, stop, step, lambda i: i, None)
            return
        found = self.lvalue(stmt.iter)
        array = self._array(found)
        if array is not None:
            addr, kind = array
            if kind.length <= self.expand:
                items = [self._array_element(addr, kind, self.known(i, stmt), stmt) for i in range(kind.length)]
                self._unrolled(stmt, items)
            else:
                element = self._element_at(addr, kind, stmt)
                self._counted(stmt, literal(0), literal(kind.length), literal(1), element, kind.length + 1)
            return
        if isinstance(found, Static) and isinstance(found.obj, tuple | list | range):
            self._unrolled(stmt, [self.known(item, stmt.iter) for item in found.obj])
            return
        raise self.refuse(stmt.iter, f"a loop over {self.source.text(stmt.iter)}", "use range(), or a tuple or Array of objects")

    def _range(self, node: ast.expr) -> tuple[RValue, RValue, RValue] | None:
        if not isinstance(node, ast.Call) or self.callee(node) is not range:
            return None
        args = [self.rvalue(a, "an integer") for a in node.args]
        if not 1 <= len(args) <= 3:
            raise InputError("range takes one to three arguments", self.pos(node))
        zero, one = literal(0), literal(1)
        start, stop = (zero, args[0]) if len(args) == 1 else (args[0], args[1])
        step = args[2] if len(args) == 3 else one
        if not isinstance(step.const, int) or step.const == 0:
            raise InputError("the step of a range is a constant other than 0", self.pos(node))
        return start, stop, step

    def _array(self, found: Known) -> tuple[ir.Expr, ArrayOf] | None:
        if isinstance(found, Place) and isinstance(found.type, ArrayOf):
            return found.addr, found.type
        if isinstance(found, RValue) and isinstance(found.type, Pointer) and isinstance(found.type.target, ArrayOf):
            return found.expr, found.type.target
        return None

    def _array_element(self, addr: ir.Expr, kind: ArrayOf, index: Known, stmt: ast.For) -> Known:
        assert isinstance(index, RValue)
        size, _ = layout.size_align(kind.element)
        if isinstance(index.const, int):
            at = offset_by(addr, index.const * size)
        else:
            at = fold("+", addr, scaled(index, size), values.POINTER)
        return Place(at, kind.element, self.source.text(stmt.iter), offset=0)

    def _element_at(self, addr: ir.Expr, kind: ArrayOf, stmt: ast.For) -> Callable[[RValue], Known]:
        return lambda index: self._array_element(addr, kind, index, stmt)

    def _unrolled(self, stmt: ast.For, items: list[Known]) -> None:
        def body(label: str) -> None:
            for item in items:
                if not self.alive:
                    return
                self._set_target(stmt, item)
                self._round(stmt.body, label)

        self.block(body, stmt)

    def _set_target(self, stmt: ast.For, item: Known) -> None:
        target = stmt.target
        if isinstance(target, ast.Tuple) and isinstance(item, Static) and isinstance(item.obj, tuple):
            if len(target.elts) != len(item.obj):
                raise InputError("the loop variables do not match what is iterated", self.pos(target))
            for name, part in zip(target.elts, item.obj, strict=True):
                self._set_one(name, self.known(part, stmt), stmt)
        else:
            self._set_one(target, item, stmt)

    def _set_one(self, target: ast.expr, item: Known, stmt: ast.For) -> None:
        if not isinstance(target, ast.Name) or target.id in self.source.shared:
            raise self.refuse(target, "this loop variable", "use a local variable")
        self.set_variable(target.id, self.read(item, stmt.iter) if isinstance(item, Place) else item, stmt)

    def _counted(
        self, stmt: ast.For, start: RValue, stop: RValue, step: RValue, element: Callable[[RValue], Known], bound: int | None
    ) -> None:
        """A loop over a range that is not unrolled: Python's semantics, the stop is evaluated once."""
        where = self.pos(stmt)
        counter, limit = (self.frame.key(f"for {stmt.lineno} {what}") for what in ("next", "stop"))
        kind = arithmetic("+", start, step, where).type
        self.env[limit] = self.set_register(limit, stop, where)
        self.env[counter] = self.set_register(counter, convert(start, kind, where, "the range"), where)
        forward = isinstance(step.const, int) and step.const > 0

        def body(label: str) -> None:
            now, end = self.env[counter], self.env[limit]
            assert isinstance(now, RValue) and isinstance(end, RValue)
            more = arithmetic("<" if forward else ">", now, end, where)
            if more.const is None:
                self.branch(more, lambda: None, lambda: self.leave(label, stmt), stmt)
            elif not more.const:
                self.leave(label, stmt)
            if not self.alive:
                return
            self._set_target(stmt, element(now))
            self.env[counter] = self.set_register(counter, arithmetic("+", now, step, where), where)
            self._round(stmt.body, label)

        names = {*assigned_names(stmt.body), *assigned_names([ast.Expr(stmt.target)])}
        self.loop(body, {*(self.frame.key(n) for n in names), counter}, stmt, bound)
        for key in (counter, limit):
            self.env.pop(key, None)

    def _return(self, value: ast.expr | None, stmt: ast.Return) -> None:
        frame = self.frame
        if frame.outcome is not None:
            self._return_outcome(value, frame.outcome, stmt)
            return
        result: Known | None = self.value(value) if value is not None else None
        declared = self.return_type(frame)
        if declared is not None and isinstance(result, RValue):
            result = convert(result, declared, self.pos(stmt), f"the value of {frame.source.node.name}")
        self.give(frame, result, stmt)
        self.leave(frame.leave, stmt)

    def _return_outcome(self, value: ast.expr | None, outcome: Outcome, stmt: ast.Return) -> None:
        """Return from a call that is a condition: go on at the side that the value decides."""
        frame = self.frame

        def yes() -> None:
            self.leave(outcome.then, stmt)

        def no() -> None:
            self.leave(outcome.other, stmt)

        if value is None:
            frame.returned.append(None)
            self.leave(frame.leave, stmt)
        elif outcome.plain and isinstance(value, ast.BoolOp | ast.Call | ast.UnaryOp | ast.Compare):
            self.condition(value, yes, no)
        else:
            found = self.value(value)
            declared = self.return_type(frame)
            if isinstance(found, RValue):
                if declared is not None:
                    found = convert(found, declared, self.pos(stmt), f"the value of {frame.source.node.name}")
                found = outcome.test(found)
            self.decide(found, yes, no, stmt)

    def give(self, frame: Frame, result: Known | None, stmt: ast.Return) -> None:
        """Note a function's value on this way."""
        frame.returned.append(result)
