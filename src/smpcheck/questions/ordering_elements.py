"""What in a program gives order, as a list; and the program with any of it weaker or gone.

Ordering elements are found and changed on the IR, so they are the same for litmus tests and Python models: barriers, acquire and
release, the ordering of atomic operations, dependencies and, on request, locks. Everything at one source position is one
element, however many threads run it. A dependency is cut without changing values: the value is guessed, and executions
in which the guess is wrong are none (an ``Assume`` makes no dependency).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program import flow, ir, tags
from smpcheck.program.events import unroll
from smpcheck.program.ir import Language, Position, Program, Stmt
from smpcheck.program.tags import KERNEL
from smpcheck.program.values import Ptr, Value

Key = tuple[str, Position]

COSTS: Mapping[str, float] = {
    "dsb": 12, "full": 10, "mb": 10, "at-atomic": 8, "at-lock": 8, "rmb": 4, "wmb": 4, "acquire": 3, "release": 3,
    "dependency": 0, "mark": 1, "barrier": 1, "lock": 40, "relaxed": 0, "none": 0,
}  # fmt: skip
"""What each kind of ordering costs, in no particular unit: the order is that of arm64 and powerpc, where a full barrier (``dmb
ish``, ``sync``) costs more than ``dmb ishld``, ``dmb ishst`` and ``lwsync``, these more than ``ldar`` and ``stlr``, and a
dependency nothing (Documentation/memory-barriers.txt; McKenney, "Is Parallel Programming Hard", ch. 15). ``mark`` is READ_ONCE()
or WRITE_ONCE() on a plain access: no instruction, but the compiler may no longer improve on it. The likes of
``smp_mb__after_atomic()`` are nothing at all on x86, a full barrier elsewhere; POWER's ``lwsync`` is reckoned with them. ``dsb``
is what waits (``dsb``, ``isb``, ``isync``). Adjust with ``--cost``.
"""

FENCES = {tag.name: tag for tag in tags.ROWS.values() if tag.cost}
"""The barriers that are ordering elements, by tag. Grace periods are none: they wait."""

MAX_GUESS = 16
"""A dependency on a value with more possibilities than this is not cut."""


class Level(Struct, frozen=True):
    """A strength that an element can be given: ``name`` for rewriting, ``text`` as source, ``kind`` for the cost table."""

    name: str
    text: str
    kind: str


NOWHERE = Position("", 0)

GONE = Level("none", "nothing", "none")


class Element(Struct, frozen=True):
    """Something that gives order. ``text`` names it; ``weaker``: what it can be replaced by, the cheapest last."""

    key: Key
    text: str
    kind: str
    threads: tuple[int, ...]
    weaker: tuple[Level, ...]

    @property
    def pos(self) -> Position:
        """Where it stands."""
        return self.key[1]


# --- finding -----------------------------------------------------------------------------------------------------------------


def elements_of(program: Program, locks: bool = False, dependencies: bool = True) -> list[Element]:
    """The ordering elements of ``program`` in source order. The waiting of a thread that runs after all others is none."""
    found: dict[Key, Element] = {}
    signals = set(_signals(program))
    for thread in program.threads:
        statements = list(flow.statements(thread.body))
        atomic = {s.pos for s in statements if isinstance(s, ir.Rmw)}
        fenced = {s.pos for s in statements if isinstance(s, ir.Fence) and "Mb" in s.tags}
        for statement in statements:
            if program.language in KERNEL:
                element = _element(statement, thread.index, atomic & fenced, program.language == "Python")
            else:
                element = _instruction(statement, thread.index, program.language)
            if element is not None and getattr(statement, "addr", None) not in signals:
                _add(found, element)
        if locks:
            for element in _locks(program, thread, statements):
                _add(found, element)
    if dependencies:
        for element in _dependencies(program):
            _add(found, element)
    return sorted(found.values(), key=lambda e: (e.pos.file, e.pos.line, e.pos.column, e.key[0]))


def _signals(program: Program) -> Iterator[ir.Expr]:
    """Where threads say that they have ended: what a thread that runs after all others reads first."""
    for thread in program.threads:
        if thread.after:
            reads = (s.addr for s in flow.statements(thread.body) if isinstance(s, ir.Load))
            yield from islice(reads, len(program.threads) - 1)


def _add(found: dict[Key, Element], element: Element) -> None:
    known = found.get(element.key)
    if known is not None:
        threads = tuple(sorted({*known.threads, *element.threads}))
        element = replace(known, threads=threads)
    found[element.key] = element


def _element(statement: Stmt, thread: int, full: set[Position | None], python: bool) -> Element | None:
    pos = getattr(statement, "pos", None)
    if pos is None:
        return None
    match statement:
        case ir.Fence(tags=tags, text=text):
            tag = next((t for t in FENCES if t in tags), None)
            if tag is None or (tag == "Mb" and pos in full):
                return None
            name, kind = FENCES[tag].text, FENCES[tag].cost
            levels = (*(Level(w, FENCES[w].text, FENCES[w].cost) for w in FENCES[tag].weaker), GONE)
            inside = text and not text.startswith(name.removesuffix("()"))
            return Element((f"fence {tag}", pos), f"{name} inside {text}" if inside else text or name, kind, (thread,), levels)
        case ir.Load(tags=tags, text=text) if "Acquire" in tags:
            return Element(("acquire", pos), text, "acquire", (thread,), (Level("once", without_order(text, python), "none"),))
        case ir.Store(tags=tags, text=text) if "Release" in tags and "UL" not in tags:
            return Element(("release", pos), text, "release", (thread,), (Level("once", without_order(text, python), "none"),))
        case ir.Rmw() if "LKR" not in statement.read_tags:
            return _atomic(statement, thread, pos, pos in full)
    return None


MACHINE_BARRIERS = frozenset(tag.name for tag in tags.ROWS.values() if tag.kind == "barrier" and not {*tag.languages} & {*KERNEL})
MACHINE_ORDERS = frozenset(tag.name for tag in tags.ROWS.values() if tag.kind == "access" and not {*tag.languages} & {*KERNEL})
"""The tags of machines' barriers, and of instructions that access memory and order."""


def _instruction(statement: Stmt, thread: int, language: Language) -> Element | None:
    """The same in machine code: barriers, and accesses that order others."""
    pos = getattr(statement, "pos", None)
    if pos is None:
        return None
    match statement:
        case ir.Fence(tags=named, text=text) if named & MACHINE_BARRIERS:
            barrier = FENCES[min(named & MACHINE_BARRIERS)]
            weaker = [FENCES[name] for name in barrier.weaker if language in FENCES[name].languages]
            levels = (*(Level(less.name, less.text, less.cost) for less in weaker), GONE)
            return Element((f"fence {barrier.name}", pos), text, barrier.cost, (thread,), levels)
        case ir.Load(text=text) | ir.Store(text=text) | ir.Rmw(text=text) if own := _orders(statement):
            levels = (*_half_orders(statement, own), Level("plain", f"{text} without its order", "none"))
            return Element(("order", pos), text, "acquire", (thread,), levels)
    return None


def _orders(statement: ir.Load | ir.Store | ir.Rmw) -> frozenset[str]:
    own = statement.read_tags | statement.write_tags if isinstance(statement, ir.Rmw) else statement.tags
    return own & MACHINE_ORDERS


def _half_orders(statement: ir.Load | ir.Store | ir.Rmw, own: frozenset[str]) -> Iterator[Level]:
    """What of its order an instruction may have and still have some."""
    halves = {frozenset(("A", "L")): ("A", "L"), frozenset(("AcqRel",)): ("Acq", "Rel")}.get(own, ())
    for name in halves if isinstance(statement, ir.Rmw) else ():
        words = "acquire" if name in ("A", "Acq") else "release"
        yield Level(name, f"{statement.text} with {words} order only", words)
    if own == {"A"} and isinstance(statement, ir.Load) and "EX" not in statement.tags:
        yield Level("Q", "LDAPR", "acquire")


def _with_order(statement: ir.Load | ir.Store | ir.Rmw, level: str) -> ir.Load | ir.Store | ir.Rmw:
    """An instruction that orders, with the order of this level only (``plain``: with none)."""
    kept = frozenset((level,)) & MACHINE_ORDERS
    if not isinstance(statement, ir.Rmw):
        return replace(statement, tags=statement.tags - MACHINE_ORDERS | kept)
    read, write = statement.read_tags - MACHINE_ORDERS, statement.write_tags - MACHINE_ORDERS
    of_read, of_write = kept - {"L"}, kept - {"A"}
    return replace(statement, read_tags=read | of_read, write_tags=write | of_write)


def _atomic(statement: ir.Rmw, thread: int, pos: Position, full: bool) -> Element | None:
    text, read, write = statement.text, statement.read_tags, statement.write_tags
    relaxed = Level("relaxed", atomic_name(text, "relaxed"), "relaxed")
    if "Acquire" in read or "Release" in write:
        kind = "acquire" if "Acquire" in read else "release"
        return Element(("rmw", pos), text, kind, (thread,), (relaxed,))
    if not full:
        return None
    levels = (
        Level("acquire", atomic_name(text, "acquire"), "acquire"),
        Level("release", atomic_name(text, "release"), "release"),
    )
    return Element(("rmw", pos), text, "full", (thread,), (*levels, relaxed))


_SUFFIX = re.compile(r"_(relaxed|acquire|release)$")
_SUFFIXED = re.compile(
    r"^(atomic(64|_long)?_(fetch_\w+|\w+_return|xchg|cmpxchg|try_cmpxchg|add_negative)|(try_)?cmpxchg(64)?|xchg)$"
)


def atomic_name(text: str, order: str) -> str:
    """The operation with another ordering: ``xchg_acquire(x, 1)``; in words where the kernel has no such form."""
    name, bracket, rest = text.partition("(")
    bare = _SUFFIX.sub("", name)
    if _SUFFIXED.match(bare):
        return f"{bare}{'' if order == 'full' else '_' + order}{bracket}{rest}"
    words = {"relaxed": "without ordering", "acquire": "with acquire ordering only", "release": "with release ordering only"}
    return f"{text} {words.get(order, 'fully ordered')}"


_WITHOUT = (
    (re.compile(r"^smp_load_acquire\(&(.*)\)$"), r"READ_ONCE(\1)"),
    (re.compile(r"^smp_load_acquire\((.*)\)$"), r"READ_ONCE(*\1)"),
    (re.compile(r"^(?:smp_store_release|rcu_assign_pointer)\(&([^,]*),(.*)\)$"), r"WRITE_ONCE(\1,\2)"),
    (re.compile(r"^rcu_assign_pointer\(([^,]*),(.*)\)$"), r"WRITE_ONCE(\1,\2)"),
    (re.compile(r"^smp_store_release\(([^,]*),(.*)\)$"), r"WRITE_ONCE(*\1,\2)"),
    (re.compile(r"^(\w+)_(acquire|release)\((.*)\)$"), r"\1(\3)"),
)


def without_order(text: str, python: bool = False) -> str:
    """An acquire load or release store as a marked access without ordering. ``python``: as it stands in a Python model."""
    for pattern, result in _WITHOUT:
        if pattern.match(text):
            return pattern.sub(result.replace("(*", "(") if python else result, text)
    return f"{text} without ordering"


def _locks(program: Program, thread: ir.Thread, statements: Sequence[Stmt]) -> Iterator[Element]:
    """One element for each lock that a thread takes without trying: all its critical sections."""
    for statement in statements:
        if isinstance(statement, ir.Rmw) and "LKR" in statement.read_tags and statement.blocking and statement.pos is not None:
            lock = _cell(statement.addr)
            if lock is not None:
                text = f"the critical sections of {thread.name or f'P{thread.index}'} on {program.cell_name(lock)}"
                yield Element((f"lock {thread.index} {lock}", statement.pos), text, "lock", (thread.index,), (GONE,))


def _cell(addr: ir.Expr) -> Ptr | None:
    return addr.value if isinstance(addr, ir.Const) and isinstance(addr.value, Ptr) else None


_DEPENDENCY = {"addr": "address dependency into", "data": "data dependency into", "ctrl": "control dependency of"}


def _dependencies(program: Program) -> Iterator[Element]:
    """Dependencies that go from a read to a later access, by the access (for control: the branch) that they end in."""
    graph = unroll(program, 1)
    for kind in ("addr", "data"):
        for source, target in getattr(graph, kind):
            event = graph.events[target]
            if event.kind != "F" and event.pos is not None and event.partner is None and graph.events[source].partner != target:
                yield Element((kind, event.pos), f"{_DEPENDENCY[kind]} {event.text}", "dependency", (event.thread,), (GONE,))
    for thread in program.threads:
        yield from _branches(replace(program, threads=(thread,)), thread)


def _branches(alone: Program, thread: ir.Thread) -> Iterator[Element]:
    """The branches of a thread, of which ``alone`` is the program, that a store depends on. A function that is called twice has
    the same branches each time: they are one element, and asked about once."""
    order = controlled(alone, "W")
    branches: dict[Key, Element] = {}
    with_accesses: set[Key] = set()
    for statement in flow.statements(thread.body) if order else ():
        if isinstance(statement, ir.If) and statement.pos is not None:
            key, text = ("ctrl", statement.pos), f"{_DEPENDENCY['ctrl']} {statement.text or 'the branch'}"
            branches.setdefault(key, Element(key, text, "dependency", (thread.index,), (GONE,)))
            if any(isinstance(s, (ir.Load, ir.Store, ir.Rmw)) for s in flow.statements((*statement.then, *statement.other))):
                with_accesses.add(key)
    for key, branch in branches.items():
        # one without accesses may leave early, or set what is branched on later
        if key in with_accesses or controlled(Rewriter(alone, ()).version({key: GONE.name}), "W") != order:
            yield branch


def controlled(program: Program, kinds: str = "RWF") -> set[tuple[Position | None, Position | None]]:
    """The control dependencies of a program into events of these kinds, as pairs of positions."""
    events, pairs = (graph := unroll(program, 1)).events, graph.ctrl
    return {(events[a].pos, events[b].pos) for a, b in pairs if events[b].kind in kinds}


# --- changing ----------------------------------------------------------------------------------------------------------------


class Rewriter:
    """Makes versions of one program in which elements are weaker or gone."""

    def __init__(self, program: Program, elements: Sequence[Element]) -> None:
        self.program = program
        self.elements = {element.key: element for element in elements}
        self.guesses = self._guesses() if any(e.kind == "dependency" for e in elements) else {}

    def uncuttable(self) -> list[Element]:
        """Dependencies that cannot be cut because the value has too many possibilities."""
        return [
            e
            for key, e in self.elements.items()
            if key[0] in ("addr", "data") and not 1 <= len(self.guesses.get(key, ())) <= MAX_GUESS
        ]

    def _guesses(self) -> dict[Key, list[Value]]:
        from smpcheck.solver.domains import Domains

        graph = unroll(self.program, 1)
        domains = Domains(graph, [], False)
        result: dict[Key, dict[Value, None]] = {}
        unlisted: set[Key] = set()
        for event in graph.events:
            for kind, term in (("addr", event.addr), ("data", event.value)):
                if event.pos is None or (kind, event.pos) not in self.elements or term is None:
                    continue
                if domains.is_wide(term):
                    unlisted.add((kind, event.pos))
                else:
                    result.setdefault((kind, event.pos), {}).update(dict.fromkeys(domains.of(term)))
        return {key: list(values) for key, values in result.items() if key not in unlisted}

    def version(self, levels: Mapping[Key, str]) -> Program:
        """The program with each element of ``levels`` at the level of that name (``none``: gone)."""
        if not levels:
            return self.program
        threads = tuple(
            replace(thread, body=tuple(self._body(thread.body, levels, thread.index))) for thread in self.program.threads
        )
        return replace(self.program, threads=threads)

    def _body(self, body: Iterable[Stmt], levels: Mapping[Key, str], thread: int) -> Iterator[Stmt]:
        for statement in body:
            yield from self._statement(statement, levels, thread)

    def _statement(self, statement: Stmt, levels: Mapping[Key, str], thread: int) -> Iterator[Stmt]:
        pos: Position = getattr(statement, "pos", None) or NOWHERE

        def inner(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
            return tuple(self._body(body, levels, thread))

        if (order := levels.get(("order", pos))) and isinstance(statement, ir.Load | ir.Store | ir.Rmw):
            statement = _with_order(statement, order)
        match statement:
            case ir.Fence():
                changed = self._fence(statement, levels)
                if changed is not None:
                    yield changed
            case ir.Load():
                if levels.get(("acquire", pos)):
                    statement = replace(statement, tags=statement.tags - {"Acquire"} | {"Once"})
                yield from self._guessed(statement, levels)
            case ir.Store():
                if f"lock {thread} {_cell(statement.addr)}" in {k[0] for k in levels} and "UL" in statement.tags:
                    return
                if levels.get(("release", pos)):
                    statement = replace(statement, tags=statement.tags - {"Release"} | {"Once"})
                yield from self._guessed(statement, levels)
            case ir.Rmw():
                if f"lock {thread} {_cell(statement.addr)}" in {k[0] for k in levels} and "LKR" in statement.read_tags:
                    yield ir.Assign(statement.old, ir.Const(0), pos)
                    return
                yield from self._guessed(self._rmw(statement, levels), levels)
            case ir.If(then=then, other=other):
                if levels.get(("ctrl", pos)):
                    yes, no = ir.Assume(statement.cond, pos), ir.Assume(ir.Unary("!", statement.cond), pos)
                    yield ir.Choice((yes, *inner(then)), (no, *inner(other)), pos)
                else:
                    yield replace(statement, then=inner(then), other=inner(other))
            case ir.Choice(then=then, other=other):
                yield replace(statement, then=inner(then), other=inner(other))
            case ir.Block(body=inside) | ir.Loop(body=inside):
                yield replace(statement, body=inner(inside))
            case _:
                yield statement

    def _fence(self, statement: ir.Fence, levels: Mapping[Key, str]) -> ir.Fence | None:
        if statement.pos is None:
            return statement
        if "Mb" in statement.tags and levels.get(("rmw", statement.pos)):
            return None
        for tag in statement.tags:
            level = levels.get((f"fence {tag}", statement.pos))
            if level is not None:
                if level == "none":
                    return None
                return replace(statement, tags=frozenset({level}), text=FENCES[level].text)
        return statement

    def _rmw(self, statement: ir.Rmw, levels: Mapping[Key, str]) -> ir.Rmw:
        level = levels.get(("rmw", statement.pos)) if statement.pos is not None else None
        if level is None:
            return statement
        read, write = statement.read_tags - {"Acquire"} | {"Once"}, statement.write_tags - {"Release"} | {"Once"}
        if level == "acquire":
            read = read - {"Once"} | {"Acquire"}
        elif level == "release":
            write = write - {"Once"} | {"Release"}
        return replace(statement, read_tags=read, write_tags=write, text=atomic_name(statement.text, level))

    def _guessed(self, statement: ir.Load | ir.Store | ir.Rmw, levels: Mapping[Key, str]) -> Iterator[Stmt]:
        """The statement with its address or value guessed, where that dependency is to be cut."""
        pos = statement.pos
        if pos is not None and levels.get(("addr", pos)):
            yield from self._guess(f"%addr{pos.line}.{pos.column}", statement.addr, ("addr", pos))
            statement = replace(statement, addr=ir.Reg(f"%addr{pos.line}.{pos.column}"))
        if pos is not None and isinstance(statement, ir.Store) and levels.get(("data", pos)):
            yield from self._guess(f"%data{pos.line}.{pos.column}", statement.value, ("data", pos))
            statement = replace(statement, value=ir.Reg(f"%data{pos.line}.{pos.column}"))
        yield statement

    def _guess(self, register: str, value: ir.Expr, key: Key) -> Iterator[Stmt]:
        first, *rest = self.guesses[key]
        choice: Stmt = ir.Assign(register, ir.Const(first), key[1])
        for other in rest:
            choice = ir.Choice((ir.Assign(register, ir.Const(other), key[1]),), (choice,), key[1])
        yield choice
        yield ir.Assume(ir.Binary("==", ir.Reg(register), value), key[1])


# --- adding ------------------------------------------------------------------------------------------------------------------


def edited(program: Program, change: Callable[[tuple[Stmt, ...], int], tuple[Stmt, ...]]) -> Program:
    """``program`` with every body, innermost first, replaced by what ``change(body, thread)`` makes of it."""

    def deep(body: tuple[Stmt, ...], thread: int) -> tuple[Stmt, ...]:
        done: list[Stmt] = []
        for statement in body:
            match statement:
                case ir.If(then=then, other=other) | ir.Choice(then=then, other=other):
                    done.append(replace(statement, then=deep(then, thread), other=deep(other, thread)))
                case ir.Block(body=inside) | ir.Loop(body=inside):
                    done.append(replace(statement, body=deep(inside, thread)))
                case _:
                    done.append(statement)
        return change(tuple(done), thread)

    return replace(program, threads=tuple(replace(t, body=deep(t.body, t.index)) for t in program.threads))
