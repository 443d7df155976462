"""Forked workers that stream answers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence

import pytest

from smpcheck.batch.streams import Lost, stream
from smpcheck.solver.aspif import GroundProgram


def double(items: Sequence[int]) -> Iterator[int]:
    for item in items:
        if item < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if item > 1000:
            time.sleep(60)
        if item == 13:
            raise ValueError("thirteen")
        yield 2 * item


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_every_item_is_answered(jobs: int) -> None:
    found = list(stream([[1, 2, 3], [], [4], [5, 6]], double, jobs))
    assert sorted(found) == [(n, 2 * n) for n in range(1, 7)]


def test_the_order_within_a_unit_is_kept() -> None:
    assert [item for item, _ in stream([[3, 1, 2]], double, 1)] == [3, 1, 2]


def test_a_worker_that_dies_loses_one_item() -> None:
    found = dict(stream([[1, -2, 3]], double, 1))
    assert (found[1], found[3]) == (2, 6)
    assert found[-2] == Lost("its process was ended by SIGKILL")


def test_an_item_that_takes_too_long_loses_that_item() -> None:
    found = dict(stream([[1, 2000, 3], [4]], double, 2, timeout=0.5))
    assert (found[1], found[3], found[4]) == (2, 6, 8)
    lost = found[2000]
    assert isinstance(lost, Lost) and lost.timeout and "0.5 s" in lost.why


def test_an_exception_in_a_worker_loses_that_item(capfd: pytest.CaptureFixture[str]) -> None:
    found = dict(stream([[12, 13, 14]], double, 1))
    assert (found[12], found[14]) == (24, 28)
    assert found[13] == Lost("its process ended with status 1")


def test_a_worker_goes_on_with_the_next_unit() -> None:
    def pids(items: Sequence[int]) -> Iterator[int]:
        yield from (os.getpid() for _ in items)

    assert len({pid for _, pid in stream([[1, 2], [3], [4, 5]], pids, 1)}) == 1


def test_leaving_early_ends_the_workers() -> None:
    began = time.monotonic()
    answers = stream([[1, 2000], [2000]], double, 2)
    assert next(answers) == (1, 2)
    answers.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def leaving(items: Sequence[int]) -> Iterator[str]:
    for _ in items:
        yield (path := GroundProgram().write())
        assert os.path.exists(path)
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_leaves_no_file() -> None:
    found = dict(stream([[1, 2]], leaving, 1))
    assert isinstance(found[1], str) and isinstance(found[2], Lost)
    assert not os.path.exists(found[1])
