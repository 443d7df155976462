"""What is to be said besides, where an outcome cannot happen: that loops were cut, or that nothing can happen at all.

``check`` has no verdict then (``bound``, ``no-execution``); the questions that speak of reasons and barriers answer, and say so.
"""

from __future__ import annotations

from smpcheck.cat.nodes import Model
from smpcheck.program.ir import Const, Program
from smpcheck.solver.candidates import Candidates

NO_EXECUTION = "no execution of the program satisfies the model at all: a deadlock, or a filter that nothing passes"


def cut(unroll: int) -> str:
    """The note that loops were cut."""
    return f"loops are followed for {unroll} iterations, and what takes more is not asked about (see --unroll)"


def reservations(program: Program, model: Model, unroll: int) -> tuple[str, ...]:
    """Notes on an answer of "it cannot happen" about ``program`` under ``model``; none where it is the whole truth."""
    everything = Candidates(program, model, Const(1), unroll=unroll)
    if everything.cut:
        return (cut(unroll),)
    return () if next(iter(everything), None) is not None else (NO_EXECUTION,)
