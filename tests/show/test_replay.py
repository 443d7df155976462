"""Replays: every step's value is what memory holds, or what its thread is said to see already."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.questions.explain import explain
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.registry import read_programs
from smpcheck.show.picture import Picture, picture_of_run, pictures
from smpcheck.simulate import simulate
from tests.optional import the

ROOT = Path(__file__).parent.parent.parent
LITMUS = sorted((ROOT / "examples").glob("*.litmus"))
MODELS = sorted((ROOT / "examples" / "models").glob("*.py"))
LIBRARY = sorted((ROOT / "tests" / "library").glob("*.litmus"))
LKMM = load_model("lkmm")


def faults(shown: Picture) -> list[str]:
    """Where a step's value is not what is shown beside it."""
    assert shown.replay is not None
    events = shown.execution.events
    memory = {e.address: e for e in events if e.thread < 0}
    names = dict(enumerate(shown.lanes))
    lanes = {node.id: node.lane for node in shown.nodes}
    found = []
    for moment in shown.replay.moments:
        for number in moment.events:
            event = events[number]
            if event.kind == "R" and memory[event.address].value != event.value:
                said = f"{names[lanes[moment.node]]} already sees {event.cell} = "
                if shown.replay.turns or not any(said in view for view in moment.views):
                    found.append(f"{event.text} reads {event.value}, memory holds {memory[event.address].value}")
            elif event.kind == "W":
                memory[event.address] = event
        beside = dict(moment.memory)
        for event in memory.values():
            value = beside.get(the(event.cell), "")
            if isinstance(event.value, int) and value.isdigit() and int(value) != event.value:
                found.append(f"after {moment}: {event.cell} is {event.value}")
    return found


def acting(shown: Picture) -> list[int]:
    """The accesses of the nodes, in the order of the steps."""
    assert shown.replay is not None
    return [e for m in shown.replay.moments for e in m.events if shown.execution.events[e].kind != "F"]


@pytest.mark.parametrize("path", [*LITMUS, *LIBRARY], ids=lambda path: path.stem)
def test_every_example_that_can_be_has_a_replay_and_its_values_are_those_of_memory(path: Path) -> None:
    for program in read_programs(str(path)):
        for answer in explain(program, LKMM):
            for shown in pictures(answer):
                assert (shown.replay is not None) == (answer.kind == "allowed" or "race" in shown.caption)
                if shown.replay is not None:
                    assert faults(shown) == []
                    accesses = [e.id for e in shown.execution.events if e.thread >= 0 and e.kind != "F"]
                    assert sorted(acting(shown)) == accesses


def test_a_thousand_random_interleavings() -> None:
    programs = [program for path in LITMUS if "SRCU" not in path.stem for program in read_programs(str(path))]
    made = 0
    for seed in range(25):
        for program in (p for p in programs if not p.mixed):  # (neither SRCU nor mixed sizes have step-by-step runs)
            shown = picture_of_run(simulate(program, "random", seed=seed))
            assert shown.replay is not None and shown.replay.turns
            assert faults(shown) == []
            made += 1
    assert made >= 1000


def explained(threads: list[str], condition: str, params: str = "int *x, int *y") -> Picture:
    bodies = "\n".join(f"P{i}({params})\n{{\n\tint r0;\n\tint r1;\n\t{body}\n}}" for i, body in enumerate(threads))
    (answer,) = explain(read_litmus(f"C test\n\n{{}}\n\n{bodies}\n\nexists ({condition})\n", "test.litmus"), LKMM)
    return pictures(answer)[0]


def steps(shown: Picture) -> list[tuple[str, str, tuple[str, ...]]]:
    assert shown.replay is not None
    nodes = {node.id: node for node in shown.nodes}
    return [(nodes[m.node].effect, ", ".join(f"{n} = {v}" for n, v in m.memory), m.views) for m in shown.replay.moments]


def test_a_fully_ordered_atomic_acts_at_its_read_and_write_not_at_its_first_barrier() -> None:
    shown = explained(["r0 = xchg(x, 1);", "WRITE_ONCE(*x, 2);"], "0:r0=2")
    assert steps(shown) == [("x = 2", "x = 2", ()), ("x: 2 -> 1", "x = 1", ())]


def test_a_weak_execution_is_replayed_in_the_order_of_taking_effect() -> None:
    shown = explained([f"WRITE_ONCE(*{a}, 1); r0 = READ_ONCE(*{b});" for a, b in ("xy", "yx")], "0:r0=0 /\\ 1:r0=0")
    assert shown.replay is not None and not shown.replay.turns
    assert [effect for effect, _, _ in steps(shown)] == ["y is 0", "y = 1", "x is 0", "x = 1"]


def test_who_sees_a_store_before_others_do_is_said_as_long_as_it_is_so() -> None:
    reader = "r0 = READ_ONCE(*{}); smp_rmb(); r1 = READ_ONCE(*{});"
    writers = ["WRITE_ONCE(*x, 1);", "WRITE_ONCE(*y, 1);"]
    shown = explained([*writers, reader.format("x", "y"), reader.format("y", "x")],
                      "2:r0=1 /\\ 2:r1=0 /\\ 3:r0=1 /\\ 3:r1=0")  # fmt: skip
    early = "P2 already sees x = 1, P1 and P3 still see x = 0"
    views = [view for _, _, view in steps(shown)]
    assert (early,) in views and views[-1] == ()
    assert all(view in ((), (early,)) for view in views)


def test_what_cannot_happen_has_no_replay() -> None:
    shown = explained([f"WRITE_ONCE(*{a}, 1); smp_mb(); r0 = READ_ONCE(*{b});" for a, b in ("xy", "yx")], "0:r0=0 /\\ 1:r0=0")
    assert shown.replay is None


def test_the_halves_of_an_atomic_that_are_apart_are_two_steps_each_with_its_own_effect() -> None:
    """An acquire that is early is so for its read; what it writes comes after what its thread stored before it."""
    thread = "WRITE_ONCE(*{0}, 1); r1 = xchg_acquire({2}, 1); r0 = READ_ONCE(*{1});"
    shown = explained([thread.format(*names) for names in ("xyl", "yxm")], "0:r0=0 /\\ 1:r0=0", "int *x, int *y, int *l, int *m")
    assert shown.replay is not None
    halves = [(m.half.text, m.half.effect, dict(m.memory)["l"]) for m in shown.replay.moments if m.half is not None]
    assert halves == [("read of xchg_acquire(l, 1)", "l is 0", "0"), ("write of xchg_acquire(l, 1)", "l = 1", "1")]
