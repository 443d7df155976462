"""The output formats of ``check``, and the methods that each has.

A form is a class that takes results one by one and writes text. :data:`FORMATS` names them; none is imported before it is asked
for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from msgspec import Struct, field

from smpcheck.models import EDITIONS

if TYPE_CHECKING:
    from smpcheck.questions.result import Result

FORMATS = {
    "table": "smpcheck.show.table:Table",
    "herd": "smpcheck.show.herd:HerdLog",
    "json": "smpcheck.show.json_lines:JsonLines",
    "junit": "smpcheck.show.junit:JUnit",
    "ktap": "smpcheck.show.ktap:Ktap",
    "sarif": "smpcheck.show.sarif:CheckSarif",
}


VERDICTS = ("Never", "Sometimes", "Always", "holds", "FAILS", "undecided")


class Form(Protocol):
    """Takes results as they come. ``speaks``: does it show every message itself, so that none needs to go to standard error?
    ``in_order``: must it get results in the order of the tests (because it writes nothing before the end)?
    """

    speaks: bool
    in_order: bool

    def begin(self, names: Sequence[str]) -> None:
        """Called once, with the names of the files to come."""

    def result(self, result: Result) -> None:
        """One more result."""

    def flush(self) -> None:
        """Write what waits to be written, if anything does."""

    def end(self, summary: Summary) -> None:
        """No more results."""


class AtTheEnd:
    """Base of the forms that are written as a whole at the end, from all results in the order of the tests."""

    speaks = True
    in_order = True

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._results: list[Result] = []

    def begin(self, names: Sequence[str]) -> None:
        """Nothing yet."""

    def result(self, result: Result) -> None:
        """Kept for the end."""
        self._results.append(result)

    def flush(self) -> None:
        """Nothing goes out before the end."""


def make_form(name: str, out: TextIO) -> Form:
    """The form called ``name``, writing to ``out``. :raises KeyError: there is no such form."""
    module, _, cls = FORMATS[name].partition(":")
    return cast(Form, getattr(import_module(module), cls)(out))


class Summary(Struct):
    """Counts over a batch. ``errors``: PATHs that stand for no file."""

    model: str = ""
    seconds: float = 0.0
    errors: int = 0
    interrupted: bool = False
    expected: int = 0
    agree: int = 0
    disagree: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    """What each test is counted as: its verdict, or its status where there is none."""
    models: dict[str, None] = field(default_factory=dict)
    """The models that answered: of assembly it may be another one than ``model``."""

    def add(self, result: Result) -> None:
        """Count one result."""
        self.statuses[result.status] += 1
        if result.model and result.status not in ("error", "unsupported"):
            self.models[result.model] = None
        self.labels[result.verdict or result.status] += 1
        self.expected += result.expected is not None
        self.agree += result.agrees is True
        self.disagree += result.agrees is False

    @property
    def total(self) -> int:
        """How many results there were."""
        return self.statuses.total()

    @property
    def exit_status(self) -> int:
        """0: all answered, none against its own expectation. 2: unreadable or unsupported input; else 1: some disagree; else
        3: some undecided.
        """
        if self.interrupted:
            return 130
        if self.errors or self.statuses["error"] or self.statuses["unsupported"]:
            return 2
        if self.disagree:
            return 1
        return 3 if self.total > self.statuses["ok"] else 0

    def sentence(self) -> str:
        """The batch in one line: ``29 tests under lkmm in 0.3 s: 14 Never, 15 Sometimes; 1 disagrees ...``."""
        parts = [f"{self.labels[v]} {v}" for v in VERDICTS if self.labels[v]]
        parts += [f"{count} {label}" for label, count in sorted(self.labels.items()) if label not in VERDICTS]
        unread = f", {self.errors} {'path' if self.errors == 1 else 'paths'} not found" if self.errors else ""
        said = ""
        if self.disagree:
            said = f"; {self.disagree} of {self.agree + self.disagree} not as the author says"
        elif self.agree:
            every = self.agree == self.total
            said = "; each as its author says" if every else f"; {self.agree} of {self.agree} as the author says"
        tests = "1 test" if self.total == 1 else f"{self.total} tests"
        names = sorted(self.models) or [self.model]
        under = ", ".join(f"{name} ({EDITIONS[name]})" if name in EDITIONS else name for name in names)
        return f"{tests} under {under} in {self.seconds:.1f} s: {', '.join(parts) or 'nothing answered'}{unread}{said}"
