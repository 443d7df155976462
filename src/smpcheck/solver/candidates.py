"""Executions one at a time, each chosen after the last was judged: the engine for questions that begin with *why*.

:func:`solve` says whether an execution exists. To explain, one wants to see executions, look at what is wrong (or right) with
each, and not be shown more of the same. So this walks through the executions of a program under a model that meet a condition,
and the caller excludes, in between, all that have certain edges in common: one solver, one grounding, a clause for each.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import clingo

from smpcheck.cat.nodes import Model
from smpcheck.program import ir
from smpcheck.program.events import DEPENDENCIES
from smpcheck.program.execution import Execution
from smpcheck.program.values import Value
from smpcheck.solver.answer import Question
from smpcheck.solver.aspif import FALSE, TRUE
from smpcheck.solver.session import QUIET, Session, ThinAir, models_of

Edge: TypeAlias = tuple[str, int, int]
"""A base relation's name (``rf``, ``co``, ``fr``, ``addr``, ``data``, ``ctrl``) and two event ids of an execution."""


class Candidates(Session):
    """The executions of ``program`` under ``model`` in which something happens, one by one.

    What happens is any of these: ``condition``, an expression over final states, holds; an assertion or invariant named in
    ``failing`` fails, or the fault of that name (:data:`~smpcheck.program.faults.STOPS`) happens; ``flag`` is raised. With none
    of them, the program's own condition holds. Iterate; before taking the next, :meth:`exclude` what should not be seen again.
    Executions that cut a loop are never among them. ``lazy``: for large programs, see :class:`~smpcheck.solver.answer.Question`.

    :raises SmpcheckError: as :func:`smpcheck.solver.solve.solve`
    """

    def __init__(
        self,
        program: ir.Program,
        model: Model,
        condition: ir.Expr | None = None,
        *,
        failing: Iterable[str] = (),
        flag: str | None = None,
        unroll: int = 2,
        lazy: bool = False,
    ) -> None:
        failing = tuple(failing)
        mode: Literal["assertions", "verdict"] = "assertions" if failing else "verdict"
        stops = bool(failing)  # a check also fails in executions in which some thread then waits for ever
        question = Question(mode, unroll, witness=True, flags=flag is not None, condition=condition, stops=stops, lazy=lazy)
        try:
            self._prepare(program, model, question, failing, flag)
            self.possible(self.wanted, self.encoding.thin_air)
        except ThinAir:
            self._prepare(program, model, question, failing, flag, thin_air=True)

    def _prepare(
        self,
        program: ir.Program,
        model: Model,
        question: Question,
        failing: Iterable[str],
        flag: str | None,
        thin_air: bool = False,
    ) -> None:
        super().__init__(program, model, question, True, time.perf_counter(), thin_air)
        conj, faultless = self.out.conj2, -self.fault
        whole = conj(faultless, -self.stopped)
        wanted = [conj(faultless, self.assertions[name]) for name in failing if name in self.assertions]
        wanted += [conj(faultless, literal) for name, literal in self.stops.items() if name in failing]
        wanted += [literal for name, literal in self.faults if name in failing]
        wanted += [conj(whole, literal) for name, literal in self.flags if name == flag]
        if question.condition is not None or not (failing or flag):
            wanted.append(conj(whole, self.condition))
        self.wanted = self.out.disj(wanted)
        self.numbers: list[int] = []
        self._clauses: list[list[int]] = []
        self.control = clingo.Control(list(QUIET))
        if self.refinement is not None:
            self.control.register_propagator(self.refinement)
        self.out.load_into(self.control)
        self._refuse_meaningless()
        self.base = [-self.bound] if self.bound != FALSE else []

    @property
    def cut(self) -> bool:
        """Is some loop cut in some execution, so that there may be executions that are not among these? It may
        be where that is open, as values of an execution justify each other."""
        try:
            return self.bound != FALSE and self._bound_reached()
        except ThinAir:
            return True

    def __iter__(self) -> Iterator[Execution]:
        self.control.configuration.solve.models = 0  # type: ignore[union-attr]
        assumptions = [a for a in (*self.base, self.wanted) if a != TRUE]
        if FALSE in assumptions:
            return
        for found in models_of(self.control, assumptions):
            execution = self._execution(found)
            self.numbers = self._numbers(execution, found)
            yield execution
            for clause in self._clauses:
                found.context.add_clause(clause)
            self._clauses.clear()

    def exclude(self, edges: Iterable[Edge]) -> None:
        """From now on, no execution that has all of these edges (event ids are those of the execution last seen)."""
        clause: list[int] = []
        for name, a, b in edges:
            x, y = self.numbers[a], self.numbers[b]
            clause.extend(-literal for literal in self._literals(name, x, y) if literal != TRUE)
        self._clauses.append(clause)

    def exclude_this(self, execution: Execution) -> None:
        """Not this execution again: no other with the same reads-from and coherence among the same events."""
        self.exclude((name, a, b) for name in ("rf", "co") for a, b in execution.relations[name])

    def _literals(self, name: str, x: int, y: int) -> list[int]:
        """Literals that together say that the edge is there."""
        encoding = self.encoding
        both = [encoding.happens(x), encoding.happens(y)]
        if name == "rf":
            return [*both, encoding.rf[x, y]]
        if name == "co":
            return [*both, encoding.co(x, y)]
        if name in DEPENDENCIES:
            return [*both, encoding.guard_literal(self.graph.dependency(name)[x, y])]
        return both

    def _numbers(self, execution: Execution, model: clingo.Model) -> list[int]:
        """For each event of ``execution``, its number in the unrolled program."""
        happening = [e for e in self.graph.events if self._holds(model, self.encoding.happens(e.id))]
        threads = iter([e.id for e in happening if e.thread >= 0])
        initial: dict[Value | None, int] = {
            self._term_value(model, e.addr): e.id for e in happening if e.thread < 0 and e.addr is not None
        }
        return [initial[event.address] if event.thread < 0 else next(threads) for event in execution.events]
