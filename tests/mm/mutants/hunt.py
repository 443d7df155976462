"""Runs mutants until something differs from the model as it is: another check fails, or one fails no more.

A mutant that no cell of the table notices *survives*. Where its cells then have the same reachable final states, over all of
memory, it is *equivalent*: nobody can tell. Otherwise it is a *hole*: the bug changes something that no invariant asks for.
"""

from __future__ import annotations

import ast
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any, TypeAlias, TypeVar

from smpcheck.errors import InputError, LimitError, SmpcheckError
from smpcheck.mm import predict
from smpcheck.mm.check import Case, Checker, cases, names_of, program_of
from smpcheck.mm.kernel_check.machine import LEAST_PAGES, MODELLED
from smpcheck.mm.kernel_check.scenarios import scenarios
from smpcheck.program import ir
from smpcheck.readers.python import source
from smpcheck.readers.python.source import standing_in
from smpcheck.simulate import outcomes
from tests.mm.mutants.generator import Mutant, mutants

T = TypeVar("T")

VARIANTS = ("V10", "V8", "V4", "V2", "V9")
"""What was in a kernel, and the patch of 2009; the others differ from these in a switch or two."""

NOT_THE_SYSTEM = {"scenarios", "hearts", "invariants", "variants", "mm_types"}
"""Modules of the model that set it up and say what must hold."""

MAX_STATES = 150_000
"""For one cell of a mutant. The largest cells of two operations have a tenth of that."""

MAX_CELLS = 8
"""So many cells have to miss a mutant for it to survive, unless more are asked for."""

ENOUGH_THE_SAME = 3
"""A mutant that is the model's own program in so many cells of a variant is about a switch that the variant has not."""

MAX_VISITS = 3
"""So many of them are asked once more with reclaim's look at every page (I4)."""

ORDERING = ("weaken", "unlocked")
"""Operators whose mutants sequential consistency cannot tell from the model; so with barriers dropped."""


Function: TypeAlias = tuple[str, str]
"""A function of the model: its file and its name."""


@dataclass(frozen=True)
class Cell:
    """A scenario under a variant, as the model is: the functions that its threads enter, and those that only the last thread
    enters, which finds all quiet and has reclaim look at every page; with and without that look, what fails, and which program
    it is."""

    case: Case
    entered: frozenset[Function]
    entered_last: frozenset[Function]
    failed: Mapping[str, frozenset[str]]
    digests: Mapping[str, int]
    explored: int

    def rank(self, function: Function) -> int:
        """How likely it is to notice a bug in a function: 0 most; 2 not at all, as nobody enters it."""
        return 0 if function in self.entered else 1 if function in self.entered_last else 2


@dataclass
class Verdict:
    """What became of a mutant. ``how``: the cell that told, and what was different there; or why nothing was decided."""

    mutant: Mutant
    outcome: str
    how: str = ""
    seconds: float = 0.0
    cells: list[Case] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)
    """By variant, in how many cells the mutant was the same program."""


def used_functions(case: Case, freeing: str = "at-once") -> tuple[ir.Program, frozenset[tuple[str, str]]]:
    """A cell's program, and the functions that were compiled for it, by file and name."""
    found: set[tuple[str, str]] = set()
    original = source.function_source

    def noted(function: FunctionType) -> Any:
        answer = original(function)
        found.add((answer.file, answer.node.name))
        return answer

    with _replaced(noted):
        program = program_of(case, "too", ghosts=True)
    return program, frozenset(found)


class _replaced:
    """``function_source`` replaced wherever the reader's modules have it."""

    def __init__(self, new: Callable[[FunctionType], Any]) -> None:
        self.new, self.old = new, source.function_source
        names = ("scenarios", "threads", "walker", "statements", "expressions", "final", "specials", "source", "typed", "memory")
        modules = [import_module(f"smpcheck.readers.python.{name}") for name in names]
        self.places = [module for module in modules if vars(module).get("function_source") is self.old]

    def __enter__(self) -> None:
        for module in self.places:
            module.function_source = self.new  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        for module in self.places:
            module.function_source = self.old  # type: ignore[attr-defined]


def digest(program: ir.Program) -> int:
    """The same for two programs that are one, wherever their statements stand."""
    return hash(POSITION.sub("", repr((program.threads, program.cells, program.invariants))))


POSITION = re.compile(r"Position\([^()]*\)")


def entered(program: ir.Program, functions: Iterable[Function]) -> tuple[frozenset[Function], frozenset[Function]]:
    """The functions of which some interleaving takes a step, in a thread and in the last one only; and those without a step."""
    coverage = outcomes(program, max_states=MAX_STATES, coverage=True).coverage
    spans = {file: _spans(file) for file, _ in functions}
    stepping: set[Function] = set()
    by_thread: list[set[Function]] = []
    for thread in program.threads:
        of_thread = set()
        for statement in _statements(thread.body):
            pos = getattr(statement, "pos", None)
            file = next((file for file in spans if pos is not None and Path(file).name == Path(pos.file).name), None)
            name = next((n for n, lines in spans[file].items() if pos.line in lines), None) if file and pos else None
            if file and name and id(statement) in coverage.steps:
                stepping.add((file, name))
                if id(statement) in coverage.taken:
                    of_thread.add((file, name))
        by_thread.append(of_thread)
    without = frozenset(functions) - stepping
    own = frozenset().union(*by_thread[:-1])
    return own, frozenset(by_thread[-1] | without) - own


@cache
def _spans(file: str) -> dict[str, range]:
    """The lines of each function of a file."""
    tree = ast.parse(Path(file).read_text("utf-8"))
    return {node.name: range(node.lineno, (node.end_lineno or 0) + 1) for node in tree.body if isinstance(node, ast.FunctionDef)}


def _statements(body: Iterable[ir.Stmt]) -> Iterator[ir.Stmt]:
    """All statements, inner ones included."""
    for statement in body:
        yield statement
        match statement:
            case ir.If() | ir.Choice():
                yield from _statements((*statement.then, *statement.other))
            case ir.Block() | ir.Loop():
                yield from _statements(statement.body)


@cache
def table(variants: tuple[str, ...] = VARIANTS, scenarios: tuple[str, ...] = (), most_threads: int = 2) -> tuple[Cell, ...]:
    """The cells of these scenarios (all) with so many threads at most, cheapest first. Cells with the same program are one."""
    found: dict[int, Cell] = {}
    for case in cases(scenarios, variants, freeing="at-once"):
        program, functions = used_functions(case)
        if len(program.threads) > most_threads + 1 or digest(program) in found:
            continue
        try:
            programs = {"no": program_of(case, "no", ghosts=True), "too": program}
            answers = {visit: outcomes(each, max_states=MAX_STATES) for visit, each in programs.items()}
        except LimitError:
            continue
        found[digest(program)] = Cell(
            case,
            *entered(program, functions),
            {visit: frozenset(names_of(answer)) for visit, answer in answers.items()},
            {visit: digest(each) for visit, each in programs.items()},
            answers["too"].explored,
        )
    return tuple(sorted(found.values(), key=lambda cell: cell.explored))


def all_mutants(cells: Sequence[Cell]) -> list[Mutant]:
    """Of every function of the model that some cell has."""
    by_file: dict[str, set[str]] = {}
    for cell in cells:
        for file, function in cell.entered | cell.entered_last:
            path = Path(file)
            if path.parent.name == "mm" and path.stem not in NOT_THE_SYSTEM:
                by_file.setdefault(file, set()).add(function)
    return [m for file in sorted(by_file) for m in mutants(file, Path(file).read_text("utf-8"), sorted(by_file[file]))]


def hunt(
    mutant: Mutant, cells: Iterable[Cell], most: int = MAX_CELLS, deadline: float = 120.0, predicting: bool = True
) -> Verdict:
    """Run a mutant through `mm live`'s predictions, if it is of V10 (``predicting``), and the cells that enter its function,
    until one notices, or ``most`` cells have not."""
    began = time.monotonic()
    verdict = Verdict(mutant, "survives")
    function = (mutant.file, mutant.function)
    concerned = sorted((cell for cell in cells if cell.rank(function) < 2), key=lambda cell: (cell.rank(function), cell.explored))
    source.function_source.cache_clear()
    try:
        with standing_in(mutant.file, mutant.text):
            if predicting and any(cell.case.variant.name == MODELLED for cell in concerned):
                _predicts(verdict)
            _pass(mutant, concerned, "no", verdict, most, began + deadline)
            asked = [cell for cell in concerned if cell.case in verdict.cells]
            _pass(mutant, asked[:MAX_VISITS], "too", verdict, most + 1, began + deadline)
    except InputError as error:
        verdict.outcome, verdict.how = "killed", f"it does not compile: {error.message}"
    finally:
        source.function_source.cache_clear()
    if verdict.outcome == "survives" and not verdict.cells:
        verdict.outcome, verdict.how = "not asked", "no cell has the step" if concerned else "no cell enters the function"
    verdict.seconds = time.monotonic() - began
    return verdict


def predictions() -> Mapping[str, Any]:
    """What `mm live` predicts of each of its workloads. A test compares these with the rules of the kernel's documentation, so
    what changes one is noticed. What the model itself objects to is its answer."""
    predict._code.cache_clear()
    found: dict[str, Any] = {}
    for workload in scenarios(LEAST_PAGES):
        try:
            found[workload.name] = list(predict.predict(workload.steps))
        except Exception as error:  # a mutant may do anything
            found[workload.name] = f"{type(error).__name__}: {error}"
    return found


@cache
def predictions_of_the_model() -> Mapping[str, Any]:
    """Those of the model as it is."""
    return _outside(predictions)


def _predicts(verdict: Verdict) -> None:
    """Does a workload's prediction differ?"""
    before, now = predictions_of_the_model(), predictions()
    predict._code.cache_clear()
    if changed := [name for name in before if before[name] != now[name]]:
        verdict.outcome, verdict.how = "killed", f"{MODELLED}: another prediction for {', '.join(changed)}"


def _pass(mutant: Mutant, cells: Iterable[Cell], visit: str, verdict: Verdict, most: int, ends: float) -> None:
    """One cell after the other, until one notices, ``most`` have not, or the time is over."""
    for cell in cells:
        if verdict.outcome != "survives" or len(verdict.cells) >= most:
            return
        if verdict.same[cell.case.variant.name] >= ENOUGH_THE_SAME and not verdict.cells:
            continue
        if time.monotonic() > ends:
            verdict.outcome, verdict.how = "undecided", "the time was not enough"
            return
        if _notices(mutant, cell, visit, verdict):
            return


def _notices(mutant: Mutant, cell: Cell, visit: str, verdict: Verdict) -> bool:
    """Does the cell tell the mutant from the model?"""
    program = program_of(cell.case, visit, ghosts=True)
    if digest(program) == cell.digests[visit]:
        verdict.same[cell.case.variant.name] += 1
        return False
    if cell.case not in verdict.cells:
        verdict.cells.append(cell.case)
    where = f"{cell.case.scenario}, {cell.case.variant.name}"
    try:
        failed = frozenset(names_of(outcomes(program, max_states=MAX_STATES)))
    except LimitError:
        return False
    except SmpcheckError as error:
        verdict.outcome, verdict.how = "killed", f"{where}: {error.message}"
        return True
    if failed != cell.failed[visit]:
        more, less = sorted(failed - cell.failed[visit]), sorted(cell.failed[visit] - failed)
        said = [f"{', '.join(more)} fails"] * bool(more) + [f"{', '.join(less)} does not fail any more"] * bool(less)
        verdict.outcome, verdict.how = "killed", f"{where}: {'; '.join(said)}"
        return True
    return visit == "no" and _notices_in_disorder(mutant, cell, verdict, where)


def _notices_in_disorder(mutant: Mutant, cell: Cell, verdict: Verdict, where: str) -> bool:
    """The same under the kernel's model, with the flags in separate bytes, for what is about order."""
    if mutant.operator not in ORDERING and "smp_mb" not in mutant.before:
        return False
    case = replace(cell.case, model="lkmm", flags="separate")
    answer = Checker((), 20.0).answer(case)
    before = in_disorder(case)
    if not answer.undecided and frozenset(answer.failed) != before:
        changed = sorted(frozenset(answer.failed) ^ before)
        verdict.outcome, verdict.how = "killed", f"{where}, lkmm, separate: {', '.join(changed)}"
        return True
    return False


@cache
def in_disorder(case: Case) -> frozenset[str]:
    """What fails in a cell of the model as it is, under a weak memory model."""
    return _outside(lambda: frozenset(Checker((), 20.0).answer(case).failed))


def explain(verdict: Verdict) -> Verdict:
    """Tell the equivalent from the holes: the final states of a survivor's cells, over all of memory, beside the model's."""
    for case in verdict.cells:
        try:
            before = _outside(partial(final_states, case))
            with standing_in(verdict.mutant.file, verdict.mutant.text):
                source.function_source.cache_clear()
                after = final_states(case)
        except LimitError:
            return replace(verdict, outcome="hole", how=f"{case.scenario}, {case.variant.name}: too many final states to compare")
        finally:
            source.function_source.cache_clear()
        if before != after:
            shown = f"{case.scenario}, {case.variant.name}: {len(after - before)} final states more, {len(before - after)} less"
            return replace(verdict, outcome="hole", how=f"{shown}; {_differing(before, after)}")
    return replace(verdict, outcome="equivalent", how=f"the same final states in {len(verdict.cells)} cells")


def final_states(case: Case) -> frozenset[Any]:
    """What all of memory can be when all is quiet, counters included."""
    program = program_of(case, "no", ghosts=True)
    cells = tuple(ir.FinalMem(address) for address in program.cells)
    found = outcomes(replace(program, observed=cells), max_states=MAX_STATES)
    names: dict[ir.FinalReg | ir.FinalMem, str] = {atom: program.cells[atom.cell].name for atom in cells}
    return frozenset(frozenset((names[atom], value) for atom, value in state) for state in found.states)


def _differing(before: frozenset[Any], after: frozenset[Any]) -> str:
    """Locations that have other values in one of the sets."""
    values: list[dict[str, set[Any]]] = [{}, {}]
    for side, states in zip(values, (before, after), strict=True):
        for state in states:
            for name, value in state:
                side.setdefault(name, set()).add(value)
    names = sorted(name for name in values[0] | values[1] if values[0].get(name) != values[1].get(name))
    return f"other values in {', '.join(names[:4])}" if names else "other combinations of values"


def _outside(work: Callable[[], T]) -> T:
    """Something done on the model as it is."""
    token = source._standing_in.set({})
    source.function_source.cache_clear()
    try:
        return work()
    finally:
        source._standing_in.reset(token)
        source.function_source.cache_clear()
