"""Statements of clang's tree, and calls: functions are inlined, jumps become blocks and loops.

A function with ``goto`` or labels is lowered flat, as assembly is, and given back its structure by
:mod:`smpcheck.readers.flow`; so is the body of every ``switch``. Whatever inside of it has no such jump is lowered as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from smpcheck.program.cut import followed_no_further
from smpcheck.program.ir import Assign, Block, Call, Const, Exit, Fence, If, Loop, Reg, Round, Stmt
from smpcheck.program.values import LONG, CType, binary, truth
from smpcheck.readers import flow
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.expressions import TreeExpressions
from smpcheck.readers.clang.places import Ref, Spot, Whole
from smpcheck.readers.clang.types import Types
from smpcheck.readers.cvalues import Frame, Local, Val
from smpcheck.readers.layout import VOID, Struct, Type, scalar_type
from smpcheck.readers.lower import MAX_DEPTH, MAX_TRIPS, Guard, exits
from smpcheck.readers.rounds import mark_round

BARRIER = frozenset({"Barrier"})
STUB = "__smpcheck_stub_"
"""Before the name of a function that the harness replaces."""
HARNESS = "__smpcheck_"
"""Begins the names of the harness's functions."""
MAX_RECURSION = 5
"""So many calls of one function may be under way at a time."""


class Around(msgspec.Struct, frozen=True):
    """A loop or switch around a statement: the labels that ``break`` and ``continue`` lead to (None: they lead further out);
    ``flat``: by jumps, not by exits."""

    leave: str
    again: str | None
    flat: bool


class TreeStatements(TreeExpressions):
    """Lowers statements. ``functions``: by name."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.functions = {function.name: function for function in self.unit_tree.functions}
        self.around: list[Around] = []
        self.changed_in: dict[str, frozenset[int]] = {}
        self.results: list[Spot | None] = []
        self.scopes: list[Any] = []
        """The blocks and loops around, of all functions."""
        self.scope_of: dict[int, Any] = {}
        """The scope of each variable with a cleanup, by the identity of the call at its end."""
        self.case_names: dict[int, str] = {}
        self.flat_list: object = None
        self.settled: set[str] = set()
        """Registers of variables that are never assigned again where they are declared."""
        self.with_jumps: dict[int, tuple[Any, bool]] = {}
        """What :func:`jumps` says of a node, by its identity; the node, so that it stays one."""
        self.keep = False
        """Is each variable of the thread's own function to be a register?"""
        self.looping: list[int | None] = []
        """The loops around whose bodies may run more than once: how often, if that is known."""

    # --- calls of functions with a body ---

    def inline(self, function: t.Function, node: Any, values: list[Val]) -> Val:
        """The body of ``function`` with these arguments."""
        if self.calls.count(function.name) >= MAX_RECURSION:
            self.cut(node, f"{function.name}() calls itself: {MAX_RECURSION} calls of it at a time are followed")
            return self.nothing(function.result)
        outer_bindings = dict(self.bindings) if function.name in self.calls else self.bindings
        if len(self.calls) > MAX_DEPTH:
            self.refuse(f"calls nested more than {MAX_DEPTH} deep are not supported", self.at(node))
        label = self.label(function.name + "#") if self.calls else "return"
        prefix = f"{label}." if self.calls else ""
        result = self._result(function, prefix)
        frame = Frame(function.name, label, prefix, result if isinstance(result, Local) else None)
        changed = self.changed_by(function)
        outer = self.around, self.frozen, self.current, self.guards
        called = self.source.inlined_at
        self.frames.append(frame)
        for param, value in zip(function.params, values, strict=False):
            self._bind(param, value, param.decl in changed, node)
        self.calls.append(function.name)
        self.around, self.guards = [], []
        here = self.at(node)
        if self.is_layer(function):
            self.frozen = here
        elif self.frozen is not None and function.file in self.own:  # a layer calls back
            self.frozen = None
        if self.frozen is None and len(self.calls) > 1:
            self.source.inlined_at = Call(function.name.removeprefix(STUB), self.source.pos(here))
        self.results.append(result)
        try:
            with self.collect() as inner:
                assert function.body is not None
                self.body(function.body)
        finally:
            self.calls.pop()
            self.frames.pop()
            self.results.pop()
            self.around, self.frozen, self.current, self.guards = outer
            self.source.inlined_at = called
            self.bindings = outer_bindings
        if frame.returned and inner and isinstance(inner[-1], Exit) and inner[-1].label == label and not exits(inner[:-1], label):
            inner.pop()
            frame.returned = False
        known = None if frame.returned or not isinstance(result, Local) else self._returned(inner, result)
        self.out += [Block(label, tuple(inner), self.source.pos(self.at(node)))] if frame.returned else inner
        if known is not None:
            return known
        if result is None:
            return Val(Const(0), VOID)
        if isinstance(result, Local):
            return Val(Reg(result.reg), result.type)
        return Whole(result, function.result, self.kinds.layout(function.result))

    @staticmethod
    def _returned(body: list[Stmt], result: Local) -> Val | None:
        """What a body gives back whose last statement sets ``result`` to a constant or a value that stays; it goes."""
        match body[-1:]:
            case [Assign(reg, Const() | Reg() as expr)] if reg == result.reg:
                if isinstance(expr, Const) or expr.name.startswith("%"):
                    body.pop()
                    return Val(expr, result.type)
        return None

    def cut(self, node: Any, bound: str) -> None:
        """What comes here is not followed: the sentence ``bound`` says why. An execution that comes here is beyond a bound."""
        pos = self.where(node)[0]
        self.findings.assumed[f"{pos}: {bound}"] = None
        self.out.append(followed_no_further(bound, pos))

    def nothing(self, index: int) -> Val:
        """A value of a type where there is none."""
        type_ = self.kinds.layout(index)
        if isinstance(type_, Struct):
            self.unnamed += 1
            return Whole(self.declare_variable(-1 - self.unnamed, index, "nothing", None), index, type_)
        return Val(Const(0), type_)

    def is_layer(self, function: t.Function) -> bool:
        """Does what this function does belong to the line that calls it?"""
        return False

    def _result(self, function: t.Function, prefix: str) -> Spot | None:
        type_ = self.kinds.layout(function.result)
        if type_ == VOID:
            return None
        if isinstance(type_, Struct):
            self.unnamed += 1
            return self.declare_variable(-1 - self.unnamed, function.result, prefix + "return", function)
        reg = self.temp(type_)
        return Local(reg, type_)

    def _bind(self, param: t.Param, value: Val, changed: bool, node: Any) -> None:
        type_ = self.kinds.layout(param.type)
        if isinstance(value, Ref) and not changed:
            self.bindings[param.decl] = Ref(value.spot, type_, value.decl)
            return
        if isinstance(value.expr, Const) and not changed and not isinstance(value, Whole):
            self.bindings[param.decl] = Val(self.convert(value, type_, node), type_)
            return
        if not changed and self._settled(value, type_):
            self.bindings[param.decl] = Val(value.expr, type_)
            return
        spot = self.declare_variable(param.decl, param.type, param.name or "param", node)
        self.write(spot, value, node)
        if not changed and isinstance(spot, Local):
            self.settled.add(spot.reg)

    def _settled(self, value: Val, type_: Type) -> bool:
        """Is a value a register that stays as it is while a variable of type ``type_`` with this value can be named?"""
        if isinstance(value, Ref | Whole) or not isinstance(value.expr, Reg) or value.local is not None:
            return False
        name = value.expr.name
        same = scalar_type(value.type) == scalar_type(type_) if not isinstance(value.type, Struct) else False
        return same and (name.startswith("%") or name in self.settled)

    def changed_by(self, function: t.Function) -> frozenset[int]:
        """The variables that a function assigns, or takes the address of."""
        found = self.changed_in.get(function.name)
        if found is None:
            found = self.changed_in[function.name] = frozenset(_changed(function.body))
        return found

    # --- statements ---

    def body(self, node: Any) -> None:
        """A function's body."""
        if self.jumps(node):
            outer = len(self.looping)
            self.looping += [None] * _jumps_back(node)
            self.structured(lambda: self.flat(node))
            del self.looping[outer:]
        else:
            self.stmt(node)

    def jumps(self, node: Any) -> bool:
        """What :func:`jumps` says; a function that is called often is looked through once."""
        found = self.with_jumps.get(id(node))
        if found is None:
            found = self.with_jumps[id(node)] = (node, jumps(node))
        return found[1]

    def structured(self, lower: Any) -> None:
        """What ``lower`` emits, jumps and labels among it, as nested statements."""
        saved = self.flat_list
        with self.collect() as items:
            self.flat_list = self.out
            lower()
        self.flat_list = saved
        self.out += _alive(flow.structured(items, f"{self.label('flow')} "))

    def emit(self, item: Any) -> None:
        """A statement, or a label or jump that :meth:`structured` takes away again."""
        self.out.append(item)

    def stmt(self, node: Any) -> None:
        """A statement without jumps into or out of it."""
        self.at(node)
        match node:
            case t.Eval():
                self.effect(node.expr)
            case t.Decl():
                self._declaration_of(node)
            case t.Block() if node.at < 0:  # several variables declared together are no scope
                for inner in node.body:
                    self.stmt(inner)
            case t.Block():
                guards = len(self.guards)
                self.scopes.append(node)
                for inner in node.body:
                    self.stmt(inner)
                self.scopes.pop()
                self.leave_block(guards)
            case t.If():
                self._if_else(node)
            case t.Loop():
                self._loop(node)
            case t.Switch():
                self._switch_over(node)
            case t.Jump():
                self._break(node)
            case t.Return():
                self._return_value(node)
            case t.Asm():
                self._assembly(node)
            case t.Label():
                self.stmt(node.body)
            case _:
                self.refuse(f"{type(node).__name__.lower()} is not supported here", self.at(node))

    def _declaration_of(self, node: Any) -> None:
        value: Val | None = None
        if node.init is not None and not isinstance(node.init, t.Init | t.Text):
            value = self.value(node.init)
        settled = value is not None and node.decl not in self._changed_here() and not isinstance(value, Whole)
        settled = settled and not (self.keep and len(self.calls) == 1)
        if isinstance(value, Ref) and settled:
            self.bindings[node.decl] = Ref(value.spot, self.kinds.layout(node.type), value.decl)
        elif value is not None and settled and isinstance(value.expr, Const):
            type_ = self.kinds.layout(node.type)
            self.bindings[node.decl] = Val(self.convert(value, type_, node), type_)
        elif value is not None and settled and self._settled(value, self.kinds.layout(node.type)):
            self.bindings[node.decl] = Val(value.expr, self.kinds.layout(node.type))
        else:
            spot = self.declare_variable(node.decl, node.type, node.name, node)
            if value is not None:
                self.write(spot, value, node)
                if settled and isinstance(spot, Local):
                    self.settled.add(spot.reg)
            elif node.init is not None:
                self.initialise(spot, node.init, node)
        if node.cleanup:
            var = t.Var(node.at, node.type, node.decl, node.name)
            function = self.functions[node.cleanup]
            call: Any = t.Call(
                node.at, function.result, t.Fun(node.at, function.result, node.cleanup), (self._address_of(var, function),)
            )
            self.guards.append(Guard(call, len(self.frames), len(self.around)))
            self.scope_of[id(call)] = self.scopes[-1] if self.scopes else node

    def _address_of(self, var: t.Var, function: t.Function) -> t.Expr:
        return t.Un(var.at, function.params[0].type, "&", var)

    def _changed_here(self) -> frozenset[int]:
        return self.changed_by(self.functions[self.frames[-1].name])

    def _inside(self, node: Any) -> list[Stmt]:
        with self.collect() as inner:
            guards = len(self.guards)
            self.stmt(node)
            self.leave_block(guards)
        return inner

    def _if_else(self, node: Any) -> None:
        cond = self.truth(self.value(node.cond), node.cond)
        if isinstance(cond, Const):
            taken = node.then if truth(cond.value) else node.other
            if taken is not None:
                self.stmt(taken)
            return
        pos, text = self.where(node.cond)
        then = tuple(self._inside(node.then))
        other = tuple(self._inside(node.other)) if node.other is not None else ()
        self.out.append(If(cond, then, other, pos, f"if ({text})"))

    def _loop(self, node: Any) -> None:
        guards = len(self.guards)
        self.scopes.append(node)
        if node.init is not None:
            self.stmt(node.init)
        self._loop_itself(node)
        self.scopes.pop()
        self.leave_block(guards)

    def _loop_itself(self, node: Any) -> None:
        leave, again = self.label("loop"), self.label("continue")
        pos = self.source.pos(self.at(node))
        bound = _trips(node, self.kinds)
        once = node.test_last and _constant(node.cond, {}) == 0
        outer = len(self.looping)
        self.looping += [] if once else [bound]
        self.around.append(Around(leave, again, False))
        inner = self._inside(node.body)
        self.around.pop()
        del self.looping[outer:]
        inner, test, cond, text = self.round_of(node, inner, again)
        stop: tuple[Stmt, ...] = (Exit(leave, pos),)
        forever, never = (isinstance(cond, Const) and truth(cond.value) == wanted for wanted in (True, False))
        if never and not node.test_last:
            self.out += test
            return
        if never and not exits(inner, leave):  # do { ... } while (0)
            self.out += [*inner, *test]
            return
        if never:
            self.out.append(Block(leave, (*inner, *test), pos))
            return
        if node.test_last:
            tail: list[Stmt] = [] if forever else [If(cond, (), stop, pos, f"while ({text})")]
            body = [*inner, *test, *tail]
        elif forever:
            body = mark_round([*test, *inner], leave, pos)
        else:
            body = [*test, If(cond, (Round(leave, pos), *inner), stop, pos, f"while ({text})")]
        self.out.append(Loop(leave, tuple(body), bound, pos))

    def _switch_over(self, node: Any) -> None:
        """The cases as labels, in a block of its own that ``break`` leaves."""
        leave = self.label("switch")
        value = self.stable(self.promote(self.value(node.value)), node.value)
        self.around.append(Around(leave, None, False))
        known = _taken(node.body, value.expr.value) if isinstance(value.expr, Const) else None
        with self.collect() as inner:
            if known is not None:
                self.stmt(t.Block(node.at, tuple(known)))
            else:
                self.structured(lambda: self._cases(node, value, None))
        self.around.pop()
        self.out.append(Block(leave, tuple(inner), self.source.pos(self.at(node))))

    def _cases(self, node: Any, value: Val, leave: str | None) -> None:
        """Jumps to the cases of a switch, then its body. ``leave``: where it goes on."""
        end = leave or self.label("end of switch")
        names: dict[int, str] = {}
        default = end
        pos, text = self.where(node.value)
        for case in _cases_of(node.body):
            name = names[id(case)] = self.label("case")
            if case.low is None or case.high is None:
                default = name
                continue
            low, high = (Val(Const(scalar_type(value.type).wrap(one)), value.type) for one in (case.low, case.high))
            test = self.operate("==", value, low, node).expr
            if case.low != case.high:
                above = self.operate(">=", value, low, node).expr
                test = self.fold("&&", above, self.operate("<=", value, high, node).expr, self.int)
            self.emit(flow.Jump(name, test, pos, f"switch ({text})"))
        self.emit(flow.Jump(default, None, pos, ""))
        self.case_names.update(names)
        self.flat(node.body)
        if leave is None:
            self.emit(flow.Label(end, pos))

    def _break(self, node: Any) -> None:
        number = next(
            (n for n in range(len(self.around) - 1, -1, -1) if node.kind == "break" or self.around[n].again is not None), None
        )
        if number is None:
            self.wrong(f"'{node.kind}' outside of a loop", self.at(node))
        around = self.around[number]
        target = around.leave if node.kind == "break" else around.again
        assert target is not None
        self._release([g for g in self.guards if g.frames == len(self.frames) and g.loops > number])
        pos = self.source.pos(self.at(node))
        self.emit(flow.Jump(target, None, pos, "") if around.flat else Exit(target, pos))

    def _return_value(self, node: Any) -> None:
        frame = self.frames[-1]
        result = self.results[-1]
        if node.value is not None:
            if result is None:
                self.effect(node.value)
            else:
                self.write(result, self.value(node.value), node)
        frame.returned = True
        self._release([guard for guard in self.guards if guard.frames == len(self.frames)])
        self.out.append(Exit(frame.label, self.source.pos(self.at(node))))

    def _assembly(self, node: Any) -> None:
        """Empty assembly orders the compiler, or hides from it where a value comes from; any other is not read."""
        pos, text = self.where(node)
        if node.template.strip():
            name = self.frames[-1].name or "this function"
            stub = f"{name}()" if not name.startswith(HARNESS) else "a function that has nothing else in it"
            template = node.template.strip()[:40]
            self.refuse(f"inline assembly ({template!r}) is not read: give the harness a stub of {stub}", self.at(node))
        if len(node.operands) == 2 and node.outputs == 1:
            self.write(self.spot(node.operands[0]), self.value(node.operands[1]), node)
        self.out.append(Fence(BARRIER, pos=pos, text=text))

    def statement_expression(self, node: Any) -> Val:
        flat = self.out is self.flat_list
        if not flat and self.jumps(node) and _jumps_inside(node):
            found: list[Val] = []
            self.structured(lambda: found.append(self.stable(self.statement_expression(node), node)))
            return found[0]
        *body, last = node.body or (t.Block(node.at, ()),)
        guards = len(self.guards)
        lower = self.flat if flat else self.stmt
        for inner in body:
            lower(inner)
        while isinstance(last, t.Label):
            if flat:
                self.emit(flow.Label(self._goto_label(last.name), self.source.pos(self.at(last))))
            last = last.body
        if isinstance(last, t.Eval) and self.kinds.kind(node.type) != "void":
            value = self.value(last.expr)
            if len(self.guards) > guards:
                value = self.stable(value, node)
            self.leave_block(guards)
            return value
        lower(last)
        self.leave_block(guards)
        return Val(Const(0), VOID)

    # --- flat ---

    def flat(self, node: Any) -> None:
        """A statement among jumps and labels."""
        if not self._has_jumps(node):
            self.stmt(node)
            return
        self.at(node)
        pos = self.source.pos(self.at(node))
        match node:
            case t.Block():
                guards = len(self.guards)
                self.scopes.append(node)
                for inner in node.body:
                    self.flat(inner)
                self.scopes.pop()
                self.leave_block(guards)
            case t.Label():
                self.emit(flow.Label(self._goto_label(node.name), pos))
                self.flat(node.body)
            case t.Goto():
                self._release(self._left_by(node))
                self.emit(flow.Jump(self._goto_label(node.name), None, pos, ""))
            case t.Case():
                self.emit(flow.Label(self.case_names[id(node)], pos))
                self.flat(node.body)
            case t.Jump():
                self._break(node)
            case t.If():
                self._flat_if(node)
            case t.Loop():
                self._flat_loop(node)
            case t.Switch():
                self._flat_switch(node)
            case t.Eval():
                self.effect(node.expr)
            case _:
                self.stmt(node)

    def _left_by(self, node: t.Goto) -> list[Guard]:
        """The variables with a cleanup whose scopes a goto leaves."""
        left: list[Guard] = []
        for guard in self.guards:
            if guard.frames != len(self.frames):
                continue
            scope = self.scope_of[id(guard.release)]
            where = next((n for n, inside in enumerate(_parts(scope)) if _has_label(inside, node.name)), None)
            if where is None:
                left.append(guard)
            elif any(_declares(inside, guard) for inside in list(_parts(scope))[where:]):
                self.refuse("goto back over a variable with a cleanup is not supported", self.at(node))
        return left

    def _goto_label(self, name: str) -> str:
        return f"{self.frames[-1].prefix}{name}"

    def _flat_if(self, node: Any) -> None:
        cond = self.truth(self.value(node.cond), node.cond)
        pos, text = self.where(node.cond)
        other, end = self.label("else"), self.label("endif")
        self.emit(flow.Jump(other, self.fold_unary("!", cond, self.int), pos, f"if ({text})"))
        self.flat(node.then)
        self.emit(flow.Jump(end, None, pos, ""))
        self.emit(flow.Label(other, pos))
        if node.other is not None:
            self.flat(node.other)
        self.emit(flow.Label(end, pos))

    def _flat_loop(self, node: Any) -> None:
        guards = len(self.guards)
        self.scopes.append(node)
        if node.init is not None:
            self.stmt(node.init)
        self._flat_loop_itself(node)
        self.scopes.pop()
        self.leave_block(guards)

    def _flat_loop_itself(self, node: Any) -> None:
        head, again, leave = self.label("head"), self.label("again"), self.label("leave")
        pos = self.source.pos(self.at(node))
        self.emit(flow.Label(head, pos))
        if not node.test_last:
            self._leave_unless(node.cond, leave)
        self.looping.append(None)
        self.around.append(Around(leave, again, True))
        self.flat(node.body)
        self.around.pop()
        self.looping.pop()
        self.emit(flow.Label(again, pos))
        if node.step is not None:
            self.effect(node.step)
        if node.test_last:
            self._leave_unless(node.cond, leave)
        self.emit(flow.Jump(head, None, pos, ""))
        self.emit(flow.Label(leave, pos))

    def _leave_unless(self, node: t.Expr | None, leave: str) -> None:
        if node is None:
            return
        cond = self.truth(self.value(node), node)
        pos, text = self.where(node)
        if not (isinstance(cond, Const) and truth(cond.value)):
            unless = None if isinstance(cond, Const) else self.fold_unary("!", cond, self.int)
            self.emit(flow.Jump(leave, unless, pos, f"while ({text})"))

    def _flat_switch(self, node: Any) -> None:
        value = self.stable(self.promote(self.value(node.value)), node.value)
        leave = self.label("leave")
        self.around.append(Around(leave, None, True))
        self._cases(node, value, leave)
        self.around.pop()
        self.emit(flow.Label(leave, self.source.pos(self.at(node))))

    def _has_jumps(self, node: Any) -> bool:
        """Does a jump lead into ``node``, or out of it other than by an exit?"""
        return self.jumps(node) or any(
            next((around.flat for around in reversed(self.around) if kind == "break" or around.again is not None), False)
            for kind in _breaks(node)
        )


def _has_label(node: Any, name: str) -> bool:
    return any(isinstance(one, t.Label) and one.name == name for one in walk(node))


def _declares(node: Any, guard: Guard) -> bool:
    """Is the variable of this cleanup declared in ``node``?"""
    address: Any = guard.release.args[0]
    if not isinstance(address, t.Un) or not isinstance(address.arg, t.Var):
        return False
    declared = address.arg.decl
    return any(isinstance(one, t.Decl) and one.decl == declared for one in walk(node))


_FIELDS: dict[type[Any], tuple[str, ...]] = {}
"""The names of the fields of each class of nodes."""


def _parts(node: Any) -> Iterator[Any]:
    """The nodes directly inside of ``node``."""
    kind = type(node)
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(f.name for f in fields(kind))
    for name in _FIELDS[kind]:
        value = getattr(node, name)
        if isinstance(value, tuple):
            yield from (one for one in value if is_dataclass(one))
        elif is_dataclass(value):
            yield value


def _alive(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """``body`` without what stands after an exit."""
    out: list[Stmt] = []
    for stmt in body:
        match stmt:
            case If():
                stmt = replace(stmt, then=_alive(stmt.then), other=_alive(stmt.other))
            case Block() | Loop():
                stmt = replace(stmt, body=_alive(stmt.body))
        out.append(stmt)
        if isinstance(stmt, Exit):
            break
    return tuple(out)


def walk(node: Any) -> Iterator[Any]:
    """``node`` and everything inside of it."""
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        pending += list(_parts(one))


def jumps(node: Any) -> bool:
    """Has ``node`` a goto, a label, or a case of a switch outside of it? Those of a statement expression count too."""
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one, t.Goto | t.Label | t.Case):
            return True
        if isinstance(one, t.Switch):
            pending += [inner for inner in walk(one) if isinstance(inner, t.Goto | t.Label)]
            continue
        pending += list(_parts(one))
    return False


def _jumps_inside(node: Any) -> bool:
    """Do all gotos in ``node`` lead to labels in it?"""
    inside = [*walk(node)]
    return {one.name for one in inside if isinstance(one, t.Goto)} <= {one.name for one in inside if isinstance(one, t.Label)}


def _jumps_back(node: Any) -> bool:
    """Does a goto lead to a label before it?"""
    seen: set[str] = set()
    for one in _in_order(node):
        if isinstance(one, t.Label):
            seen.add(one.name)
        if isinstance(one, t.Goto) and one.name in seen:
            return True
    return False


def _in_order(node: Any) -> Iterator[Any]:
    yield node
    for part in _parts(node):
        yield from _in_order(part)


def _breaks(node: Any) -> Iterator[str]:
    """The ``break`` and ``continue`` in ``node`` that lead out of it."""
    match node:
        case t.Jump():
            yield node.kind
        case t.Loop():
            return
        case t.Switch():
            yield from (kind for kind in _breaks(node.body) if kind == "continue")
        case _:
            for part in _parts(node):
                yield from _breaks(part)


def _cases_of(node: Any) -> Iterator[t.Case]:
    """The cases of a switch whose body is ``node``, in order."""
    if isinstance(node, t.Case):
        yield node
    if not isinstance(node, t.Switch):
        for part in _parts(node):
            yield from _cases_of(part)


def _taken(body: t.Stmt, value: object) -> list[t.Stmt] | None:
    """What runs of a switch over a known value: from its case to the next ``break`` of the same block. None where it is not so
    simple."""
    if not isinstance(body, t.Block) or not isinstance(value, int):
        return None
    flat: list[t.Stmt] = []
    start = default = None
    for child in body.body:
        while isinstance(child, t.Case):
            if child.low is None:
                default = len(flat)
            elif child.high is not None and child.low <= value <= child.high:
                start = len(flat)
            child = child.body
        flat.append(child)
    first = default if start is None else start
    if any(jumps(child) for child in flat):
        return None
    if first is None:
        return []
    end = next((n for n in range(first, len(flat)) if isinstance(flat[n], t.Jump | t.Return)), len(flat) - 1)
    return flat[first : end + 1]


def _changed(body: Any) -> Iterator[int]:
    for node in walk(body):
        target = node.left if isinstance(node, t.Assign) else node.arg if isinstance(node, t.Step) else None
        if isinstance(node, t.Un) and node.op == "&":
            target = node.arg
        if isinstance(node, t.Asm):
            yield from (one.decl for one in node.operands[: node.outputs] if isinstance(one, t.Var))
        while isinstance(target, t.Member | t.Index | t.Cast):
            if isinstance(target, t.Member) and target.arrow:
                break
            target = target.base if isinstance(target, t.Member) else target.array if isinstance(target, t.Index) else target.arg
        if isinstance(target, t.Var):
            yield target.decl


def _trips(node: t.Loop, kinds: Types) -> int | None:
    """How often the IR's loop runs for ``for (i = A; i < B; i += C)`` with constants, whose body leaves ``i`` alone."""
    first = node.init
    if isinstance(first, t.Block) and len(first.body) == 1:
        first = first.body[0]
    if isinstance(first, t.Decl):
        decl, value, type_ = first.decl, first.init, kinds.layout(first.type)
    elif isinstance(first, t.Eval) and isinstance(first.expr, t.Assign) and isinstance(first.expr.left, t.Var):
        decl, value, type_ = first.expr.left.decl, first.expr.right, kinds.layout(first.expr.left.type)
    else:
        return None
    start = _constant(value, {})
    if start is None or node.cond is None or node.step is None or decl in _changed(node.body) or not isinstance(type_, CType):
        return None
    known = {decl: start}
    for trips in range(1, MAX_TRIPS):
        goes_on = _constant(node.cond, known)
        if goes_on is None:
            return None
        if not goes_on:
            return trips
        step = _constant_step(node.step, decl, known)
        if step is None or step < 0 or type_.wrap(step) != step:
            return None
        known[decl] = step
    return None


def _constant_step(node: Any, decl: int, known: dict[int, int]) -> int | None:
    if isinstance(node, t.Step) and isinstance(node.arg, t.Var) and node.arg.decl == decl:
        return known[decl] + (1 if node.op == "+" else -1)
    if isinstance(node, t.Assign) and isinstance(node.left, t.Var) and node.left.decl == decl:
        by = _constant(node.right, known)
        if by is None or node.op not in ("", "+", "-"):
            return None
        return by if not node.op else known[decl] + by if node.op == "+" else known[decl] - by
    return None


def _constant(node: t.Expr | None, known: dict[int, int]) -> int | None:
    """The value of an expression over constants and known variables, far from overflow."""
    match node:
        case t.Lit():
            return node.value if 0 <= node.value < 1 << 30 else None
        case t.Var():
            return known.get(node.decl)
        case t.Cast():
            return _constant(node.arg, known)
        case t.Bin(op="<" | "<=" | ">" | ">=" | "!=" | "==" | "+" | "-" | "*" as op):
            left, right = _constant(node.left, known), _constant(node.right, known)
            if left is None or right is None:
                return None
            found = binary(op, left, right, LONG)
            assert isinstance(found, int)
            return found
    return None
