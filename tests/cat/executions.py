"""Small executions for tests: written by hand as threads of short words, or drawn at random by hypothesis.

A thread is a list of operations such as ``W x 1`` (WRITE_ONCE), ``R y 0``, ``Rp x 1`` (plain), ``Wr x 1`` (release), ``Ra x 1``
(acquire), ``mb``, ``wmb``, ``rcu-lock``. What a read sees is found by its value, which must be unique for its location.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.values import Ptr

Pair = tuple[int, int]

ACCESS_TAGS = {"": {"Once"}, "p": set(), "a": {"Acquire"}, "r": {"Release"}, "n": {"Noreturn"}, "s": set()}
NO_RELATIONS = ("addr", "data", "ctrl", "rmw")


def transitive(pairs: Iterable[Pair]) -> frozenset[Pair]:
    """The transitive closure."""
    result = set(pairs)
    while True:
        more = {(a, d) for a, b in result for c, d in result if b == c} - result
        if not more:
            return frozenset(result)
        result |= more


def order(items: Sequence[int]) -> frozenset[Pair]:
    """All pairs of a sequence, in its order."""
    return frozenset((a, b) for i, a in enumerate(items) for b in items[i + 1 :])


def build(
    events: Sequence[ExecutedEvent],
    rf: Mapping[int, int],
    co: Iterable[Sequence[int]],
    **more: Iterable[Pair],
) -> Execution:
    """An execution from its events, the write that each read reads from, and the writes of each location in coherence order."""
    threads: dict[int, list[int]] = {}
    for event in events:
        if event.thread >= 0:
            threads.setdefault(event.thread, []).append(event.id)
    lines = [list(line) for line in co]
    last = {line[-1] for line in lines}
    tagged = tuple(
        ExecutedEvent(e.id, e.thread, e.kind, e.tags | {"FW"} if e.id in last else e.tags, e.cell, e.address, e.value)
        for e in events
    )
    relations: dict[str, frozenset[Pair]] = {name: frozenset(more.get(name, ())) for name in NO_RELATIONS}
    relations["po"] = frozenset(pair for ids in threads.values() for pair in order(ids))
    relations["rf"] = frozenset((write, read) for read, write in rf.items())
    relations["co"] = frozenset(pair for line in lines for pair in order(line))
    return Execution(tagged, relations)


def execution(*threads: str, co: Mapping[str, Sequence[int]] | None = None, **more: Iterable[Pair]) -> Execution:
    """An execution from text: operations separated by ``;``. ``co``: for a location, its values in coherence order after 0.

    Relations such as ``addr`` name events as they are numbered: initial writes (locations in alphabetical order), then threads.
    """
    operations = [[op.split() for op in thread.split(";")] for thread in threads]
    cells = sorted({op[1] for thread in operations for op in thread if len(op) > 1})
    events = [ExecutedEvent(i, -1, "W", frozenset({"IW"}), cell, Ptr(cell), 0) for i, cell in enumerate(cells)]
    for number, thread in enumerate(operations):
        for op in thread:
            i = len(events)
            address = Ptr(op[1]) if len(op) > 1 else None
            if len(op) > 2:
                tags = {op[0]} | ({"Acquire"} if op[0] == "LKR" else {"Release"} if op[0] == "UL" else set())
                kind = {"LKR": "R", "LKW": "W", "UL": "W", "LF": "R", "RL": "R", "RU": "R"}.get(op[0])
                if op[0] in ("Srcu-lock", "Srcu-unlock"):
                    kind = "R" if op[0] == "Srcu-lock" else "W"
                if kind is None:
                    kind, tags = op[0][0], set(ACCESS_TAGS[op[0][1:]])
                events.append(ExecutedEvent(i, number, kind, frozenset(tags), op[1], address, int(op[2])))
            else:
                tag = op[0][0].upper() + op[0][1:]
                events.append(ExecutedEvent(i, number, "F", frozenset({tag}), op[1] if address else None, address))
    writes: dict[tuple[str | None, object], int] = {}
    for e in events:
        if e.kind == "W":
            writes.setdefault((e.cell, e.value), e.id)
    rf = {e.id: writes[e.cell, e.value] for e in events if e.kind == "R"}
    lines = []
    for cell in cells:
        values = (co or {}).get(cell)
        if values is None:
            lines.append([e.id for e in events if e.kind == "W" and e.cell == cell])
        else:
            lines.append([writes[cell, v] for v in (0, *values)])
    return build(events, rf, lines, **more)


# --- random executions ---

FENCES = (
    "Mb", "Rmb", "Wmb", "Barrier", "Before-atomic", "After-atomic", "After-spinlock", "After-unlock-lock",
    "After-srcu-read-unlock",
)  # fmt: skip
ACCESSES = ("R", "W", "R Once", "W Once", "R Once", "W Once", "R Acquire", "W Release", "RMW")
ORDERS = (("Once", "Once"), ("Acquire", "Once"), ("Once", "Release"), ("Noreturn", "Once"))
GRACE = ("Rcu-lock", "Rcu-unlock", "Sync-rcu", "Srcu", "Sync-srcu")


@st.composite
def executions(
    draw: st.DrawFn, operations: Sequence[str], threads: int = 3, length: int = 5, coherent: bool = False
) -> Execution:
    """A random execution whose threads are made of ``operations``: entries of ACCESSES, FENCES, GRACE, or ``lock`` and its kin.

    Values, reads-from and coherence are independent (a model's axioms do not compare the two, but for SRCU cookies); with
    ``coherent``, coherence is along the order of events and reads see earlier writes, so that few executions break
    coherence itself.
    """
    cells = ("x", "y")
    events = [ExecutedEvent(i, -1, "W", frozenset({"IW"}), c, Ptr(c), 0) for i, c in enumerate((*cells, "l", "s"))]
    rmw: set[Pair] = set()
    data: set[Pair] = set()
    pending: list[tuple[int, int]] = []

    def add(thread: int, kind: str, tags: Iterable[str], cell: str | None, value: int | None = None) -> int:
        i = len(events)
        events.append(ExecutedEvent(i, thread, kind, frozenset(tags), cell, Ptr(cell) if cell else None, value))
        return i

    count = draw(st.integers(1, threads))
    for thread in range(count):
        for operation in draw(st.lists(st.sampled_from(operations), min_size=1, max_size=length)):
            word, _, tag = operation.partition(" ")
            if word in ("R", "W"):
                add(thread, word, {tag} if tag else (), draw(st.sampled_from(cells)), draw(st.integers(0, 1)))
            elif word == "RMW":
                read, write = draw(st.sampled_from(ORDERS))
                cell = draw(st.sampled_from(cells))
                a = add(thread, "R", {read, "RMW"}, cell, 0)
                rmw.add((a, add(thread, "W", {write, "RMW"}, cell, 1)))
            elif word == "lock":
                a = add(thread, "R", {"LKR", "Acquire"}, "l", 0)
                rmw.add((a, add(thread, "W", {"LKW"}, "l", 1)))
            elif word == "unlock":
                add(thread, "W", {"UL", "Release"}, "l", 0)
            elif word in ("LF", "RL", "RU"):
                add(thread, "R", {word}, "l", int(word != "RU"))
            elif word == "Srcu":
                a = add(thread, "R", {"Srcu-lock"}, "s", draw(st.integers(0, 1)))
                pending.append((thread, a))
            elif word == "Srcu-unlock":
                b = add(thread, "W", {"Srcu-unlock"}, "s", draw(st.integers(0, 1)))
                mine = [a for t, a in pending if t == thread]
                if mine:
                    data.add((draw(st.sampled_from(mine)), b))
            else:
                add(thread, "F", {word}, "s" if word == "Sync-srcu" else None)
    by_cell: dict[str | None, list[int]] = {}
    for event in events:
        if event.kind == "W":
            by_cell.setdefault(event.cell, []).append(event.id)
    lines = [[ids[0], *(ids[1:] if coherent else draw(st.permutations(ids[1:])))] for ids in by_cell.values()]
    rf = {}
    for event in events:
        if event.kind == "R":
            writes = [w for w in by_cell[event.cell] if not coherent or w < event.id]
            rf[event.id] = draw(st.sampled_from(writes))
    extra: dict[str, set[Pair]] = {"addr": set(), "data": data, "ctrl": set()}
    reads = [e for e in events if e.kind == "R"]
    for event in reads:
        later = [e for e in events[event.id + 1 :] if e.thread == event.thread]
        for name, targets in (
            ("addr", [e.id for e in later if e.kind != "F"]),
            ("data", [e.id for e in later if e.kind == "W" and "Srcu-unlock" not in e.tags]),
        ):
            if targets and draw(st.integers(0, 3)) == 0:
                extra[name].add((event.id, draw(st.sampled_from(targets))))
        if later and draw(st.integers(0, 3)) == 0:
            start = draw(st.integers(0, len(later) - 1))
            extra["ctrl"] |= {(event.id, e.id) for e in later[start:]}
    return build(events, rf, lines, rmw=rmw, **extra)


def cycle_of(pairs: Iterable[Pair], events: Sequence[int]) -> bool:
    """Is e0, e1, ... (back to e0) a cycle of the relation?"""
    known = set(pairs)
    return all(pair in known for pair in pairwise([*events, events[0]]))


IDIOMS = (
    "Before-atomic RMW", "RMW After-atomic", "RMW", "lock After-spinlock", "unlock lock", "unlock lock After-unlock-lock",
    "Srcu-lock Srcu-unlock After-srcu-read-unlock", "Srcu-unlock After-srcu-read-unlock", "carry",
    "Srcu-lock cookie Srcu-unlock",
)  # fmt: skip
"""Operations that order something only together; ``carry`` and ``cookie`` hand values on through memory."""

GLUE = (
    *FENCES,
    *IDIOMS,
    "Sync-rcu",
    "Sync-srcu",
    "Rcu-unlock",
    "Rcu-lock",
    "R",
    "W",
    "lock",
    "unlock",
    "Srcu-lock",
    "Srcu-unlock",
)
LINKS = ("rf", "fr", "co", "rf rmw")


@st.composite
def cycles(
    draw: st.DrawFn,
    glue: Sequence[str] = GLUE,
    threads: int = 4,
    around: Sequence[tuple[str, str]] = (("", ""),),
    turn: bool = False,
    links: Sequence[str] = LINKS,
) -> Execution:
    """A critical cycle, as diy7 makes them: each thread has two accesses that communicate with the threads before and after it.

    Between the two stand up to two entries of ``glue``, around them one pair of ``around`` (say, a critical section), so that the
    model's verdict hangs on what these do. ``links``: how threads communicate; ``rf rmw`` goes through an atomic operation of
    another thread. With ``turn``, some threads have the two in the other order, so that program order alone closes no cycle.
    """
    count = draw(st.integers(2, threads))
    link = draw(st.lists(st.sampled_from(links), min_size=count, max_size=count))
    cells = [f"x{i}" for i in range(count)]
    names = [*cells, "k", "l", "s", "z"]
    events = [ExecutedEvent(i, -1, "W", frozenset({"IW"}), c, Ptr(c), 0) for i, c in enumerate(names)]
    relations: dict[str, set[Pair]] = {name: set() for name in NO_RELATIONS}
    rf: dict[int, int] = {}
    lines: dict[str, list[int]] = {c: [i] for i, c in enumerate(names)}
    first: list[int] = []
    second: list[int] = []

    def add(thread: int, kind: str, tags: Iterable[str], cell: str | None, value: int | None = None) -> int:
        i = len(events)
        events.append(ExecutedEvent(i, thread, kind, frozenset(tags), cell, Ptr(cell) if cell else None, value))
        if kind == "R" and cell in names[count:]:
            rf[i] = lines[cell][-1]
        if kind == "W" and cell in names[count:]:
            lines[cell].append(i)
        return i

    def filler(thread: int, word: str, tags: frozenset[str], section: list[int]) -> None:
        if word in ("R", "W"):
            add(thread, word, tags, "z", 1)
        elif word == "RMW":
            read, write = draw(st.sampled_from(ORDERS))
            a = add(thread, "R", {read, "RMW"}, "z", 0)
            relations["rmw"].add((a, add(thread, "W", {write, "RMW"}, "z", 1)))
        elif word == "lock":
            cell = draw(st.sampled_from("kl"))
            a = add(thread, "R", {"LKR", "Acquire"}, cell, 0)
            relations["rmw"].add((a, add(thread, "W", {"LKW"}, cell, 1)))
        elif word == "unlock":
            add(thread, "W", {"UL", "Release"}, draw(st.sampled_from("kl")), 0)
        elif word == "cookie":
            a = add(thread, "W", tags, "z", 1)
            relations["data"] |= {(s, a) for s in section[-1:]}
            section.append(add(thread, "R", tags, "z", 1))
        elif word == "Srcu-lock":
            section.append(add(thread, "R", {"Srcu-lock"}, "s", 0))
        elif word == "Srcu-unlock":
            b = add(thread, "W", {"Srcu-unlock"}, "s", 0)
            relations["data"] |= {(a, b) for a in section[-1:]}
        elif word not in ("", "carry"):
            add(thread, "F", {word}, "s" if word == "Sync-srcu" else None)

    reads = st.sampled_from([frozenset({tag}) for tag in ("Once", "Acquire", "Noreturn")] + [frozenset[str]()])
    writes = st.sampled_from([frozenset({"Once"}), frozenset({"Release"}), frozenset[str]()])
    for thread in range(count):
        section: list[int] = []
        before, after = draw(st.sampled_from(around))
        filler(thread, before, frozenset(), section)
        kinds = ["R" if link[thread - 1].startswith("rf") else "W", "R" if link[thread] == "fr" else "W"]
        ends = [(first, kinds[0], cells[thread - 1]), (second, kinds[1], cells[thread])]
        if turn and draw(st.booleans()):
            ends.reverse()
        (start, kind, cell), (end, last, target) = ends
        start.append(add(thread, kind, draw(reads if kind == "R" else writes), cell, 1))
        sources = [start[-1]] if kind == "R" else []
        for word in " ".join(draw(st.lists(st.sampled_from(glue), min_size=0, max_size=2))).split():
            filler(thread, word, draw(reads), section)
            if word == "carry" and sources:
                a = add(thread, "W", draw(writes), "z", 1)
                relations["data"].add((sources[-1], a))
                sources.append(add(thread, "R", draw(reads), "z", 1))
        end.append(add(thread, last, draw(reads if last == "R" else writes), target, 1))
        filler(thread, after, frozenset(), section)
        name = draw(st.sampled_from(("", "addr", "data", "ctrl"))) if sources else ""
        if name and not (name == "data" and last == "R"):
            relations[name].add((sources[-1], end[-1]))
    for thread, how in enumerate(link):
        a, b, line = second[thread], first[(thread + 1) % count], lines[cells[thread]]
        if how == "fr":
            rf[a] = thread
            line.append(b)
            continue
        line.append(a)
        if how == "rf rmw":
            read, write = draw(st.sampled_from(ORDERS))
            rmw_read = add(count + thread, "R", {read, "RMW"}, cells[thread], 1)
            rf[rmw_read] = a
            a = add(count + thread, "W", {write, "RMW"}, cells[thread], 2)
            relations["rmw"].add((rmw_read, a))
            line.append(a)
        if how == "co":
            line.append(b)
        else:
            rf[b] = a
    return build(events, rf, lines.values(), **relations)
