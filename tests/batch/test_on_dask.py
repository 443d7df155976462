"""A batch on a Dask cluster: a real scheduler and two workers on the loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from smpcheck.batch.on_dask import DaskPool
from smpcheck.batch.paths import Item
from smpcheck.batch.worker import Job
from smpcheck.errors import InputError
from smpcheck.questions.check import CheckOptions

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="distributed is not installed (smpcheck[dask])"
)

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.litmus"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("dask")
    written = folder / "scheduler.json"
    common = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = [
        ["distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(written), *common],
        *[
            ["distributed.cli.dask_worker", "--scheduler-file", str(written), "--nthreads", "1", "--name", name, *common]
            for name in ("one", "two")
        ],
    ]
    with ExitStack() as stack:
        for words in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false"},
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.terminate)
        deadline = time.monotonic() + 60
        while not written.exists() or not written.read_text().endswith("}"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield str(json.loads(written.read_text())["address"])


@pytest.fixture(scope="module")
def cluster(address: str) -> str:
    """The same, when both workers have joined."""
    from distributed import Client

    with Client(address, timeout=30, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    return address


def test_results_come_in_order_and_are_right(cluster: str) -> None:
    with DaskPool(Job("lkmm", CheckOptions(verdict_only=True)), cluster) as pool:
        results = list(pool.run([Item(index, str(path)) for index, path in enumerate(EXAMPLES)]))
    assert [Path(result.file) for result in results] == EXAMPLES
    assert all(result.agrees for result in results)


def test_the_text_travels_with_the_test(cluster: str) -> None:
    with DaskPool(Job("lkmm"), cluster) as pool:
        (result,) = pool.run([Item(0, "/nowhere/else.litmus", EXAMPLES[0].read_text())])
    assert (result.file, result.verdict, len(result.states)) == ("/nowhere/else.litmus", "Sometimes", 4)


def test_bad_files_do_not_stop_the_others(cluster: str, tmp_path: Path) -> None:
    (tmp_path / "bad.litmus").write_text("no test")
    paths = [str(tmp_path / "gone.litmus"), str(tmp_path / "bad.litmus"), str(EXAMPLES[0])]
    with DaskPool(Job("lkmm"), cluster) as pool:
        results = list(pool.run([Item(index, path) for index, path in enumerate(paths)]))
    assert [result.status for result in results] == ["error", "error", "ok"]


def test_the_command_line_with_a_cluster(cluster: str) -> None:
    words = ["check", "-f", "json", "--executor", "dask", "--scheduler", cluster, *map(str, EXAMPLES[:5])]
    done = subprocess.run([sys.executable, "-m", "smpcheck", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == [str(path) for path in EXAMPLES[:5]]


def test_where_no_scheduler_answers_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smpcheck.batch.on_dask.CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        DaskPool(Job("lkmm"), "tcp://127.0.0.1:1")


def test_a_dask_worker_that_is_killed_loses_nothing(cluster: str) -> None:
    from distributed import Client

    items = [Item(index, str(path)) for index, path in enumerate(EXAMPLES)]
    with Client(cluster, timeout=30, set_as_default=False) as client, DaskPool(Job("lkmm"), cluster) as pool:
        results = pool.run(items)
        answered = [next(results)]
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        answered += results
    assert [Path(result.file) for result in answered] == EXAMPLES
    assert all(result.agrees for result in answered)
