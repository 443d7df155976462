"""Events and statements in words: how a person on a mailing list would say them, with thread and source line.

An event is called by its source text (``READ_ONCE(*x)``), its thread by its name and its place by its line. A statement
(:mod:`smpcheck.questions.statements`) becomes a sentence here and nowhere else, so that the same thing is said in the same words
everywhere, and what is said is what was tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from smpcheck.program import tags
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.ir import Call, Position, Program
from smpcheck.program.pieces import seen_whole
from smpcheck.program.values import UNDETERMINED, Ptr, Value
from smpcheck.questions.statements import (
    Depends,
    Forwarded,
    Halves,
    InSection,
    Kept,
    Lacks,
    OrderedBecause,
    OrderedBy,
    Orders,
    Overwrites,
    Races,
    ReadsBefore,
    ReadsFrom,
    Related,
    Reordered,
    SameVariable,
    SeenEarly,
    Statement,
    TooWeak,
    Unordered,
)

ACTION = {"R": "load", "W": "store", "F": "barrier"}
"""What a person calls an event of this kind."""


def is_plain(event: ExecutedEvent) -> bool:
    """Is it an access of plain C, with nothing that the compiler respects?"""
    return event.kind != "F" and ("Plain" in event.tags or not event.tags - {"FW"})


def line_of(pos: Position | None, home: str = "") -> str:
    """``line 12``, or ``mlock.py line 12`` where the place is not in the file ``home``; empty where it is not known."""
    if pos is None:
        return ""
    if pos.file == home or not home:
        return f"line {pos.line}"
    return f"{pos.file.rsplit('/', 1)[-1]} line {pos.line}"


class SpokenStep(Struct, frozen=True):
    """A step of an execution in words: its ``events`` (ids), the source ``text``, and what it reads and writes."""

    events: tuple[int, ...]
    text: str
    effect: str


def value_text(program: Program, address: Value | None, value: Value | None) -> str:
    """A value as its location shows it: flags by name, ``&N`` for the address of the object N, ``&N.next`` of a part of it."""
    if value is None or value == UNDETERMINED:
        return "?"
    if isinstance(value, Ptr):
        name = program.show_value(value)
        return f"&{value.base}" if not value.offset and name.startswith(f"{value.base}.") else f"&{name}"
    cell = program.cell_of(address, value)
    return cell.show(value).replace("|", " ") if cell else str(value)


class Words:
    """The names of one program's events."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.threads = {thread.index: thread.name or f"P{thread.index}" for thread in program.threads}

    def thread(self, index: int) -> str:
        """``P0``, or the name that its author gave the thread."""
        return self.threads.get(index, f"P{index}") if index >= 0 else "the initial state"

    def line(self, pos: Position | None) -> str:
        """``line 12``, with the file where it is not the program's own."""
        return line_of(pos, self.program.file)

    def calls(self, calls: Sequence[Call]) -> str:
        """``publish() from line 16, twice() from line 19``: calls of inlined functions, as in a backtrace."""
        return ", ".join(f"{call.function}() from {self.line(call.pos)}" for call in reversed(calls))

    def value(self, event: ExecutedEvent) -> str:
        """What was read or written, as its location shows it."""
        return value_text(self.program, event.address, event.value)

    def fields(self, event: ExecutedEvent) -> tuple[str, ...]:
        """The bit fields that an event's location consists of."""
        address = event.address
        cell = self.program.wholes.get(address) or self.program.cells.get(address) if isinstance(address, Ptr) else None
        return cell.fields if cell is not None else ()

    def bit_fields(self, event: ExecutedEvent) -> str:
        """What there is to say of a race on a memory location that consists of several bit fields."""
        fields = self.fields(event)
        if len(fields) < 2:
            return ""
        names = f"{', '.join(fields[:-1])} and {fields[-1]}"
        return f"; {names} are bit fields in one run, and one memory location: a write to one reads and writes all of them"

    def event(self, event: ExecutedEvent) -> str:
        """``P0's WRITE_ONCE(*x, 1) (line 12)``; ``the initial x = 0``."""
        if event.thread < 0:
            return f"the initial {event.cell} = {self.value(event)}"
        line = self.line(event.pos)
        return f"{self.thread(event.thread)}'s {self.text(event)}" + (f" ({line})" if line else "")

    def text(self, event: ExecutedEvent) -> str:
        """The source text, or ``load of x`` where there is none."""
        return event.text or f"{ACTION[event.kind]} of {event.cell}"

    def action(self, event: ExecutedEvent) -> str:
        """``load of x (line 12)``, ``store to x (line 12)``."""
        place = {"R": "load of", "W": "store to"}.get(event.kind)
        said = f"{place} {event.cell}" if place else self.text(event)
        line = self.line(event.pos)
        return said + (f" ({line})" if line else "")

    def half(self, event: ExecutedEvent) -> str:
        """``read of xchg(x, 1)``: half of an atomic operation."""
        return f"{'read' if event.kind == 'R' else 'write'} of {self.text(event)}"

    def effect(self, event: ExecutedEvent) -> str:
        """``x = 1`` for a write, ``x is 1`` for a read, the text for a barrier."""
        if event.kind == "F":
            return self.text(event)
        if event.value is None:
            return f"{event.cell}: no object there"
        return f"{event.cell} {'=' if event.kind == 'W' else 'is'} {self.value(event)}"

    def steps(self, execution: Execution, order: Sequence[int]) -> Iterator[SpokenStep]:
        """The steps of an execution in this order (ids). The halves of an atomic operation are one where nothing is between."""
        halves = dict(execution.relations["rmw"])
        reads = {w: r for r, w in halves.items()}
        accesses = self._accesses(execution, order)
        for before, numbers, after in zip((None, *accesses), accesses, (*accesses[1:], None), strict=False):
            number, event = numbers[0], self.whole(execution, numbers)
            if after is not None and halves.get(number) == after[0]:
                written = self.whole(execution, after)
                values = f"{event.cell}: {self.value(event)}, then {self.value(written)}"
                yield SpokenStep((*numbers, *after), self.text(event), values)
            elif number in halves or (number in reads and (before is None or reads[number] != before[0])):
                yield SpokenStep(numbers, self.half(event), self.effect(event))
            elif number not in reads:
                yield SpokenStep(numbers, self.text(event), self.effect(event))

    def whole(self, execution: Execution, numbers: Sequence[int]) -> ExecutedEvent:
        """These events, the reads or the writes of one access, as one."""
        return seen_whole([execution.events[n] for n in numbers], self.program)

    @staticmethod
    def _accesses(execution: Execution, order: Sequence[int]) -> list[tuple[int, ...]]:
        """``order``, with the reads, or the writes, of one access that follow each other as one."""
        found: list[tuple[int, ...]] = []
        together, events = execution.together, execution.events
        for number in order:
            last = found[-1][-1] if found else None
            if last is not None and number in together.get(last, ()) and events[number].kind == events[last].kind:
                found[-1] = (*found[-1], number)
            else:
                found.append((number,))
        return found


# --- statements --------------------------------------------------------------------------------------------------------------

TAG_WORDS = {**tags.WORDS, "RMW": "an atomic operation"}
"""What an access is called for the sake of this tag."""

DEPENDENCY = {"addr": "address", "data": "data", "ctrl": "control"}

SAME_ACCESS = {"sca-class": "pieces of one access", "same-instance": "parts of one instruction"}
"""How two events are related that only sizes tell apart."""
NOUN = {"R": "load", "W": "store"}


def sentence(statement: Statement, events: Sequence[ExecutedEvent], words: Words) -> str:
    """A statement about ``events`` (by id) in English, without a full stop."""
    return _Speaker(events, words).says(statement)


def section(said: InSection, events: Sequence[ExecutedEvent], words: Words) -> str:
    """A critical section in words."""
    return _Speaker(events, words).section(said)


class _Speaker:
    def __init__(self, events: Sequence[ExecutedEvent], words: Words) -> None:
        self.events = events
        self.words = words

    def says(self, statement: Statement) -> str:
        match statement:
            case Reordered():
                return self.reordered(statement)
            case Forwarded(store, load):
                return f"{self.whose(load)} sees its own thread's {self.action(store)} before other threads can"
            case SeenEarly(store, load, late):
                others = self.words.thread(late) if late is not None else "other threads"
                said = f"{self.whose(store)} reaches {self.whose(load)} before it reaches {others}"
                return f"{said}: nothing makes it visible to all at once"
            case Unordered(event, other):
                kind = NOUN[self.events[event].kind]
                said = f"{self.whose(event)} is a plain {kind} in a data race with {self.whose(other)}"
                return f"{said}: a barrier alone does not order it, it has to be marked as well"
            case ReadsFrom(first, second):
                return f"{self.event(second)} reads from {self.event(first)}"
            case Overwrites(first, second):
                return f"{self.event(second)} overwrites {self.event(first)}"
            case ReadsBefore(first, second):
                return self.reads_before(self.events[first], self.events[second])
            case Depends(kind, first, second):
                what = {"ctrl": "whether the {} happens", "addr": "the address of the {}", "data": "the value of the {}"}[kind]
                said = f"{what.format(self.action(second))} depends on the {self.action(first)}"
                return f"{said} ({DEPENDENCY[kind]} dependency)"
            case Halves():
                return "the two halves of one atomic operation"
            case InSection(inside=True):
                return f"inside {self.section(statement)}"
            case InSection():
                return f"the first is before the end, the second after the beginning of {self.section(statement)}"
            case OrderedBy(_, _, by):
                return f"ordered by {' and '.join(dict.fromkeys(map(self.barrier, by)))}"
            case OrderedBecause(_, _, by, tag, model):
                what = f"an atomic operation, a full barrier under {model}" if tag == "atomic" else TAG_WORDS[tag]
                return f"ordered because {self.place(by)} is {what}"
            case SameVariable(first):
                return f"in program order, the same variable {self.events[first].cell}"
            case Kept(_, _, model):
                return f"in program order, which {model} keeps here"
            case Related(_, _, relation) if relation in SAME_ACCESS:
                return SAME_ACCESS[relation]
            case Related(_, _, relation):
                inverse = relation.endswith("^-1")
                return f"against the direction of {relation[:-3]}" if inverse else f"related by {relation}"
            case Orders(first, second):
                return f"{self.action(first)} before {self.action(second)}"
            case Races(first, second):
                a, b = self.access(first), self.access(second)
                said = f"data race on {self.events[first].cell}: {a}, {b}, and nothing keeps one from happening during the other"
                return said + self.words.bit_fields(self.events[first])
            case Lacks(first, second, where):
                return self.lacks(self.events[first], self.events[second], where)

    # --- parts ---

    def event(self, number: int) -> str:
        return self.words.event(self.events[number])

    def action(self, number: int) -> str:
        return self.words.action(self.events[number])

    def whose(self, number: int) -> str:
        return f"{self.words.thread(self.events[number].thread)}'s {self.action(number)}"

    def place(self, number: int) -> str:
        """``smp_wmb() in line 7``."""
        event = self.events[number]
        return f"{self.words.text(event)} in {self.words.line(event.pos)}"

    def barrier(self, number: int) -> str:
        """What gives order: itself, or the operation that implies it."""
        event = self.events[number]
        if event.kind != "F":
            return self.place(number)
        implied = any(e.pos == event.pos and e.thread == event.thread and e.kind != "F" for e in self.events)
        return f"the full barrier inside {self.place(number)}" if implied else self.place(number)

    def section(self, said: InSection) -> str:
        return f"the read-side critical section from {self.barrier(said.begin)} to {self.barrier(said.end)}"

    # --- reordering ---

    def reordered(self, said: Reordered) -> str:
        a, b = self.events[said.first], self.events[said.second]
        first, second = self.done(a, said.seen_first), self.done(b, said.seen_second)
        earlier, later = (self.half(e) if e in said.halves else self.action(e) for e in (a.id, b.id))
        thread = self.words.thread(a.thread)
        if not said.shown and said.order == "weak":
            text = f"{thread}'s {earlier} and its later {later}"
        elif not said.shown:
            text = f"{thread}'s {later} could be before its earlier {earlier}"
        elif said.delayed:
            text = f"{thread}'s {earlier} {first} only after its later {later} {second}"
        else:
            text = f"{thread}'s {later} {second} before its earlier {earlier} {first}"
        along = self.along(said)
        if along:
            text += f" ({'after' if said.delayed else 'before'} {along} as well)"
        return f"{text}: {self.why(said)}"

    def along(self, said: Reordered) -> str:
        """What else is overtaken, or overtakes: ``what is done in lines 9 and 10``; of halves of atomic operations, which."""
        pair = [self.events[e].pos for e in (said.first, said.second) if e not in said.halves]
        others = [e for e in said.along if self.events[e].pos not in pair]
        lines = [self.words.line(self.events[e].pos) for e in others if e not in said.halves]
        whole = [f"what is done in {listed(list(dict.fromkeys(lines)))}"] if lines else []
        return " and ".join([*whole, *(f"the {self.half(e)}" for e in others if e in said.halves)])

    def half(self, number: int) -> str:
        """``read of xchg(x, 1) (line 12)``: half of an atomic operation that is told as two steps."""
        event = self.events[number]
        line = self.words.line(event.pos)
        return self.words.half(event) + (f" ({line})" if line else "")

    def done(self, event: ExecutedEvent, seen: int | None) -> str:
        if event.kind == "R":
            return "is satisfied"
        return "is visible" + (f" to {self.words.thread(seen)}" if seen is not None else "")

    def why(self, said: Reordered) -> str:
        """What there is between the two, and why it does not order them."""
        a, b = self.events[said.first], self.events[said.second]
        if said.order == "plain":
            return f"{self.racing(said)}, and a barrier beside a plain access does not order it with what it races with"
        if said.order == "weak":
            return self.weakly(said)
        pair = f"{_a(a)} before a later {_noun(b)}"
        parts = list(dict.fromkeys(self.too_weak(one, pair) for one in said.between)) or ["nothing orders them"]
        return "; ".join([*parts, *([self.racing(said)] if said.races else [])])

    def racing(self, said: Reordered) -> str:
        """Which of the two is a plain access that races, and with what."""
        if not said.races:
            plain = next(e for e in (said.first, said.second) if is_plain(self.events[e]))
            return f"the {self.action(plain)} is a plain access"
        mine, other = said.races[0]
        return f"the {self.action(mine)} is a plain access, in a data race with {self.whose(other)}"

    def too_weak(self, one: TooWeak, pair: str) -> str:
        text, place = self.words.text(self.events[one.event]), self.place(one.event)
        match one.kind:
            case "release first":
                return f"{text} orders what comes before it, not what follows"
            case "acquire second":
                return f"{text} orders what follows, not what comes before it"
            case "acquire's write":
                return f"what follows {place} waits for its read, not for its write"
            case "release's read":
                return f"what comes before {place} is waited for by its write, not by its read"
            case "fence":
                return f"{place} does not order {pair}"
            case "release":
                return f"{place} lets what follows move up before it"
            case "acquire":
                return f"{place} lets what comes before it move down past it"
            case kind:
                return f"{'an' if kind == 'addr' else 'a'} {DEPENDENCY[kind]} dependency does not order {pair}"

    def weakly(self, said: Reordered) -> str:
        """What orders two accesses, and why it is not enough."""
        names = list(dict.fromkeys(self.orderer(one) for one in said.between))
        if not names:
            return (
                "their order matters only to threads that read the stored values; it does not wait until the stores are visible "
                "to all"
            )
        order, wait = ("orders", "does not wait") if len(names) == 1 else ("order", "do not wait")
        return f"{' and '.join(names)} {order} them, but {wait} until the stores are visible to all, as a full barrier would"

    def orderer(self, one: TooWeak) -> str:
        if one.kind in ("addr", "data", "ctrl"):
            return f"{'an' if one.kind == 'addr' else 'a'} {DEPENDENCY[one.kind]} dependency"
        return self.place(one.event)

    # --- reasons and races ---

    def reads_before(self, first: ExecutedEvent, second: ExecutedEvent) -> str:
        words = self.words
        if first.thread == second.thread:
            return f"{words.event(first)} reads {words.value(first)}, older than its own thread's {words.text(second)}"
        return f"{words.event(first)} reads {words.value(first)}, which {words.event(second)} overwrites later"

    def access(self, number: int) -> str:
        event, doing = self.events[number], {"R": "reads", "W": "writes"}
        how = "plain" if is_plain(event) else "marked"
        return f"{self.words.thread(event.thread)} {doing[event.kind]} {event.cell} ({how} access, {self.words.line(event.pos)})"

    def lacks(self, first: ExecutedEvent, second: ExecutedEvent, where: str) -> str:
        words = self.words
        if where == "after":
            return (
                f"order after the access in {words.line(first.pos)}, before what {words.thread(first.thread)} does to tell the "
                "others (a release, a barrier)"
            )
        if where == "before":
            return (
                f"order before the access in {words.line(second.pos)}, after what {words.thread(second.thread)} learns it from "
                "(an acquire, a barrier)"
            )
        instead = "marked accesses (READ_ONCE, WRITE_ONCE)"
        if fields := words.fields(first):  # they have no address
            instead = "members that are not bit fields" if len(fields) < 2 else "`:0` or another member between the bit fields"
        return (
            f"nothing in this execution tells {words.thread(second.thread)} that {words.thread(first.thread)} is done: use a "
            f"lock held by both, a flag that one sets with release and the other tests with acquire, or {instead}"
        )


def _noun(event: ExecutedEvent) -> str:
    """What orders marked accesses need not order plain ones."""
    return f"plain {NOUN[event.kind]}" if is_plain(event) else NOUN[event.kind]


def _a(event: ExecutedEvent) -> str:
    return f"a {_noun(event)}"


def listed(lines: list[str]) -> str:
    """``line 22``; ``lines 22 and 24``; ``swap.py lines 17 and 18``."""
    parts = [re.fullmatch(r"(.*?)line (\d+)", line) for line in lines]
    files = {part[1] for part in parts if part}
    if len(lines) == 1 or None in parts or len(files) > 1:
        return ", ".join(lines)
    numbers = [part[2] for part in parts if part]
    return f"{files.pop()}lines {', '.join(numbers[:-1])} and {numbers[-1]}"
