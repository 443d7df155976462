"""A question about a program, unrolled: the events, the values that each can have, and what is asked about as terms over them."""

from __future__ import annotations

from collections.abc import Collection

from smpcheck.cat.nodes import Model
from smpcheck.cat.requirements import is_coherent
from smpcheck.cat.restriction import omission
from smpcheck.errors import InputError
from smpcheck.program import ir
from smpcheck.program.events import EVERY_WAIT, EventGraph, Term, unroll
from smpcheck.program.flow import fold, has_loops
from smpcheck.program.pieces import final_contents
from smpcheck.solver.answer import Question
from smpcheck.solver.domains import Domains


class NotForMe(Exception):
    """Of an engine that looks at candidates itself: clingo has to answer."""


def final_term(graph: EventGraph, expr: ir.Expr) -> Term:
    """A condition over final states as a term; ``mem`` terms stand for the final contents of cells."""
    terms = graph.terms

    def atom(expr: ir.Expr) -> Term:
        match expr:
            case ir.Const(value):
                return terms.const(value)
            case ir.FinalReg(thread, name):
                return graph.final_regs.get(thread, {}).get(name, terms.zero)
            case ir.FinalMem(cell):
                parts = final_contents(expr, graph.program)
                return terms.memory(cell) if parts is None else final_term(graph, parts)
        raise InputError(f"{type(expr).__name__} cannot stand in a condition on final states")

    return fold(expr, atom, terms.apply)


class Unrolled:
    """``program`` as ``question`` asks. ``thin_air``: see :class:`~smpcheck.solver.domains.Domains`. ``faulty``: at these
    accesses, by their numbers among the events, the threads may stop.
    """

    def __init__(
        self, program: ir.Program, model: Model, question: Question, thin_air: bool = False, faulty: Collection[int] = ()
    ) -> None:
        self.condition = question.condition if question.condition is not None else program.condition
        left_out = omission(model) if has_loops(program) else EVERY_WAIT  # of rounds; what a model makes of that takes its time
        self.graph = graph = unroll(program, question.unroll, question.stops, left_out, question.condition, faulty)
        self.condition_term = final_term(graph, self.condition)
        self.filter_term = final_term(graph, program.filter) if program.filter is not None else None
        self.observed = [(v, final_term(graph, v)) for v in program.observed]
        extra = [self.condition_term, *[t for _, t in self.observed]]
        after = [t.index for t in program.threads if t.after] if question.lazy else []
        self.domains = Domains(graph, extra, is_coherent(model), after, founded=question.lazy, thin_air=thin_air)

    @property
    def some_address_is_open(self) -> bool:
        """May an address have no value, because it comes out of thin air?"""
        return any(e.addr is not None and self.domains.is_open(e.addr) for e in self.graph.events)
