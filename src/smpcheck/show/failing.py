"""A failed claim as text for a test report: one sentence, then the execution in lanes, or the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from smpcheck.program.faults import DATA_RACE
from smpcheck.questions.result import Result
from smpcheck.show.explain_text import race_lines, wrap
from smpcheck.show.verdict import verdict_text

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation, Limits

SEARCH_SECONDS = 1.0
"""How long to look for an execution that is easy to follow."""


def failure_text(result: Result, claimed: str | None = None) -> str:
    """Why the answer is not ``claimed``, a verdict; if that is not given, why it is not what the test itself says."""
    return "\n".join(_lines(result, claimed))


def answer_text(result: Result) -> str:
    """The answer, and why: for a report of something that used it."""
    if result.verdict is None or result.status != "ok":
        return f"{verdict_text(result)}: {result.message}"
    said = f"{verdict_text(result)} under {result.model}"
    if result.program is None or result.under is None:
        return said
    return "\n".join([said + ".", *(_explanation(answer) for answer in _explained(result))])


def _lines(result: Result, claimed: str | None) -> Iterator[str]:
    """The sentences, then what shows each: failures first, then races, then the condition."""
    name = f"{result.name} under {result.model}"
    failing = result.failures if claimed != "Sometimes" else ()
    race = DATA_RACE in (failing or (result.flags if claimed is None and not result.announced else ()))
    if claimed is None and result.disagreement:
        yield wrap(f"{name}: {result.disagreement}.", "")
    elif failing:
        yield wrap(f"{name}: FAILS: {', '.join(failing)}.", "")
    elif race:
        yield wrap(f"{name}: a data race.", "")
    expected = claimed or result.expected or {"~exists": "Never", "forall": "Always"}.get(result.quantifier)
    differs = expected is not None and result.observation != expected and not race and not failing and not result.faults
    if differs and not (claimed is None and result.disagreement):
        whose = "where it should be" if claimed else "where the test says"
        yield wrap(f"{name}: {result.observation}, {whose} {expected}.", "")
    yield from (wrap(f"Note: {note}.", "") for note in result.notes)
    if result.program is None or result.under is None:
        return
    for failure in failing:
        yield from _failing(result, failure)
    if race:
        yield from _races(result)
    if differs and expected is not None:
        from smpcheck.questions.explain import explain_outcome
        from smpcheck.questions.outcomes import against

        outcome = against(result.program, str(result.observation), expected)
        yield ""
        yield _explanation(explain_outcome(result.program, result.under, outcome, _limits()))


def _limits() -> Limits:
    from smpcheck.questions.explain import Limits

    return replace(Limits(), seconds=SEARCH_SECONDS)


def _failing(result: Result, name: str) -> Iterator[str]:
    """The execution in which an assertion fails."""
    from smpcheck.questions.explain import explain_outcome
    from smpcheck.questions.outcomes import failing

    assert result.program is not None and result.under is not None
    if name in result.asserts:
        yield ""
        yield _explanation(explain_outcome(result.program, result.under, failing(name), _limits()))


def _races(result: Result) -> Iterator[str]:
    from smpcheck.questions.explain import find_races

    assert result.program is not None and result.under is not None
    for race in find_races(result.program, result.under, _limits()):
        yield ""
        yield from race_lines(race)


def _explained(result: Result) -> Iterator[Explanation]:
    from smpcheck.questions.explain import explain

    assert result.program is not None and result.under is not None
    yield from explain(result.program, result.under, _limits())


def _explanation(answer: Explanation) -> str:
    """The explanation, with its lanes where there are any."""
    from smpcheck.show.draw import lanes
    from smpcheck.show.explain_text import text

    drawn = lanes(answer)
    return (drawn or text(answer)).rstrip("\n")
