"""Faults in which a thread does not come to its end, as outcomes: which can happen, and what they are in a sentence.

They are treated like other outcomes: ``explain`` shows an execution of each that can happen, ``barriers --fix`` forbids it,
and for ``barriers`` an element that prevents one is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from smpcheck.cat.nodes import Model
from smpcheck.program import ir
from smpcheck.program.events import is_partial
from smpcheck.program.execution import Execution
from smpcheck.program.faults import BAD_ADDRESS, DEADLOCK, MISALIGNED, NON_TERMINATION, NULL_DEREFERENCE, STOPS, UNDEFINED_VALUE
from smpcheck.program.flow import expressions, statements
from smpcheck.program.locks import may_block
from smpcheck.questions.outcomes import Outcome
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

SENTENCES: Mapping[str, str] = {
    DEADLOCK: "threads wait for locks for ever",
    NON_TERMINATION: "a thread waits for ever",
    NULL_DEREFERENCE: "a null pointer is dereferenced",
    BAD_ADDRESS: "an access is to an address where there is no object",
    MISALIGNED: "an access is to an address that is not a multiple of its size",
    UNDEFINED_VALUE: "something is computed that C leaves undefined",
}
ALONE = "a thread waits for a lock for ever"
"""A deadlock of one thread: a lock taken twice, or one that a thread has kept that has ended."""


def sentence(fault: str, execution: Execution) -> str:
    """The fault as it happens in an execution: what, and in which lines."""
    if fault in (DEADLOCK, NON_TERMINATION):
        places = list(execution.stuck.values())
    else:
        places = [pos for name, pos in execution.faults if name == fault]
    said = ALONE if fault == DEADLOCK and len(execution.stuck) == 1 else SENTENCES[fault]
    lines = ", ".join(f"line {pos.line}" for pos in dict.fromkeys(places) if pos is not None)
    return f"{said} ({lines})" if lines else said


def stop(fault: str, execution: Execution | None = None) -> Outcome:
    """The outcome that this fault happens. ``execution``: one in which it does."""
    return Outcome(sentence(fault, execution) if execution is not None else SENTENCES[fault], fault)


class Stops(Struct, frozen=True):
    """The faults that can ``happen``, each with an execution, and those that the text does not exclude, but the model does.
    ``cut``: loops were, so what does not happen here may happen beyond.
    """

    happen: Mapping[str, Execution]
    excluded: tuple[str, ...] = ()
    cut: bool = False

    def outcomes(self) -> list[Outcome]:
        """Those that can happen."""
        return [stop(name, execution) for name, execution in self.happen.items()]


def stops(program: ir.Program, model: Model, unroll: int) -> Stops:
    """The faults of ``program`` under ``model``. Faults beyond ``unroll`` rounds of a loop are neither found nor excluded.

    :raises SmpcheckError: as :func:`smpcheck.solver.solve.solve`
    """
    possible = possible_stops(program)
    if not possible:
        return Stops({})
    answer = solve(program, model, Question(mode="stops", stops=True, flags=False, unroll=unroll))
    if answer.status == "bound":
        return Stops(answer.failed, cut=True)
    return Stops(answer.failed, tuple(name for name in possible if name not in answer.failed))


def possible_stops(program: ir.Program) -> tuple[str, ...]:
    """The faults that the program's text does not exclude."""
    found = {DEADLOCK} if may_block(program) else set[str]()
    for thread in program.threads:
        for stmt in statements(thread.body):
            if isinstance(stmt, ir.Loop) and stmt.bound is None:
                found.add(NON_TERMINATION)
            if isinstance(stmt, ir.Load | ir.Store | ir.Rmw) and not _is_certain(stmt.addr, program):
                found |= {NULL_DEREFERENCE, BAD_ADDRESS, UNDEFINED_VALUE, *((MISALIGNED,) if program.mixed else ())}
            if any(expr is not None and is_partial(expr) for expr in expressions(stmt)):
                found.add(UNDEFINED_VALUE)
    return tuple(name for name in STOPS if name in found)


def _is_certain(addr: ir.Expr, program: ir.Program) -> bool:
    return isinstance(addr, ir.Const) and addr.value in program.cells
