"""check of large models by several engines in turn: what they say is what the solver says, and what was not asked is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.program.faults import DATA_RACE
from smpcheck.questions import check as check_module
from smpcheck.questions.caveats import RACES
from smpcheck.questions.check import CheckOptions, check_program, describe
from smpcheck.questions.large_check import in_turn
from smpcheck.questions.result import Result
from smpcheck.readers.registry import read_programs
from tests.large_programs import of
from tests.readers.clang.common import LKMM, read

PUBLISH = """static int data, flag;
SMPCHECK_THREAD(writer) {{ WRITE_ONCE(data, 1); {store}(flag, 1); }}
SMPCHECK_THREAD(reader) {{ if (smp_load_acquire(&flag)) SMPCHECK_ASSERT(READ_ONCE(data) == 1); }}
"""
RELAXED, ORDERED = PUBLISH.format(store="WRITE_ONCE"), PUBLISH.format(store="smp_mb(); WRITE_ONCE")


def by_several(text: str) -> Result:
    """The answer of several engines."""
    program = read(text)
    return in_turn(describe(program, LKMM), program, LKMM, CheckOptions(), None)


def test_several_engines_say_what_the_solver_says() -> None:
    for text in (RELAXED, ORDERED):
        alone = check_program(read(text), LKMM, CheckOptions())
        assert (by_several(text).verdict, by_several(text).failures) == (alone.verdict, alone.failures)
    assert by_several(RELAXED).failures == ("READ_ONCE(data) == 1",)


def test_a_deadlock_is_found() -> None:
    order = "SMPCHECK_THREAD({0}) {{ spin_lock(&{1}); spin_lock(&{2}); spin_unlock(&{2}); spin_unlock(&{1}); }}\n"
    text = "static DEFINE_SPINLOCK(l); static DEFINE_SPINLOCK(k);\n" + order.format("a", "l", "k") + order.format("b", "k", "l")
    assert by_several(text).failures == ("deadlock",)


def test_it_is_said_that_races_are_not_looked_for_unless_runs_with_views_would_have_ended_there() -> None:
    assert RACES not in by_several(ORDERED).notes
    plain = ORDERED.replace("WRITE_ONCE(data, 1)", "data = 1").replace("smp_mb(); ", "")
    assert RACES in by_several(plain).notes


MODELS = sorted((Path(__file__).parents[2] / "examples" / "models").glob("*.py"))


@pytest.mark.parametrize("model", ["sc", "tso", "lkmm"])
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_of_a_python_model_too(path: Path, model: str) -> None:
    under = load_model(model)
    for program in read_programs(str(path)):
        alone, several = (
            check_program(program, under, CheckOptions()),
            in_turn(describe(program, under), program, under, CheckOptions(), None),
        )
        assert several.failures == tuple(name for name in alone.failures if name != DATA_RACE)
        assert several.verdict == alone.verdict


def test_a_large_model_is_answered_in_full() -> None:
    found = check_program(of("truncate_mlock", "V0"), load_model("sc"), CheckOptions(timeout=60))
    assert (found.verdict, found.failures, found.status) == ("FAILS", ("I1",), "ok")
    assert "all interleavings (22 settled)" in "".join(found.notes)


def test_the_solver_is_asked_where_races_are_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "is_large", lambda program: True)
    (program, _) = read_programs(str(next(path for path in MODELS if path.stem == "refcount_mistakes")))
    assert DATA_RACE in check_program(program, LKMM, CheckOptions()).failures
