"""``smpcheck check`` as a process, with a stand-in for the solver: limits, signals, broken outputs, exit statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fake_engine import litmus

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tests.fake_engine", "check"]
ENVIRONMENT = {**os.environ, "COLUMNS": "120", "TERM": "dumb"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits as on Linux")


def run(*arguments: str | Path, **changes: object) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True, timeout=60, **changes)  # type: ignore[call-overload,no-any-return]


def write(folder: Path, *names: str, expected: str | None = None) -> Path:
    """A folder of tests called ``names``, in that order."""
    for number, name in enumerate(names):
        (folder / f"{number:03}.litmus").write_text(litmus(name, expected))
    return folder


def objects(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_table_by_default(tmp_path: Path) -> None:
    done = run(write(tmp_path, "one", "never-two"))
    assert done.returncode == 0, done.stderr
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:3]] == [
        ["one", "Sometimes", "2"],
        ["never-two", "Never", "2"],
    ]
    assert done.stderr == ""


def test_json_in_the_order_of_the_files(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(50)]
    done = run("--format", "json", "-j", "3", write(tmp_path, *names))
    assert [line["name"] for line in objects(done.stdout)] == names


@pytest.mark.parametrize("jobs", ["0", "1", "2"])
def test_the_same_with_any_number_of_workers(tmp_path: Path, jobs: str) -> None:
    done = run("--format", "herd", "-j", jobs, write(tmp_path, "one", "bound", "crash"))
    assert done.stdout.splitlines()[:2] == ["Test one Allowed", "States 2"]
    assert done.stdout.count("Test ") == 1
    assert done.returncode == 2
    assert "001.litmus: bound: as asked" in done.stderr
    assert "internal error" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("names", "expected", "status"),
    [
        (["one"], None, 0),
        (["one"], "Sometimes", 0),
        (["one"], "Never", 1),
        (["timeout"], "Never", 3),
        (["bound", "one"], "Never", 1),
        (["no-execution"], None, 3),
        (["crash", "one"], "Never", 2),
    ],
)
def test_exit_status(tmp_path: Path, names: list[str], expected: str | None, status: int) -> None:
    assert run(write(tmp_path, *names, expected=expected)).returncode == status


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    write(tmp_path, "one")
    (tmp_path / "bad.litmus").write_text("this is no litmus test")
    (tmp_path / "unreadable.litmus").symlink_to("nowhere")
    done = run("--format", "json", tmp_path / "unreadable.litmus", tmp_path / "bad.litmus", tmp_path / "000.litmus")
    assert done.returncode == 2
    assert [(line["name"], line["status"]) for line in objects(done.stdout)] == [("bad", "error"), ("one", "ok")]
    assert done.stderr == f"smpcheck: there is no file {tmp_path}/unreadable.litmus\n"


def test_standard_input() -> None:
    done = run("--format", "json", "-", input=litmus("from-stdin"))
    assert [(line["file"], line["name"]) for line in objects(done.stdout)] == [("<stdin>", "from-stdin")]


def test_a_list(tmp_path: Path) -> None:
    write(tmp_path, "one", "two")
    (tmp_path / "all").write_text("001.litmus\n000.litmus\n")
    assert [line["name"] for line in objects(run("-f", "json", f"@{tmp_path}/all").stdout)] == ["two", "one"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xml", "x"], "there is no format 'xml': choose from table, herd, json, junit, ktap, sarif"),
        (["--model", "nothing", "x"], "there is no model nothing"),
        (["--executor", "cloud", "x"], "there is no executor 'cloud': choose from local, dask"),
        (["--executor", "dask", "x"], "--executor dask and --scheduler ADDRESS belong together"),
        (["--scheduler", "tcp://x:1", "x"], "--executor dask and --scheduler ADDRESS belong together"),
        (["--stream", "--verdict-only", "x"], "--stream is about final states: not with --verdict-only"),
        (["--stream", "--executor", "dask", "--scheduler", "x", "x"], "--stream is about final states: not with --executor dask"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"smpcheck: {message}\n")


@pytest.mark.parametrize(
    "arguments",
    [[], ["--threads", "0", "f"], ["--unroll", "x", "f"], ["--unroll", "-1", "f"], ["--timeout", "-1", "f"], ["--nothing"]],
)
def test_options_that_make_no_sense_have_status_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Error" in done.stderr


def test_a_time_limit_holds_in_c_code(tmp_path: Path) -> None:
    done = run("--format", "json", "--timeout", "0.4", write(tmp_path, "hang", "one"))
    assert [(line["name"], line["status"], line["condition"]) for line in objects(done.stdout)] == [
        ("hang", "timeout", r"exists (0:r0=0 /\ [x]=1)"),
        ("one", "ok", r"exists (0:r0=0 /\ [x]=1)"),
    ]
    assert done.returncode == 3


def test_a_memory_limit_holds_and_says_so(tmp_path: Path) -> None:
    done = run("--format", "json", "--memory", "100", write(tmp_path, "take", "one"))
    assert [(line["name"], line["status"], line["message"]) for line in objects(done.stdout)] == [
        ("take", "bound", "no more memory (see --memory)"),
        ("one", "ok", ""),
    ]


def test_a_worker_that_dies_is_an_error_of_one_test(tmp_path: Path) -> None:
    done = run("--format", "json", write(tmp_path, "one", "die", "two"))
    one, died, two = objects(done.stdout)
    assert [one["status"], died["status"], two["status"]] == ["ok", "error", "ok"]
    assert died["name"] == "die"
    assert died["message"] == "the worker died twice at this test: its process was ended by SIGKILL"


def interrupted(tmp_path: Path, wait_for: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start, wait until ``wait_for`` is printed, press Ctrl-C (a signal to the whole group), see the rest."""
    words = [*COMMAND, *arguments, str(tmp_path)]
    process = subprocess.Popen(
        words, cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    seen = ""
    while wait_for not in seen:
        line = process.stdout.readline()
        assert line, process.communicate()
        seen += line
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=5)
    return subprocess.CompletedProcess(words, process.returncode, seen + out, err)


def test_ctrl_c_prints_what_is_done(tmp_path: Path) -> None:
    done = interrupted(write(tmp_path, "one", "hang", "two", "three"), "one", "--format", "json", "-j", "2", "--timeout", "0")
    assert done.returncode == 130
    names = [line["name"] for line in objects(done.stdout)]
    assert names[0] == "one"
    assert "hang" not in names
    assert done.stderr.strip() == f"smpcheck: interrupted: {len(names)} of 4 done"


def test_ctrl_c_ends_the_workers(tmp_path: Path) -> None:
    interrupted(write(tmp_path, "one", "hang", "hang"), "one", "--format", "json", "-j", "2", "--timeout", "0")
    deadline = time.monotonic() + 5
    while any(str(tmp_path) in command for command in commands()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_command(tmp_path: Path, number: signal.Signals) -> None:
    write(tmp_path, "one", "hang", "hang")
    words = [*COMMAND, "-f", "json", "-j", "2", "--timeout", "0", str(tmp_path)]
    process = subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert "one" in process.stdout.readline()
    process.send_signal(number)
    process.wait()
    deadline = time.monotonic() + 5
    while any(str(tmp_path) in command for command in commands()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def commands() -> list[str]:
    """The command lines of all processes."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines


def test_ctrl_c_with_a_junit_file_still_gives_a_document(tmp_path: Path) -> None:
    write(tmp_path, "one", "hang")
    process = subprocess.Popen(
        [*COMMAND, "--format", "junit", "-j", "1", "--timeout", "0", str(tmp_path)],
        cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=5)
    assert process.returncode == 130
    assert out.rstrip().endswith("</testsuites>")


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, str(write(tmp_path, "one", "two"))],
            cwd=ROOT,
            env=ENVIRONMENT,
            text=True,
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 2
    assert done.stderr == "smpcheck: cannot write the output: No space left on device\n"


def test_a_closed_pipe_is_silent(tmp_path: Path) -> None:
    write(tmp_path, *[f"t{number}" for number in range(300)])
    script = f'{" ".join(COMMAND)} -f herd {tmp_path} | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True, timeout=60)
    assert done.stdout.splitlines() == ["Test t0 Allowed", "141"]
    assert done.stderr == ""


def test_results_are_printed_before_the_batch_ends(tmp_path: Path) -> None:
    write(tmp_path, "one", "hang")
    process = subprocess.Popen(
        [*COMMAND, "-f", "json", "-j", "1", str(tmp_path)], cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["name"] == "one"
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=5)
