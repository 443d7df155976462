"""An execution played again, step by step: what each primitive does, and what memory holds then.

A primitive is one step, at the place where its access takes effect: the barriers inside a fully ordered atomic operation have no
place of their own. Where the threads can take turns, they do. Where they cannot, the steps come in the order in which they take
effect, and a thread can know more than memory holds: it has read a store that has not reached the others yet. Which threads see
something else than memory is said with each step. (Barriers alone are no steps there: they are why the order is what it is.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.ir import Program
from smpcheck.program.values import Value
from smpcheck.questions.interleaving import interleaving
from smpcheck.questions.wording import SpokenStep, Words, value_text


class Group(Struct, frozen=True):
    """What one primitive did: the ids of its events, and the node of the picture that shows it."""

    node: int
    events: tuple[int, ...]


class Moment(Struct, frozen=True):
    """A step: ``node`` of the picture, the ``events`` that take effect in it, what ``memory`` holds after it (name and value of
    each location), and in ``views`` who sees something else, in words. ``steps``: how many primitives (several where the picture
    folds them). ``half``: what to say of half of an atomic operation, where the other half takes effect apart from it.
    """

    node: int
    events: tuple[int, ...]
    memory: tuple[tuple[str, str], ...]
    views: tuple[str, ...] = ()
    steps: int = 1
    half: SpokenStep | None = None

    @property
    def state(self) -> str:
        """Memory and views in one line."""
        return "; ".join([", ".join(f"{name} = {value}" for name, value in self.memory), *self.views])


class Replay(Struct, frozen=True):
    """The steps; ``turns``: the threads take turns."""

    moments: tuple[Moment, ...]
    turns: bool


def replay_of(program: Program, execution: Execution, groups: Iterable[Group], steps: Sequence[int] = ()) -> Replay | None:
    """The replay of an execution; None where it is no interleaving and ``steps`` (memory accesses in the order of taking effect)
    are not given.
    """
    order = interleaving(execution)
    if order is None and not steps:
        return None
    place = {event: i for i, event in enumerate(order if order is not None else steps)}
    timed = []
    for group in apart(execution, groups, place):
        accesses = [e for e in group.events if execution.events[e].kind != "F" and e in place]
        own = accesses or [e for e in group.events if e in place]
        if own:
            timed.append((place[own[0]], group))
    player = _Player(program, execution, [group for _, group in timed])
    found: list[Moment] = []
    for _, group in sorted(timed, key=lambda pair: pair[0]):
        moment = player.step(group)
        if found and found[-1].node == moment.node and moment.half is None:
            before = found.pop()
            moment = replace(moment, events=before.events + moment.events, steps=before.steps + 1)
        found.append(moment)
    return Replay(tuple(found), order is not None)


def apart(execution: Execution, groups: Iterable[Group], place: Mapping[int, int]) -> Iterator[Group]:
    """The groups, each half of an atomic operation its own where it takes effect apart from the other, and each part of a torn
    access."""
    halves = dict(execution.relations["rmw"])
    for group in groups:
        placed = sorted((e for e in group.events if e in place and execution.events[e].kind != "F"), key=place.__getitem__)
        read = next((e for e in group.events if e in halves), None)
        if not placed or place[placed[-1]] - place[placed[0]] == len(placed) - 1:
            yield group
        elif read is not None:
            cut = group.events.index(halves[read])
            yield Group(group.node, group.events[:cut])
            yield Group(group.node, group.events[cut:])
        else:
            yield from (Group(group.node, (e,)) for e in placed)


class _Player:
    """Memory, and what threads have read ahead of it."""

    def __init__(self, program: Program, execution: Execution, groups: Sequence[Group]) -> None:
        self.program = program
        self.events = execution.events
        self.words = Words(program)
        self.source = {r: w for w, r in execution.relations["rf"]}
        self.co = execution.relations["co"]
        self.atomic = {half for pair in execution.relations["rmw"] for half in pair}
        self.memory: dict[Value | None, int] = {}
        """For each address, the last store to it that has taken effect."""
        self.ahead: dict[tuple[int, Value | None], int] = {}
        """For a thread and an address, a store that it has read, and that has not taken effect yet."""
        touched = {self.events[e].address for group in groups for e in group.events}
        for event in self.events:
            if event.thread < 0 and event.address in touched:
                self.memory[event.address] = event.id

    def step(self, group: Group) -> Moment:
        """Let a primitive take effect."""
        for number in group.events:
            event = self.events[number]
            if event.kind == "W":
                self.memory[event.address] = number
            elif event.kind == "R":
                seen = self.source.get(number)
                if seen is not None and (self.memory.get(event.address), seen) in self.co:
                    self.ahead[event.thread, event.address] = seen
        for (thread, address), seen in list(self.ahead.items()):
            if (self.memory[address], seen) not in self.co:
                del self.ahead[thread, address]
        memory = tuple((self.events[e].cell or "?", self.value(self.events[e])) for e in self.memory.values())
        return Moment(group.node, group.events, memory, tuple(self.views()), half=self.half(group))

    def half(self, group: Group) -> SpokenStep | None:
        """What to say of a group that has one half of an atomic operation only."""
        mine = [e for e in group.events if e in self.atomic]
        if len(mine) != 1:
            return None
        event = self.events[mine[0]]
        return SpokenStep(group.events, self.words.half(event), self.words.effect(event))

    def views(self) -> Iterable[str]:
        """Who sees what memory does not hold, and who does not (whose store it is knows it anyway)."""
        threads = {e.thread for e in self.events if e.thread >= 0}
        for address in dict.fromkeys(address for _, address in self.ahead):
            sees = {t: seen for (t, where), seen in self.ahead.items() if where == address}
            said = [f"{self.words.thread(t)} already sees {self.shown(seen)}" for t, seen in sorted(sees.items())]
            rest = sorted(threads - sees.keys() - {self.events[seen].thread for seen in sees.values()})
            if rest:
                others = " and ".join(map(self.words.thread, rest))
                said.append(f"{others} still see{'s' * (len(rest) == 1)} {self.shown(self.memory[address])}")
            yield ", ".join(said)

    def shown(self, number: int) -> str:
        event = self.events[number]
        return f"{event.cell} = {self.value(event)}"

    def value(self, event: ExecutedEvent) -> str:
        return value_text(self.program, event.address, event.value)
