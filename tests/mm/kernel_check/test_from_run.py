"""A failing run of mm run as system calls: which operations met, and the state they began in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from smpcheck.errors import UnsupportedError
from smpcheck.mm.kernel_check.from_run import meeting, reproducer, runs
from smpcheck.mm.kernel_check.witness import Witness
from smpcheck.mm.simulator.history import Entry
from smpcheck.mm.simulator.machine import Failure, Span
from smpcheck.mm.simulator.run import Options, Result, run
from smpcheck.mm.simulator.script import parse
from smpcheck.mm.simulator.workload import op

WORKLOAD = """\
pages 16
file data 4
mmap copy private data
mmap heap anon 4 in second
fork child of heap
task truncater { repeat { truncate data 0; truncate data 4; idle 100 } }
task locker { repeat { mlock copy; munlock copy } }
task writer { repeat { write copy any 1 } }
"""


def span(task: str, text: str, begin: int, end: int | None = None, pages: tuple[int, ...] = ()) -> Span:
    kind, target, *number = text.split()
    return Span(task, op(kind, target, int(number[0]) if number else None), begin, end, pages)


def failed(*spans: Span, touched: list[tuple[str, int]], variant: str = "V10", check: str = "I1") -> Result:
    """A run with these operations, of which those that go on at the steps in ``touched`` touched the page."""
    site: Any = SimpleNamespace(pos="swap.py:63", text="put_page(page)")
    history = [Entry(step, task, "", site, f"step {step}", None) for task, step in touched]
    failure = Failure(check, "", None, spans[-1].task, "", 0)
    load = parse(WORKLOAD, "w", "w")
    return Result(load, Options(variant), "failed", failure=failure, history=history, spans=spans)


def calls(witness: Witness) -> tuple[list[str], dict[str, list[str]]]:
    return [f"{each.lane}: {each.call}" for each in witness.setup], {lane.name: [*map(str, lane.calls)] for lane in witness.lanes}


def test_operations_that_touched_the_page_at_the_same_time_are_the_lanes() -> None:
    result = failed(
        span("writer", "write copy", 0, 10, (0, 1)),
        span("locker", "mlock copy", 10, 20),
        span("locker", "munlock copy", 30),
        span("truncater", "truncate data 0", 35),
        touched=[("writer", 5), ("locker", 15), ("locker", 40), ("truncater", 41)],
    )
    setup, lanes = calls(reproducer(result))
    assert lanes == {"locker": ["munlock(copy)"], "truncater": ["ftruncate(data, 0)"]}
    assert setup == ["locker: write(copy)", "locker: drain()", "locker: mlock(copy)", "locker: drain()"]


def test_what_did_not_touch_the_page_is_left_out() -> None:
    spans = (span("writer", "write copy", 0, 99, (3,)), span("locker", "mlock copy", 5), span("truncater", "truncate data 0", 6))
    result = failed(*spans, touched=[("locker", 8), ("truncater", 9)])
    assert [each.task for each in meeting(result)] == ["locker", "truncater"]


def test_an_area_that_was_locked_and_truncated_has_no_pages() -> None:
    result = failed(
        span("locker", "mlock copy", 0, 5),
        span("truncater", "truncate data 0", 6, 8),
        span("writer", "write copy", 9, None, (0, 1, 3)),
        span("truncater", "truncate data 4", 9),
        touched=[("writer", 12), ("truncater", 13)],
    )
    setup, lanes = calls(reproducer(result))
    assert setup[:2] == ["writer: mlock(copy)", "writer: drain()"]
    assert setup[2:] == ["writer: ftruncate(data, 0)", "writer: ftruncate(data, 4)", "writer: ftruncate(data, 0)"]
    assert lanes["writer"] == ["write(copy[0:2])", "write(copy[3:4])"]


def test_the_owner_finds_its_area_as_it_left_it() -> None:
    """A truncation that began before the last munlock: the mlock that meets it finds the area unlocked."""
    result = failed(
        span("locker", "mlock copy", 0, 5),
        span("truncater", "truncate data 0", 6),
        span("locker", "munlock copy", 7, 9),
        span("locker", "mlock copy", 10),
        touched=[("truncater", 12), ("locker", 13)],
    )
    setup, lanes = calls(reproducer(result))
    assert lanes["locker"] == ["mlock(copy)"]
    assert setup == ["locker: write(copy)", "locker: drain()"]


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        ([span("locker", "mlock copy", 0)], "no two operations on the page were going on at the same time"),
        ([span("a", "mlock copy", 0), span("b", "munlock copy", 0)], "a and b use one address space, and mmap_lock"),
        ([span("a", "mmap copy", 0), span("b", "truncate data 0", 0)], "mmap has no listed call"),
        ([span("a", "mlock child", 0), span("b", "write heap", 0, None, (0,))], "child is shared after a fork"),
    ],
)
def test_what_has_no_form_in_calls_is_refused(spans: list[Span], why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        reproducer(failed(*spans, touched=[(each.task, 1) for each in spans]))


def test_other_designs_and_invariants_are_refused() -> None:
    spans = (span("locker", "mlock copy", 0), span("truncater", "truncate data 0", 0))
    touched = [("locker", 1), ("truncater", 2)]
    with pytest.raises(UnsupportedError, match="only the design of V10"):
        reproducer(failed(*spans, touched=touched, variant="V4"))
    with pytest.raises(UnsupportedError, match="nothing in user space shows that I5 fails"):
        reproducer(failed(*spans, touched=touched, check="I5"))


def test_neighbours_are_one_call() -> None:
    assert runs([0, 1, 2, 5, 4, 6, 7]) == [(0, 3), (5, 1), (4, 1), (6, 2)]
    assert runs([]) == []


def test_a_real_run_becomes_a_witness() -> None:
    load = parse(WORKLOAD, "w", "w")
    failed = (r for seed in range(40) if (r := run(load, Options("V10", seed=seed))).failure is not None)
    result = next(r for r in failed if len({each.task for each in meeting(r)}) > 1)
    met = meeting(result)
    assert result.failure is not None and result.failure.task in {each.task for each in met}
    try:
        witness = reproducer(result)
    except UnsupportedError as error:
        assert str(error).startswith("w, V10, seed ")
    else:
        assert {lane.name for lane in witness.lanes} <= {each.task for each in met}
