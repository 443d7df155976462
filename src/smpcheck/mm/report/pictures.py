"""Failing runs of ``smpcheck mm check`` as pictures: SVG, Graphviz, and an HTML page with the table, the sources and a replay."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from msgspec import Struct

from smpcheck.mm.check import Answer
from smpcheck.mm.invariants import ABOUT
from smpcheck.mm.report.table import cell, legend, tables
from smpcheck.mm.weak import WeakRun
from smpcheck.show.dot import picture_dot
from smpcheck.show.html import View, page
from smpcheck.show.picture import Picture, picture, picture_of_run
from smpcheck.show.svg import document

if TYPE_CHECKING:
    from smpcheck.simulate import RunResult

LONG = 4
"""In lanes of more steps, those that no arrow touches are folded: a run has tens of them."""

NO_RUN = "There is no run to show: it is a circle of lock classes, or the time was not enough."


FLAGS_IN = {"separate": "flags in separate bytes", "x86": "flags as x86 accesses them"}


class Failure(Struct, frozen=True):
    """An invariant that fails in a cell, and how; ``run`` is None where there is none to show."""

    answer: Answer
    invariant: str
    run: RunResult | WeakRun | None

    @property
    def name(self) -> str:
        """``truncate_mlock, V2: I1``, with the model and the layout of the flags if they are not the usual ones."""
        case = self.answer.case
        more = [case.where] * (case.model != "sc")
        more += [FLAGS_IN[case.flags]] if case.flags in FLAGS_IN else []
        return f"{', '.join([case.scenario, case.variant.name, *more])}: {self.invariant}"

    @property
    def headline(self) -> str:
        """What fails, in words."""
        return f"{self.name} fails: {ABOUT.get(self.invariant, 'a check of the model itself')}"

    def picture(self) -> Picture | None:
        """The run."""
        match self.run:
            case None:
                return None
            case WeakRun(program, execution=execution, story=story):
                said = "No interleaving does this. Downwards in the order of taking effect, as far as program order lets it"
                return picture(program, execution, said, story=story, dependencies=False, long_lane=LONG)
        return picture_of_run(self.run, self.run.message or "The threads take turns", LONG)


def svg(failures: Sequence[Failure]) -> str:
    """The pictures, one below the other."""
    return document([(failure.headline, failure.picture()) for failure in failures])


def dot(failures: Sequence[Failure]) -> str:
    """A digraph for each."""
    drawn = [(failure, failure.picture()) for failure in failures]
    return "\n".join(picture_dot(shown, [failure.headline, shown.caption]) for failure, shown in drawn if shown is not None)


def html(answers: Sequence[Answer], order: Sequence[str], failures: Sequence[Failure]) -> str:
    """The tables, what bounds them, and the runs, as one page. ``order``: of the scenarios."""
    views = []
    for failure in failures:
        shown = failure.picture()
        if shown is not None:
            notes = (f"again: {failure.answer.case.command}",)
            views.append(View(shown.program, failure.headline, failure.name, shown, notes))
    bounds = "".join(f"{escape(line)}\n" for line in legend(answers))
    lost = "".join(f"<p>{escape(f.headline)}. {NO_RUN}</p>" for f in failures if f.run is None)
    intro = f"{_tables(answers, order)}<details><summary>Names and bounds</summary><pre>{bounds}</pre></details>{lost}"
    return page(views, title="smpcheck mm check", intro=intro)


def _tables(answers: Sequence[Answer], order: Sequence[str]) -> str:
    parts = []
    for title, found in tables(answers):
        names = "".join(f"<th>{escape(' '.join(several))}</th>" for several, _ in found)
        rows = []
        for scenario in order:
            if any(scenario in answered for _, answered in found):
                texts = [cell(answered.get(scenario)).replace("\n", " ") for _, answered in found]
                cells = "".join(f'<td class="{escape(text.split()[0])}">{escape(text)}</td>' for text in texts)
                rows.append(f"<tr><th>{escape(scenario)}</th>{cells}</tr>")
        parts.append(
            f'<div class="scroll"><table class="cells"><caption>{escape(title)}</caption>'
            f"<thead><tr><th>scenario</th>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )
    return "".join(parts)
