"""From C to the IR: threads become trees of loads, stores, fences and branches over registers.

Functions and macros are inlined, ``return``, ``break`` and ``continue`` leave labelled blocks, local variables are registers.
After lowering, every operator has the type at which C computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from smpcheck.errors import BeyondReaderError
from smpcheck.kernel.table import GUARDS
from smpcheck.program.ir import Assign, Block, Call, Choice, Const, Exit, Expr, If, Loop, Position, Reg, Round, Stmt, Thread
from smpcheck.program.values import CType, Ptr, Value, binary, truth
from smpcheck.readers import ctree as c
from smpcheck.readers import forms
from smpcheck.readers.carith import COMPARISONS, T
from smpcheck.readers.cexpr import Expressions
from smpcheck.readers.cparse_expr import GUARD
from smpcheck.readers.cvalues import ByName, Frame, Local, LValue, Place, Scope, Val
from smpcheck.readers.deffile import Definitions, Macro
from smpcheck.readers.layout import AUTO, VOID, Array, Auto, Pointer, Struct, Type, TypeTable, Void, scalar_type, show
from smpcheck.readers.operand_order import Whole, in_order
from smpcheck.readers.rounds import mark_round
from smpcheck.readers.source import Source

if TYPE_CHECKING:
    from smpcheck.readers.memory import Memory

MAX_DEPTH = 60
"""Calls nested deeper than this are refused (recursion is refused by name)."""
MAX_TRIPS = 10_000
"""The bound of a counted loop is computed by counting, up to here."""

Initial = Mapping[str, tuple[Type | None, Value]]
"""Registers that the init section types or sets."""


class Guard(msgspec.Struct, frozen=True):
    """What is to be called at the end of the block: within so many functions, and loops of the innermost one."""

    release: c.Call
    frames: int
    loops: int


class Lowering(Expressions):
    """Lowers the threads of one program.

    ``unit`` has its functions and file-scope variables; ``definitions`` what primitives mean; ``memory`` its objects.
    """

    def __init__(self, source: Source, types: TypeTable, unit: c.Unit, definitions: Definitions, memory: Memory) -> None:
        super().__init__(source, types, definitions, memory)
        self.unit = unit
        for name, value in unit.constants.items():
            self.root.names[name] = Val(Const(value), self.int)
        for declared in unit.globals:
            self.root.names[declared.name] = Place(Const(Ptr(declared.name)), declared.type)
        self.loops: list[tuple[str, str]] = []
        self.guards: list[Guard] = []
        self.index = 0
        self.steps = 0
        """Statements so far, as herd7 counts them: its SRCU cookies are made from it."""

    # --- threads ---

    def thread(self, function: c.Function, index: int, initial: Initial) -> Thread:
        """Lower one thread. A parameter is the address of the object of its name, or what the init section says."""
        self.out, self.regs, self.shadowed, self.count, self.labels = [], {}, {}, 0, 0
        self.index, self.steps, self.span, self.calls, self.loops = index, 0, None, [function.name], []
        self.scope = self.thread_scope = Scope(self.root)
        self.undeclared = function.assigned | initial.keys()
        frame = Frame(function.name, "return", "", None)
        self.frames = [frame]
        pos = self.source.pos(function.at)
        for param in function.params:
            value: Value = initial[param.name][1] if param.name in initial else Ptr(param.name)
            if param.name in function.assigned or param.name in initial:
                self.out.append(Assign(self.declare(param.name, param.type, param.at).reg, Const(value), pos))
            else:
                self.scope.names[param.name] = Val(Const(value), param.type)
        for name, (type_, value) in initial.items():
            if self.scope.find(name) is None:
                declared = declaration_of(function, name)
                guess = type_ or declared or (Pointer(self.int) if isinstance(value, Ptr) else self.int)
                local = Local(name, guess)
                self.regs[name] = self.regs.get(name) or scalar_type(guess)
                if declared is None:
                    self.scope.names[name] = local
                if value != 0:
                    self.out.append(Assign(name, Const(value), pos))
        self.guards = []
        self.statements(function.body.body)
        self.leave_block(0)
        body = tuple(in_order(self.out, self.one_order))
        if frame.returned:
            body = (Block(frame.label, body, pos),)
        return Thread(index, body, function.name, dict(self.regs))

    # --- what the forms of primitives' definitions ask for ---

    @property
    def primitive(self) -> str:
        """The primitive whose definition is being expanded, the innermost one."""
        return self.calls[-1]

    def choice(self, then: Callable[[], None], other: Callable[[], None], pos: Position) -> None:
        """Either of two things happens."""
        with self.collect() as first:
            then()
        with self.collect() as second:
            other()
        self.out.append(Choice(tuple(first), tuple(second), pos))

    def condition(self, node: c.CExpr, value: Val) -> Expr:
        """A condition over ``VAL``, the value just read."""
        binding = self.scope.find(node.name) if isinstance(node, c.Name) else None
        if isinstance(binding, ByName):
            scope = Scope(binding.scope)
            scope.names["VAL"] = value
            return self.argument(binding, lambda inner: self.truth(self.value(inner), inner), scope)
        outer, self.scope = self.scope, Scope(self.scope)
        self.scope.names["VAL"] = value
        found = self.truth(self.value(node), node)
        self.scope = outer
        return found

    def wait_until(self, holds: Callable[[], Expr], node: c.CExpr) -> None:
        """Wait until the condition that ``holds`` evaluates is true."""
        pos, text = self.where(node)
        label = self.label("wait")
        with self.collect() as body:
            self.out.append(If(holds(), (Exit(label, pos),), (), pos, text))
        self.out.append(Loop(label, tuple(body), None, pos))

    def waits_for(self, lock: Place, kind: str, node: c.CExpr) -> None:
        """The thread waits for a lock. This and the following are for readers that know locks by their classes."""

    def acquired(self, lock: Place, kind: str) -> None:
        """It holds the lock."""

    def released(self, lock: Place) -> None:
        """It does not hold the lock any more."""

    def section(self, name: str, entering: bool) -> None:
        """It enters or leaves a section in which nothing may sleep."""

    def may_sleep(self, node: c.CExpr) -> None:
        """It may sleep here."""

    # --- calls ---

    def call(self, node: c.Call, wanted: bool = True) -> Val:
        """Inline a function of the file, expand a primitive, or lower a form of a primitive's definition."""
        function = self.unit.functions.get(node.name) if self.span is None else None
        if function is not None:
            return self._inline(function, node)
        if self.span is not None:
            form = forms.find(node.name)
            if form is not None:
                return form(self, node)
        if node.name in forms.SPECIAL:
            return forms.SPECIAL[node.name](self, node)
        return self._in_macro(node, self.expanded)

    def expanded(self, macro: Macro) -> Val:
        """The value of a primitive, whose parameters are in scope."""
        if isinstance(macro.body, c.Compound):
            return self._body(macro.body.body, macro.name, AUTO if macro.returns else VOID, "")
        if not macro.statement:
            return self.value(macro.body)
        self.steps += 1
        self.effect(macro.body)
        return Val(Const(0), VOID)

    def macro_place(self, node: c.Call) -> LValue:
        """The place that a primitive's definition stands for."""
        if node.name not in self.unit.functions:
            place = self._in_macro(node, self._place_of)
            if place is not None:
                return place
        return self.wrong(f"{node.name}() is not a place that can be read or written", self.at(node))

    def _place_of(self, macro: Macro) -> LValue | None:
        body = macro.body
        is_value = isinstance(body, c.Compound) or (isinstance(body, c.Call) and forms.find(body.name))
        return None if is_value else self.lvalue(body)  # type: ignore[arg-type]

    def _in_macro(self, node: c.Call, lower: Callable[[Macro], T]) -> T:
        """The macro that ``node`` calls lowered, in its scope. Arguments used more than once are evaluated once."""
        macro = self.definitions.get(node.name, self.types.wide)
        if macro is None:
            forms.unknown_function(self, node)
        if len(node.args) != len(macro.params):
            self._count_mismatch(node, len(macro.params))
        if len(self.calls) > MAX_DEPTH:
            self.refuse(f"calls nested more than {MAX_DEPTH} deep are not supported", self.at(node))
        scope = Scope(self.root)
        once = [(n, arg) for n, arg in zip(macro.params, node.args, strict=True) if n in macro.repeated and has_effects(arg)]
        orders = [partial(self._once, arg, node, n in macro.places) for n, arg in once]
        found = self.unordered(node, *orders, arguments=True) if orders else []
        for name, arg in zip(macro.params, node.args, strict=True):
            scope.names[name] = ByName(arg, self.scope, self.span)
        for (name, _), value in zip(once, found, strict=True):
            scope.names[name] = value
        saved_scope, saved_span = self.scope, self.span
        self.scope = scope
        self.span = saved_span or (node.at, node.end)
        self.calls.append(node.name)
        try:
            return lower(macro)
        finally:
            self.calls.pop()
            self.scope, self.span = saved_scope, saved_span

    def _once(self, arg: c.CExpr, node: c.Call, place: bool) -> Val | LValue:
        """A macro's argument, to be used several times: its value or, with ``place``, where it lies."""
        return self.lvalue(arg) if place else self.stable(self.value(arg), node)

    def _count_mismatch(self, node: c.Call, wanted: int) -> None:
        self.wrong(f"{node.name}() takes {wanted} argument{'' if wanted == 1 else 's'}, not {len(node.args)}", self.at(node))

    def _inline(self, function: c.Function, node: c.Call) -> Val:
        if function.name in self.calls:
            what = f"recursion ({' -> '.join([*self.calls, function.name])}) is not supported"
            raise BeyondReaderError(what, self.source.pos(self.at(node)))
        if len(node.args) != len(function.params):
            self._count_mismatch(node, len(function.params))
        scope, prefix = Scope(self.root), f"{self.label(function.name + '#')}."
        pos = self.source.pos(self.at(node))
        values = self.unordered(node, *(partial(self.value, arg) for arg in node.args))
        for param, value in zip(function.params, values, strict=True):
            if param.name not in function.assigned and (value.local is not None or isinstance(value.expr, Const)):
                expr = value.expr if value.local else self.convert(value, param.type, node)
                scope.names[param.name] = Val(expr, param.type, value.local)
            else:
                local = Local(prefix + param.name, param.type)
                self.regs[local.reg] = scalar_type(param.type)
                scope.names[param.name] = local
                self.out.append(Assign(local.reg, self.convert(value, param.type, node), pos))
        saved = self.scope, self.span, self.loops
        self.scope, self.span, self.loops = scope, None, []
        self.source.inlined_at = Call(function.name, pos)
        self.calls.append(function.name)
        try:
            return self._body(function.body.body, function.name, function.result, prefix)
        finally:
            self.calls.pop()
            self.source.inlined_at = pos.inlined_at
            self.scope, self.span, self.loops = saved

    def _body(self, body: list[c.CStmt], name: str, result: Type, prefix: str) -> Val:
        """An inlined body. ``return`` leaves its block, unless it is the last statement."""
        label = self.label(f"{name}#")
        local = None if isinstance(result, Void) else Local(self.temp(result), result)
        frame = Frame(name, label, prefix, local) if prefix else Frame("", label, f"%{label}.", local)
        self.frames.append(frame)
        scope, unsequenced = self.scope, self.unsequenced
        self.unsequenced = 0
        try:
            with self.collect() as inner:
                guards = len(self.guards)
                self.statements(body)
                self.leave_block(guards)
        finally:
            self.frames.pop()
            self.scope, self.unsequenced = scope, unsequenced
        if frame.returned and isinstance(inner[-1], Exit) and inner[-1].label == label and not exits(inner[:-1], label):
            inner.pop()
            frame.returned = False
        if frame.returned:
            inner = [Block(label, tuple(inner))]
        if self.unsequenced:
            self.out.append(Whole(tuple(inner)))
        else:
            self.out += inner
        return Val(Const(0), VOID) if local is None else Val(Reg(local.reg), local.type)

    # --- statements ---

    def statements(self, body: list[c.CStmt]) -> None:
        """Lower statements in the current scope."""
        for node in body:
            if not isinstance(node, c.Declares) or any(declared.init is not None for declared in node.body):
                self.steps += 1
            _LOWER[type(node)](self, node)

    def _eval(self, node: c.Eval) -> None:
        if isinstance(node.expr, c.Call) and node.expr.name == GUARD and GUARD not in self.unit.functions:
            self._guard(node.expr)
        else:
            self.effect(node.expr)

    def _guard(self, node: c.Call) -> None:
        """``guard(mutex)(&lock)``: take the lock, and give it back wherever the block is left."""
        kind = node.args[0].name if node.args and isinstance(node.args[0], c.Name) else ""
        if kind not in GUARDS:
            self.refuse(f"guard({kind}) is not supported; these are: {', '.join(GUARDS)}", node.at)
        take, release = GUARDS[kind]
        self.effect(c.Call(take, node.args[1:], node.at, node.end))
        self.guards.append(Guard(c.Call(release, node.args[1:], node.at, node.end), len(self.frames), len(self.loops)))

    def leave_block(self, outer: int) -> None:
        """The end of a block in which there were ``outer`` guards at first."""
        if not (self.out and isinstance(self.out[-1], Exit)):
            self._release(self.guards[outer:])
        del self.guards[outer:]

    def _release(self, guards: list[Guard]) -> None:
        for guard in reversed(guards):
            self.effect(guard.release)

    def _compound(self, node: c.Compound) -> None:
        self.out += self._scoped(node)

    def _declares(self, node: c.Declares) -> None:
        for declared in node.body:
            if isinstance(declared.type, Auto) and declared.init is not None:
                value = self.value(declared.init)
                self.assign(self.declare(declared.name, value.type, declared.at), value, declared)
                continue
            if isinstance(declared.type, (Struct, Array)):
                self._local_object(declared)
                continue
            if isinstance(declared.type, (Void, Auto)):
                self.refuse(f"a local variable of type {show(declared.type)} is not supported", declared.at)
            local = self.declare(declared.name, declared.type, declared.at)  # in scope in its own initialiser, as in C
            if declared.init is not None:
                self.assign(local, self.value(declared.init), declared)
            local.const = declared.const

    def _local_object(self, declared: c.Declare) -> None:
        """A struct, union or array as a local variable: it lies in memory, and its accesses are plain."""
        if declared.name in self.scope.names:
            self.wrong(f"'{declared.name}' is declared twice", declared.at)
        if declared.const:
            self.refuse(f"a local variable of type const {show(declared.type)} is not supported", declared.at)
        name = f"P{self.index}:{self.frames[-1].prefix}{declared.name}"
        place = Place(Const(self.memory.local_object(name, declared.type)), declared.type)
        self.scope.names[declared.name] = place
        if declared.init is not None:
            source = self.lvalue(declared.init)
            if isinstance(declared.type, Array) or not isinstance(source, Place) or source.type != declared.type:
                self.wrong(f"a {show(declared.type)} is initialised from a {show(source.type)}", declared.at)
            self.copy_object(place, source, declared.init)

    def _scoped(self, node: c.CStmt) -> tuple[Stmt, ...]:
        """``node`` in a scope of its own, as IR statements."""
        scope = self.scope
        self.scope = Scope(scope)
        with self.collect() as inner:
            self.steps += isinstance(node, c.Compound)
            guards = len(self.guards)
            self.statements(node.body if isinstance(node, c.Compound) else [node])
            self.leave_block(guards)
        self.scope = scope
        return tuple(inner)

    def _if(self, node: c.IfElse) -> None:
        cond = self.truth(self.value(node.cond), node.cond)
        if isinstance(cond, Const):
            taken = node.then if truth(cond.value) else node.other
            if taken is not None:
                self.out += self._scoped(taken)
            return
        self.steps += 1
        then = self._scoped(node.then)
        other = self._scoped(node.other) if node.other is not None else ()
        text = f"if ({self.where(node.cond)[1]})"
        self.out.append(If(cond, then, other, self.source.pos(self.at(node)), text))

    def _iterate(self, node: c.Iterate) -> None:
        saved = self.scope
        self.scope = Scope(saved)
        if node.init is not None:
            self.statements([node.init])
        leave, again = self.label("loop"), self.label("continue")
        pos = self.source.pos(self.at(node))
        self.loops.append((leave, again))
        inner = list(self._scoped(node.body))
        self.loops.pop()
        inner, test, cond, text = self.round_of(node, inner, again)
        self.scope = saved
        stop: tuple[Stmt, ...] = (Exit(leave, pos),)
        forever, never = (isinstance(cond, Const) and truth(cond.value) == wanted for wanted in (True, False))
        if never and not node.test_last:
            self.out += test
            return
        if never and not exits(inner, leave):  # do { ... } while (0)
            self.out += [*inner, *test]
            return
        if node.test_last:
            tail: list[Stmt] = [] if forever else [*stop] if never else [If(cond, (), stop, pos, f"while ({text})")]
            body = [*inner, *test, *tail]
        elif forever:
            body = mark_round([*test, *inner], leave, pos)
        else:
            inner = [Round(leave, pos), *inner]
            body = [*test, If(cond, tuple(inner), stop, pos, f"{'for' if node.step or node.init else 'while'} ({text})")]
        self.out.append(Loop(leave, tuple(body), trip_count(node, self), pos))

    def round_of(self, node: Any, inner: list[Stmt], again: str) -> tuple[list[Stmt], list[Stmt], Expr, str]:
        """A round of a loop whose body is ``inner``, which ``continue`` leaves by ``again``: the body with the loop's step, then
        what is done to test, the condition, and how that is written."""
        if exits(inner, again):
            inner = [Block(again, tuple(inner), self.source.pos(self.at(node)))]
        if node.step is not None:
            with self.collect() as step:
                self.effect(node.step)
            inner = [*inner, *step]
        cond: Expr = Const(1)
        text = ""
        with self.collect() as test:
            if node.cond is not None:
                cond = self.truth(self.value(node.cond), node.cond)
                text = self.where(node.cond)[1]
        return inner, test, cond, text

    def _switch(self, node: c.Switch) -> None:
        """One test for each case, in order; a case runs on into the next one unless it leaves."""
        value = self.stable(self.promote(self.value(node.value)), node.value)
        label, running = self.label("switch"), self.temp(self.int)
        pos, text = self.where(node.value)
        tests: list[Expr] = []
        for labels, _ in node.cases:
            test: Expr = Const(0)
            for one in labels:
                if one is not None:
                    equal = self.operate("==", value, self.value(one), one).expr
                    test = equal if test == Const(0) else self.fold("||", test, equal, self.int)
            tests.append(test)
        none_of_them: Expr = Const(1)
        for test in tests:
            if test != Const(0):
                differs = self.fold_unary("!", test, self.int)
                none_of_them = differs if none_of_them == Const(1) else self.fold("&&", none_of_them, differs, self.int)
        self.loops.append((label, ""))
        scope = self.scope
        self.scope = Scope(scope)
        with self.collect() as body:
            for (labels, statements), test in zip(node.cases, tests, strict=True):
                if None in labels:
                    test = none_of_them if test == Const(0) else self.fold("||", test, none_of_them, self.int)
                with self.collect() as inner:
                    self.out.append(Assign(running, Const(1), pos))
                    self.statements(statements)
                self.out.append(If(self.fold("||", Reg(running), test, self.int), tuple(inner), (), pos, f"switch ({text})"))
        self.scope = scope
        self.loops.pop()
        self.out.append(Assign(running, Const(0), pos))
        self.out.append(Block(label, tuple(body), pos))

    def _jump(self, node: c.Jump) -> None:
        if node.kind == "break":
            label = self.loops[-1][0] if self.loops else ""
        else:
            label = next((again for _, again in reversed(self.loops) if again), "")
        if not label:
            self.wrong(f"'{node.kind}' outside of a loop", self.at(node))
        outer = next(n for n, names in enumerate(self.loops) if label in names)
        self._release([g for g in self.guards if g.frames == len(self.frames) and g.loops > outer])
        self.out.append(Exit(label, self.source.pos(self.at(node))))

    def _return(self, node: c.Return) -> None:
        frame = self.frames[-1]
        if node.value is not None:
            if frame.result is None:
                self.effect(node.value)
            else:
                value = self.value(node.value)
                if isinstance(frame.result.type, Auto):
                    frame.result.type = value.type
                    self.regs[frame.result.reg] = scalar_type(value.type)
                self.assign(frame.result, value, node)
        elif frame.result is not None:
            self.wrong(f"'return' without a value in {self.calls[-1]}()", self.at(node))
        frame.returned = True
        self._release([guard for guard in self.guards if guard.frames == len(self.frames)])
        self.out.append(Exit(frame.label, self.source.pos(self.at(node))))


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


def has_effects(node: c.CExpr) -> bool:
    """Does evaluating ``node`` twice differ from evaluating it once?"""
    impure = (c.Call, c.Assignment, c.Step, c.Index, c.Member)
    return any(isinstance(part, impure) or (isinstance(part, c.Un) and part.op == "*") for part in c.walk(node))


def declaration_of(function: c.Function, name: str) -> Type | None:
    """The type with which the outermost block of ``function`` declares ``name``."""
    for stmt in function.body.body:
        if isinstance(stmt, c.Declares):
            for declared in stmt.body:
                if declared.name == name:
                    return declared.type
    return None


def exits(body: list[Stmt] | tuple[Stmt, ...], label: str) -> bool:
    """Does an ``Exit`` to ``label`` occur in ``body``?"""
    for stmt in body:
        if isinstance(stmt, Exit):
            if stmt.label == label:
                return True
        elif isinstance(stmt, (If, Choice)):
            if exits(stmt.then, label) or exits(stmt.other, label):
                return True
        elif isinstance(stmt, (Block, Loop)) and exits(stmt.body, label):
            return True
    return False


def trip_count(node: c.Iterate, lowering: Lowering) -> int | None:
    """How often the IR's loop runs for ``for (i = A; i < B; i += C)`` with constants, where the body leaves ``i`` alone.

    The last run only finds that the condition is false. None where the loop is not of this form.
    """
    names = lowering.unit.constants
    if isinstance(node.init, c.Declares) and len(node.init.body) == 1 and node.init.body[0].init is not None:
        name, first = node.init.body[0].name, c.constant(node.init.body[0].init, names)
        type_: Type = node.init.body[0].type
    elif isinstance(node.init, c.Eval) and isinstance(node.init.expr, c.Assignment) and isinstance(node.init.expr.target, c.Name):
        name, first = node.init.expr.target.name, c.constant(node.init.expr.value, names)
        found = lowering.scope.find(name)
        if node.init.expr.op or not isinstance(found, Local):
            return None
        type_ = found.type
    else:
        return None
    step = _step_of(node.step, name, names)
    cond = node.cond
    if not isinstance(cond, c.Bin) or cond.op not in COMPARISONS or not isinstance(cond.left, c.Name) or cond.left.name != name:
        return None
    last = c.constant(cond.right, names)
    if first is None or step is None or last is None or name in c.changed(node.body) or not isinstance(type_, CType):
        return None
    value: Value = type_.wrap(first)
    for trips in range(1, MAX_TRIPS):
        if not truth(binary(cond.op, value, last, type_)):
            return trips
        value = binary("+", value, step, type_)
    return None


def _step_of(node: c.CExpr | None, name: str, names: dict[str, int]) -> int | None:
    """The constant by which ``node`` moves the variable ``name``."""
    if isinstance(node, c.Step) and isinstance(node.target, c.Name) and node.target.name == name:
        return 1 if node.op == "+" else -1
    if isinstance(node, c.Assignment) and node.op in ("+", "-") and isinstance(node.target, c.Name) and node.target.name == name:
        by = c.constant(node.value, names)
        return None if by is None else by if node.op == "+" else -by
    return None
