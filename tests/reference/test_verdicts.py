"""Our answers are herd7's: verdict, final states in their order, and flags, for tests of our own (README.md)."""

from __future__ import annotations

import pytest

import smpcheck
from smpcheck.program.faults import DATA_RACE, FAULTS
from smpcheck.show.herd import state_line
from tests.reference.table import LANGUAGES, Row, load

ONLY_OURS = frozenset(FAULTS) - {DATA_RACE}
"""Flags that herd7 does not have."""
ONLY_HERDS = {"Shareability-argument-for-DMB-is-deprecated"}
"""Remarks of herd7's models that say nothing about executions."""

EXPLAINED = {("X86_64", "SB+sfence"): "Sometimes", ("X86_64", "SB+lfence"): "Sometimes"}
"""Where herd7 is wrong, and what is right. Its model of x86-64 (x86tso-mixed.cat) has SFENCE and LFENCE order a store
before a later load; the processor does not (Intel SDM, volume 3, section 9.2.5), nor does its model of 32 bits (x86tso.cat)."""


def difference(row: Row, model: str) -> str | None:
    """What in our answer is not as herd7 has it."""
    result = smpcheck.check(row.text, model)
    if result.status == "no-execution":
        return "no execution" if row.states else None
    if result.status != "ok":
        return f"{result.status}: {result.message}"
    ours = (result.observation, [state_line(state) for state in result.states], set(result.flags) - ONLY_OURS)
    theirs = (row.verdict, row.states, set(row.flags) - ONLY_HERDS)
    return None if ours == theirs else f"{ours} instead of {theirs}"


@pytest.mark.filterwarnings("ignore::smpcheck.pytest_plugin.SmpcheckNote")
@pytest.mark.parametrize(("language", "model"), LANGUAGES.items())
def test_answers_are_those_of_herd7(language: str, model: str) -> None:
    rows = [row for row in load(language) if (language, row.name) not in EXPLAINED]
    assert not {row.name: found for row in rows if (found := difference(row, model)) is not None}


@pytest.mark.parametrize(("which", "verdict"), EXPLAINED.items(), ids=lambda value: "-".join(value))
def test_where_herd7_is_wrong_we_are_not(which: tuple[str, str], verdict: str) -> None:
    language, name = which
    (row,) = (row for row in load(language) if row.name == name)
    assert row.verdict != verdict == smpcheck.check(row.text, LANGUAGES[language]).observation


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_to_tell_models_apart(language: str) -> None:
    rows = load(language)
    verdicts = [row.verdict for row in rows]
    assert len(rows) >= 40 and len({row.name for row in rows}) == len(rows)
    assert verdicts.count("Never") >= 10 and verdicts.count("Sometimes") >= 10


def test_a_wrong_model_is_found_out() -> None:
    """Each model that is stronger or weaker than the kernel's disagrees with some row."""
    rows = load("C")[::6]
    for model in ("sc", "tso"):
        assert any(difference(row, model) is not None for row in rows)


def test_every_test_of_the_script_is_in_the_table() -> None:
    """So a test that is changed or added is answered by herd7 first."""
    from tests.reference.write import REFUSED, sources

    for language in LANGUAGES:
        assert {name: text for name, text in sources(language).items() if name not in REFUSED} == {
            row.name: row.text for row in load(language)
        }
