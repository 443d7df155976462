"""Is what an explanation says true? Each kind of statement, tested against the model and against the brute-force models.

What the model implies is computed here from its own named relations (``ppo``, ``fence``, ``ghb``), closed; nothing of how the
statements were found (trials, repairs) is used. Whether an execution is allowed at all is asked of ``tests/naive/models.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from smpcheck.cat.concrete import Evaluation, relation
from smpcheck.cat.graph import reachable, roots
from smpcheck.cat.judge import evaluate
from smpcheck.cat.nodes import Model
from smpcheck.program.bit_rows import bits, closure
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.questions.orders import graph_of, shortest_cycle
from smpcheck.questions.races import Race
from smpcheck.questions.reasons import Reason
from smpcheck.questions.reorderings import Story
from smpcheck.questions.statements import (
    Depends,
    Forwarded,
    Halves,
    InSection,
    Kept,
    Lacks,
    OrderedBecause,
    OrderedBy,
    Overwrites,
    Races,
    ReadsBefore,
    ReadsFrom,
    Related,
    Reordered,
    SameVariable,
    SeenEarly,
    Statement,
    Unordered,
)
from smpcheck.questions.wording import TAG_WORDS
from tests.naive.enumerate import Candidate, Ev
from tests.naive.models import consistent

LOCAL = {"lkmm": ("ppo", "fence", "addr"), "tso": ("ghb",), "sc": ()}
"""The relations of a model that say what a thread keeps in order."""


def candidate(execution: Execution) -> Candidate:
    """The execution for the brute-force models, its events numbered from 0."""
    place = {e.id: i for i, e in enumerate(execution.events)}

    def pairs(name: str) -> set[tuple[int, int]]:
        return {(place[a], place[b]) for a, b in execution.relations[name]}

    events = [Ev(e.thread, e.kind, e.tags - {"Plain"}, e.address, e.value) for e in execution.events]
    return Candidate(events, pairs("po"), pairs("rf"), pairs("co"), pairs("rmw"), pairs("addr"), pairs("data"), pairs("ctrl"))


def allowed(name: str, execution: Execution) -> bool:
    """Is it an execution under the model of this name, by brute force?"""
    return consistent(name, candidate(execution))[0]


def implied(model: Model, execution: Execution) -> set[tuple[int, int]]:
    """The pairs of program order that the model keeps, by its relations."""
    if model.name == "sc":
        return set(execution.relations["po"])
    evaluation = Evaluation(execution)
    rows = [0] * evaluation.n
    marked = next(n for n in reachable(roots(model)) if n.label == "Marked") if model.name == "lkmm" else None
    members = evaluation.mask(marked) if marked is not None else evaluation.everything
    for node in reachable(roots(model)):
        if node.kind == "rel" and node.label in LOCAL[model.name]:
            for x, row in enumerate(evaluation.rows(node)):
                own = sum(1 << y for y in bits(row) if execution.events[x].thread == execution.events[y].thread)
                if node.label != "fence" and not members >> x & 1:  # of plain accesses the model promises what fences do,
                    own = 0
                if node.label == "ppo":  # and that they wait for their address
                    own &= members
                rows[x] |= own
    ids = [e.id for e in execution.events]
    return {(ids[x], ids[y]) for x, row in enumerate(closure(rows)) for y in bits(row)} & execution.relations["po"]


def with_barriers(execution: Execution, before: set[int]) -> Execution:
    """A full barrier before each of these events."""
    events, po = list(execution.events), set(execution.relations["po"])
    mark = execution.events[0]
    for number in before:
        new = len(events)
        events.append(
            replace(mark, id=new, thread=execution.events[number].thread, kind="F", tags=frozenset({"Mb"}), address=None)
        )
        po |= {(a, new) for a, b in po if b == number} | {(new, b) for a, b in po if a == number} | {(new, number)}
    return replace(execution, events=tuple(events), relations={**execution.relations, "po": frozenset(po)})


def marked(execution: Execution, accesses: set[int]) -> Execution:
    tags = frozenset({"Once"})
    events = (replace(e, tags=e.tags - {"Plain"} | tags) if e.id in accesses else e for e in execution.events)
    return replace(execution, events=tuple(events))


# --- stories -----------------------------------------------------------------------------------------------------------------


def faults_of_story(story: Story, execution: Execution, model: Model) -> Iterator[str]:
    """What is untrue in a story of an execution that the model allows."""
    events, relations = execution.events, execution.relations
    claims = [s.claim for s in story.reorderings]
    besides = [s.claim for s in story.also]
    place = {e: i for i, e in enumerate(story.steps)}
    memory = [e.id for e in events if e.thread >= 0 and e.kind != "F"]
    if sorted(story.steps) != memory:
        yield "a step is missing, or there twice"
        return
    yield from faults_of_halves(story, execution)
    plain = {c.event for c in besides if isinstance(c, Unordered)}
    keeps = implied(model, marked(execution, plain))
    told = {(c.first, c.second) for c in claims if isinstance(c, Reordered)}
    told |= {(c.first, e) if c.delayed else (e, c.second) for c in claims if isinstance(c, Reordered) for e in c.along}
    told |= {(c.store, c.load) for c in claims if isinstance(c, Forwarded)}
    for a, b in relations["po"]:
        if a in place and b in place and place[b] < place[a] and (a, b) not in told:
            yield f"{b} takes effect before {a}, and nothing is said"
    early = {(c.store, c.load) for c in claims if isinstance(c, Forwarded | SeenEarly)}
    fr = {(r, w2) for w, r in relations["rf"] for w1, w2 in relations["co"] if w1 == w}
    for a, b in relations["rf"] | relations["co"] | fr:
        if a in place and b in place and place[b] < place[a] and (a, b) not in early:
            yield f"{b} comes before {a} against communication"
    for claim in (*claims, *besides):
        yield from faults_of_claim(claim, execution, model, place, keeps)
    if any(isinstance(c, Reordered | SeenEarly | Forwarded) for c in claims):
        yield from faults_of_remedy(story, execution, model)


def faults_of_halves(story: Story, execution: Execution) -> Iterator[str]:
    """The halves of an atomic operation are one step, unless what comes between them has to."""
    relations = execution.relations
    fr = {(r, w2) for w, r in relations["rf"] for w1, w2 in relations["co"] if w1 == w}
    place = {e: i for i, e in enumerate(story.steps)}
    firm = {
        (a, b)
        for a, b in relations["po"] | relations["rf"] | relations["co"] | fr
        if a in place and b in place and place[a] < place[b]
    }
    for r, w in relations["rmw"]:
        if place[w] < place[r]:
            yield f"the write of an atomic operation comes before its read: {r} {w}"
        together = {(r if a == w else a, r if b == w else b) for a, b in firm if (a, b) != (r, w)}
        if place[w] != place[r] + 1 and shortest_cycle(graph_of(together)) is None:
            yield f"the halves of an atomic operation are told apart, and need not: {r} {w}"


def faults_of_remedy(story: Story, execution: Execution, model: Model) -> Iterator[str]:
    """The story implies a remedy: order between each pair that it names, and marks. It must forbid the execution."""
    if story.mended is None:
        yield "nothing is known that would mend it"
        return
    claims = [s.claim for s in (*story.reorderings, *story.also)]
    gaps = {c.second for c in claims if isinstance(c, Reordered)}
    gaps = {next((r for r, w in execution.relations["rmw"] if w == e), e) for e in gaps}
    marks = {c.event for c in claims if isinstance(c, Unordered)}
    mended = with_barriers(marked(execution, marks), gaps)
    if allowed(model.name, mended):
        yield f"with order at {sorted(gaps)} and marks at {sorted(marks)} it can still be"


def faults_of_claim(
    claim: Statement, execution: Execution, model: Model, place: dict[int, int], keeps: set[tuple[int, int]]
) -> Iterator[str]:
    events, relations = execution.events, execution.relations
    po = relations["po"]
    match claim:
        case Reordered():
            pair = claim.first, claim.second
            if pair not in po:
                yield f"{pair} is not in program order"
            if claim.shown != (place[claim.second] < place[claim.first]):
                yield f"{pair} is shown in the other order"
            if claim.order == "none" and pair in keeps:
                yield f"{pair} is said to be unordered, and the model keeps it"
            if claim.order == "weak" and pair not in keeps:
                yield f"{pair} is said to be ordered somehow, and the model does not keep it"
            if claim.order == "plain" and all(events[e].tags - {"Plain", "FW"} for e in pair):
                yield f"{pair}: neither access is plain"
            for e in claim.along:
                overtaken = (claim.first, e) if claim.delayed else (e, claim.second)
                if overtaken in keeps and claim.order == "none":
                    yield f"{overtaken}, said in passing, is kept by the model"
                if overtaken not in po or claim.shown != (place[overtaken[1]] < place[overtaken[0]]):
                    yield f"{overtaken}, said in passing, is not shown so"
            split = {half for r, w in relations["rmw"] for half in (r, w) if place[w] != place[r] + 1}
            if set(claim.halves) != split & {claim.first, claim.second, *claim.along}:
                yield f"{claim}: halves that are told apart are named as such, and no others"
            for one in claim.between:
                inside = one.event in pair or ((claim.first, one.event) in po and (one.event, claim.second) in po)
                if not inside:
                    yield f"{one} does not stand between {pair}"
            for thread, step in ((claim.seen_first, claim.first), (claim.seen_second, claim.second)):
                cell = events[step].address
                if thread is not None and not any(e.thread == thread and e.address == cell for e in events):
                    yield f"thread {thread} does not look at {events[step].cell}"
            for mine, other in claim.races:
                if (mine, other) not in racing(execution, model) and (other, mine) not in racing(execution, model):
                    yield f"{mine} and {other} do not race"
        case SeenEarly(store, load, late):
            threads = {e.thread for e in events if e.thread >= 0}
            if (store, load) not in relations["rf"] or events[store].thread == events[load].thread or len(threads) < 3:
                yield f"{claim}: no store of another thread that a third could see later"
            if place[store] < place[load] or late in (events[store].thread, events[load].thread):
                yield f"{claim}: not early"
            if late is not None and late not in threads:
                yield f"{claim}: no such thread"
        case Forwarded(store, load):
            if (store, load) not in relations["rf"] or (store, load) not in po or place[store] < place[load]:
                yield f"{claim}: not forwarded"
            if (store, load) in keeps - {(a, b) for a, b in keeps if not _fenced(execution, a, b)}:
                yield f"{claim}: ordered by a fence"
        case Unordered(event, other):
            if events[event].tags - {"Plain", "FW"}:
                yield f"{claim}: not a plain access"
            if not {(event, other), (other, event)} & racing(execution, model):
                yield f"{claim}: no race"


def _fenced(execution: Execution, a: int, b: int) -> bool:
    po = execution.relations["po"]
    return any(e.kind == "F" and (a, e.id) in po and (e.id, b) in po for e in execution.events)


def racing(execution: Execution, model: Model) -> frozenset[tuple[int, int]]:
    """The pairs that race, by the model's flag."""
    axioms = [axiom for axiom in model.axioms if axiom.flag and axiom.name == DATA_RACE]
    return frozenset(pair for axiom in axioms for pair in relation(axiom.node, execution))


# --- reasons -----------------------------------------------------------------------------------------------------------------


def faults_of_reason(reason: Reason, model: Model) -> Iterator[str]:
    """What is untrue in a reason why an execution cannot be."""
    execution = reason.execution
    if allowed(model.name, execution):
        yield "the execution can be"
    if reason.axiom not in {v.name for v in evaluate(model, execution) if not v.flag}:
        yield f"{reason.axiom} is not broken"
    keeps = implied(model, execution)
    for link in reason.links:
        assert link.claim is not None
        if (link.claim.first, link.claim.second) != (link.source, link.target):
            yield f"{link.claim} is not about its link"
        yield from faults_of_link(link.claim, execution, keeps, model)


def faults_of_link(claim: Statement, execution: Execution, keeps: set[tuple[int, int]], model: Model) -> Iterator[str]:
    events, relations = execution.events, execution.relations
    po = relations["po"]
    assert not isinstance(claim, Reordered | Forwarded | SeenEarly | Unordered | Races | Lacks)
    pair = claim.first, claim.second
    match claim:
        case ReadsFrom():
            if pair not in relations["rf"]:
                yield f"{claim}: no rf"
        case Overwrites():
            if pair not in relations["co"]:
                yield f"{claim}: no co"
        case ReadsBefore():
            source = next(w for w, r in relations["rf"] if r == claim.first)
            if (source, claim.second) not in relations["co"]:
                yield f"{claim}: no fr"
        case Depends(kind):
            if pair not in relations[kind]:
                yield f"{claim}: no such dependency"
        case Halves():
            if pair not in relations["rmw"]:
                yield f"{claim}: not an atomic operation"
        case InSection(a, b, begin, end, inside):
            around = all((x, y) in po or x == y for x, y in ((begin, end), (a, end), (begin, b)))
            if not around or inside != all((x, y) in po for x, y in ((begin, a), (b, end))):
                yield f"{claim}: not so"
        case OrderedBy(a, b, by):
            if not all((x == a or (a, x) in po) and (x == b or (x, b) in po) for x in by):
                yield f"{claim}: not between"
            elif "F" not in (events[a].kind, events[b].kind) and pair not in keeps:
                yield f"{claim}: the model does not keep it"
            elif "F" not in (events[a].kind, events[b].kind) and pair not in implied(model, only(execution, {a, b, *by})):
                yield f"{claim}: these alone do not order it"
        case OrderedBecause(a, b, by, tag):
            if by not in pair:
                yield f"{claim}: not an end"
            elif pair not in implied(model, bare(only(execution, {a, b}), {a, b} - {by})):
                yield f"{claim}: the model does not keep it"
            elif (
                tag != "atomic"
                and events[a].address != events[b].address
                and pair in implied(model, bare(only(execution, {a, b}), {a, b}))
            ):
                yield f"{claim}: the tag does not matter"
        case SameVariable():
            if pair not in po or events[claim.first].address != events[claim.second].address:
                yield f"{claim}: not the same variable"
        case Kept():
            if pair not in keeps:
                yield f"{claim}: the model does not keep it"
        case Related(_, _, name):
            if name == "po":
                yield f"{claim}: program order has words"


def only(execution: Execution, kept: set[int]) -> Execution:
    """These events and the others of their atomic operations; of other threads everything."""
    threads = {execution.events[e].thread for e in kept}
    kept = kept | {x for pair in execution.relations["rmw"] for x in pair if kept & set(pair)}
    gone = {e.id for e in execution.events if e.thread in threads and e.id not in kept}
    relations = {name: frozenset(p for p in pairs if not gone & set(p)) for name, pairs in execution.relations.items()}
    relations |= {name: frozenset() for name in ("addr", "data", "ctrl")}
    return replace(execution, events=tuple(e for e in execution.events if e.id not in gone), relations=relations)


def bare(execution: Execution, accesses: set[int]) -> Execution:
    """Without the tags for which these can be said to give order (an unlock is a release, too), marked all the same."""
    once = frozenset({"Once"})
    events = tuple(
        replace(e, tags=e.tags - TAG_WORDS.keys() | once) if e.id in accesses and e.tags & TAG_WORDS.keys() else e
        for e in execution.events
    )
    return replace(execution, events=events)


# --- races -------------------------------------------------------------------------------------------------------------------


def faults_of_race(race: Race, model: Model) -> Iterator[str]:
    """What is untrue of a data race."""
    execution = race.execution
    first, *missing = race.claims
    if not isinstance(first, Races) or {(first.first, first.second), (first.second, first.first)}.isdisjoint(
        racing(execution, model)
    ):
        yield f"{first}: no race"
    wheres = {m.where for m in missing if isinstance(m, Lacks)}
    points = {e: w for w, e in (("after", race.first), ("before", race.second))}
    both = _with_points(execution, [(e, w == "before") for e, w in points.items() if w in wheres or "nothing" in wheres])
    cell = execution.events[race.first].address
    still = any(execution.events[a].address == cell for a, _ in racing(both, model))
    if still != ("nothing" in wheres):
        yield f"{race.claims}: with order there, {'it still races' if still else 'it does not race'}"


def _with_points(execution: Execution, points: list[tuple[int, bool]]) -> Execution:
    result = execution
    for number, before in points:
        if before:
            result = with_barriers(result, {number})
            continue
        later = [b for a, b in result.relations["po"] if a == number]
        follower = min(later, default=None, key=lambda e: sum((x, e) in result.relations["po"] for x in later))
        if follower is not None:
            result = with_barriers(result, {follower})
    return result


def interleaved(execution: Execution) -> bool:
    """Have program order and communication no cycle?"""
    relations = execution.relations
    fr = {(r, w2) for w, r in relations["rf"] for w1, w2 in relations["co"] if w1 == w}
    return shortest_cycle(graph_of(relations["po"] | relations["rf"] | relations["co"] | fr)) is None
