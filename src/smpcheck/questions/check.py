"""The question *can this happen?*: a program and a model in, a verdict with all final states out.

Everything that can go wrong with a test becomes a :class:`Result` with a status and a message, never an exception, so a batch
goes on. No incomplete answer (unsupported, time-out, bound, no execution) looks like a verdict.
"""

from __future__ import annotations

import os
import re
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError, LimitError, SmpcheckError, UnsupportedError
from smpcheck.program.faults import DEADLOCK, NON_TERMINATION, STOPS
from smpcheck.program.flow import is_large
from smpcheck.program.ir import MODELS, FinalMem, FinalReg, Program, assertion_names
from smpcheck.program.locks import may_block
from smpcheck.program.tags import KERNEL
from smpcheck.questions.outcomes import remarks
from smpcheck.questions.result import Result, ResultStatus, Shown, Shows, StateRow
from smpcheck.questions.state_rows import StateRows
from smpcheck.time_limit import TimeLimitError, time_limit

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.machines.mapping import MachineMapping
    from smpcheck.solver.answer import Answer, Question, State, StateProduct

DEBUG_VARIABLE = "SMPCHECK_DEBUG"

PATIENCE = 0.1
"""The share of a time limit that is kept to say what is known without an answer (:mod:`smpcheck.questions.partial`)."""

DEFAULT_UNROLL = 2
DEFAULT_MAX_STATES = 100_000


class CheckOptions(Struct, frozen=True):
    """How to ask: the knobs of ``smpcheck check`` that reach the solver.

    ``verdict_only``: decide the condition, do not list states. ``unroll``: iterations of each loop. ``timeout``: seconds of wall
    time for each test. ``max_states``: the listing stops there and says so; None for no limit. ``keep_answer``: keep the solver's
    :class:`~smpcheck.solver.answer.Answer` in the result. ``executions``: keep an execution for each thing that the
    verdict, the flags and the assertions say can happen. ``problems``: keep what is wrong with the test, with its place.
    ``threads``: of the solver, for one hard test. ``settings``: ``NAME=VALUE`` for the parameters of Python models.
    ``scenario``: only the program of this name of each file. ``termination``: find deadlocks and threads that wait for ever.
    ``machine``: ask about the program on this machine (:func:`smpcheck.machines.mapping.mappings`). ``own_model``:
    ask about assembly under its machine's model, not the one given.
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
    scenario: str | None = None
    termination: bool = True
    machine: str | None = None
    own_model: bool = False


def check_file(
    path: str,
    model: Model,
    options: CheckOptions,
    text: str | None = None,
    start: int = 0,
    on_state: Callable[[StateRow], None] | None = None,
    on_read: Callable[[], None] | None = None,
) -> Iterator[tuple[Result, bool]]:
    """A result for each program of a file (on each machine), from number ``start`` on, and whether it is the file's last.
    ``on_state``: see :func:`check_program`. ``on_read`` is called when the file has been read.
    """
    from smpcheck.readers.registry import read_programs, vocabulary_of

    began = time.perf_counter()
    programs: Sequence[Program] = ()
    try:
        with time_limit(options.timeout):
            programs = read_programs(path, text, vocabulary_of(model), options.scenario, options.settings)
        if not programs:
            raise InputError(f"{path} has no program to check")
    except Exception as error:
        yield failure(path, error, model.name, began), True
        return
    if on_read is not None:
        on_read()
    asked_about = _subjects(programs, options.machine)
    for number, (program, mapping) in enumerate(asked_about[start:], start):
        last = number == len(asked_about) - 1
        if mapping is not None:
            from smpcheck.machines.lower import lower

            try:
                program = replace(lower(program, mapping), expected=_expected_on_machines(program))
            except SmpcheckError as error:
                yield failure(path, error, model.name, began, describe(program, model)), last
                continue
        asked = model
        if options.own_model and program.language not in KERNEL:
            from smpcheck.cat.load import load_model
            from smpcheck.models import own_model

            asked = load_model(own_model(program))
        yield check_program(program, asked, options, began, on_state), last
        began = time.perf_counter()


def _subjects(programs: Sequence[Program], machine: str | None) -> list[tuple[Program, MachineMapping | None]]:
    """What is asked about: the programs, or each of them on each machine; where there are several, its name says which."""
    if machine is None:
        return [(program, None) for program in programs]
    from smpcheck.machines.mapping import mappings

    found = mappings(machine)
    if len(found) == 1:
        return [(program, found[0]) for program in programs]
    return [(replace(program, name=on_machine_name(program.name, one.title)), one) for program in programs for one in found]


def on_machine_name(name: str, machine: str) -> str:
    """What a test is called where it is asked about on several machines."""
    return f"{name} on {machine}"


def _expected_on_machines(program: Program) -> str | None:
    """What the author's word about the kernel's model says about any machine: what the model forbids, none does."""
    return program.expected if program.expected == "Never" else None


def on_machine(program: Program, machine: str) -> Program:
    """``program`` of the kernel's primitives on a machine. Errors as :func:`smpcheck.machines.lower.lower`."""
    from smpcheck.machines.lower import lower
    from smpcheck.machines.mapping import mapping_of

    return lower(program, mapping_of(machine))


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

    began = time.perf_counter() if began is None else began
    question = Question(
        mode="verdict" if options.verdict_only else "states",
        unroll=options.unroll,
        max_states=options.max_states,
        deadline=_left(options, began, PATIENCE),
        witness=options.executions,
        threads=options.threads,
    )
    if on_state is not None:
        show = _row_maker(program)
        question = replace(question, on_state=lambda state: on_state(show(state)))
    head = describe(program, model, options.termination)
    if options.executions or options.problems or options.keep_answer:
        head = replace(head, program=program, under=model if options.keep_answer else None)
    try:
        try:
            with time_limit(_left(options, began, PATIENCE)):
                result = _ask(head, program, model, question, options, began)
        except TimeLimitError:
            late = f"no answer within {options.timeout:g} s"
            result = replace(head, status="timeout", undecided=("condition", *head.asserts), message=late)
        if result.status == "timeout":
            from smpcheck.questions.partial import with_known

            result = with_known(result, program, model, options, _left(options, began) or 0.0)
        if options.problems:
            from smpcheck.questions.problems import problems_of

            with suppress(TimeLimitError), time_limit(_left(options, began)):
                result = replace(result, problems=problems_of(result, program, model, options))
        return replace(result, seconds=time.perf_counter() - began)
    except Exception as error:
        return failure(program.file, error, model.name, began, head)


def _ask(head: Result, program: Program, model: Model, question: Question, options: CheckOptions, began: float) -> Result:
    """The answer of the solver, or of several engines where the program is a model and large, or too much for the solver alone.

    Of a large one the solver is asked for what the others leave open: whether there are data races.
    """
    if program.source_language not in MODELS:
        return _ask_solver(head, program, model, question, options, began)
    large = is_large(program)
    if program.source_language != "KernelC" and not large:
        return _ask_solver(head, program, model, question, options, began)
    from smpcheck.questions.large_check import first_seconds, in_turn, is_full

    found = None
    if large:
        share = None if options.timeout is None else options.timeout - first_seconds(options.timeout)
        found = in_turn(head, program, model, options, share)
        if is_full(found):
            return found
    alone = first_seconds(options.timeout)
    try:
        with time_limit(alone):
            result = _ask_solver(head, program, model, replace(question, deadline=alone), options, began)
    except TimeLimitError:
        pass
    else:
        if result.status != "timeout":
            return result
    return found or in_turn(head, program, model, options, _left(options, began, PATIENCE))


def _ask_solver(head: Result, program: Program, model: Model, question: Question, options: CheckOptions, began: float) -> Result:
    from smpcheck.solver.solve import solve

    answer = solve(program, model, question)
    result = _answered(head, program, answer, options)
    stops = answer.may_fault or (options.termination and (answer.may_wait or may_block(program)))
    if (result.asserts or stops) and answer.status != "timeout":
        again = replace(
            question,
            mode="assertions" if result.asserts else "stops",
            stops=stops,
            flags=False,
            deadline=_left(options, began, PATIENCE),
            on_state=None,
        )
        result = _asserted(result, solve(program, model, again), options)
    return result


def _left(options: CheckOptions, began: float, kept: float = 0.0) -> float | None:
    """The seconds that are left of the time limit, but for the share that is ``kept``."""
    return None if options.timeout is None else max(0.0, (1 - kept) * options.timeout - (time.perf_counter() - began))


def shown_in(answer: Answer) -> tuple[Shown, ...]:
    """The executions of a solver's answer."""
    found = [Shown("condition", "", answer.witness)] if answer.witness is not None else []
    if answer.counter is not None:
        found.append(Shown("negation", "", answer.counter))
    return (*found, *(Shown("flag", name, execution) for name, execution in sorted(answer.flag_witnesses.items())))


def describe(program: Program, model: Model, termination: bool = True) -> Result:
    """What is known of a result before anything is solved: name, condition, what it asserts, what its author expects."""
    flags = {axiom.name for axiom in model.axioms if axiom.flag}
    if termination:
        flags.add(DEADLOCK)
    return Result(
        file=program.file,
        name=program.name,
        status="error",
        condition=_condition(program),
        expected=program.expected,
        quantifier=program.quantifier,
        announced=None if program.announced is None else program.announced & flags,
        expected_failures=program.expected_failures,
        language=program.source_language,
        asserts=tuple(assertion_names(program)),
        notes=remarks(program, model),
        model=model.name,
    )


def _condition(program: Program) -> str:
    """The condition with its quantifier, which readers of litmus tests put into the text already."""
    text = program.condition_text
    return text if text.startswith(program.quantifier) else f"{program.quantifier} ({text})"


def _asserted(result: Result, answer: Answer, options: CheckOptions) -> Result:
    """``result`` with what the solver says of the program's assertions, and of faults: what fails counts, whatever else is
    undecided.
    """
    asked = [*result.asserts, *(name for name in STOPS if options.termination or name not in (DEADLOCK, NON_TERMINATION))]
    failed = tuple(sorted(name for name in result.asserts if name in answer.failed))
    faults = tuple(name for name in asked if name in answer.failed and name not in failed)
    is_open = answer.status in ("timeout", "bound") or bool(answer.cut)
    kinds: tuple[tuple[Shows, tuple[str, ...]], ...] = (("failed", failed), ("flag", faults))
    shown = tuple(Shown(kind, name, answer.failed[name]) for kind, names in kinds for name in names if options.executions)
    flags = tuple(sorted({*result.flags, *faults}))
    result = replace(result, failed=failed, flags=flags, executions=(*result.executions, *shown))
    if faults:
        from smpcheck.questions.stops import sentence

        result = replace(result, notes=(*(sentence(name, answer.failed[name]) for name in faults), *result.notes))
    if not is_open:
        return result
    undecided = (*result.undecided, *(name for name in result.asserts if name not in failed))
    status: ResultStatus = answer.status if answer.status == "timeout" else "bound"
    message = result.message or answer.message
    return replace(result, status=status, undecided=undecided, message=message, rounds=result.rounds or answer.rounds)


def stem(path: str) -> str:
    """The name of a test that could not be read: its file's, without folder and suffix."""
    return os.path.splitext(os.path.basename(path))[0] or path


OUT_OF_THIN_AIR = (
    "some values come out of thin air, justifying each other in a cycle: ? in the states stands for every value that solves the"
    " equations of the cycle, and the condition was checked for all of them"
)
"""What is said where a program's values may be undetermined."""


def _answered(head: Result, program: Program, answer: Answer, options: CheckOptions) -> Result:
    rows: Sequence[StateRow] = ()
    positive, negative = int(answer.verdict in ("Sometimes", "Always")), int(answer.verdict in ("Sometimes", "Never"))
    notes = head.notes
    if answer.product is not None:
        rows = listed = _product_rows(program, answer.product, None if answer.complete else options.max_states)
        positive, negative = answer.product.positive, len(answer.product.combinations) - answer.product.positive
        notes = (listed.sentence(), *notes)
    elif answer.states and not options.verdict_only:
        show = _row_maker(program)
        found = {tuple(row.items()): row for row in (show(state) for state, _ in answer.states)}
        rows = tuple(sorted(found.values(), key=state_order))
        positive = sum(1 for _, holds in answer.states if holds)
        negative = len(answer.states) - positive
    said = answer.message
    if answer.status == "ok" and not answer.complete and not answer.cut:
        said = said or f"the listing stops at {len(rows)} states (--max-states); the verdict holds for all"
    return replace(
        head,
        status=answer.status,
        observation=answer.verdict,
        undecided=("condition",) if answer.status in ("timeout", "bound") else (),
        rounds=answer.rounds,
        states=rows,
        flags=tuple(sorted(answer.flags)),
        message="" if answer.status == "ok" else said,
        notes=(
            *((said,) if said and answer.status == "ok" else ()),
            *((OUT_OF_THIN_AIR,) if answer.thin_air else ()),
            *notes,
        ),
        positive=positive,
        negative=negative,
        complete=answer.complete,
        executions=shown_in(answer) if options.executions else (),
        answer=answer if options.keep_answer else None,
    )


def _product_rows(program: Program, states: StateProduct, limit: int | None) -> StateRows:
    """States that are combinations as rows, axes and their values in herd7's order."""
    columns = sorted(states.columns, key=lambda column: _order(column[0], program))
    order = list(dict.fromkeys(axis for _, axis, _ in columns if axis is not None))
    shown = [{value: _show(value, program) for value in axis} for axis in states.combinations.axes]
    combinations = states.combinations.reordered(order)
    shown = [shown[axis] for axis in order]
    combinations = combinations.sorted_by(lambda axis, value: state_order({"": shown[axis][value]}))
    place = {axis: i for i, axis in enumerate(order)}
    named = [
        (program.variable_name(variable), None if axis is None else place[axis], _show(constant, program))
        for variable, axis, constant in columns
    ]
    return StateRows(combinations, tuple(named), tuple(shown), limit)


def _row_maker(program: Program) -> Callable[[State], StateRow]:
    """What turns a final state into a row, its variables in herd7's order: registers, locations and whole arrays, elements."""
    inside = {cell for array in program.arrays for cell in array} - program.elements
    columns: list[tuple[tuple[int, int, str, int], str, tuple[FinalReg | FinalMem, ...]]] = [
        (_order(variable, program), program.variable_name(variable), (variable,))
        for variable in program.observed
        if variable not in inside
    ]
    for array in program.arrays:
        name = program.cell_name(array[0].cell).removesuffix("[0]")
        columns.append(((1, 0, name, 0), name, array))
    columns.sort(key=lambda column: column[0])

    def shown(state: State, name: str, variables: tuple[FinalReg | FinalMem, ...]) -> int | str:
        values = [_show(state[variable], program) for variable in variables]
        return values[0] if name == program.variable_name(variables[0]) else f"{{{','.join(map(str, values))}}}"

    return lambda state: {name: shown(state, name, variables) for _, name, variables in columns}


def _order(variable: FinalReg | FinalMem, program: Program) -> tuple[int, int, str, int]:
    if isinstance(variable, FinalReg):
        name, number = variable.name, ""
        if program.language not in KERNEL:  # a machine's registers are numbered, the kernel's have names
            name = name.rstrip("0123456789")
            number = variable.name.removeprefix(name)
            name = name.removesuffix("XZR")  # to herd7 the register that is 0 is the first of AArch64's
        return 0, variable.thread, name, int(number or -1)
    name = program.cell_name(variable.cell)
    element = name.endswith("]")
    return 1 + element, 0, name.partition("[")[0], variable.cell.offset if element else 0


def _show(value: object, program: Program) -> int | str:
    return value if isinstance(value, int) else program.show_value(value)  # type: ignore[arg-type]


def state_order(row: StateRow) -> list[tuple[bool, int | str]]:
    """herd7's order of states: variable by variable, arrays element by element, numbers by value, then addresses by name."""
    order: list[tuple[bool, int | str]] = []
    for value in row.values():
        if isinstance(value, str) and value.startswith("{"):
            items = value[1:-1].split(",")
            order += [(False, int(item)) if item.lstrip("-").isdigit() else (True, item) for item in items]
        else:
            order.append((isinstance(value, str), value))
    return order


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
        elif isinstance(error, TimeLimitError):
            status = "timeout"
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
