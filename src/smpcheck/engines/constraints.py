"""The solver as an engine, for programs that are too large to be encoded completely.

In a program such as those of :mod:`smpcheck.mm`, most accesses lie in branches that no interleaving takes. These branches are
left out at first (:mod:`smpcheck.program.cut`), and put back when an execution would enter one of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from smpcheck.cat.load import SHIPPED, load_model
from smpcheck.cat.nodes import Model
from smpcheck.engines.contract import NO_EXECUTION, NO_TIME, Answer, Question, Witness, cut
from smpcheck.engines.interleavings import coverage_of
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import flow, ir
from smpcheck.program.cut import NOTHING, Coverage, is_left_out, without_branches
from smpcheck.solver import answer as solver
from smpcheck.solver.solve import solve

NARROW = "load buffering is not looked for in branches that only load buffering could enter"
"""What bounds an answer of the solver about a program without some of its branches.

Where program order and reads-from together have no cycle, some event is the first in a branch that was left out, and all that its
branch was decided by is an execution without these branches, up to there; so the solver sees that it is entered.
"""


def is_known(model: Model) -> bool:
    """Is it a model of which is known what lazy questions, and leaving out branches, take for granted?"""
    return model in map(load_model, SHIPPED)


def rounds(
    program: ir.Program, model: Model, unroll: int, ends: float | None, coverage: Coverage | None = None
) -> Iterator[tuple[ir.Program, solver.Answer]]:
    """Answers about all assertions of the program with more and more of its branches, until one enters none that is left out.

    ``ends``: when to stop, in :func:`time.monotonic`'s time; an answer is then of status ``timeout``, or there is none.
    ``coverage``: of interleavings of the program, if it is known already.

    :raises LimitError: no time is left, or a limit of the solver was reached
    """
    if not is_known(model):
        coverage = NOTHING
    elif coverage is None:
        coverage = NOTHING
        with suppress(LimitError):
            coverage = coverage_of(program)
    put_back: set[str] = set()
    while True:
        rest = None if ends is None else ends - time.monotonic()
        if rest is not None and rest <= 0:
            raise LimitError(NO_TIME)
        question = solver.Question(mode="assertions", flags=False, stops=True, unroll=unroll, deadline=rest, lazy=is_known(model))
        part = without_branches(program, coverage, put_back)
        answer = solve(part, model, question)
        if answer.status == "bound" and not answer.cut:
            raise LimitError(answer.message)
        yield part, answer
        entered = {label for label in answer.cut if is_left_out(label)} - put_back
        if answer.status == "timeout" or not entered:
            return
        put_back |= entered


def has_no_load_buffering(model: Model) -> bool:
    """Is it a model under which no store is early, whatever the program?"""
    return model in (load_model("tso"), load_model("x86"))


class Constraints:
    """The solver, with branches left out. ``coverage``: what of the program some interleaving takes, if that is known.
    ``in_order``: it is known that no store of the program is early.
    """

    name = "the solver"

    def __init__(self, question: Question, coverage: Coverage | None = None, in_order: bool = False) -> None:
        self.question = question
        self.coverage = coverage
        self.in_order = in_order or has_no_load_buffering(question.model)

    def answer(self) -> Answer:
        """See :class:`~smpcheck.engines.contract.Engine`. Where it gives up, what it found until then is in the answer."""
        question = self.question
        found = Answer(question.program)
        last = None
        why = ""
        try:
            for found.part, last in rounds(question.program, question.model, question.unroll, question.ends, self.coverage):
                for name in question.names:
                    if name in last.failed and name not in found.can:
                        found.can[name] = Witness(question.model.name, last.failed[name])
                if last.status == "timeout":
                    why = "the solver had no answer in time"
        except (LimitError, UnsupportedError) as error:
            why = str(error)
        if last is not None and last.status == "no-execution" and not found.can:
            found.notes = (NO_EXECUTION,)
        if not why and last is not None and not all(map(is_left_out, last.cut)):
            why = cut(question.unroll)
        rest = found.unsettled(question.names)
        if why:
            found.unknown = dict.fromkeys(rest, why)
        else:
            found.cannot = dict.fromkeys(rest, (NARROW,) if not self.in_order and _is_cut(found.part) else ())
        return found


def _is_cut(program: ir.Program) -> bool:
    """Are there branches that were left out?"""
    return any(isinstance(s, ir.Loop) and is_left_out(s.label) for t in program.threads for s in flow.statements(t.body))
