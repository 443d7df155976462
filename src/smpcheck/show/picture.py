"""One execution as a picture, independent of the output format: the places of the nodes, and the arrows between them.

Each thread has a lane; program order runs downwards. One primitive is one node, however many events it has (the two
halves of an atomic operation, the barriers that it implies). Rows are a linear extension of program order and of as much of the
communication (rf, co, fr) as has no cycle with it. So arrows run downwards wherever they can, and an arrow that runs upwards is
one that the sentences have to explain. Arrows that follow from others are not drawn: they lead between threads only, from a write
to the *next* one in coherence, and from a read to the *first* write that overwrites what it read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.ir import Position, Program, is_end, last_thread
from smpcheck.program.pieces import seen_whole
from smpcheck.questions.wording import Words, value_text
from smpcheck.show.replay import Group, Replay, replay_of
from smpcheck.show.rows import LONG_LANE, arrange, fold, lanes_of

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation
    from smpcheck.questions.races import Race
    from smpcheck.questions.reasons import Link, Reason
    from smpcheck.questions.reorderings import Reordering, Story
    from smpcheck.simulate.run import RunResult

NodeKind: TypeAlias = Literal["R", "W", "RW", "F", "init", "skip"]

STYLES = {
    "rf": "reads from", "co": "coherence: the order of stores to one variable", "fr": "from-read: reads what is then overwritten",
    "po": "program order that the model keeps", "swap": "takes effect the other way round", "race": "data race",
}  # fmt: skip
"""How an arrow can be drawn, and what it means. Every other kind of edge (``addr``, ``rmw``, ``rscs``) is drawn as ``po``."""


class Node(Struct, frozen=True):
    """A primitive that a thread carried out: ``code`` its source text, ``place`` its line, ``effect`` what it read or wrote.

    ``lane`` and ``row`` count from 0. ``notes``: the dependencies that it has. A node of kind ``skip`` stands for ``hidden``
    primitives that no arrow touches; a node of kind ``init`` for an initial value, in the lane of the thread whose arrow needs
    it. ``calls``: the calls of inlined functions through which it was reached.
    """

    id: int
    lane: int
    events: tuple[int, ...]
    kind: NodeKind
    code: str
    place: str = ""
    effect: str = ""
    notes: tuple[str, ...] = ()
    pos: Position | None = None
    row: int = 0
    hidden: int = 0
    calls: str = ""


class Edge(Struct, frozen=True):
    """An arrow between two nodes (their ids).

    ``style`` is a key of :data:`STYLES`; ``label`` is short; ``text`` is the sentence about it. ``number`` refers to the remark
    that explains it, or is 0. ``in_cycle``: part of the cycle that forbids the execution; ``reordering``: not as in an
    interleaving. ``causes``: what in the source gives it, its ends included.
    """

    id: int
    source: int
    target: int
    style: str
    label: str
    text: str
    number: int = 0
    in_cycle: bool = False
    out_of_order: bool = False
    causes: tuple[Position, ...] = ()


class Remark(Struct, frozen=True):
    """A numbered sentence below the picture; ``edge`` is the arrow that it is about, None where that is inside one node."""

    number: int
    title: str
    text: str
    edge: int | None
    causes: tuple[Position, ...] = ()


class Picture(Struct, frozen=True):
    """Lanes (names of threads), nodes and edges; ``caption`` says what is seen, ``remarks`` explain edges by number.

    ``replay``: the execution step by step; None where it cannot happen.
    """

    program: Program
    execution: Execution
    caption: str
    lanes: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    remarks: tuple[Remark, ...] = ()
    replay: Replay | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return max((node.row for node in self.nodes), default=-1) + 1


def pictures(answer: Explanation, calls: bool = False) -> tuple[Picture, ...]:
    """All that there is to see of an explanation: its execution, or one picture for each reason; then its races. ``calls``: note
    at each node through which calls it was reached."""
    found: list[Picture] = []
    program = answer.program
    if answer.execution is not None:
        turns = answer.under == "sc"
        said = "The threads take turns" if turns else "Downwards in the order of taking effect, as far as program order lets it"
        found.append(picture(program, answer.execution, said, story=answer.story, dependencies=not turns))
    for way in answer.ways:
        said = "Another way, if there were a full barrier in each place that was named before"
        found.append(picture(program, way.execution, said, story=way.story))
    for number, reason in enumerate(answer.reasons, 1):
        which = f" (reason {number} of {len(answer.reasons)})" if len(answer.reasons) > 1 else ""
        found.append(picture(program, reason.execution, f"Axiom {reason.axiom} forbids this cycle{which}", reason=reason))
    for race in answer.races:
        cell = race.execution.events[race.first].cell
        found.append(picture(program, race.execution, f"Data race on {cell}", race=race))
    return tuple(map(_with_calls, found) if calls else found)


def _with_calls(shown: Picture) -> Picture:
    return replace(shown, nodes=tuple(replace(n, notes=(*n.notes, n.calls)) if n.calls else n for n in shown.nodes))


def picture_of_run(result: RunResult, caption: str = "", long_lane: int = LONG_LANE) -> Picture:
    """A step-by-step run, in the order in which it took place."""
    said = caption or f"A run: {result.status}"
    return picture(result.program, result.execution(), said, dependencies=False, long_lane=long_lane)


def picture(
    program: Program,
    execution: Execution,
    caption: str,
    *,
    story: Story | None = None,
    reason: Reason | None = None,
    race: Race | None = None,
    dependencies: bool = True,
    long_lane: int = LONG_LANE,
) -> Picture:
    """The picture of one execution. With a ``story``, its reorderings are arrows; with a ``reason`` or ``race``, its links are.

    ``dependencies``: note them at the nodes. In a lane of more than ``long_lane`` nodes, those that nothing refers to are counted
    instead of shown.
    """
    links = reason.links if reason is not None else ()
    painter = _Painter(program, execution, frozenset(end for link in links for end in (link.source, link.target)))
    return painter.paint(caption, story, reason, race, dependencies, long_lane)


class _Painter:
    """Makes nodes of events and arrows of relations. The end of a thread is shown where it is one of the ``linked`` events."""

    def __init__(self, program: Program, execution: Execution, linked: frozenset[int]) -> None:
        self.program = program
        self.execution = execution
        self.events = execution.events
        self.words = Words(program)
        self.last = last_thread(program)
        shown = [e for e in self.events if not is_end(e.address) or e.id in linked]
        acting = {e.thread for e in shown if e.thread >= 0}
        threads = sorted(acting | execution.stuck.keys())  # what has no step has no lane
        self.lane = {thread: lane for lane, thread in enumerate(threads)}
        self.nodes: list[Node] = []
        self.node_of: dict[int, int] = {}
        self.edges: dict[tuple[int, int, str], Edge] = {}
        self.remarks: list[Remark] = []
        self.kept: set[int] = set()
        for thread in threads:
            self.add_nodes([e for e in shown if e.thread == thread])
        for event in self.events:
            if event.thread == self.last and event.kind == "W" and event.id in self.node_of:
                self.kept.add(self.node_of[event.id])

    def paint(
        self,
        caption: str,
        story: Story | None,
        reason: Reason | None,
        race: Race | None,
        dependencies: bool,
        long_lane: int,
    ) -> Picture:
        self.communication()
        if reason is not None:
            for number, link in enumerate(reason.links, 1):
                self.link(number, link)
        if story is not None:
            for number, reordering in enumerate(story.reorderings, 1):
                self.reordering(number, reordering)
            for number, missing in enumerate(story.also, len(story.reorderings) + 1):
                first, second = self.events[missing.first], self.events[missing.second]
                self.remark(number, first, second, f"order is missing here as well: {missing.sentence}", ())
        if race is not None:
            self.race(race)
        if dependencies:
            self.dependencies()
        steps = [e for e in story.steps if e in self.node_of] if story is not None else []
        prefer = {self.node_of[e]: place for place, e in reversed(list(enumerate(steps)))}
        late = {self.node_of[s.first] for s in story.reorderings if s.kind == "po"} if story is not None else set()
        edges = [replace(edge, id=number) for number, edge in enumerate(self.edges.values())]
        remarks = [replace(r, edge=self.edge_of(r, edges)) for r in self.remarks]
        used = {end for edge in edges for end in (edge.source, edge.target)} | self.kept
        nodes, renamed = fold(self.nodes, used, long_lane)
        edges = [replace(e, source=renamed[e.source], target=renamed[e.target]) for e in edges]
        cyclic = reason is not None or race is not None
        down = [(e.source, e.target) for e in edges if e.style in ("rf", "co") or (e.style == "fr" and not cyclic)]
        firmly = {(e.source, e.target) for e in edges if e.style in ("rf", "co")}
        down += (begins := self.beginning(nodes))
        firmly.update(begins)
        placed = arrange(nodes, down, firmly, {renamed[n]: p for n, p in prefer.items()}, {renamed[n] for n in late})
        names = tuple(self.words.thread(thread) for thread in self.lane)
        groups = [Group(renamed[node.id], node.events) for node in self.nodes if node.kind != "init"]
        order = story.steps if story is not None else race.steps if race is not None else ()
        played = replay_of(self.program, self.execution, groups, order)
        return Picture(
            self.program, self.execution, caption, names, tuple(placed), tuple(edges), tuple(remarks), played
        )  # fmt: skip

    def beginning(self, nodes: Sequence[Node]) -> list[tuple[int, int]]:
        """The ends of all other threads, each with where the one begins that waits for them."""
        if self.last is None:
            return []
        lanes = lanes_of(nodes)
        waiting = self.lane.get(self.last, len(lanes))
        if waiting >= len(lanes) or not lanes[waiting]:
            return []
        return [(lane[-1].id, lanes[waiting][0].id) for i, lane in enumerate(lanes) if i != waiting and lane]

    def edge_of(self, remark: Remark, edges: Sequence[Edge]) -> int | None:
        return next((edge.id for edge in edges if edge.number == remark.number), None)

    # --- nodes ---

    def add_nodes(self, events: Sequence[ExecutedEvent]) -> None:
        """The nodes of one thread: an atomic operation with the barriers that it implies is one."""
        second = {b: a for a, b in self.execution.relations["rmw"]}
        together = self.execution.together
        group: list[ExecutedEvent] = []
        for event in events:
            accesses = [e.id for e in group if e.kind != "F"]
            same = bool(group) and event.pos is not None and (group[-1].pos, group[-1].text) == (event.pos, event.text)
            one = bool(accesses) and event.id in together.get(accesses[-1], ())
            if not (same and (one or event.kind == "F" or not accesses or accesses == [second.get(event.id)])):
                self.close(group)
                group = []
            group.append(event)
        self.close(group)

    def close(self, group: Sequence[ExecutedEvent]) -> None:
        if not group:
            return
        accesses = [e for e in group if e.kind != "F"]
        first = group[0]
        kinds: dict[str, NodeKind] = {"": "F", "R": "R", "W": "W", "RW": "RW"}
        number = len(self.nodes)
        self.node_of |= {e.id: number for e in group}
        kind = kinds["".join(dict.fromkeys(e.kind for e in accesses))]
        code, place = self.words.text((accesses or group)[0]), self.words.line(first.pos)
        ids = tuple(e.id for e in group)
        calls = self.words.calls(first.pos.calls) if first.pos is not None else ""
        lane, effect = self.lane[first.thread], self.effect(accesses)
        self.nodes.append(Node(number, lane, ids, kind, code, place, effect, (), first.pos, calls=calls))

    def effect(self, accesses: Sequence[ExecutedEvent]) -> str:
        if not accesses:
            return ""
        parts = [[e for e in accesses if e.kind == kind] for kind in "RW"]
        wholes = [seen_whole(part, self.program) for part in parts if part]
        first, last = wholes[0], wholes[-1]
        if first is not last:
            return f"{first.cell}: {self.value(first)} -> {self.value(last)}"
        if first.value is None:
            return f"{first.cell}: no object there"
        return f"{first.cell} {'=' if first.kind == 'W' else 'is'} {self.value(first)}"

    def value(self, event: ExecutedEvent) -> str:
        return value_text(self.program, event.address, event.value)

    def init_node(self, event: ExecutedEvent, lane: int) -> int:
        """A node for an initial write, made when the first arrow needs it."""
        if event.id not in self.node_of:
            number = len(self.nodes)
            self.node_of[event.id] = number
            self.nodes.append(Node(number, lane, (event.id,), "init", "initially", "", f"{event.cell} = {self.value(event)}"))
        return self.node_of[event.id]

    def ends(self, a: int, b: int) -> tuple[int, int]:
        """The nodes of two events."""
        first, second = self.events[a], self.events[b]
        if first.thread < 0:
            self.init_node(first, self.lane.get(second.thread, 0))
        if second.thread < 0:
            self.init_node(second, self.lane.get(first.thread, 0))
        return self.node_of[a], self.node_of[b]

    # --- arrows ---

    def communication(self) -> None:
        """rf, co and fr between threads, without those that follow from others."""
        relations, events = self.execution.relations, self.events
        following: dict[int, list[int]] = {}
        for a, b in relations["co"]:
            following.setdefault(a, []).append(b)
        next_one = {a: max(bs, key=lambda b: len(following.get(b, ()))) for a, bs in following.items()}
        pairs = [("rf", w, r) for w, r in sorted(relations["rf"])]
        pairs += [("co", a, b) for a, b in sorted(next_one.items())]
        pairs += [("fr", r, next_one[w]) for w, r in sorted(relations["rf"]) if w in next_one]
        for kind, a, b in pairs:
            first, second = events[a], events[b]
            if first.thread < 0 or second.thread < 0 or first.thread == second.thread:
                continue
            if self.last in (first.thread, second.thread):
                continue  # all others have ended
            if kind == "co" and (self.node_of[a], self.node_of[b], "rf") in self.edges:
                continue  # an atomic operation reads what it overwrites
            self.add(kind, a, b, self.sentence(kind, first, second))

    def sentence(self, kind: str, a: ExecutedEvent, b: ExecutedEvent) -> str:
        first, second = self.words.event(a), self.words.event(b)
        if kind == "rf":
            return f"{second} reads {self.value(a)} from {first}"
        if kind == "co":
            return f"{first} comes before {second} in the order of stores to {a.cell}"
        return f"{first} reads {self.value(a)}, which {second} overwrites later"

    def add(
        self, kind: str, a: int, b: int, text: str, number: int = 0, label: str = "", via: Iterable[Position] = (), **marks: bool
    ) -> None:
        """An arrow, or more to say of one that is there; none inside a node."""
        source, target = self.ends(a, b)
        if source == target:
            return
        style = kind if kind in STYLES else "po"
        key = (source, target, kind)
        places = (self.events[a].pos, self.events[b].pos, *via)
        causes = tuple(dict.fromkeys(pos for pos in places if pos is not None))
        said = f"{number} {label or kind}" if number else label or kind
        self.edges[key] = Edge(0, source, target, style, said, text, number, causes=causes, **marks)

    def link(self, number: int, link: Link) -> None:
        """An edge of a cycle."""
        barriers = [e for e in (link.source, *link.via, link.target) if self.events[e].kind == "F"]
        self.kept |= {self.node_of[e] for e in barriers if e in self.node_of}
        label = link.kind
        if link.kind == "po" and barriers:
            label = "+".join(dict.fromkeys(min(self.events[e].tags, default="po").lower() for e in barriers))
        elif link.kind.endswith("^-1"):
            label = link.kind[:-3]
        self.add(link.kind, link.source, link.target, link.text, number, label, link.causes, in_cycle=True)
        source, target = (self.events[e] for e in (link.source, link.target))
        self.remark(number, source, target, f"{link.kind}: {link.text}", link.causes)

    def reordering(self, number: int, reordering: Reordering) -> None:
        """What is not as in an interleaving."""
        kind = "rf" if reordering.kind == "rf" else "swap"
        self.add(kind, reordering.first, reordering.second, reordering.sentence, number, out_of_order=True)
        source, target = (self.events[e] for e in (reordering.first, reordering.second))
        self.remark(number, source, target, reordering.sentence, ())

    def race(self, race: Race) -> None:
        """Two accesses that nothing keeps apart."""
        said = ". Missing: ".join((race.sentence, *race.missing))
        self.add("race", race.first, race.second, said, 1, out_of_order=True)
        self.remark(1, self.events[race.first], self.events[race.second], said, ())

    def remark(self, number: int, a: ExecutedEvent, b: ExecutedEvent, text: str, causes: tuple[Position, ...]) -> None:
        words = self.words
        title = f"{words.thread(a.thread)} {words.action(a)} -> {words.thread(b.thread)} {words.action(b)}"
        places = (a.pos, b.pos, *causes)
        self.remarks.append(Remark(number, title, text, None, tuple(dict.fromkeys(p for p in places if p is not None))))

    def dependencies(self) -> None:
        """What each node depends on, as a note; a decision's only at the first node that it reaches."""
        sources: dict[int, dict[str, dict[int, None]]] = {}
        for kind in ("addr", "data", "ctrl"):
            decided: set[int] = set()
            for a, b in sorted(self.execution.relations[kind], key=lambda pair: (pair[1], pair[0])):
                first, second = self.node_of.get(a), self.node_of.get(b)
                if first is None or second is None or first == second or (first, second, kind) in self.edges:
                    continue
                if kind == "ctrl" and first in decided and first not in sources.get(second, {}).get(kind, {}):
                    continue
                decided.add(first)
                sources.setdefault(second, {}).setdefault(kind, {})[first] = None
        for number, kinds in sources.items():
            notes = tuple(f"{kind} from {self.lines(of)}" for kind, of in kinds.items())
            self.nodes[number] = replace(self.nodes[number], notes=notes)

    def lines(self, numbers: Iterable[int]) -> str:
        places = list(dict.fromkeys(self.nodes[n].place for n in numbers))
        own = [place.removeprefix("line ") for place in places]
        if len(places) > 1 and all(place.isdigit() for place in own):
            return f"lines {', '.join(own[:-1])} and {own[-1]}"
        return ", ".join(places)
