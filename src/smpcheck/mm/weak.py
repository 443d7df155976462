"""The same questions under a weak memory model, asked of the solver."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.solver.answer import Question

if TYPE_CHECKING:
    from smpcheck.mm.check import Case

UNROLL = 2


def ask(case: Case, left: Sequence[str], deadline: float | None) -> tuple[list[str], dict[str, str]]:
    """Which checks of the invariants in ``left`` can fail, and which invariants are undecided, with the reason."""
    from smpcheck.cat.load import load_model
    from smpcheck.mm.check import invariant_of, program_of
    from smpcheck.mm.variants import BOUND
    from smpcheck.solver.solve import solve

    model = load_model(case.model)
    ends = None if deadline is None else time.monotonic() + deadline
    failed: list[str] = []
    undecided: dict[str, str] = {}
    for visit, wanted in (("no", [i for i in left if i != "I4"]), ("only", [i for i in left if i == "I4"])):
        if not wanted:
            continue
        rest = None if ends is None else ends - time.monotonic()
        if rest is not None and rest <= 0:
            undecided |= dict.fromkeys(wanted, "no time was left")
            continue
        program = program_of(case, visit)
        question = Question(mode="assertions", flags=False, deadlock=True, unroll=UNROLL, deadline=rest)
        try:
            answer = solve(program, model, question)
        except (LimitError, UnsupportedError) as error:
            undecided |= dict.fromkeys(wanted, str(error))
            continue
        found = list(answer.failed)
        failed += [check for check in found if invariant_of(check) in wanted]
        if answer.status != "ok" or BOUND in found:
            why = {"timeout": "the solver had no answer in time", "no-execution": "no execution at all"}.get(
                answer.status, "a loop goes on beyond its bound"
            )
            undecided |= {i: why for i in wanted if i not in {invariant_of(check) for check in failed}}
    return failed, undecided
