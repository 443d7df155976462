"""The view machine as an engine: a failure that none of its runs has cannot happen, unless by load buffering.

The view machine supports the kernel's model and total store order, and allows more than these do
(:mod:`smpcheck.simulate.view_machine`). So a failure in one of its runs need not be possible.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.engines.contract import NO_TIME, Answer, Question
from smpcheck.engines.part import Part
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.models import require_language
from smpcheck.program.flow import mapped
from smpcheck.program.ir import Const, Load, Position, Program, Stmt, Store
from smpcheck.program.values import Ptr

ASSUMPTION = (
    "load buffering is not considered: executions in which a store is read by another thread before an earlier load of its own "
    "thread is satisfied are not looked for"
)
"""What bounds an answer that rests on runs in which no store is early (:mod:`smpcheck.simulate.load_buffering`)."""

NOT_EXCLUDED = "the view machine does not exclude it"


class Views:
    """The exploration of all runs of the view machine. ``in_order``: it is known that no store of this program is early.
    ``part``: of the program, to explore."""

    name = "view machine"

    def __init__(self, question: Question, part: Part | None = None) -> None:
        self.question = question
        self.part = part or Part(question.program)
        self.in_order = False

    def answer(self) -> Answer:
        """See :class:`~smpcheck.engines.contract.Engine`; of checks that were not asked about, those are named that some run
        fails.
        """
        program, model, ends = self.question.program, self.question.model, self.question.ends
        require_language(model, program)
        if model not in (load_model("lkmm"), load_model("tso")):
            raise UnsupportedError(f"the view machine does not support the model {model.name}")
        if self.question.over:
            raise LimitError(NO_TIME)
        from smpcheck.simulate.view_machine import Found, MayRaceError, runs

        def explore(part: Program) -> Found:
            while True:
                try:
                    return runs(with_marked(part, races, cells), x86=x86, ends=ends, reduce=not program.handlers)
                except MayRaceError as error:
                    if not self.question.despite_races or error.pos is None or (error.pos in races and error.cell in cells):
                        raise
                    races[error.pos] = str(error)
                    cells.add(error.cell)

        x86 = model == load_model("tso")
        races: dict[Position, str] = {}
        cells: set[Ptr] = set()
        found = self.part.explored(explore)
        if not (x86 or found.early or self.part.is_whole):
            found = explore(program)  # stores may be early in what was left out
        self.in_order = not found.early
        assumed = (ASSUMPTION,) if found.early else ()
        notes = tuple(f"{race}: for the rest of the answer it is taken to be a marked access" for race in races.values())
        answer = Answer(program, unknown=dict.fromkeys(sorted(found.failed), NOT_EXCLUDED))
        answer.notes, answer.races = notes, tuple(races.values())
        answer.cannot = {name: assumed for name in self.question.names if name not in found.failed}
        return answer


def with_marked(program: Program, places: Collection[Position], cells: Collection[Ptr]) -> Program:
    """``program`` with the plain accesses at these places, and to these cells by name, marked as by ``READ_ONCE()`` and
    ``WRITE_ONCE()``."""

    def change(stmt: Stmt) -> Stmt:
        if isinstance(stmt, Load | Store) and not stmt.tags:
            named = isinstance(stmt.addr, Const) and stmt.addr.value in cells
            if named or stmt.pos in places:
                return replace(stmt, tags=frozenset({"Once"}))
        return stmt

    if not places:
        return program
    return replace(program, threads=tuple(replace(t, body=mapped(t.body, change)) for t in program.threads))
