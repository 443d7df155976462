"""What a program's author asks about: the condition, or that an assertion fails, in one form for all questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.models import about_sizes
from smpcheck.program.faults import DATA_RACE, STOPS
from smpcheck.program.ir import MODELS, Assert, Binary, Const, Expr, Program, Unary, assertion_names

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.solver.candidates import Candidates


class Outcome(Struct, frozen=True):
    """An event that can happen or not: ``condition`` holds at the end, or the assertion or invariant of this name fails (a str).

    ``text`` names it. ``claim``: what it breaks, where it breaks something (the name of an assertion, the proposition of a
    ``forall``). ``flag``: what happens is that the model raises this flag. ``wanted``: is it what the author hopes to see, not
    what must not be? (``exists`` that its file expects.)
    """

    text: str
    condition: Expr | str
    claim: str = ""
    wanted: bool = False
    flag: str = ""

    @property
    def is_fault(self) -> bool:
        """Is it a fault (:mod:`smpcheck.program.faults`), not something that the author speaks of?"""
        return bool(self.flag) or self.condition in STOPS

    def said(self, happens: bool | None) -> str:
        """Whether it ``happens`` (None: not known), as the beginning of a sentence: ``x=1: can happen``. Of what breaks a claim
        that is said of the claim: ``woken: FAILS``.
        """
        if self.claim:
            return f"{self.claim}: {'not known whether it holds' if happens is None else 'FAILS' if happens else 'holds'}"
        whether = "not known whether it can happen" if happens is None else "can happen" if happens else "cannot happen"
        return f"{self.text}: {whether}"

    def is_impossible(self, program: Program, model: Model, unroll: int) -> bool:
        """Does a quick look say that no execution has this outcome? (One at conditions; all else is asked of the solver.)"""
        from smpcheck.solver.enumeration import can_hold

        if self.flag or isinstance(self.condition, str):
            return False
        return can_hold(program, model, self.condition, unroll) is False

    def candidates(self, program: Program, model: Model, unroll: int, lazy: bool = False) -> Candidates:
        """The executions of ``program`` under ``model`` that have this outcome. ``lazy``: for large programs."""
        from smpcheck.solver.candidates import Candidates

        if self.flag:
            return Candidates(program, model, flag=self.flag, unroll=unroll, lazy=lazy)
        if isinstance(self.condition, str):
            return Candidates(program, model, failing=[self.condition], unroll=unroll, lazy=lazy)
        return Candidates(program, model, self.condition, unroll=unroll, lazy=lazy)


RACE = Outcome("a data race", Const(1), flag=DATA_RACE)
"""That the model flags a data race."""


def failing(name: str) -> Outcome:
    """That the assertion or invariant of this name fails."""
    return Outcome(f"{name} fails", name, name)


def outcomes(program: Program, only: str | None = None) -> list[Outcome]:
    """What can be asked of ``program``: its condition (for ``forall``: the opposite), each of its assertions; nothing where it
    neither asks nor asserts.

    ``only``: the assertion of this name.
    """
    found = [failing(name) for name in assertion_names(program) if only in (None, name)]
    if only is None and not (program.quantifier == "forall" and _says_no_more(program)):
        found.insert(0, condition_outcome(program))
    return found


def _says_no_more(program: Program) -> bool:
    """Is the condition just that every invariant holds, or nothing at all?"""
    parts = [part for invariant in program.invariants for part in conjuncts(invariant.cond)]
    asked, said = ([part for part in several if part != Const(1)] for several in (conjuncts(program.condition), parts))
    return not asked or asked == said


def asking(program: Program, asked: Sequence[Outcome]) -> tuple[Program, list[Outcome]]:
    """The program with each condition that is asked about as an invariant that it does not hold, and the outcomes that say so:
    engines are asked which checks fail (:class:`smpcheck.engines.contract.Question`).
    """
    conditions = {f"condition {o.text}": o.condition for o in asked if not isinstance(o.condition, str)}
    invariants = [Assert(Unary("!", condition), name) for name, condition in conditions.items()]
    named = [o if isinstance(o.condition, str) else replace(o, condition=f"condition {o.text}") for o in asked]
    return replace(program, invariants=(*program.invariants, *invariants)), named


HOLDS, BREAKS = "\0holds", "\0breaks"
"""Names of checks, which cannot be the program's own: one fails where what the condition says holds, one where not."""


def asking_both(program: Program) -> Program:
    """The program with these two checks, so that engines say of both whether it can be."""
    checks = (Assert(Unary("!", program.condition), HOLDS), Assert(program.condition, BREAKS))
    return replace(program, invariants=(*program.invariants, *checks))


def remarks(program: Program, model: Model | None = None) -> tuple[str, ...]:
    """What there is to say about a program whatever is asked of it: its reader's notes, that it asserts nothing, and what is new
    in ``model`` about it."""
    asks = program.quantifier == "exists" or program.expected_failures is not None
    says_nothing = program.language in MODELS and not asks and not assertion_names(program)
    sizes = about_sizes(model, program) if model is not None else ()
    return (*program.notes, *((ASSERTS_NOTHING[program.language],) if says_nothing else ()), *sizes)


ASSERTS_NOTHING: Mapping[str, str] = {
    "Python": "the model asserts nothing (no check(), assert, s.final() or s.forall()): only faults, such as data races, "
    "can be found",
    "KernelC": "the harness asserts nothing (no SMPCHECK_ASSERT, WARN_ON or BUG_ON is reached): only faults, such as data races, "
    "can be found",
}


def condition_outcome(program: Program) -> Outcome:
    """The outcome that the final condition speaks of; of a ``forall``, an outcome that breaks it."""
    text = program.condition_text
    for quantifier in ("~exists", "exists", "forall"):
        text = text.removeprefix(quantifier).strip()
    text = text[1:-1] if _is_one(text) else text
    if program.quantifier == "forall":
        return Outcome(f"not ({text})", Unary("!", program.condition), text)
    wanted = program.quantifier == "exists" and program.expected == "Always"
    return Outcome(text, program.condition, wanted=wanted)


def against(program: Program, verdict: str, claimed: str) -> Outcome:
    """The outcome to explain where a ``verdict`` about the condition's proposition is not what is ``claimed``.

    For ``Never`` that the proposition holds, for ``Always`` that it does not; both can happen. For ``Sometimes`` whichever of
    the two cannot.
    """
    outcome = condition_outcome(program)
    text = outcome.claim or outcome.text
    holds = Outcome(text, program.condition)
    breaks = Outcome(f"not ({text})", Unary("!", program.condition), text)
    if claimed == "Sometimes":
        return holds if verdict == "Never" else breaks
    return holds if claimed == "Never" else breaks


def _is_one(text: str) -> bool:
    """Are the first and the last parenthesis a pair?"""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return place == len(text) - 1
    return False


def conjuncts(condition: Expr) -> list[Expr]:
    """The parts of a conjunction."""
    if isinstance(condition, Binary) and condition.op == "&&":
        return conjuncts(condition.left) + conjuncts(condition.right)
    return [condition]


def outcome_text(expr: Expr, program: Program) -> str:
    """A condition as text, without parentheses around it all."""
    text = show_condition(expr, program)
    return text[1:-1] if _is_one(text) else text


def show_condition(expr: Expr, program: Program) -> str:
    """A condition as text, as it stands in litmus tests."""
    from smpcheck.program.ir import Cast, Conditional, FinalMem, FinalReg

    signs = {"&&": " /\\ ", "||": " \\/ ", "==": "="}
    match expr:
        case Const(value):
            return program.show_value(value)
        case FinalReg(thread, name):
            return f"{thread}:{name}"
        case FinalMem(cell, _, name):
            return name or program.cell_name(cell)
        case Binary(op, left, right):
            sides = [show_condition(side, program) for side in (left, right)]
            for place, side in enumerate((left, right)):
                if isinstance(side, Binary) and side.op == op in ("&&", "||"):
                    sides[place] = sides[place][1:-1]
            text = signs.get(op, op).join(sides)
            return f"({text})" if op in ("&&", "||") else text
        case Unary(op, arg):
            return f"{'not ' if op == '!' else op}{show_condition(arg, program)}"
        case Cast(_, arg):
            return show_condition(arg, program)
        case Conditional(cond, then, other):
            return f"({show_condition(cond, program)} ? {show_condition(then, program)} : {show_condition(other, program)})"
    return "?"
