"""Pictures of explanations, from whichever module draws them; nothing where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation


def lanes(answer: Explanation) -> str | None:
    """Text lanes."""
    return None


def svg(answer: Explanation) -> str | None:
    """One SVG."""
    return None
