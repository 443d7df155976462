"""Caveats of an answer: loops were cut, the program has no execution at all, accesses race.

In these cases ``check`` has no verdict (``bound``, ``no-execution``); ``explain`` and ``barriers`` answer with a note.
"""

from __future__ import annotations

from smpcheck.cat.nodes import Model
from smpcheck.engines.contract import NO_EXECUTION, cut
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.flow import has_loops
from smpcheck.program.ir import Const, Program
from smpcheck.solver.candidates import Candidates

RACES = "data races are not looked for: the program is too large"
"""Of a program that several engines are asked about (:func:`smpcheck.program.flow.is_large`)."""


def longer(unroll: int) -> str:
    """The note that reasons cover only executions with few rounds of loops."""
    return f"the reasons are about {unroll} rounds of each loop; why longer executions are forbidden is not shown (see --unroll)"


def is_cut(program: Program, model: Model, unroll: int) -> bool:
    """Is a loop cut in some execution?"""
    if not has_loops(program):
        return False
    return Candidates(program, model, Const(1), unroll=unroll).cut


def caveats(program: Program, model: Model, unroll: int) -> tuple[str, ...]:
    """Notes on an answer of "it cannot happen" about ``program`` under ``model``; none if the answer needs no caveat."""
    everything = Candidates(program, model, Const(1), unroll=unroll)
    if everything.cut:
        return (cut(unroll),)
    return () if next(iter(everything), None) is not None else (NO_EXECUTION,)


def knows_races(model: Model) -> bool:
    """Does the model flag data races?"""
    return any(axiom.flag and axiom.name == DATA_RACE for axiom in model.axioms)


def has_race(program: Program, model: Model, unroll: int) -> bool:
    """Has the program a data race under ``model``?"""
    return knows_races(model) and next(iter(Candidates(program, model, flag=DATA_RACE, unroll=unroll)), None) is not None


def racy(program: Program, model: Model, unroll: int, fixed: bool = False) -> tuple[str, ...]:
    """The note that accesses race, if any do. ``fixed``: the program is one with a fix for something else."""
    if not has_race(program, model, unroll):
        return ()
    also = "with this, too, " if fixed else ""
    see = "see smpcheck explain, and barriers --fix --race"
    return (f"{also}there is a data race ({see}); as long as there is one, answers about outcomes mean little",)
