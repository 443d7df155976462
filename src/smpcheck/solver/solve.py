"""The solver's entry: a program and a question in, an answer out.

Small programs are answered by :mod:`smpcheck.solver.enumeration`, many final states as a product by
:mod:`smpcheck.solver.state_products`; clingo, and what writes programs for it, is imported only where
it is asked (:mod:`smpcheck.solver.session`).
"""

from __future__ import annotations

import time

from smpcheck.cat.nodes import Model
from smpcheck.errors import LimitError
from smpcheck.models import require_language
from smpcheck.program import ir
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.enumeration import engine, enumerated
from smpcheck.solver.state_products import combined
from smpcheck.solver.unrolled import Unrolled


def solve(program: ir.Program, model: Model, question: Question | None = None, *, automata: bool = True) -> Answer:
    """Answer ``question`` about ``program`` under ``model``.

    ``automata=False`` writes every path expression out as rules (the slower of two equivalent encodings, kept for tests).
    Raises InputError and UnsupportedError (with position) where there is no answer to give; limits are answers of their own.
    """
    started = time.perf_counter()
    require_language(model, program)
    question = question or Question()
    try:
        unrolled = Unrolled(program, model, question)
        if automata and engine() != "solve":
            answer = enumerated(unrolled, model, question) or combined(unrolled, model, question)
            if answer is not None:
                return answer
        from smpcheck.solver.session import ask

        return ask(program, model, question, automata, started, unrolled)
    except LimitError as error:
        return Answer("bound", None, message=str(error), complete=False, program=program)
