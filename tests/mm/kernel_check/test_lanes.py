"""Lanes for real, shortly: rounds of all kinds, nothing left behind. What they see is up to the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.mm.kernel_check import lanes
from smpcheck.mm.kernel_check.lanes import LaneError
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.sweep import CONTROL_EVERY
from smpcheck.mm.kernel_check.witness import Call, Lane, SetupCall, Witness
from tests.mm.kernel_check.witnesses import DRAIN, OVERTAKE, SEGMENT, TRUNCATE

CPUS = sorted(os.sched_getaffinity(0))

ROUNDS = 4 * CONTROL_EVERY

pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="two CPUs are needed, one for each lane")


@pytest.fixture
def nothing_left(machine: Machine) -> Iterator[None]:
    """No process, no descriptor, no segment more than before."""

    def there() -> tuple[int, str, str]:
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        return (
            len(os.listdir("/proc/self/fd")),
            children.read_text() if children.exists() else "",
            Path("/proc/sysvipc/shm").read_text(),
        )

    before = there()
    yield
    assert there() == before


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("witness", [DRAIN, TRUNCATE, SEGMENT, OVERTAKE], ids=lambda witness: witness.name)
def test_rounds_of_all_kinds_are_done(witness: Witness) -> None:
    def enough(rounds: int, seen: int) -> None:
        if rounds >= ROUNDS:
            raise KeyboardInterrupt

    tally = lanes.run(witness, CPUS, 120.0, tick=enough)
    assert tally.together + tally.apart + tally.in_turns >= ROUNDS
    assert tally.apart > 0
    assert bool(tally.in_turns) == (witness is OVERTAKE)
    assert tally.seen_apart == 0
    assert all(done.bad for done in tally.samples)


@pytest.mark.usefixtures("nothing_left")
def test_a_lane_that_cannot_do_its_calls_is_not_passed_over() -> None:
    locked = [*DRAIN.setup, SetupCall("munlock", Call("pageout", "p"))]
    with pytest.raises(LaneError, match=r"lane munlock: .*madvise: Invalid argument"):
        lanes.run(replace(DRAIN, setup=locked), CPUS, 5.0)


@pytest.mark.usefixtures("nothing_left")
def test_a_lane_without_a_cpu_is_an_error() -> None:
    with pytest.raises(LaneError, match="lane drain"):
        lanes.run(DRAIN, [CPUS[0], 4095], 5.0)


@pytest.mark.usefixtures("nothing_left")
def test_ctrl_c_ends_it_with_what_there_is() -> None:
    def interrupt(rounds: int, seen: int) -> None:
        if rounds:
            raise KeyboardInterrupt

    assert lanes.run(DRAIN, CPUS, 60.0, tick=interrupt).apart >= 0


def test_two_areas_of_one_file_are_watched_once() -> None:
    second = replace(TRUNCATE.objects[1], name="q", lane="truncate")
    both = replace(TRUNCATE, invariant="I3", objects=[*TRUNCATE.objects, second])
    assert [area.name for area in lanes.watched(both)] == ["p"]
    unmapped = replace(both, lanes=[Lane("munlock", [Call("munmap", "p")]), Lane("truncate", [Call("munlock", "q")])])
    assert [area.name for area in lanes.watched(unmapped)] == ["q"]
    assert lanes.watched(TRUNCATE) == []
