"""Answers draw themselves in a notebook: ``_repr_mimebundle_`` of results and explanations.

HTML that needs nothing from the network: the verdict, the final states as a table, and the execution as a picture or, where
none can be drawn, as text. Nothing of Jupyter is imported.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from smpcheck.questions.explain import Explanation
from smpcheck.show.verdict import verdict_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smpcheck.questions.result import Result

ROWS = 32
"""More final states than this are counted, not listed."""

SEARCH_SECONDS = 1.0

Bundle = dict[str, str]


class Drawn(Explanation, frozen=True):
    """An explanation that draws itself."""

    @classmethod
    def of(cls, answer: Explanation) -> Drawn:
        """The same answer."""
        return cls(**{name: getattr(answer, name) for name in answer.__struct_fields__})

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        return bundle_of_explanation(self)


def bundle_of_result(result: Result) -> Bundle:
    """Text, HTML and, where there is one, the picture of the first outcome's execution."""
    answers = explanations(result)
    bundle = {"text/plain": result_text(result), "text/html": result_html(result, answers)}
    picture = next((drawn for answer in answers if (drawn := _svg(answer))), None)
    return bundle | ({"image/svg+xml": picture} if picture else {})


def bundle_of_explanation(answer: Explanation) -> Bundle:
    """Text, HTML and, where there is one, the picture."""
    from smpcheck.show.explain_text import text

    picture = _svg(answer)
    bundle = {"text/plain": text(answer), "text/html": explanation_html(answer)}
    return bundle | ({"image/svg+xml": picture} if picture else {})


def explanations(result: Result) -> Sequence[Explanation]:
    """What can be explained of a result; nothing where it has no verdict, or not its program."""
    from smpcheck.errors import SmpcheckError
    from smpcheck.questions.explain import Limits, explain

    if result.status != "ok" or result.program is None or result.under is None:
        return ()
    try:
        return list(explain(result.program, result.under, Limits(seconds=SEARCH_SECONDS)))
    except SmpcheckError:
        return ()


def headline(result: Result) -> str:
    """The answer in one line."""
    said = verdict_text(result)
    parts = [f"{result.name}: {said} under {result.model or '?'}"]
    if result.condition:
        parts.append(result.condition)
    return " · ".join(parts)


def remarks(result: Result) -> list[str]:
    """What else there is to say."""
    said = list(result.remarks)
    said += [f"flag: {flag}" for flag in result.flags]
    if result.disagreement:
        said.append(f"not as the author says: {result.disagreement}")
    return said


def result_text(result: Result) -> str:
    """The result without a picture."""
    lines = [headline(result), *remarks(result)]
    lines += [" ".join(f"{name}={value};" for name, value in row.items()) for row in result.states[:ROWS]]
    if len(result.states) > ROWS:
        lines.append(f"... {len(result.states)} final states")
    return "\n".join(lines)


def result_html(result: Result, answers: Sequence[Explanation]) -> str:
    """The result as one element."""
    parts = [f"<p><b>{escape(headline(result))}</b></p>"]
    parts += [f"<p>{escape(text)}</p>" for text in remarks(result)]
    parts.append(_table(result))
    parts += [explanation_html(answer) for answer in answers]
    return f'<div class="smpcheck">{"".join(parts)}</div>'


def _table(result: Result) -> str:
    if not result.states or not result.states[0]:
        return ""
    if len(result.states) > ROWS:
        return f"<p>{len(result.states)} final states</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in result.states[0])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row.values()) + "</tr>" for row in result.states
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def explanation_html(answer: Explanation) -> str:
    """An explanation as one element: the picture with the sentences below it, or all of it as text."""
    from smpcheck.show.explain_text import head, text

    picture = _svg(answer)
    if picture is None:
        return f"<pre>{escape(text(answer))}</pre>"
    said = [s.sentence for s in (*answer.story.reorderings, *answer.story.also)] if answer.story is not None else []
    said += [f"{reason.axiom}: " + "; ".join(link.text for link in reason.links) for reason in answer.reasons]
    said += [race.sentence for race in answer.races]
    listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in said)
    return f"<div><p>{escape(head(answer))}</p>{picture}{f'<ul>{listed}</ul>' if listed else ''}</div>"


def _svg(answer: Explanation) -> str | None:
    from smpcheck.show.draw import svg

    return svg(answer)
