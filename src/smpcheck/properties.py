"""Properties of programs, to state in tests: ``assert smpcheck.never("SB+mbs.litmus")``.

A property is a claim about a program under a model. It is checked when it is first asked for its truth; what cannot be decided is
neither true nor false, but an error.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from smpcheck.cat.load import load_model
from smpcheck.questions.check import DEFAULT_UNROLL, CheckOptions
from smpcheck.questions.result import Result
from smpcheck.sources import Source, answers

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Property", "PropertyError", "always", "holds", "never", "require", "sometimes"]

Claim: TypeAlias = Literal["never", "sometimes", "always", "holds"]

VERDICT: dict[Claim, str] = {"never": "Never", "sometimes": "Sometimes", "always": "Always"}
CLAIMED = {"~exists": "Never", "forall": "Always"}
"""What a quantifier says where there is no ``Result:`` comment."""


class PropertyError(AssertionError):
    """A property that does not hold, or that could not be decided. The text says why, with an execution where there is one."""


class Property(Struct, frozen=True, dict=True):
    """A claim about each program of ``source`` under ``model``: see :func:`never`, :func:`sometimes`, :func:`always`,
    :func:`holds`. ``bool()`` decides it; :meth:`verify` raises with an explanation.
    """

    claim: Claim
    source: Source
    model: str = "lkmm"
    unroll: int = DEFAULT_UNROLL
    timeout: float | None = None

    @cached_property
    def results(self) -> Sequence[Result]:
        """The answers that decide it. :raises InputError: there is no such file or model"""
        options = CheckOptions(verdict_only=True, unroll=self.unroll, timeout=self.timeout, keep_answer=True)
        return answers(self.source, load_model(self.model), options)

    def __bool__(self) -> bool:
        """:raises PropertyError: undecided (unsupported, a limit, no execution), or the source says nothing"""
        __tracebackhide__ = True
        refuted = [result for result in self.results if truth(result, self.claim) is False]
        return all(decided(result, self.claim) for result in refuted or self.results)

    def verify(self) -> None:
        """:raises PropertyError: it does not hold, or is undecided"""
        __tracebackhide__ = True
        for result in self.results:
            require(result, self.claim)

    def __repr__(self) -> str:
        source = self.source
        if isinstance(source, str) and "\n" in source:
            shown = source.split("\n", 1)[0] + " ..."
        elif isinstance(source, (str, os.PathLike)):
            shown = os.fspath(source)
        else:
            shown = getattr(source, "title", getattr(source, "name", "?"))
        return f"smpcheck.{self.claim}({shown!r}, {self.model!r})"


def never(source: Source, model: str = "lkmm", *, unroll: int = DEFAULT_UNROLL, timeout: float | None = None) -> Property:
    """The condition of ``source`` holds in no final state, whatever its quantifier.

    ``source``: a path, the text of a litmus test, a scenario, a program; of a file with several programs, all of them.
    ``timeout``: seconds.
    """
    return Property("never", source, model, unroll, timeout)


def sometimes(source: Source, model: str = "lkmm", *, unroll: int = DEFAULT_UNROLL, timeout: float | None = None) -> Property:
    """The condition holds in some final states, and in some it does not."""
    return Property("sometimes", source, model, unroll, timeout)


def always(source: Source, model: str = "lkmm", *, unroll: int = DEFAULT_UNROLL, timeout: float | None = None) -> Property:
    """The condition holds in every final state."""
    return Property("always", source, model, unroll, timeout)


def holds(source: Source, model: str = "lkmm", *, unroll: int = DEFAULT_UNROLL, timeout: float | None = None) -> Property:
    """All is as the source itself says: a litmus test's ``Result:`` comment or, without one, ``~exists`` or ``forall``; no
    assertion or invariant of a model can fail; there is no data race that is not announced.
    """
    return Property("holds", source, model, unroll, timeout)


def truth(result: Result, claim: Claim) -> bool | None:
    """Does the claim hold of a test? None where that is undecided: what was not found within a limit is not excluded."""
    if result.status in ("error", "unsupported", "no-execution"):
        return None
    if claim == "holds":
        return _as_the_source_says(result)
    if claim != "sometimes" and result.failures:
        return False
    if result.refutes(VERDICT[claim]):
        return False
    if result.observation is None or (result.is_model and result.status != "ok" and claim != "sometimes"):
        return None
    return result.observation == VERDICT[claim]


def _as_the_source_says(result: Result) -> bool | None:
    if result.agrees is not None:
        return result.agrees
    if result.faults - (result.announced or frozenset()):
        return False
    claimed = CLAIMED.get(result.quantifier)
    if not result.is_model and claimed is not None and result.refutes(claimed):
        return False
    if result.status != "ok":
        return None
    return result.is_model or claimed is None or result.ok


def lacks(result: Result, claim: Claim) -> str | None:
    """What a test would have to say so that the claim means something; None where it says that."""
    if result.is_model:
        if result.asserts or result.flags or (result.asks and claim != "holds"):
            return None
        return "it asserts nothing (no check(), s.final() or s.forall())"
    if claim != "holds" or result.expected is not None or result.announced or result.quantifier != "exists":
        return None
    return "it has no Result: comment, ~exists or forall"


def undecided_text(result: Result) -> str:
    """Why there is no answer."""
    reason = result.message or {"timeout": "no answer within the time limit"}.get(result.status, "no answer")
    wrong = result.status == "error" and result.pos is not None
    return f"{result.name} under {result.model}: {reason if wrong else f'{result.status}: {reason}'}"


def require(result: Result, claim: Claim) -> None:
    """:raises PropertyError: the claim does not hold of ``result``, is undecided, or means nothing"""
    __tracebackhide__ = True
    if not decided(result, claim):
        from smpcheck.show.failing import failure_text

        raise PropertyError(failure_text(result, VERDICT.get(claim)))


def decided(result: Result, claim: Claim) -> bool:
    """Does the claim hold of ``result``? :raises PropertyError: that is undecided, or means nothing"""
    __tracebackhide__ = True
    found = truth(result, claim)
    if found is None:
        raise PropertyError(undecided_text(result))
    missing = lacks(result, claim)
    if missing is not None:
        raise PropertyError(f"{result.name} does not say what it expects: {missing}")
    return found
