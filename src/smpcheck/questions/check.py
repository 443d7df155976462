"""The question *can this happen?*: a program and a model in, a verdict with all final states out.

Everything that can go wrong with a test becomes a :class:`Result` with a status and a message, never an exception: a batch goes
on, and none of the ways of not knowing (unsupported, time-out, bound, no execution) looks like a verdict.
"""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from smpcheck.errors import InputError, LimitError, SmpcheckError, UnsupportedError
from smpcheck.program.ir import Assert, Block, Choice, FinalMem, FinalReg, If, Loop, Program, Stmt
from smpcheck.readers.registry import PYTHON_SUFFIX

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.program.execution import Execution
    from smpcheck.program.ir import Position
    from smpcheck.questions.explain import Explanation
    from smpcheck.questions.problems import Problem
    from smpcheck.solver.answer import Answer, State, Verdict

ResultStatus: TypeAlias = Literal["ok", "unsupported", "timeout", "bound", "no-execution", "error"]
"""``ok``: answered. ``unsupported``: refused by name and position. ``timeout``, ``bound``: a limit was reached, undecided.
``no-execution``: no execution of the program satisfies the model (a deadlock, a filter that nothing passes).
``error``: unreadable or malformed, or the program itself failed."""

StateRow: TypeAlias = Mapping[str, int | str]
"""A final state: ``{"0:r1": 1, "[x]": 2}``, named and ordered as in herd7's log; addresses by the name of what they point to."""

RACE_FLAG = "data-race"
"""The name under which the kernel's model flags a data race."""

DEBUG_VARIABLE = "SMPCHECK_DEBUG"

DEFAULT_UNROLL = 2
DEFAULT_MAX_STATES = 100_000


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to ask: the knobs of ``smpcheck check`` that reach the solver.

    ``verdict_only``: decide the condition, do not list states. ``unroll``: iterations of each loop. ``timeout``: seconds of wall
    time for each test. ``max_states``: the listing stops there and says so; None for no limit. ``keep_answer``: keep the solver's
    :class:`~smpcheck.solver.answer.Answer` in :attr:`Result.answer`. ``executions``: keep an execution for each thing that the
    verdict, the flags and the assertions say can happen. ``problems``: keep what is wrong with the test, with its place.
    ``threads``: of the solver, for one hard test. ``settings``: ``NAME=VALUE`` for the parameters of Python models.
    """

    verdict_only: bool = False
    unroll: int = DEFAULT_UNROLL
    timeout: float | None = None
    max_states: int | None = DEFAULT_MAX_STATES
    keep_answer: bool = False
    executions: bool = False
    problems: bool = False
    threads: int = 1
    settings: tuple[str, ...] = ()


Shows: TypeAlias = Literal["condition", "negation", "flag", "failed"]


@dataclass(frozen=True, slots=True)
class Shown:
    """An execution in a result, and what it ``shows`` to be possible: that the proposition of the condition holds or does not, or
    that the flag or assertion ``name`` is raised or fails.
    """

    shows: Shows
    name: str
    execution: Execution


@dataclass(frozen=True, slots=True)
class Result:
    """The answer for one test.

    ``verdict`` is about the proposition of the condition, as in herd7's Observation line: ``Never`` holds in no final state,
    ``Always`` in all, else ``Sometimes``; None unless ``status`` is ``ok``. ``expected`` is the verdict in the test's own
    ``Result:`` comment; ``agrees`` compares the two where both are known. ``positive`` and ``negative`` count the final states
    in which the proposition holds and does not (with ``verdict_only``: 1 where there is one). ``complete`` is False where the
    listing of states was cut. ``condition`` has its quantifier. ``seconds`` is wall time for reading and solving. ``pos``: where
    in the source the reason is that there is no verdict, if it is there. ``program`` comes with ``executions``, ``problems`` and
    ``answer``, for which one has to ask (see :class:`CheckOptions`); ``under``, the model itself, with ``answer``.
    """

    file: str
    name: str
    status: ResultStatus
    verdict: Verdict | None = None
    states: tuple[StateRow, ...] = ()
    flags: tuple[str, ...] = ()
    condition: str | None = None
    expected: str | None = None
    seconds: float = 0.0
    message: str = ""
    quantifier: str = "exists"
    positive: int = 0
    negative: int = 0
    complete: bool = True
    model: str = ""
    expects_race: bool | None = None
    failed: tuple[str, ...] = ()
    pos: Position | None = None
    executions: tuple[Shown, ...] = field(default=(), compare=False, repr=False)
    problems: tuple[Problem, ...] = field(default=(), compare=False, repr=False)
    program: Program | None = field(default=None, compare=False, repr=False)
    under: Model | None = field(default=None, compare=False, repr=False)
    answer: Answer | None = field(default=None, compare=False, repr=False)

    @property
    def agrees(self) -> bool | None:
        """Is the answer what the author expects? None where either is missing.

        As the kernel's ``tools/memory-model/scripts/judgelitmus.sh`` judges: the data race that ``DATARACE`` announces must be
        flagged, and one that is not announced must not be; where one is, the verdict means nothing and is forgiven.
        ``expects_race`` is None, and only verdicts count, where the model knows no data races.
        """
        if self.failed:
            return False
        if self.verdict is None or self.expected is None:
            return None
        if self.expects_race is not None:
            race = RACE_FLAG in self.flags
            if race or self.expects_race:
                return race == self.expects_race
        return self.verdict == self.expected

    @property
    def disagreement(self) -> str | None:
        """In words, what is not as the author says; None unless ``agrees`` is False."""
        if self.agrees is not False:
            return None
        if self.failed:
            return f"can fail: {', '.join(self.failed)}"
        if self.expects_race is not None and self.expects_race != (RACE_FLAG in self.flags):
            if self.expects_race:
                return "the test announces a data race, there is none"
            return "a data race that the test does not announce"
        return f"{self.verdict}, where the test says {self.expected}"

    @property
    def ok(self) -> bool:
        """herd7's word on the condition: is what the quantifier claims true? False too where there is no verdict."""
        if self.status not in ("ok", "no-execution"):
            return False
        if self.quantifier == "exists":
            return self.positive > 0
        return (self.negative if self.quantifier == "forall" else self.positive) == 0

    def explain(self) -> list[Explanation]:
        """Why each outcome that the test asks about can or cannot be. :raises ValueError: not a result of ``smpcheck.check``"""
        from smpcheck.questions.explain import explain

        if self.program is None or self.under is None:
            raise ValueError("only a result of smpcheck.check() can be explained: it has its program")
        return list(explain(self.program, self.under))

    def assert_never(self) -> None:
        """:raises PropertyError: the verdict is not ``Never`` (its text explains why, or says what is undecided)"""
        from smpcheck.properties import require

        __tracebackhide__ = True
        require(self, "never")

    def assert_sometimes(self) -> None:
        """:raises PropertyError: the verdict is not ``Sometimes``"""
        from smpcheck.properties import require

        __tracebackhide__ = True
        require(self, "sometimes")

    def assert_always(self) -> None:
        """:raises PropertyError: the verdict is not ``Always``"""
        from smpcheck.properties import require

        __tracebackhide__ = True
        require(self, "always")

    def assert_holds(self) -> None:
        """:raises PropertyError: something is not as the test itself says (see :func:`smpcheck.holds`)"""
        from smpcheck.properties import require

        __tracebackhide__ = True
        require(self, "holds")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from smpcheck.notebook import bundle_of_result

        return bundle_of_result(self)


@lru_cache(maxsize=16)
def _definitions(path: str, _changed: int) -> object:
    from smpcheck.readers.deffile import read_definitions
    from smpcheck.readers.registry import read_text

    return read_definitions(read_text(path), path)


def model_definitions(model: Model) -> object:
    """The table of primitives that ``model`` brings along (a kernel tree's ``linux-kernel.def``), or None."""
    path = model.definitions_file
    return _definitions(path, os.stat(path).st_mtime_ns) if path else None


def check_file(
    path: str,
    model: Model,
    options: CheckOptions,
    text: str | None = None,
    start: int = 0,
    on_state: Callable[[StateRow], None] | None = None,
) -> Iterator[tuple[Result, bool]]:
    """A result for each program of a file, from number ``start`` on, and whether it is the file's last. ``on_state``: see
    :func:`check_program`.
    """
    from smpcheck.readers.registry import read_programs

    began = time.perf_counter()
    programs: Sequence[Program] = ()
    try:
        programs = read_programs(path, text, model_definitions(model), settings=options.settings)
        if not programs:
            raise InputError(f"{path} has no program to check")
    except Exception as error:
        yield failure(path, error, model.name, began), True
        return
    for number, program in enumerate(programs[start:], start):
        yield check_program(program, model, options, began, on_state), number == len(programs) - 1
        began = time.perf_counter()


def check_program(
    program: Program,
    model: Model,
    options: CheckOptions,
    began: float | None = None,
    on_state: Callable[[StateRow], None] | None = None,
) -> Result:
    """Ask the solver, and put its answer in the terms of the test's author. ``began``: when reading it began (perf_counter).
    ``on_state`` is called with each final state as soon as it is found, in no particular order.
    """
    from smpcheck.solver.answer import Question
    from smpcheck.solver.solve import solve

    began = time.perf_counter() if began is None else began
    deadline = None if options.timeout is None else max(0.0, options.timeout - (time.perf_counter() - began))
    question = Question(
        mode="verdict" if options.verdict_only else "states",
        unroll=options.unroll,
        max_states=options.max_states,
        deadline=deadline,
        witness=options.executions,
        threads=options.threads,
    )
    if on_state is not None:
        show = _row_maker(program)
        question = replace(question, on_state=lambda state: on_state(show(state)))
    head = describe(program, model)
    if options.executions or options.problems or options.keep_answer:
        head = replace(head, program=program, under=model if options.keep_answer else None)
    try:
        answer = solve(program, model, question)
        result = _answered(head, program, answer, options)
        shown = shown_in(answer) if options.executions else ()
        if answer.status == "ok" and has_assertions(program):
            if options.timeout is not None:
                deadline = max(0.0, options.timeout - (time.perf_counter() - began))
            again = replace(question, mode="assertions", flags=False, deadline=deadline)
            asserted = solve(program, model, again)
            result = _asserted(result, asserted)
            shown += tuple(Shown("failed", name, asserted.failed[name]) for name in result.failed) if options.executions else ()
        result = replace(result, executions=shown)
        if options.problems:
            from smpcheck.questions.problems import problems_of

            result = replace(result, problems=problems_of(result, program, model, options))
        return replace(result, seconds=time.perf_counter() - began)
    except Exception as error:
        return failure(program.file, error, model.name, began, head)


def shown_in(answer: Answer) -> tuple[Shown, ...]:
    """The executions of a solver's answer."""
    found = [Shown("condition", "", answer.witness)] if answer.witness is not None else []
    if answer.counter is not None:
        found.append(Shown("negation", "", answer.counter))
    return (*found, *(Shown("flag", name, execution) for name, execution in sorted(answer.flag_witnesses.items())))


def describe(program: Program, model: Model) -> Result:
    """What is known of a result before anything is solved: name, condition, expectation."""
    knows_races = any(axiom.flag and axiom.name == RACE_FLAG for axiom in model.axioms)
    return Result(
        file=program.file,
        name=program.name,
        status="error",
        condition=_condition(program),
        expected=program.expected or _claimed(program),
        quantifier=program.quantifier,
        expects_race=program.expects_race if knows_races else None,
        model=model.name,
    )


def _condition(program: Program) -> str:
    """The condition with its quantifier, which readers of litmus tests put into the text already."""
    text = program.condition_text
    return text if text.startswith(program.quantifier) else f"{program.quantifier} ({text})"


def _claimed(program: Program) -> str | None:
    """What a model in Python says of itself by its property: ``forall`` and invariants always hold, ``~exists`` never."""
    if not program.file.endswith(PYTHON_SUFFIX):
        return None
    return {"forall": "Always", "~exists": "Never", "exists": None}[program.quantifier]


def has_assertions(program: Program) -> bool:
    """Is there an assertion in some thread?"""
    pending: list[Stmt] = [statement for thread in program.threads for statement in thread.body]
    while pending:
        match pending.pop():
            case Assert():
                return True
            case If(then=then, other=other) | Choice(then=then, other=other):
                pending += then
                pending += other
            case Block(body=body) | Loop(body=body):
                pending += body
    return False


def _asserted(result: Result, answer: Answer) -> Result:
    """``result`` with what the solver says of the program's assertions."""
    if answer.status != "ok":
        return replace(result, status=answer.status, verdict=None, message=answer.message)
    failed = tuple(sorted(answer.failed))
    said = [result.message] if result.message else []
    if failed:
        said.append(f"can fail: {', '.join(failed)}")
    return replace(result, failed=failed, message="; ".join(said))


def stem(path: str) -> str:
    """The name of a test that could not be read: its file's, without folder and suffix."""
    return os.path.splitext(os.path.basename(path))[0] or path


def _answered(head: Result, program: Program, answer: Answer, options: CheckOptions) -> Result:
    if options.verdict_only or not answer.states:
        rows: tuple[StateRow, ...] = ()
        positive, negative = int(answer.verdict in ("Sometimes", "Always")), int(answer.verdict in ("Sometimes", "Never"))
    else:
        show = _row_maker(program)
        rows = tuple(sorted((show(state) for state, _ in answer.states), key=state_order))
        positive = sum(1 for _, holds in answer.states if holds)
        negative = len(answer.states) - positive
    message = answer.message
    if not answer.complete and not message:
        message = f"the listing stops at {len(answer.states)} states (--max-states); the verdict holds for all"
    return replace(
        head,
        status=answer.status,
        verdict=answer.verdict,
        states=rows,
        flags=tuple(sorted(answer.flags)),
        message="; ".join(filter(None, (message, *_remarks(program)))),
        positive=positive,
        negative=negative,
        complete=answer.complete,
        answer=answer if options.keep_answer else None,
    )


def _row_maker(program: Program) -> Callable[[State], StateRow]:
    """What turns a final state into a row, its variables in herd7's order."""
    variables = sorted(program.observed, key=lambda variable: _order(variable, program))
    columns = [(name_of(variable, program), variable) for variable in variables]
    return lambda state: {name: _show(state[variable], program) for name, variable in columns}


def _remarks(program: Program) -> tuple[str, ...]:
    """What the reader of a litmus test has to say about it (a Python model's notes are its author's)."""
    return () if program.file.endswith(PYTHON_SUFFIX) else program.notes


def name_of(variable: FinalReg | FinalMem, program: Program) -> str:
    """``0:r1`` or ``[x]``, as in herd7's log."""
    if isinstance(variable, FinalReg):
        return f"{variable.thread}:{variable.name}"
    return f"[{program.cell_name(variable.cell)}]"


def _order(variable: FinalReg | FinalMem, program: Program) -> tuple[int, int, str]:
    if isinstance(variable, FinalReg):
        return 0, variable.thread, variable.name
    return 1, 0, program.cell_name(variable.cell)


def _show(value: object, program: Program) -> int | str:
    return value if isinstance(value, int) else program.show_value(value)  # type: ignore[arg-type]


def state_order(row: StateRow) -> list[tuple[bool, int | str]]:
    """herd7's order of states: variable by variable, numbers by value, then addresses by name."""
    return [(isinstance(value, str), value) for value in row.values()]


_OUT_OF_MEMORY = re.compile("bad_alloc|out of memory|cannot allocate memory", re.IGNORECASE)


def failure(file: str, error: Exception, model: str, began: float | None = None, head: Result | None = None) -> Result:
    """The result that says what went wrong, in one line. ``head``: what is known of the test; ``began``: see
    :func:`check_program`.
    """
    status: ResultStatus = "error"
    if isinstance(error, SmpcheckError):
        message = str(error)
        if isinstance(error, UnsupportedError):
            status = "unsupported"
        elif isinstance(error, LimitError):
            status = "bound"
    elif isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
        error.__traceback__ = None  # its frames hold what took the memory
        status, message = "bound", "no more memory (see --memory)"
    elif isinstance(error, RecursionError):
        status, message = "unsupported", "nested too deeply"
    else:
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = (
            f"internal error, please report it: {type(error).__name__}: {error} (smpcheck, {where.name}, line {where.lineno})"
        )
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exception(error)
    head = head or Result(file=file, name=stem(file), status=status, model=model)
    message = " ".join(message.split())
    seconds = 0.0 if began is None else time.perf_counter() - began
    pos = error.pos if isinstance(error, SmpcheckError) else None
    return replace(head, status=status, message=message, seconds=seconds, pos=pos)
