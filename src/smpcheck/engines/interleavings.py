"""The exploration of all interleavings as an engine: a failure in one of them can happen under every model that allows it.

Under sequential consistency there are no other executions, so a failure that no interleaving has cannot happen. Under weaker
models it may.
"""

from __future__ import annotations

from msgspec.structs import replace

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.engines.contract import NO_EXECUTION, Answer, Question, Witness
from smpcheck.engines.part import Part
from smpcheck.errors import UnsupportedError
from smpcheck.program.cut import NOTHING, Coverage, without_branches
from smpcheck.program.ir import Program

MAX_STATES = 3_000_000

ONLY_SC = "no interleaving has it, and there are other executions"


def coverage_of(program: Program) -> Coverage:
    """Which accesses some interleaving takes. :raises LimitError: there are too many states"""
    from smpcheck.simulate.explore import outcomes

    try:
        return outcomes(program, max_states=MAX_STATES, coverage=True).coverage
    except UnsupportedError:
        return coverage_before(program)


def coverage_before(program: Program) -> Coverage:
    """The same of the program that this one was translated from, such as the kernel's primitives: for machines whose loops over
    store-conditionals no step-by-step exploration supports. :raises LimitError: there are too many states"""
    from smpcheck.simulate.explore import outcomes

    known = program.translated_from
    if known is None:
        return NOTHING
    try:
        return replace(outcomes(known.program, max_states=MAX_STATES, coverage=True).coverage, before=True)
    except UnsupportedError:
        return NOTHING


class Interleavings:
    """The exploration of schedules (:mod:`smpcheck.simulate.explore`). ``coverage``: which accesses some interleaving takes, once
    that is known. ``part``: of the program, to explore."""

    name = "all interleavings"

    def __init__(self, question: Question, part: Part | None = None) -> None:
        self.question = question
        self.part = part or Part(question.program)
        self.coverage: Coverage | None = None

    def answer(self) -> Answer:
        """See :class:`~smpcheck.engines.contract.Engine`."""
        program, model, names = self.question.program, self.question.model, self.question.names
        from smpcheck.simulate.explore import outcomes

        try:
            found = self.part.explored(lambda part: outcomes(part, max_states=MAX_STATES, witnesses=True, coverage=True))
        except UnsupportedError:
            self.coverage = coverage_before(program)
            raise
        self.coverage = self.part.took(found.coverage)
        answer = Answer(without_branches(program, self.coverage), explored=found.explored)
        for name in names:
            run = found.witnesses.get(name)
            execution = run.execution() if run is not None else None
            if execution is not None and all(violation.flag for violation in evaluate(model, execution)):
                answer.can[name] = Witness("sc", execution, run)
        faults = [name for name in sorted(found.failed.difference(names)) if found.witnesses[name].message]
        answer.notes = tuple(f"an execution can end in {name}; what would come after is not looked at" for name in faults)
        rest = [name for name in names if name not in answer.can]
        if model != load_model("sc"):
            answer.unknown = dict.fromkeys(rest, ONLY_SC)
            return answer
        answer.cannot = dict.fromkeys(rest, ())
        if not found.states and not answer.can:
            answer.notes += (NO_EXECUTION,)
        return answer
