"""What is not as claimed, as text for a test report: one sentence, then the execution in lanes, or the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from smpcheck.questions.check import RACE_FLAG, Result
from smpcheck.show.why import race_lines, wrap

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation, Limits

SEARCH_SECONDS = 1.0
"""How long to look for an execution that is easy to follow."""


def failure_text(result: Result, claimed: str | None = None) -> str:
    """Why the answer is not ``claimed``, a verdict; if that is not given, why it is not what the test itself says."""
    return "\n".join(_lines(result, claimed))


def answer_text(result: Result) -> str:
    """The answer, and why: for a report of something that used it."""
    if result.status != "ok":
        return f"{result.status}: {result.message}"
    said = f"{result.verdict} under {result.model}"
    if result.program is None or result.under is None:
        return said
    return "\n".join([said + ".", *(_explanation(answer) for answer in _explained(result))])


def _lines(result: Result, claimed: str | None) -> Iterator[str]:
    name = f"{result.name} under {result.model}"
    expected = claimed or result.expected or {"~exists": "Never", "forall": "Always"}.get(result.quantifier)
    race = claimed is None and RACE_FLAG in result.flags and not result.expects_race
    if claimed is None and result.failed:
        yield wrap(f"{name}: can fail: {', '.join(result.failed)}.", "")
    if race:
        yield wrap(f"{name}: a data race{'' if result.expects_race is None else ' that the test does not announce'}.", "")
    elif claimed is None and result.expects_race and RACE_FLAG not in result.flags:
        yield wrap(f"{name}: the test announces a data race, there is none.", "")
        return
    differs = expected is not None and result.verdict != expected and not race and not (claimed is None and result.failed)
    if differs:
        whose = "where it should be" if claimed else "where the test says"
        yield wrap(f"{name}: {result.verdict}, {whose} {expected}.", "")
    if result.program is None or result.under is None:
        return
    if claimed is None and result.failed:
        for name in result.failed:
            yield from _failing(result, name)
    if race:
        yield from _races(result)
    if differs and expected is not None:
        from smpcheck.questions.explain import explain_outcome
        from smpcheck.questions.outcomes import against

        outcome = against(result.program, str(result.verdict), expected)
        yield ""
        yield _explanation(explain_outcome(result.program, result.under, outcome, _limits()))


def _limits() -> Limits:
    from smpcheck.questions.explain import Limits

    return replace(Limits(), seconds=SEARCH_SECONDS)


def _failing(result: Result, name: str) -> Iterator[str]:
    """The execution in which an assertion fails."""
    from smpcheck.questions.explain import explain_outcome
    from smpcheck.questions.outcomes import Outcome, assertion_names

    assert result.program is not None and result.under is not None
    if name in assertion_names(result.program):
        outcome = Outcome(f"{name} fails", name)
        yield ""
        yield _explanation(explain_outcome(result.program, result.under, outcome, _limits()))


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
    from smpcheck.show.why import text

    drawn = lanes(answer)
    return (drawn or text(answer)).rstrip("\n")
