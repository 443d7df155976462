"""The result of one test: plain data, and the rules by which it gives a verdict.

Two kinds of program, two kinds of verdict. A *litmus test* asks about its condition: ``Never``, ``Sometimes`` or ``Always``, as
in herd7's Observation line; faults stand beside that as flags. A *model* (a program in Python) asserts: its verdict is ``holds``,
``FAILS`` (of what: :attr:`Result.failures`) or ``undecided``, and a fault is a failure like any other. A model that asks with
``s.exists()`` whether something can happen, and asserts nothing, has the verdict of its question.

A failure counts even where a limit was reached: an assertion that fails within the bound fails. What was not found within it is
undecided, never excluded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from smpcheck.program.faults import (
    BAD_ADDRESS,
    DATA_RACE,
    DEADLOCK,
    FAULTS,
    MISALIGNED,
    NON_TERMINATION,
    NULL_DEREFERENCE,
    UNDEFINED_VALUE,
)
from smpcheck.program.ir import MODELS
from smpcheck.records import PartlyCompared

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.program.execution import Execution
    from smpcheck.program.ir import Language, Position, Program
    from smpcheck.questions.problems import Problem
    from smpcheck.solver.answer import Answer
    from smpcheck.solver.answer import Verdict as Observation

ResultStatus: TypeAlias = Literal["ok", "unsupported", "timeout", "bound", "no-execution", "error"]
"""``ok``: answered in full. ``unsupported``: refused by name and position. ``timeout``, ``bound``: a limit was reached, and
something is undecided (:attr:`Result.undecided`). ``no-execution``: no execution of the program satisfies the model (a filter
that nothing passes). ``error``: unreadable or malformed, or the program itself failed."""

Verdict: TypeAlias = Literal["Never", "Sometimes", "Always", "holds", "FAILS", "undecided"]

StateRow: TypeAlias = Mapping[str, int | str]
"""A final state: ``{"0:r1": 1, "[x]": 2}``, named and ordered as in herd7's log; addresses by the name of what they point to."""

Shows: TypeAlias = Literal["condition", "negation", "flag", "failed"]

FAULT_WORDS: Mapping[str, str] = {
    DATA_RACE: "a data race",
    DEADLOCK: "a deadlock",
    NON_TERMINATION: "a thread that can wait for ever",
    NULL_DEREFERENCE: "a null pointer that is dereferenced",
    BAD_ADDRESS: "an access to an address where there is no object",
    MISALIGNED: "an access to an address that is not a multiple of its size",
    UNDEFINED_VALUE: "a computation that C leaves undefined",
}
"""Faults in a sentence."""


class Shown(Struct, frozen=True):
    """An execution in a result, and what it ``shows`` to be possible: that the proposition of the condition holds or does not, or
    that the flag or assertion ``name`` is raised or fails.
    """

    shows: Shows
    name: str
    execution: Execution


class Result(PartlyCompared, frozen=True):
    """The answer for one test.

    About the condition: ``observation`` as in herd7's Observation line (``Never``: its proposition holds in no final state,
    ``Always``: in all, else ``Sometimes``); None where that is not known. ``positive`` and ``negative`` count the final states
    in which the proposition holds and does not (without a listing: 1 where there is one). ``complete`` is False where the
    listing of ``states`` was cut. ``condition`` has its quantifier.

    About faults and assertions: ``flags``, the names of the flags that are raised (faults among them, see
    :mod:`smpcheck.program.faults`). ``asserts``: the names of what the program asserts, of which ``failed`` can fail.

    What is open: ``undecided`` has the names of the assertions and faults that were neither found nor excluded, and
    ``condition`` where the observation is not settled. ``rounds``: not beyond so many rounds of a loop, if loops were cut.

    About the author: ``expected``, the verdict in the test's own ``Result:`` comment, and the faults that it ``announced``
    (those that the model can find; None without such a comment). ``expected_failures``: see
    :class:`~smpcheck.program.ir.Program`.

    ``message``: why there is no full answer; ``notes``: what else there is to say about the test or the answer. ``seconds`` is
    wall time for reading and solving. ``pos``: where in the source the reason is that there is no verdict, if it
    is there. ``program`` comes with ``executions``, ``problems`` and ``answer``, for which one has to ask
    (:class:`~smpcheck.questions.check.CheckOptions`); ``under``, the memory model itself, with ``answer``.
    """

    ASIDE = frozenset({"executions", "problems", "program", "under", "answer"})

    file: str
    name: str
    status: ResultStatus
    observation: Observation | None = None
    states: Sequence[StateRow] = ()
    flags: tuple[str, ...] = ()
    condition: str | None = None
    expected: str | None = None
    seconds: float = 0.0
    message: str = ""
    notes: tuple[str, ...] = ()
    quantifier: str = "exists"
    positive: int = 0
    negative: int = 0
    complete: bool = True
    model: str = ""
    language: Language = "C"
    asserts: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    rounds: int | None = None
    announced: frozenset[str] | None = None
    expected_failures: frozenset[str] | None = None
    pos: Position | None = None
    executions: tuple[Shown, ...] = ()
    problems: tuple[Problem, ...] = ()
    program: Program | None = None
    under: Model | None = None
    answer: Answer | None = None

    @property
    def is_model(self) -> bool:
        """Is it a model, whose verdict is that of what it asserts, and not a litmus test?"""
        return self.language in MODELS

    @property
    def failures(self) -> tuple[str, ...]:
        """What can go wrong in a model: assertions that can fail, and whatever the memory model flags. In a litmus test:
        assertions.
        """
        return (*self.failed, *(flag for flag in self.flags if self.is_model))

    @property
    def verdict(self) -> Verdict | None:
        """The answer in a word (see the module); None where there is none: the input was refused, or nothing is known."""
        if self.failures:
            return "FAILS"
        if self.status != "ok":
            return "undecided" if self.is_model and self.status in ("timeout", "bound") else self.observation
        if self.is_model and (self.asserts or not self.asks):
            return "holds"
        return self.observation

    @property
    def asks(self) -> bool:
        """Does a model ask whether something can happen (``s.exists``), besides what it asserts?"""
        return self.is_model and self.quantifier == "exists"

    @property
    def agrees(self) -> bool | None:
        """Is the answer what the author expects? None where either is missing.

        A litmus test is judged as the kernel's ``tools/memory-model/scripts/judgelitmus.sh`` does: faults that its ``Result:``
        comment announces must be there, others must not; where one is, the verdict means nothing and is forgiven. A model must
        not fail, or, where it is marked as expected to, fail in what it names.
        """
        if self.is_model:
            return self._model_agrees()
        if self.failed:
            return False
        if self.announced is None and self.expected is None:
            return None
        announced = self.announced or frozenset()
        if self.faults - announced:
            return False
        if self.faults:
            return True if self.faults == announced else self._unless_undecided(False)
        return self._unless_undecided(False) if announced else self._observation_agrees()

    def _unless_undecided(self, agrees: bool) -> bool | None:
        """``agrees``, if nothing is undecided."""
        return agrees if self.status == "ok" else None

    def _observation_agrees(self) -> bool | None:
        """Is the condition's verdict the expected one? What was found may refute that even where the rest is undecided."""
        if self.expected is None:
            return None
        if self.observation is not None:
            return False if self.observation != self.expected else self._unless_undecided(True)
        return False if self.refutes(self.expected) else None

    def refutes(self, observation: str) -> bool:
        """Was a final state found that excludes this verdict about the condition?"""
        return (observation == "Never" and self.positive > 0) or (observation == "Always" and self.negative > 0)

    @property
    def faults(self) -> frozenset[str]:
        """The flags that are faults, which an author can announce."""
        return frozenset(self.flags).intersection(FAULTS)

    def _model_agrees(self) -> bool | None:
        expected, failures = self.expected_failures, frozenset(self.failures)
        if expected is None:
            if failures:
                return False
            return True if self.status == "ok" and self.asserts else None
        if not failures <= (expected or failures):
            return False
        if self.status != "ok":
            return True if failures and not expected else None
        return bool(failures) and failures >= expected

    @property
    def disagreement(self) -> str | None:
        """In words, what is not as the author says; None unless ``agrees`` is False."""
        if self.agrees is not False:
            return None
        if self.expected_failures is not None:
            return self._unexpected(self.expected_failures)
        if self.failures:
            return f"FAILS: {', '.join(self.failures)}"
        announced = self.announced or frozenset()
        parts = [f"{_fault(fault)} that the test does not announce" for fault in FAULTS if fault in self.faults - announced]
        parts += [
            f"the test announces {_fault(fault)}, but there is none" for fault in FAULTS if fault in announced - self.faults
        ]
        seen = self.observation or ("can hold" if self.expected == "Never" else "can be false")
        return "; ".join(parts) or f"{seen}, where the test says {self.expected}"

    def _unexpected(self, expected: frozenset[str]) -> str:
        """What is not as in a model that is expected to fail."""
        failures = frozenset(self.failures)
        if not expected:
            return "is expected to fail, but holds"
        names = {
            "fails, but is not expected to": failures - expected,
            "is expected to fail, but does not": expected - failures if self.status == "ok" else frozenset(),
            "fails as expected": failures & expected,
        }
        return "; ".join(f"{said}: {', '.join(sorted(some))}" for said, some in names.items() if some)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Message and notes."""
        return (*((self.message,) if self.message else ()), *self.notes)

    @property
    def ok(self) -> bool:
        """herd7's word on the condition: is what the quantifier claims true? False too where there is no answer."""
        if self.status not in ("ok", "no-execution"):
            return False
        if self.quantifier == "exists":
            return self.positive > 0
        return (self.negative if self.quantifier == "forall" else self.positive) == 0


def _fault(name: str) -> str:
    return FAULT_WORDS.get(name, name)
