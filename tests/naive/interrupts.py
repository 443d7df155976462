"""Random small programs with interrupt handlers, and what they may do, by two ways that know nothing of the reader's.

:func:`interleaved`: an interpreter of CPUs with a stack each, one step at a time; a handler is pushed on it and runs to its end.
:func:`placed`: the handlers' text written at one place of the thread's text after the other, for a memory model to judge each.

A program is lists of steps, each a tuple of a word and its operands: ``set x 1``, ``copy x y 1`` (``x = y + 1``), ``mb``,
``pset`` and ``pcopy`` (the same by plain accesses), ``lock l``, ``unlock l``, ``await x 1``, ``off``, ``on``, ``save``,
``restore`` (interrupts), ``bh-off``, ``bh-on``,
``preempt-off``, ``preempt-on``, ``rcu-lock``, ``rcu-unlock``, ``gp`` (synchronize_rcu()), and ``("if", "x", steps)``.

A grace period waits until each CPU has been *quiescent*: it runs no handler, holds no lock, is in no section of rcu_read_lock(),
and has interrupts, bottom halves and preemption enabled. :func:`explicit` writes that down with rcu_read_lock() alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

Step = tuple[Any, ...]
Steps = tuple[Step, ...]

TEXT = {
    "mb": "smp_mb();",
    "off": "local_irq_disable();",
    "on": "local_irq_enable();",
    "save": "local_irq_save(flags);",
    "restore": "local_irq_restore(flags);",
    "bh-off": "local_bh_disable();",
    "bh-on": "local_bh_enable();",
    "preempt-off": "preempt_disable();",
    "preempt-on": "preempt_enable();",
    "rcu-lock": "rcu_read_lock();",
    "rcu-unlock": "rcu_read_unlock();",
    "gp": "synchronize_rcu();",
}
HEAD = "#include <linux/spinlock.h>\n#include <linux/rcupdate.h>\nstatic int x, y, z;\nstatic DEFINE_SPINLOCK(l);\n"


@dataclass(frozen=True)
class Program:
    """``threads``, and handlers of the first: ``hard`` and ``soft`` (None: there is none)."""

    threads: tuple[Steps, ...]
    hard: Steps | None = None
    soft: Steps | None = None

    def harness(self, after: str = "") -> str:
        """As a harness in C; ``after``: what is done when all threads have ended."""
        out = [HEAD]
        for number, steps in enumerate(self.threads):
            out.append(f"SMPCHECK_THREAD(t{number}) {{ unsigned long flags; int r;\n{written(steps)}}}")
        for word, handler in (("IRQ", self.hard), ("SOFTIRQ", self.soft)):
            if handler is not None:
                out.append(f"SMPCHECK_{word}({word.lower()}, t0) {{ unsigned long flags; int r;\n{written(handler)}}}")
        out += [f"SMPCHECK_FINALLY() {{ {after} }}"] if after else []
        return "\n".join([*out, ""])


def written(steps: Steps) -> str:
    """Steps in C."""
    return "".join(f"\t{_line(step)}\n" for step in steps)


def _line(step: Step) -> str:
    match step:
        case ("set", place, value):
            return f"WRITE_ONCE({place}, {value});"
        case ("copy", place, source, value):
            return f"WRITE_ONCE({place}, READ_ONCE({source}) + {value});"
        case ("pset", place, value):
            return f"{place} = {value};"
        case ("pcopy", place, source, value):
            return f"{place} = {source} + {value};"
        case ("read", source):
            return f"r = READ_ONCE({source});"
        case ("write", place, value):
            return f"WRITE_ONCE({place}, r + {value});"
        case ("lock" | "unlock" as what, lock):
            return f"spin_{what}(&{lock});"
        case ("await", place, value):
            return f"while (READ_ONCE({place}) != {value}) cpu_relax();"
        case ("if", place, steps):
            return f"if (READ_ONCE({place})) {{\n{written(steps)}\t}}"
        case ("block", steps):
            return f"{{ unsigned long flags; int r;\n{written(steps)}\t}}"
    return TEXT[step[0]]


def random_program(seed: int, budget: int = 5, waits: bool = True, grace: bool = False, plain: bool = False) -> Program:
    """A program that gives back what it disables, and locks that it takes. ``grace``: with readers of RCU's in the first thread,
    and grace periods in the other. ``plain``: some accesses are plain."""
    pick = Random(seed)
    sections = [("off", "on"), ("save", "restore"), ("bh-off", "bh-on")]
    sections += [("preempt-off", "preempt-on"), ("rcu-lock", "rcu-unlock")] if grace else []

    def steps(count: int, depth: int = 0) -> Steps:
        out: list[Step] = []
        while count > 0:
            count -= 1
            kind = pick.randrange(11)
            place, other = pick.choice("xyz"), pick.choice("xyz")
            inner = steps(min(count, pick.randrange(1, 3)), depth + 1) if kind >= 6 and depth < 2 else ()
            count -= len(inner)
            way = "p" if plain and pick.random() < 0.6 else ""
            if kind <= 1:
                out.append((f"{way}set", place, pick.randrange(1, 3)))
            elif kind <= 4:
                out.append((f"{way}copy", place, other, pick.randrange(2)))
            elif kind == 5:
                out.append(("await", place, pick.randrange(2)) if waits and pick.random() < 0.5 else ("mb",))
            elif kind == 6 and inner:
                out.append(("if", place, inner))
            elif kind == 7 and inner and waits:
                out += [("lock", "l"), *inner, ("unlock", "l")]
            elif inner:
                before, after = pick.choice(sections)
                if before == "off" and depth:  # enabling is not nested: what is disabled around stays so
                    before, after = "bh-off", "bh-on"
                if before == "save" and any(step[0] == "save" for step in _all(inner)):
                    continue
                out += [(before,), *inner, (after,)]
                if grace and depth == 0 and inner[-1][0] == "preempt-on" and after != "on" and pick.random() < 0.5:
                    out[-2:] = [out[-1], out[-2]]  # the two overlap
        return tuple(out)

    threads = tuple(steps(budget if number == 0 else 2) for number in range(2))
    if grace:
        second = [step for step in threads[1] if step[0] in ("set", "copy", "mb", "await")] or [("set", "x", 1)]
        second.insert(pick.randrange(1, len(second) + 1), ("gp",))
        threads = (threads[0], (*second, ("copy", pick.choice("xyz"), pick.choice("xyz"), 1)))
    kind = pick.randrange(3)
    hard = steps(pick.randrange(1, 3), 2) if kind != 1 else None
    soft = steps(pick.randrange(1, 3), 2) if kind != 0 else None
    return Program(threads, hard, soft)


def _all(steps: Steps) -> Iterator[Step]:
    for step in steps:
        yield step
        if step[0] in ("if", "block"):
            yield from _all(step[-1])


# --- one step at a time, on CPUs with a stack ---


@dataclass(frozen=True)
class Frame:
    """What is still to be done of a thread or handler. ``read``: the value that a ``copy`` has read; ``saved``: the flags."""

    kind: str
    rest: Steps
    read: int | None = None
    saved: tuple[bool, ...] = ()
    readers: frozenset[tuple[int, int]] | None = None
    """Of a grace period: the CPUs that it waits for, each with how often it had been quiescent before."""


@dataclass(frozen=True)
class Machine:
    """All CPUs, each with its stack (the top last), and what is disabled there; memory; the handlers that may still come."""

    stacks: tuple[tuple[Frame, ...], ...]
    off: tuple[bool, ...]
    bh: tuple[int, ...]
    memory: tuple[tuple[str, int], ...] = ()
    pending: frozenset[str] = frozenset()
    nest: tuple[int, ...] = (0, 0)
    """How many locks are held and sections entered on each CPU, other than by ``off`` and ``bh-off``."""
    quiet: tuple[int, ...] = (0, 0)
    """How often each CPU has become quiescent."""

    def reading(self, cpu: int) -> bool:
        """Is this CPU not quiescent?"""
        return self.off[cpu] or self.bh[cpu] > 0 or self.nest[cpu] > 0 or len(self.stacks[cpu]) > 1

    def value(self, place: str) -> int:
        return dict(self.memory).get(place, 0)


def interleaved(program: Program) -> tuple[set[tuple[int, int, int]], bool]:
    """The final values of x, y, z in all interleavings; and can a thread wait for ever? The thread that is interrupted does not
    wait as long as a handler may come; others may, when it has ended."""
    handlers = {"hard": program.hard, "soft": program.soft}
    count = len(program.threads)
    start = Machine(
        tuple((Frame("thread", steps),) for steps in program.threads),
        (False,) * count,
        (0,) * count,
        (),
        frozenset(kind for kind, steps in handlers.items() if steps is not None),
    )
    states: set[tuple[int, int, int]] = set()
    waits, seen, todo = False, {start}, [start]
    while todo:
        machine = todo.pop()
        ended = all(len(stack) == 1 and not stack[0].rest for stack in machine.stacks)
        if ended:
            states.add((machine.value("x"), machine.value("y"), machine.value("z")))
        after = list(_steps(machine, handlers))
        own_work = any(new.pending == machine.pending for new in after)
        first_ended = len(machine.stacks[0]) == 1 and not machine.stacks[0][0].rest
        waits |= not ended and not own_work and (not after or first_ended)
        todo += {new for new in after if new not in seen}
        seen |= set(after)
    return states, waits


def _steps(machine: Machine, handlers: dict[str, Steps | None]) -> Iterator[Machine]:
    for cpu, stack in enumerate(machine.stacks):
        if cpu == 0:
            for kind in machine.pending:
                inside = {frame.kind for frame in stack}
                free = not machine.off[cpu] and "hard" not in inside
                if free and (kind == "hard" or ("soft" not in inside and not machine.bh[cpu])):
                    steps = handlers[kind]
                    assert steps is not None
                    frame = Frame(kind, steps)
                    yield _with(machine, cpu, (*stack, frame), off=kind == "hard" or None, pending=machine.pending - {kind})
        yield from _step(machine, cpu, stack)


def _step(machine: Machine, cpu: int, stack: tuple[Frame, ...]) -> Iterator[Machine]:
    *below, frame = stack
    if not frame.rest:
        if below:  # a handler returns; a hard one came where interrupts were enabled
            yield _with(machine, cpu, tuple(below), off=False if frame.kind == "hard" else None)
        return
    step, *rest = frame.rest
    new = Frame(frame.kind, tuple(rest), None, frame.saved)
    match step:
        case ("set" | "pset", place, value):
            yield _with(machine, cpu, (*below, new), write=(place, value))
        case ("copy" | "pcopy", _, source, _) if frame.read is None:
            yield _with(machine, cpu, (*below, Frame(frame.kind, frame.rest, machine.value(source), frame.saved)))
        case ("copy" | "pcopy", place, _, value):
            assert frame.read is not None
            yield _with(machine, cpu, (*below, new), write=(place, frame.read + value))
        case ("lock", lock):
            if not machine.value(lock):
                yield _with(machine, cpu, (*below, new), write=(lock, 1), nest=1)
        case ("unlock", lock):
            yield _with(machine, cpu, (*below, new), write=(lock, 0), nest=-1)
        case ("rcu-lock" | "preempt-off",):
            yield _with(machine, cpu, (*below, new), nest=1)
        case ("rcu-unlock" | "preempt-on",):
            yield _with(machine, cpu, (*below, new), nest=-1)
        case ("gp",) if frame.readers is None:
            readers = frozenset((other, quiet) for other, quiet in enumerate(machine.quiet) if machine.reading(other))
            yield _with(machine, cpu, (*below, replace(frame, readers=readers)))
        case ("gp",):
            assert frame.readers is not None
            if all(machine.quiet[other] != quiet for other, quiet in frame.readers):
                yield _with(machine, cpu, (*below, new))
        case ("await", place, value):
            if machine.value(place) == value:
                yield _with(machine, cpu, (*below, new))
        case ("if", place, steps):
            taken = (*steps, *rest) if machine.value(place) else tuple(rest)
            yield _with(machine, cpu, (*below, Frame(frame.kind, taken, None, frame.saved)))
        case ("off",) | ("on",):
            yield _with(machine, cpu, (*below, new), off=step[0] == "off")
        case ("save",):
            saved = Frame(frame.kind, tuple(rest), None, (*frame.saved, machine.off[cpu]))
            yield _with(machine, cpu, (*below, saved), off=True)
        case ("restore",):
            yield _with(machine, cpu, (*below, Frame(frame.kind, tuple(rest), None, frame.saved[:-1])), off=frame.saved[-1])
        case ("bh-off",) | ("bh-on",):
            yield _with(machine, cpu, (*below, new), bh=1 if step[0] == "bh-off" else -1)
        case _:
            yield _with(machine, cpu, (*below, new))


def _with(
    machine: Machine,
    cpu: int,
    stack: tuple[Frame, ...],
    write: tuple[str, int] | None = None,
    off: bool | None = None,
    bh: int = 0,
    pending: frozenset[str] | None = None,
    nest: int = 0,
) -> Machine:
    memory = dict(machine.memory)
    if write is not None:
        memory[write[0]] = write[1]

    def put(values: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        return (*values[:cpu], value, *values[cpu + 1 :])

    after = Machine(
        put(machine.stacks, stack),
        machine.off if off is None else put(machine.off, off),
        put(machine.bh, machine.bh[cpu] + bh),
        tuple(sorted(memory.items())),
        machine.pending if pending is None else pending,
        put(machine.nest, machine.nest[cpu] + nest),
        machine.quiet,
    )
    became_quiet = machine.reading(cpu) and not after.reading(cpu)
    return replace(after, quiet=put(after.quiet, after.quiet[cpu] + 1)) if became_quiet else after


def races(program: Program) -> bool:
    """Does a handler, in some interleaving, touch what the plain access does in front of which it came in?"""
    handlers = {"hard": program.hard, "soft": program.soft}
    pending = frozenset(kind for kind, steps in handlers.items() if steps is not None)
    count = len(program.threads)
    start = Machine(tuple((Frame("thread", steps),) for steps in program.threads), (False,) * count, (0,) * count, (), pending)
    seen, todo = {start}, [start]
    while todo:
        machine = todo.pop()
        *below, top = machine.stacks[0]
        access = _access(top)
        for frame in below if access is not None else ():
            other = _access(frame)
            if other is None or access is None or frame.rest[0][0] not in ("pset", "pcopy"):
                continue
            if access[0] == other[0] and (access[1] or other[1]) and _goes_on(machine, top):
                return True
        after = set(_steps(machine, handlers))
        todo += after - seen
        seen |= after
    return False


def _access(frame: Frame) -> tuple[str, bool] | None:
    """What the next step is to, and does it write?"""
    match frame.rest[:1]:
        case (("set" | "pset", place, _),) | (("lock" | "unlock", place),):
            return place, True
        case (("copy" | "pcopy", place, source, _),):
            return (source, False) if frame.read is None else (place, True)
        case (("if" | "await", place, _),):
            return place, False
    return None


def _goes_on(machine: Machine, frame: Frame) -> bool:
    """Is the next step no wait, or one that is over?"""
    match frame.rest[0]:
        case ("lock", lock):
            return not machine.value(lock)
        case ("await", place, value):
            return bool(machine.value(place) == value)
    return True


# --- the handlers' text at each place ---


@dataclass(frozen=True)
class State:
    """What is disabled at a place of the text, and the flags that were saved before it."""

    off: bool = False
    bh: int = 0
    saved: tuple[bool, ...] = ()

    def after(self, step: Step) -> State:
        """Behind a step."""
        match step[0]:
            case "off" | "on":
                return replace(self, off=step[0] == "off")
            case "save":
                return replace(self, off=True, saved=(*self.saved, self.off))
            case "restore":
                return replace(self, off=self.saved[-1], saved=self.saved[:-1])
            case "bh-off" | "bh-on":
                return replace(self, bh=self.bh + (1 if step[0] == "bh-off" else -1))
        return self

    def lets(self, kind: str) -> bool:
        """May a handler of this kind come in?"""
        return not self.off and (kind == "hard" or not self.bh)


Pending = frozenset[tuple[str, Steps]]
"""The handlers that have not come in yet: kind and code."""


def placed(program: Program) -> Iterator[Program]:
    """The programs without handlers, each of which is one way in which they may come in."""
    first, *others = program.threads
    handlers = frozenset((kind, code) for kind, code in (("hard", program.hard), ("soft", program.soft)) if code is not None)
    for steps, _ in _ways(_in_halves(first), State(), handlers):
        yield Program((steps, *others))


def _in_halves(steps: Steps) -> Steps:
    """``steps`` where a copy is a read and a write, so that there is a place in between."""
    out: list[Step] = []
    for step in steps:
        match step:
            case ("copy", place, source, value):
                out += [("read", source), ("write", place, value)]
            case ("if", place, inner):
                out.append(("if", place, _in_halves(inner)))
            case _:
                out.append(step)
    return tuple(out)


def _ways(steps: Steps, state: State, pending: Pending) -> Iterator[tuple[Steps, Pending]]:
    """``steps`` with handlers come in, and those that have not."""
    for came, left in _come(state, pending):
        if not steps:
            yield came, left
            continue
        step, *rest = steps
        inside = _ways(step[2], state, left) if step[0] == "if" else iter(((), left) for _ in range(1))
        for inner, still in inside:
            here = ("if", step[1], inner) if step[0] == "if" else step
            for tail, end in _ways(tuple(rest), state.after(step), still):
                yield (*came, here, *tail), end


def _come(state: State, pending: Pending) -> Iterator[tuple[Steps, Pending]]:
    """The handlers that come in at one place, one after the other."""
    yield (), pending
    for kind, code in pending:
        if state.lets(kind):
            left = pending - {(kind, code)}
            hard = frozenset(one for one in left if one[0] == "hard")
            inner = _ways(_in_halves(code), State(bh=1), hard) if kind == "soft" else [(code, hard)]
            for block, still in inner:
                for more, end in _come(state, left - hard | still):
                    yield (("block", block), *more), end


def explicit(program: Program) -> Program:
    """A program without handlers in which only rcu_read_lock() says where the first thread is not quiescent."""
    first, *others = program.threads
    return Program((_bracketed(first, _Reading()), *others))


@dataclass
class _Reading:
    """What the CPU is in: interrupts off, the flags that were saved, and the sections that nest."""

    off: bool = False
    saved: list[bool] = field(default_factory=list)
    nest: int = 0

    @property
    def now(self) -> bool:
        return self.off or self.nest > 0


def _bracketed(steps: Steps, cpu: _Reading) -> Steps:
    out: list[Step] = []
    for step in steps:
        before = cpu.now
        kept: tuple[Step, ...] = ()
        match step:
            case ("off" | "on",):
                cpu.off = step[0] == "off"
            case ("save",):
                cpu.saved.append(cpu.off)
                cpu.off = True
            case ("restore",):
                cpu.off = cpu.saved.pop()
            case ("bh-off" | "preempt-off" | "rcu-lock",):
                cpu.nest += 1
            case ("bh-on" | "preempt-on" | "rcu-unlock",):
                cpu.nest -= 1
            case ("if", place, inner):
                kept = (("if", place, _bracketed(inner, cpu)),)
            case ("block", inner):
                flags, cpu.saved = cpu.saved, []
                cpu.nest += 1
                kept = _bracketed(inner, cpu)
                cpu.nest -= 1
                cpu.saved = flags
                kept = kept if before else (("rcu-lock",), *kept, ("rcu-unlock",))
            case _:
                kept = (step,)
        if before != cpu.now:
            kept = ("rcu-unlock" if before else "rcu-lock",), *kept
        out += kept
    return tuple(out)
