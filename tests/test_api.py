"""The Python API: a path or a text in, a typed result out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import smpcheck
from smpcheck.errors import InputError

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SB = EXAMPLES / "01-SB.litmus"


@pytest.mark.parametrize("source", [SB, str(SB), SB.read_text()], ids=["path", "name", "text"])
def test_a_path_or_a_text(source: str | Path) -> None:
    result = smpcheck.check(source)
    assert (result.name, result.status, result.verdict) == ("SB", "ok", "Sometimes")
    assert len(result.states) == 4
    assert result.states[0] == {"0:r0": 0, "1:r0": 0}


def test_the_model_decides() -> None:
    assert [smpcheck.check(SB, model=model).verdict for model in ("sc", "tso", "lkmm")] == ["Never", "Sometimes", "Sometimes"]


def test_the_solvers_answer_is_at_hand() -> None:
    result = smpcheck.check(SB)
    assert result.answer is not None
    assert result.answer.verdict == result.verdict


def test_the_verdict_alone() -> None:
    result = smpcheck.check(SB, verdict_only=True)
    assert (result.verdict, result.states) == ("Sometimes", ())


def test_states_may_be_limited() -> None:
    result = smpcheck.check(SB, max_states=2)
    assert (result.verdict, len(result.states), result.complete) == ("Sometimes", 2, False)
    assert result.notes == ("more than 2 states; the listing stops there",)


def test_what_is_wrong_with_a_test_is_in_the_result() -> None:
    result = smpcheck.check("C nonsense\n{}\nP0() { goto out; }\nexists (true)\n")
    assert result.status in ("unsupported", "error")
    assert result.verdict is None
    assert result.message.startswith("<text>:3:")


@pytest.mark.parametrize(
    ("source", "model"), [("no-such-file.litmus", "lkmm"), (str(EXAMPLES), "lkmm"), (str(SB), "no-such-model")]
)
def test_what_is_wrong_with_the_call_is_raised(source: str, model: str) -> None:
    with pytest.raises(InputError):
        smpcheck.check(source, model=model)


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_folder(jobs: int) -> None:
    results = list(smpcheck.check_all(EXAMPLES, jobs=jobs, verdict_only=True))
    assert [Path(result.file) for result in results] == sorted(EXAMPLES.glob("*.litmus"))
    assert all(result.agrees for result in results)


def test_a_missing_path_of_a_batch_is_raised() -> None:
    with pytest.raises(InputError, match="there is no file gone"):
        list(smpcheck.check_all([SB, "gone"]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, smpcheck; print(*sorted({'clingo', 'lark', 'rich', 'typer', 'tree_sitter'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_names_that_are_not_there_are_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = smpcheck.nothing
    assert {"check", "check_all", "Result", "CheckOptions"} <= set(dir(smpcheck))
