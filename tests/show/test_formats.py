"""What a batch adds up to: its sentence and its exit status."""

from __future__ import annotations

import pytest

from smpcheck.questions.result import Result
from smpcheck.show.formats import Summary
from tests.results import UNSUPPORTED, result

AGREES = result(expected="Sometimes")
DISAGREES = result(expected="Never")
REFUSED = result(**UNSUPPORTED)
BROKEN = result(**(UNSUPPORTED | {"status": "error"}))
TIMEOUT = result(**(UNSUPPORTED | {"status": "timeout"}))
BOUND = result(**(UNSUPPORTED | {"status": "bound"}))
NOTHING = result(**(UNSUPPORTED | {"status": "no-execution"}))


def summary(*results: Result, errors: int = 0) -> Summary:
    made = Summary(model="lkmm", seconds=1.0, errors=errors)
    for one in results:
        made.add(one)
    return made


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([], 0),
        ([result()], 0),
        ([AGREES, result()], 0),
        ([AGREES, DISAGREES], 1),
        ([REFUSED], 2),
        ([BROKEN], 2),
        ([TIMEOUT], 3),
        ([BOUND], 3),
        ([NOTHING], 3),
        ([DISAGREES, TIMEOUT], 1),
        ([DISAGREES, REFUSED, TIMEOUT], 2),
    ],
)
def test_exit_status(results: list[Result], status: int) -> None:
    assert summary(*results).exit_status == status


def test_a_path_without_file_is_bad_input() -> None:
    assert summary(AGREES, errors=1).exit_status == 2


def test_an_interrupted_batch_says_so() -> None:
    made = summary(AGREES)
    made.interrupted = True
    assert made.exit_status == 130


def test_the_sentence_counts_what_there_is() -> None:
    assert summary(result(), result(observation="Never"), REFUSED, TIMEOUT).sentence() == (
        "4 tests under lkmm in 1.0 s: 1 Never, 1 Sometimes, 1 timeout, 1 unsupported"
    )
    assert summary(AGREES, AGREES).sentence().endswith("2 Sometimes; each as its author says")
    assert summary(AGREES, result()).sentence().endswith("; 1 of 1 as the author says")
    assert summary(AGREES, DISAGREES).sentence().endswith("; 1 of 2 not as the author says")
    assert summary(errors=2).sentence() == "0 tests under lkmm in 1.0 s: nothing answered, 2 paths not found"
