"""Random executions, consistent or not, to draw: any threads, any values, any reads-from and coherence."""

from __future__ import annotations

from hypothesis import strategies as st

from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.ir import Position, Program, Thread
from smpcheck.questions.races import Race
from smpcheck.questions.reasons import Link, Reason
from smpcheck.show.picture import Picture, picture

CELLS = ("x", "y", "a_long_name.of_a_field")
NASTY = (
    "READ_ONCE(*x)", 'f("<b>&amp;</b>", "\\n")', "é€ü '\"\\",
    "a_function_with_a_name_that_is_rather_long(first->second.third[12], &fourth)",
)  # fmt: skip


@st.composite
def executions(draw, most_threads=4, most_events=6):
    threads = draw(st.integers(1, most_threads))
    events = [ExecutedEvent(i, -1, "W", frozenset({"IW"}), cell, None, 0) for i, cell in enumerate(CELLS)]
    po, line = set(), 0
    for thread in range(threads):
        own: list[int] = []
        for _ in range(draw(st.integers(0, most_events))):
            kind = draw(st.sampled_from("RWF"))
            line += 1
            cell = None if kind == "F" else draw(st.sampled_from(CELLS))
            tags = frozenset({"Mb"}) if kind == "F" else frozenset({"Once"})
            text = draw(st.sampled_from(NASTY))
            e = ExecutedEvent(len(events), thread, kind, tags, cell, None, line if cell else None, Position("t.c", line), text)
            events.append(e)
            po |= {(a, e.id) for a in own}
            own.append(e.id)
    rf, co = set(), set()
    for cell in CELLS:
        writes = [e.id for e in events if e.kind == "W" and e.cell == cell]
        order = [writes[0], *draw(st.permutations(writes[1:]))]
        co |= {(a, b) for i, a in enumerate(order) for b in order[i + 1 :]}
        rf |= {(draw(st.sampled_from(writes)), e.id) for e in events if e.kind == "R" and e.cell == cell}
    relations = {"po": frozenset(po), "rf": frozenset(rf), "co": frozenset(co)}
    relations |= dict.fromkeys(("rmw", "addr", "data", "ctrl"), frozenset())
    program = Program("a <test> & more", {}, tuple(Thread(i, ()) for i in range(threads)), file="t.c")
    return program, Execution(tuple(events), relations)


@st.composite
def drawn(draw, most_threads=4, most_events=6) -> Picture:
    """A picture: of the execution alone, with a cycle through any of its events, or with a race."""
    program, execution = draw(executions(most_threads, most_events))
    numbers = [e.id for e in execution.events if e.thread >= 0]
    reason = race = None
    if len(numbers) >= 2:
        chosen = draw(st.sampled_from(("nothing", "cycle", "race")))
        ring = draw(st.lists(st.sampled_from([e.id for e in execution.events]), min_size=2, max_size=5, unique=True))
        if chosen == "cycle":
            kinds = st.sampled_from(("rf", "co", "fr", "po", "addr", "rscs"))
            links = [Link(a, b, draw(kinds), "because of <this>") for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
            reason = Reason("axiom", tuple(links), execution, ())
        elif chosen == "race":
            race = Race(execution, numbers[0], numbers[-1], "data race on x", ("order",))
    return picture(program, execution, "What <is> seen", reason=reason, race=race)
