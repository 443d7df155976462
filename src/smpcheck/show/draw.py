"""Pictures of explanations, for notebooks, assertions and reports: None if an explanation has no execution to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation

LANES_WIDTH = 100


def lanes(answer: Explanation, width: int = LANES_WIDTH) -> str | None:
    """The answer in a line, text lanes in at most ``width`` columns, and the sentences about them."""
    from smpcheck.show.lanes import explanation_lanes

    return explanation_lanes(answer, width) if _drawn(answer) else None


def svg(answer: Explanation) -> str | None:
    """One SVG of all its pictures, one below the other."""
    from smpcheck.show.svg import explanation_svg

    return explanation_svg(answer)


def _drawn(answer: Explanation) -> bool:
    return answer.execution is not None or bool(answer.reasons or answer.races)
