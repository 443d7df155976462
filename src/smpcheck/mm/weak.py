"""The same questions under a weak memory model, asked of the solver.

A scenario is a few hundred possible accesses, of which most lie in branches that no interleaving takes. These are left out at
first (:mod:`smpcheck.program.cut`); if the weak model lets a thread enter one of them after all, it is put back and the question
is asked again, until none is entered.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.cut import CUT, without_branches
from smpcheck.solver.answer import Question

if TYPE_CHECKING:
    from smpcheck.mm.check import Case

UNROLL = 2


def ask(case: Case, left: Sequence[str], deadline: float | None) -> tuple[list[str], dict[str, str]]:
    """Which checks of the invariants in ``left`` can fail, and which invariants are undecided, with the reason."""
    from smpcheck.mm.check import program_of

    ends = None if deadline is None else time.monotonic() + deadline
    failed: list[str] = []
    undecided: dict[str, str] = {}
    for visit, wanted in (("no", [i for i in left if i != "I4"]), ("only", [i for i in left if i == "I4"])):
        if wanted:
            also, why = _answer(program_of(case, visit), case.model, wanted, ends)
            failed += also
            undecided |= why
    return failed, undecided


def _answer(program: ir.Program, model_name: str, wanted: Sequence[str], ends: float | None) -> tuple[list[str], dict[str, str]]:
    from smpcheck.cat.load import load_model
    from smpcheck.mm.check import MOST_STATES, invariant_of
    from smpcheck.mm.variants import BOUND
    from smpcheck.simulate.reached import reached
    from smpcheck.solver.solve import solve

    model = load_model(model_name)
    failed: dict[str, None] = {}
    put_back: set[str] = set()

    def open_ones(why: str) -> tuple[list[str], dict[str, str]]:
        done = {invariant_of(check) for check in failed}
        return list(failed), {i: why for i in wanted if i not in done}

    try:
        steps, taken = reached(program, max_states=MOST_STATES)
        while True:
            rest = None if ends is None else ends - time.monotonic()
            if rest is not None and rest <= 0:
                return open_ones("no time was left")
            question = Question(mode="assertions", flags=False, deadlock=True, unroll=UNROLL, deadline=rest, lazy=True)
            answer = solve(without_branches(program, steps, taken, put_back), model, question)
            failed |= dict.fromkeys(check for check in answer.failed if invariant_of(check) in wanted)
            if answer.status == "timeout":
                return open_ones("the solver had no answer in time")
            if BOUND in answer.failed or any(not label.startswith(CUT) for label in answer.cut):
                return open_ones("a loop goes on beyond its bound")
            if not answer.cut:
                break
            put_back |= set(answer.cut)
    except (LimitError, UnsupportedError) as error:
        return open_ones(str(error))
    return open_ones("no execution at all") if answer.status == "no-execution" else (list(failed), {})
