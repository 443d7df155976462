"""Calls: a stub of the harness, a primitive of the table, a builtin, a function's body, or something that is missing.

Primitives are those of :mod:`smpcheck.kernel.table`, under their own names, under those of the functions that the kernel's
headers make them from (:data:`ALIASES`), and under ``__smpc_NAME``, which our own headers use. What the harness or the files that
it includes define themselves is taken from there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import msgspec
from msgspec.structs import replace

from smpcheck.kernel.table import Param, Row, rows
from smpcheck.program import values as v
from smpcheck.program.flow import defined, mapped, statements, used, with_atoms, with_expressions
from smpcheck.program.held import held_lock, held_register
from smpcheck.program.ir import Assert, Assign, Block, Const, Exit, Expr, Fence, If, Position, Reg, Rmw, Stmt, Store, Thread
from smpcheck.program.values import POINTER, Ptr
from smpcheck.readers import layout
from smpcheck.readers.clang import allocation, builtins, callbacks, deferred, environment
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.interrupts import BH_OFF, IRQS_OFF
from smpcheck.readers.clang.objects import PER_CPU
from smpcheck.readers.clang.places import Ref, Whole, pointer_to
from smpcheck.readers.clang.read_sections import ENTERS, LEAVES
from smpcheck.readers.clang.statements import STUB, TreeStatements, walk
from smpcheck.readers.cvalues import Binding, Frame, Local, Place, Scope, Val
from smpcheck.readers.forms import SLEEP, SPIN
from smpcheck.readers.layout import VOID, Pointer, Struct, Type
from smpcheck.readers.operand_order import in_order

PREFIX = "__smpc_"
"""Before the name of a primitive in our own headers."""

OWN_BODIES = ("Reference counts", "Sequence counters and sequence locks", "Lists", "Sleeping and waking")
"""Groups of the table whose functions have a body in a kernel tree: where there is one, it is read."""


def _locks() -> dict[str, str]:
    """``_raw_spin_lock_irq`` and so on: what the headers make ``spin_lock_irq`` from."""
    found: dict[str, str] = {}
    for name in rows():
        for kind in ("spin", "read", "write"):
            if name.startswith((f"{kind}_lock", f"{kind}_unlock", f"{kind}_trylock")):
                found[f"_raw_{name}"] = f"raw_{name}" if kind == "spin" else name
    return found


def _layers() -> dict[str, str]:
    """``arch_atomic_inc``, ``raw_atomic_inc``, ``___set_bit``: the layers below ``atomic_inc`` and ``__set_bit``."""
    found: dict[str, str] = {}
    for name, row in rows().items():
        if row.group.title == "Atomic operations":
            found |= {f"arch_{name}": name, f"raw_{name}": name}
        if row.group.title == "Bit operations":
            found |= {f"arch_{name}": name, f"_{name}": name}
            if name.startswith("__"):
                found[f"_{name}"] = name
    return {layer: name for layer, name in found.items() if layer not in rows()}


ALIASES: dict[str, str] = {
    **_locks(),
    **_layers(),
    "__rcu_read_lock": "rcu_read_lock",
    "__rcu_read_unlock": "rcu_read_unlock",
    "mutex_lock_nested": "mutex_lock",
    "__might_sleep": "might_sleep",
    "__might_resched": "might_sleep",
    "__cond_resched": "cond_resched",
}
"""Functions of the kernel that are a primitive under another name."""

MESSAGES = frozenset(
    ("printk", "_printk", "vprintk", "dump_stack", "trace_printk", "dump_page", "__dump_page", "add_taint", "__warn_printk")
)
"""Functions that only say something; that their calls were left out is said with the answer."""

INSTRUMENTATION = frozenset(
    (
        *("__kasan_check_read", "__kasan_check_write", "kasan_check_byte", "kcsan_check_access", "kcsan_mb", "__kcsan_mb"),
        *(
            "instrument_atomic_write",
            "instrument_atomic_read",
            "instrument_atomic_read_write",
            "instrument_read",
            "instrument_write",
        ),
        *("lockdep_init_map_type", "lock_acquire", "lock_release", "rcu_lock_acquire", "rcu_lock_release"),
        *(
            "debug_check_no_locks_freed",
            "prefetch",
            "prefetchw",
            "__builtin_prefetch",
            "__builtin_va_start",
            "__builtin_va_end",
            "__smpcheck_nothing",
        ),
        *("should_resched", "arch_static_branch"),
    )
)
"""The kernel's own checks, and what asks for the scheduler: functions that do nothing here and return 0."""

_TURNS = (
    (r"local_irq_disable|.*_lock_irq|read_seqlock_excl_irq|write_seqlock_irq", "off"),
    (r"local_irq_enable|.*_unlock_irq|read_sequnlock_excl_irq|write_sequnlock_irq", "on"),
    (r"local_irq_save|.*_irqsave", "save"),
    (r"local_irq_restore|.*_irqrestore", "restore"),
    (r".*trylock_bh", "try-bh-off"),
    (r"local_bh_disable|.*lock_bh(?<!unlock_bh)|read_seqlock_excl_bh", "bh-off"),
    (r"local_bh_enable|.*unlock_bh|read_sequnlock_excl_bh", "bh-on"),
    (r"preempt_disable|get_cpu", "preempt-off"),
    (r"preempt_enable|preempt_enable_no_resched|put_cpu", "preempt-on"),
)
"""What primitives do to interrupts, bottom halves and preemption, by their names."""


@cache
def _turns(name: str) -> str:
    return next((what for pattern, what in _TURNS if re.fullmatch(pattern, name)), "")


_WAKING = frozenset(("schedule", "wake_up", "wake_up_all", "wake_up_interruptible", "wake_up_process"))
"""Primitives whose meaning leaves out that a task sleeps until it is woken."""

_AT = "at "
"""Begins the name of a lock of which it is only known which register has its address."""
_SPINNING = re.compile(r"(raw_)?(spin|read|write)_")
"""Primitives that give back locks that are waited for without sleeping."""


def _assigned_once(body: Sequence[Stmt]) -> dict[str, Expr]:
    """What registers are that are assigned in one place, by an assignment."""
    times = Counter(reg for stmt in statements(body) if (reg := defined(stmt)) is not None)
    return {stmt.reg: stmt.expr for stmt in statements(body) if isinstance(stmt, Assign) and times[stmt.reg] == 1}


def _followed(expr: Expr, once: Mapping[str, Expr]) -> Expr:
    """The value of a register that is a copy of a copy; the last of these where that is not known."""
    while isinstance(expr, Reg) and expr.name in once:
        expr = once[expr.name]
    return expr


UNKNOWN_LOCK = held_register("?")
"""Counts the locks of which only the run knows which they are."""

ATOMIC = "@atomic"
"""The register that counts the sections in which a thread may not sleep: with a spinlock held, in an RCU read-side section, with
preemption, interrupts or bottom halves disabled."""

SOFTIRQ, HARDIRQ = 1 << 8, 1 << 16
"""What a soft and a hard interrupt add to preempt_count() (include/linux/preempt.h)."""

IGNORED = MESSAGES | INSTRUMENTATION

ASSERTIONS = {"__smpcheck_assert": True, "__smpcheck_bug": False, "__smpcheck_warn": False}
"""Harness functions that assert their argument (True) or its negation."""


@cache
def abstract_names() -> frozenset[str]:
    """Functions that are taken from the table even where a header of the kernel has a body for them."""
    table = {row.name for row in rows().values() if row.group.title not in OWN_BODIES}
    return frozenset(table | ALIASES.keys() | IGNORED | SPECIAL.keys())


class Spec(msgspec.Struct, frozen=True):
    """A thread: its function, its name, where it stands."""

    function: str
    name: str


class TreeLowering(TreeStatements):
    """Lowers threads. ``layers``: folders whose functions are how primitives are made, and whose events belong to the line that
    calls them."""

    def __init__(self, *args: Any, layers: tuple[str, ...]) -> None:
        super().__init__(*args)
        self.layers = layers
        self.pointed_at: dict[str, t.Function] | None = None
        self.lock_kinds: dict[str, str] = {}
        self.callbacks: list[callbacks.Callback] = []
        self.deferred: list[deferred.Deferred] = []
        self.harness_threads = 0
        self.runs: int | None = None
        """The number of the work that this thread runs; None: it is a thread of the harness."""
        self.context = 0
        """The part of preempt_count() that says in which handler this is."""

    def thread(
        self,
        function: Any,
        index: int,
        initial: Any = None,
        name: str = "",
        context: int = 0,
        values: Sequence[Val] = (),
        keep: bool = False,
    ) -> Thread:
        """Lower one thread, or what interrupts one: ``context`` is the preempt_count() with which it begins. ``values`` are its
        arguments; with ``keep``, each of its variables is a register of that name."""
        self.begin(index, function.name)
        self.context, self.keep = context, keep
        if context:
            self.out += self.atomic(True, function)
        self.inline(function, function, list(values))
        if context:
            self.out += self.atomic(False, function)
        body = self._with_locks(tuple(in_order(self.out, self.one_order)))
        return Thread(index, body, name or function.name, dict(self.regs))

    def _with_locks(self, body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
        """Locks at addresses in registers by their names, where a register is only ever one address. Where one is not, nothing is
        asserted of locks."""
        places = [reg for reg in self.regs if (held_lock(reg) or "").startswith(_AT)]
        if not places:
            return body
        once = _assigned_once(body)
        names = {reg: self._lock(Place(_followed(Reg(str(held_lock(reg)).removeprefix(_AT)), once), v.INT)) for reg in places}
        names = {reg: UNKNOWN_LOCK if name == reg else name for reg, name in names.items()}
        names = {reg: name if not (held_lock(name) or "").startswith(_AT) else UNKNOWN_LOCK for reg, name in names.items()}
        unknown = UNKNOWN_LOCK in names.values()

        def named(expr: Expr) -> Expr:
            return Reg(names.get(expr.name, expr.name)) if isinstance(expr, Reg) else expr

        def changed(stmt: Stmt) -> Stmt | None:
            if unknown and isinstance(stmt, Assert) and any(held_lock(reg) for reg in used(stmt)):
                self.findings.assumed[f"{stmt.pos}: {stmt.message} is not checked: which lock it is depends on the run"] = None
                return None
            stmt = with_expressions(stmt, lambda expr: with_atoms(expr, named))
            return replace(stmt, reg=names.get(stmt.reg, stmt.reg)) if isinstance(stmt, Assign) else stmt

        self.regs |= dict.fromkeys(names.values(), v.INT)
        return mapped(body, changed)

    def callback(self, number: int, index: int) -> Thread:
        """The thread of a callback."""
        callback = self.callbacks[number]
        self.begin(index, callback.name)
        self.runs = deferred.NONE
        self.context = SOFTIRQ
        body = callback.body(self)
        return Thread(index, tuple(in_order(body, self.one_order)), callback.name, dict(self.regs))

    def later(self, number: int, index: int) -> Thread:
        """The thread that runs a work, timer or tasklet."""
        one = self.deferred[number]
        self.begin(index, one.shown)
        if one.runner.endswith("softirq"):
            self.context = SOFTIRQ
            self._count(ATOMIC, 1)
        deferred.run(self, one)
        return Thread(index, self._with_locks(tuple(in_order(self.out, self.one_order))), one.shown, dict(self.regs))

    def initial(self, variable: t.Global, copies: int) -> Thread:
        """Statements that give a file-scope variable its initial value, in each of its ``copies`` (one for each CPU)."""
        self.begin(0, variable.name)
        assert variable.init is not None
        type_ = self.kinds.layout(variable.type)
        name = self.program_objects.named(variable)
        for copy in range(copies):
            self.initialise(Place(Const(Ptr(name, copy * PER_CPU)), type_), variable.init, variable)
        return Thread(0, tuple(in_order(self.out, self.one_order)), variable.name, dict(self.regs))

    def begin(self, index: int, name: str) -> None:
        """Start a thread with nothing in it."""
        self.out, self.regs, self.shadowed, self.count, self.labels = [], {}, {}, 0, 0
        self.index, self.steps, self.span = index, 0, (0, 0)
        self.scope = self.thread_scope = Scope(self.root)
        self.frames, self.results, self.calls, self.settled = [Frame(name, "", "", None)], [None], [], set()
        self.guards, self.around, self.bindings, self.frozen, self.marked = [], [], {}, None, 0
        self.runs = None
        self.context, self.keep = 0, False

    def is_layer(self, function: t.Function) -> bool:
        return function.file not in self.own and function.file.startswith(self.layers)

    # --- which function is meant ---

    def invoke(self, node: Any) -> Val:
        callee: t.Expr = node.callee
        while isinstance(callee, t.Cast) or (isinstance(callee, t.Un) and callee.op in "*&"):
            callee = callee.arg
        if isinstance(callee, t.Fun):
            return self.call_named(callee.name, node, node.args)
        pointer = self.value(callee)
        if isinstance(pointer.expr, Const) and isinstance(pointer.expr.value, Ptr):
            return self.call_named(pointer.expr.value.base.removesuffix("()"), node, node.args)
        return self._through_pointer(pointer, node)

    def call_named(self, name: str, node: Any, args: Sequence[t.Expr]) -> Val:
        """Call the function ``name``."""
        stub = self.functions.get(STUB + name)
        function = stub or self.functions.get(name)
        if function is not None and function.body is not None and (stub is not None or not self._abstract(name, function)):
            return self.inline(function, node, self._arguments(node, args))
        if name.startswith(PREFIX):
            return self.primitive_call(rows()[name.removeprefix(PREFIX)], node, args)
        special = SPECIAL.get(name)
        if special is not None:
            return special(self, node, args)
        if name in IGNORED:
            if name in MESSAGES:
                self.findings.ignored.add(name)
            return self._nothing(node)
        row = rows().get(ALIASES.get(name, name))
        if row is not None:
            return self.primitive_call(row, node, args)
        if name.startswith("__builtin_"):
            self.refuse(f"{name}() is not supported", self.at(node))
        if name.startswith("__compiletime_assert"):
            return self._nothing(node)
        pos = self.source.pos(self.at(node))
        self.findings.missing.setdefault(name, [])
        if str(pos) not in self.findings.missing[name]:
            self.findings.missing[name].append(str(pos))
        return self._nothing(node)

    def _abstract(self, name: str, function: t.Function) -> bool:
        return function.file not in self.own and (name in abstract_names())

    def _nothing(self, node: Any) -> Val:
        self.type_of(node)
        return self.nothing(node.type)

    def _arguments(self, node: Any, args: Sequence[t.Expr]) -> list[Val]:
        return list(self.unordered(node, *(partial(self.value, arg) for arg in args)))

    def _through_pointer(self, pointer: Val, node: Any) -> Val:
        """A call through a pointer: to whichever function it holds, of those whose address is taken somewhere."""
        values = [
            self.stable(value, node) if not isinstance(value, Ref | Whole) else value
            for value in self._arguments(node, node.args)
        ]
        target = self.stable(pointer, node).expr
        type_ = self.type_of(node)
        result = None if type_ == VOID else Local(self.temp(type_), type_)
        label = self.label("call")
        pos, text = self.where(node)
        with self.collect() as body:
            for function in self._addressed():
                if len(function.params) != len(values) or function.body is None:
                    continue
                with self.collect() as arm:
                    found = self.inline(function, node, list(values))
                    if result is not None:
                        self.write(result, found, node)
                    self.out.append(Exit(label, pos))
                here = self.fold("==", target, Const(Ptr(f"{function.name}()")), POINTER)
                self.out.append(If(here, tuple(arm), (), pos, text))
            self.out.append(Assert(Const(0), "bad-call", f"{text}: no function is at this address", pos))
        self.out.append(Block(label, tuple(body), pos))
        return Val(Const(0), VOID) if result is None else Val(Reg(result.reg), type_)

    def _addressed(self) -> list[t.Function]:
        """The functions whose address is taken."""
        if self.pointed_at is None:
            called: set[int] = set()
            names: set[str] = set()
            roots: list[Any] = [f.body for f in self.unit_tree.functions if f.body is not None]
            roots += [variable.init for variable in self.unit_tree.variables if variable.init is not None]
            for root in roots:
                for node in walk(root):
                    if isinstance(node, t.Call):
                        callee: t.Expr = node.callee
                        while isinstance(callee, t.Cast):
                            callee = callee.arg
                        called.add(id(callee))
                    if isinstance(node, t.Fun) and id(node) not in called:
                        names.add(node.name)
            self.pointed_at = {name: self.functions[name] for name in sorted(names) if name in self.functions}
        return list(self.pointed_at.values())

    # --- primitives ---

    def primitive_call(self, row: Row, node: Any, args: Sequence[t.Expr]) -> Val:
        """Expand a primitive of the table."""
        macro = self.definitions.get(row.name)
        assert macro is not None
        if row.name in _WAKING:
            self.findings.assumed["a task that sleeps wakes up by itself at any time: a lost wakeup is not found"] = None
        given = self._arguments(node, args)
        turned = _turns(row.name)
        saved_flags = self.stable(self.cpu_state(IRQS_OFF), node) if turned == "save" else None
        self._turn_off(turned, node)
        params = row.params
        if len(given) < len(params):  # arguments that mean nothing are left out by our headers
            meant = [param for param in params if param.kind != "any"]
            filled = iter(given)
            given = [Val(Const(0), self.int) if param not in meant else next(filled) for param in params]
        scope = Scope(self.root)
        for param, value in zip(params, given, strict=False):
            scope.names[param.name] = self._binding(param, value, node, param.name in macro.repeated)
        saved = self.scope, self.span, self.frozen, self.unsequenced
        self.frozen = self.at(node)
        self.scope, self.span = scope, (0, 0)
        self.calls.append(row.name)
        self.frames.append(Frame("", "", "", None))
        try:
            found = self.expanded(macro)
        finally:
            self.frames.pop()
            self.calls.pop()
            self.scope, self.span, self.frozen, self.unsequenced = saved
        self._turn_on(turned, given[-1] if given else None, found, node)
        if saved_flags is not None:
            return saved_flags
        if row.result == "void":
            return self._nothing(node)
        return Val(found.expr, found.type)

    # --- interrupts ---

    def cpu_state(self, reg: str) -> Val:
        """Whether interrupts are disabled here, or how often bottom halves are: 0 in a thread that has not disabled them."""
        if not self.context and not self.looping and reg not in self.regs:
            return Val(Const(0), v.INT)
        self.regs[reg] = v.INT
        return Val(Reg(reg), v.INT)

    def set_state(self, reg: str, value: Expr, node: Any) -> None:
        """Disable or enable interrupts or bottom halves."""
        self.regs[reg] = v.INT
        self.out.append(Assign(reg, value, self.where(node)[0]))

    def _turn_off(self, how: str, node: Any) -> None:
        """What a primitive disables before it does anything else."""
        if how in ("off", "save"):
            self.disable_irqs(node)
        elif how in ("bh-off", "try-bh-off"):
            self.set_state(BH_OFF, self.fold("+", Reg(BH_OFF), Const(1), v.INT), node)
            self.out += self.atomic(True, node)
        elif how == "preempt-off":
            self.out += self.atomic(True, node)

    def _turn_on(self, how: str, flags: Val | None, result: Val, node: Any) -> None:
        """What a primitive enables after it has done everything else."""
        if how == "on":
            self.restore_irqs(Const(0), node)
        elif how == "restore" and flags is not None:
            self.restore_irqs(self.convert(flags, v.INT, node), node)
        elif how == "bh-on":
            self.out += self.atomic(False, node)
            self.set_state(BH_OFF, self.fold("-", Reg(BH_OFF), Const(1), v.INT), node)
        elif how == "try-bh-off":
            failed = self.fold_unary("!", self.as_bool(result.expr), v.INT)
            self._where(failed, self.atomic(False, node), node)
            self.set_state(BH_OFF, self.fold("-", Reg(BH_OFF), failed, v.INT), node)
        elif how == "preempt-on":
            self.out += self.atomic(False, node)

    # --- sections in which nothing may sleep, and for which RCU's grace periods wait ---

    def atomic(self, enters: bool, node: Any) -> list[Stmt]:
        """The thread enters or leaves such a section."""
        return self.section_at(enters, *self.where(node))

    def section_at(self, enters: bool, pos: Position | None, text: str) -> list[Stmt]:
        """The same, at a place of the text."""
        self.regs[ATOMIC] = v.INT
        change = Assign(ATOMIC, self.fold("+", Reg(ATOMIC), Const(1 if enters else -1), v.INT))
        return [change, Fence(frozenset({ENTERS if enters else LEAVES}), pos=pos, text=text)]

    def _where(self, cond: Expr, then: list[Stmt], node: Any) -> None:
        """``then`` where ``cond`` holds."""
        if not isinstance(cond, Const):
            self.out.append(If(cond, tuple(then), (), *self.where(node)))
        elif cond.value:
            self.out += then

    def disable_irqs(self, node: Any) -> None:
        """Disable interrupts: a section begins unless they were disabled."""
        before = self.stable(self.cpu_state(IRQS_OFF), node).expr
        self.set_state(IRQS_OFF, Const(1), node)
        self._where(self.fold("==", before, Const(0), v.INT), self.atomic(True, node), node)

    def restore_irqs(self, disabled: Expr, node: Any) -> None:
        """Disable or enable interrupts, as ``disabled`` says."""
        before = self.stable(self.cpu_state(IRQS_OFF), node).expr
        on, off = self.fold("==", disabled, Const(0), v.INT), self.fold("!=", disabled, Const(0), v.INT)
        was_on, was_off = self.fold("==", before, Const(0), v.INT), self.fold("!=", before, Const(0), v.INT)
        self._where(self.fold("&&", was_off, on, v.INT), self.atomic(False, node), node)
        self._where(self.fold("&&", was_on, off, v.INT), self.atomic(True, node), node)
        self.set_state(IRQS_OFF, disabled, node)

    def _binding(self, param: Param, value: Val, node: Any, repeated: bool) -> Binding:
        if param.kind == "any":
            return Val(Const(0), self.int)
        if param.kind in ("pointer", "place", "array"):
            target = self._target(param, value, node)
            address = self.escape(value) if isinstance(value, Ref) else value.expr
            if not isinstance(address, Const):
                address = self.stable(Val(address, Pointer(VOID)), node).expr
            return Place(address, target) if param.kind == "place" else Val(address, pointer_to(target))
        if param.kind == "local":
            if isinstance(value, Ref) and isinstance(value.spot, Local):
                return Val(Const(0), value.type, value.spot)
            address = self.escape(value) if isinstance(value, Ref) else value.expr
            return Val(address, value.type)
        if isinstance(value, Ref):
            value = Val(self.escape(value), value.type)
        if param.type != "T":
            wanted = self.types.lookup(tuple(param.type.split())) or self.int
            value = Val(self.convert(value, wanted, node), wanted)
        return self.stable(value, node) if repeated else value

    def _target(self, param: Param, value: Val, node: Any) -> Type:
        """As what a primitive accesses the place that it is given."""
        known = layout.NAMED.get(param.type)
        if known is not None:
            return self.types.resolve(known)
        if param.type == "unsigned long":
            return v.ULONG
        target = self.types.resolve(value.type.target) if isinstance(value.type, Pointer) else VOID
        if isinstance(target, layout.Array):
            target = target.element
        if isinstance(target, Struct):
            if target.size in (1, 2, 4, 8):
                return {1: v.UCHAR, 2: v.USHORT, 4: v.UINT, 8: v.ULONG}[target.size]
            self.refuse(f"an access to the whole of a {target.name}", self.at(node))
        return v.UCHAR if target == VOID else target

    # --- locks ---

    def _lock(self, lock: Place) -> str:
        """A register that counts how often the thread holds a lock; locks that are known at run time only have one together."""
        match lock.addr:
            case Const(value):
                return held_register(str(value))
            case Reg(name):
                return held_register(_AT + name)
        return UNKNOWN_LOCK

    def _count(self, reg: str, change: int) -> None:
        self.regs[reg] = v.INT
        self.out.append(Assign(reg, self.fold("+", Reg(reg), Const(change), v.INT)))

    def waits_for(self, lock: Place, kind: str, node: Any) -> None:
        if kind == SLEEP:
            self.may_sleep(node)

    def acquired(self, lock: Place, kind: str) -> None:
        reg = self._lock(lock)
        self.lock_kinds[reg] = kind
        self._count(reg, 1)
        if kind == SPIN:
            self._with_lock(True)

    def released(self, lock: Place) -> None:
        reg = self._lock(lock)
        self._count(reg, -1)
        spins = _SPINNING.match(self.calls[-1])
        if self.lock_kinds.get(reg, SPIN if spins else SLEEP) == SPIN:
            self._with_lock(False)

    def _with_lock(self, held: bool) -> None:
        """A spinlock was taken or given back by the access before."""
        access = next(stmt for stmt in reversed(self.out) if isinstance(stmt, Rmw | Store))
        self.out += self.section_at(held, access.pos, access.text)

    def section(self, name: str, entering: bool) -> None:
        self._count(ATOMIC, 1 if entering else -1)

    def may_sleep(self, node: Any) -> None:
        if ATOMIC in self.regs:
            pos, text = self.where(node)
            message = (
                f"{text} may sleep, and a spinlock is held, it is in an RCU read-side section, "
                "or preemption, interrupts or bottom halves are disabled"
            )
            self.out.append(Assert(self.fold("==", Reg(ATOMIC), Const(0), v.INT), "sleep-in-atomic", message, pos))

    def lock_held(self, node: Any, args: Sequence[t.Expr]) -> Val:
        """``lockdep_assert_held()``, where it is known which lock is meant."""
        pointer = self.value(args[0])
        pos, text = self.where(node)
        if isinstance(pointer.expr, Const) and not isinstance(pointer, Ref) and UNKNOWN_LOCK not in self.regs:
            reg = self._lock(Place(pointer.expr, v.INT))
            self.regs[reg] = v.INT
            self.out.append(Assert(self.fold("!=", Reg(reg), Const(0), v.INT), text, text, pos))
        else:
            self.findings.assumed[f"{pos}: {text} is not checked: which lock it is depends on the run"] = None
        return Val(Const(0), VOID)

    # --- assertions ---

    def asserted(self, node: Any, args: Sequence[t.Expr], holds: bool) -> Val:
        """An assertion: named after its text."""
        value = self.value(args[0])
        cond = self.truth(value, args[0])
        stable = self.stable(Val(self.as_bool(cond), self.int), node).expr
        pos, text = self.where(node)
        inner = _ASSERTED.fullmatch(text)
        text = inner[1] if inner else text
        wanted = stable if holds else self.fold_unary("!", stable, self.int)
        if wanted != Const(1):
            self.out.append(Assert(wanted, text, text, pos))
        return Val(stable, self.int)


_ASSERTED = re.compile(r"SMPCHECK_ASSERT\((.*)\)")

# --- functions with a meaning of their own ---

Special = Callable[[TreeLowering, t.Call, Sequence[t.Expr]], Val]


def _assertion(holds: bool) -> Special:
    return lambda low, node, args: low.asserted(node, args, holds)


def _stops(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__builtin_unreachable()``: an execution that comes here is wrong."""
    pos, text = low.where(node)
    low.out.append(Assert(Const(0), text, f"{text} is reached", pos))
    return Val(Const(0), VOID)


def _cpu(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    return Val(Const(low.index), low.int)


def _cpus(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    return Val(Const(low.program_objects.cpus), low.int)


def _current(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """The thread's own task."""
    index = low.unit_tree.types[node.type].target
    place = low.program_objects.local(-1, index, f"{low.index}:current", low)
    return Val(place.addr, low.type_of(node))


def _marked(begins: bool) -> Special:
    """Between ``kcsan_nestable_atomic_begin()`` and ``..._end()``, and in ``data_race()``, accesses count as marked: they race on
    purpose."""

    def lower(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
        low.marked += 1 if begins else -1
        return Val(Const(0), VOID)

    return lower


def _irqs(change: Callable[[TreeLowering, Any], None] | None) -> Special:
    """``arch_local_irq_save()`` and its like: returns whether interrupts were disabled, and disables or enables them."""

    def lower(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
        before = low.stable(low.cpu_state(IRQS_OFF), node)
        if change is not None:
            change(low, node)
        return Val(low.convert(before, type_, node), type_) if (type_ := low.type_of(node)) != VOID else Val(Const(0), VOID)

    return lower


def _restored(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    low.restore_irqs(low.convert(low.value(args[0]), v.INT, node), node)
    return Val(Const(0), VOID)


def _released(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """The end of one operation on per-CPU data, which began with ``__smpcheck_hold_irqs()``."""
    low.set_state(IRQS_OFF, low.convert(low.value(args[0]), v.INT, node), node)
    return Val(Const(0), VOID)


def _preemption(enters: bool) -> Special:
    """``__preempt_count_add()`` and its like."""

    def lower(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
        low.out += low.atomic(enters, node)
        return Val(Const(0), low.int) if low.type_of(node) != VOID else Val(Const(0), VOID)

    return lower


def _are_off(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``arch_irqs_disabled_flags(flags)``"""
    return Val(low.as_bool(low.truth(low.value(args[0]), args[0])), low.int)


def _preempt_count(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """Hard and soft interrupts, and bottom halves that are disabled (include/linux/preempt.h); preemption is not counted."""
    disabled = low.fold("*", low.cpu_state(BH_OFF).expr, Const(2 * SOFTIRQ), v.INT)
    return Val(low.fold("+", disabled, Const(low.context), v.INT), low.int)


def _one(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``arch_static_branch_jump()`` of a key at its default."""
    return Val(Const(1), low.type_of(node))


SPECIAL: dict[str, Special] = {
    **{name: _assertion(holds) for name, holds in ASSERTIONS.items()},
    "__builtin_unreachable": _stops,
    "__builtin_trap": _stops,
    "panic": _stops,
    **builtins.functions(),
    "__smpcheck_cpu": _cpu,
    "__smpcheck_cpus": _cpus,
    **dict.fromkeys(("get_current", "__smpcheck_current"), _current),
    "__kcsan_disable_current": _marked(True),
    "__kcsan_enable_current": _marked(False),
    **{f"kcsan_{kind}_atomic_begin": _marked(True) for kind in ("nestable", "flat")},
    **{f"kcsan_{kind}_atomic_end": _marked(False) for kind in ("nestable", "flat")},
    "__smpcheck_lock_held": lambda low, node, args: low.lock_held(node, args),
    **dict(allocation.functions()),
    **dict(deferred.functions()),
    **dict(environment.functions()),
    **dict.fromkeys(("call_rcu", "call_rcu_hurry"), callbacks.call_rcu),
    "__smpcheck_kfree_rcu": callbacks.kfree_rcu,
    "arch_static_branch_jump": _one,
    **dict.fromkeys(("arch_local_irq_save", "arch_local_irq_disable"), _irqs(TreeLowering.disable_irqs)),
    "arch_local_irq_enable": _irqs(lambda low, node: low.restore_irqs(Const(0), node)),
    "__smpcheck_hold_irqs": _irqs(lambda low, node: low.set_state(IRQS_OFF, Const(1), node)),
    "__smpcheck_release_irqs": _released,
    "__preempt_count_add": _preemption(True),
    **dict.fromkeys(("__preempt_count_sub", "__preempt_count_dec_and_test"), _preemption(False)),
    **dict.fromkeys(("arch_local_save_flags", "arch_irqs_disabled", "native_save_fl", "__smpcheck_irqs_off"), _irqs(None)),
    "arch_local_irq_restore": _restored,
    "arch_irqs_disabled_flags": _are_off,
    "preempt_count": _preempt_count,
}

__all__ = ["PREFIX", "STUB", "TreeLowering", "abstract_names"]
