"""Worker processes, with a checker that does what the test's text says: sleep, die, hang in C code, take memory, answer."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import smpcheck.batch.worker as worker_module
from smpcheck.batch.paths import Item
from smpcheck.batch.pool import Pool, fork_worker, run_here
from smpcheck.batch.worker import Job
from smpcheck.errors import InputError, LimitError
from smpcheck.questions.check import CheckOptions, failure
from smpcheck.questions.result import Result

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked")


def fake_check(
    path: str,
    model: object,
    options: CheckOptions,
    text: str | None = None,
    start: int = 0,
    on_state: object = None,
    on_read: Callable[[], None] | None = None,
) -> Iterator[tuple[Result, bool]]:
    """One result for each word of ``text``."""
    words = (text or "ok").split()
    if on_read is not None:
        on_read()
    for number, word in enumerate(words[start:], start):
        name = f"{path}.{number}"
        status, message = "ok", ""
        action, _, argument = word.partition(":")
        if action == "sleep":
            time.sleep(float(argument))
        elif action == "hang":  # in C code, with no way back to the interpreter
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            sum(range(10**15))
        elif action == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "die-once":
            if not os.path.exists(argument):
                Path(argument).write_text("")
                os.kill(os.getpid(), signal.SIGTERM)
        elif action == "take":
            try:
                len(b"x" * (int(argument) << 20))
            except MemoryError as error:
                yield failure(name, error, "m"), number == len(words) - 1
                continue
        elif action == "raise":
            raise KeyError(argument)
        yield Result(path, name, status, message=message), number == len(words) - 1  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "check_file", fake_check)
    monkeypatch.setattr(worker_module, "load_model", lambda name: None)
    monkeypatch.setattr(worker_module, "load_engine", lambda model: None)


def run(*texts: str, jobs: int = 2, timeout: float | None = None, memory: int | None = None) -> list[tuple[str, str]]:
    """Name and status of each result."""
    return [(result.name, result.status) for result in run_all(*texts, jobs=jobs, timeout=timeout, memory=memory)]


def run_all(*texts: str, jobs: int = 2, timeout: float | None = None, memory: int | None = None) -> list[Result]:
    with Pool(Job("m", CheckOptions(timeout=timeout), memory), jobs, fork_worker) as pool:
        return list(pool.run([Item(index, f"t{index}", text) for index, text in enumerate(texts)]))


def test_results_come_in_the_order_of_the_tests() -> None:
    assert run("sleep:0.2", "ok", "ok", "sleep:0.05", "ok") == [(f"t{n}.0", "ok") for n in range(5)]


def test_many_small_tests() -> None:
    assert run(*["ok"] * 1000) == [(f"t{n}.0", "ok") for n in range(1000)]


def test_no_tests_no_results() -> None:
    assert run() == []


def test_a_file_may_have_several_results() -> None:
    assert run("ok ok ok", "ok") == [("t0.0", "ok"), ("t0.1", "ok"), ("t0.2", "ok"), ("t1.0", "ok")]


def test_a_result_is_there_before_the_next_test_ends() -> None:
    with Pool(Job("m"), 1, fork_worker) as pool:
        results = pool.run([Item(0, "a", "ok"), Item(1, "b", "hang")])
        assert next(results).name == "a.0"


def test_a_test_that_hangs_in_c_code_is_a_timeout_and_the_others_go_on() -> None:
    assert run("ok", "hang", "ok", "ok", timeout=0.3) == [("t0.0", "ok"), ("t1", "timeout"), ("t2.0", "ok"), ("t3.0", "ok")]


def test_a_timeout_says_how_long() -> None:
    (result,) = run_all("hang", timeout=0.2)
    assert result.message == "no answer within 0.2 s"
    assert result.seconds >= 0.2


def test_the_rest_of_a_file_is_answered_after_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "give_up", several_programs)
    assert run("ok hang ok", timeout=0.3) == [("t0.0", "ok"), ("t0", "timeout"), ("t0.2", "ok")]


def several_programs(item: Item, model: str, read: bool = True, options: object = None) -> tuple[Result, bool]:
    assert item.given_up
    return Result(item.path, item.path, item.given_up[0]), False  # type: ignore[arg-type]


def test_a_worker_that_dies_is_replaced_and_its_test_tried_again(tmp_path: Path) -> None:
    assert run("ok", f"die-once:{tmp_path}/died", "ok") == [("t0.0", "ok"), ("t1.0", "ok"), ("t2.0", "ok")]
    assert (tmp_path / "died").exists()


def test_a_test_that_kills_its_worker_twice_is_an_error() -> None:
    results = run_all(*["ok"] * 20, "die", *["ok"] * 20)
    assert [result.status for result in results] == ["ok"] * 20 + ["error"] + ["ok"] * 20
    assert results[20].message == "the worker died twice at this test: its process was ended by SIGKILL"


def test_memory_is_limited_for_each_test() -> None:
    statuses = [status for _, status in run("take:300", "take:20", "take:300", memory=200, jobs=1)]
    assert statuses == ["bound", "ok", "bound"]


def test_without_a_limit_memory_is_free() -> None:
    assert run("take:300") == [("t0.0", "ok")]


def test_workers_that_do_not_start_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        os._exit(7)

    monkeypatch.setattr(worker_module, "load_engine", broken)
    with pytest.raises(LimitError, match="worker processes do not start: its process ended with status 7"):
        run("ok")


def test_workers_that_cannot_work_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise InputError("the model is gone")

    monkeypatch.setattr(worker_module, "load_engine", broken)
    with pytest.raises(LimitError, match="worker processes do not start: the model is gone"):
        run("ok")


def test_a_fault_in_a_worker_costs_one_test() -> None:
    results = run_all("ok", "raise:oops", "ok")
    assert [result.status for result in results] == ["ok", "error", "ok"]
    assert "KeyError: 'oops'" in results[1].message


def test_a_pool_can_be_used_again() -> None:
    with Pool(Job("m"), 1, fork_worker) as pool:
        assert [result.name for result in pool.run([Item(0, "a", "ok")])] == ["a.0"]
        assert [result.name for result in pool.run([Item(0, "b", "ok")])] == ["b.0"]


def test_what_is_done_out_of_turn_is_not_lost() -> None:
    with Pool(Job("m"), 2, fork_worker, on_tick=lambda: stop_when_done(pool)) as pool:
        with pytest.raises(KeyboardInterrupt):
            list(pool.run([Item(0, "a", "hang"), Item(1, "b", "ok"), Item(2, "c", "ok")]))
        assert [result.name for result in pool.left_over()] == ["b.0", "c.0"]


def stop_when_done(pool: Pool) -> None:
    if len(pool._closed) == 2:
        raise KeyboardInterrupt


def test_leaving_the_pool_ends_its_workers() -> None:
    with Pool(Job("m"), 2, fork_worker) as pool:
        results = pool.run([Item(0, "a", "ok"), Item(1, "b", "hang"), Item(2, "c", "hang")])
        next(results)
        pids = [worker.pid for worker in pool._workers]
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_without_workers_the_same_results() -> None:
    found = [Item(0, "a", "ok ok"), Item(1, "b", "ok")]
    assert [result.name for result in run_here(found, Job("m"))] == ["a.0", "a.1", "b.0"]


def test_a_finished_row_need_not_wait_for_its_turn() -> None:
    items = [Item(0, "a", "sleep:1.5"), Item(1, "b", "ok"), Item(2, "c", "ok")]
    with Pool(Job("m"), 2, fork_worker) as pool:
        assert [result.name for result in pool.run(items, in_order=False)] == ["b.0", "c.0", "a.0"]


def test_what_a_quicker_engine_knows_is_said_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(item: Item, model: str, read: bool = True, options: object = None) -> tuple[Result, bool]:
        known = ("A",) if item.search else ()
        return Result(item.path, "known", "timeout", failed=known, message=item.given_up[1] if item.given_up else ""), True

    monkeypatch.setattr(worker_module, "give_up", give_up)
    (result, other) = run_all("hang", "ok", timeout=1.0)
    assert (result.name, result.status, result.failed, result.message) == ("known", "timeout", ("A",), "no answer within 1 s")
    assert other.name == "t1.0"


def test_a_file_that_cannot_be_read_in_time_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def never_read(*_: object) -> Iterator[tuple[Result, bool]]:
        yield from iter(lambda: time.sleep(9), None)

    monkeypatch.setattr(worker_module, "check_file", never_read)
    monkeypatch.setattr(worker_module, "give_up", lambda *_, **__: pytest.fail("read again"))
    monkeypatch.setattr("smpcheck.batch.pool.give_up", lambda item, *_, **__: (Result(item.path, item.path, "timeout"), True))
    assert run("ok", timeout=0.3) == [("t0", "timeout")]
