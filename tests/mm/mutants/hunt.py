"""Runs mutants until something differs from the model as it is: another check fails, or one fails no more.

A mutant that no cell of the table notices *survives*. Where its cells then have the same reachable final states, over all of
memory, it is *equivalent*: nobody can tell. Otherwise it is a *hole*: the bug changes something that no invariant asks for.
"""

from __future__ import annotations

import ast
import pickle
import re
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from smpcheck.errors import InputError, LimitError, SmpcheckError
from smpcheck.kernel.scenario import Asked
from smpcheck.mm import predict
from smpcheck.mm.check import Case, Checker, cases, names_of, program_of
from smpcheck.mm.kernel_check.machine import LEAST_PAGES, MODELLED
from smpcheck.mm.kernel_check.scenarios import scenarios
from smpcheck.program import ir
from smpcheck.program.values import Ptr
from smpcheck.readers.python import source
from smpcheck.readers.python.reuse import Compiled, CompiledThreads
from smpcheck.readers.python.source import standing_in
from smpcheck.simulate import outcomes
from tests.mm.mutants.generator import Mutant, mutants

T = TypeVar("T")

VARIANTS = ("V10", "V8", "V4", "V2", "V9")
"""What was in a kernel, and the patch of 2009; the others differ from these in a switch or two."""

NOT_THE_SYSTEM = {"scenarios", "hearts", "invariants", "variants", "mm_types"}
"""Modules of the model that set it up and say what must hold."""

MAX_STATES = 150_000
"""For one cell of the model. The largest cells of two operations have a tenth of that."""

MORE_STATES = 5
"""A mutant's cell may have so many times the states of the model's, or :data:`ENOUGH_STATES`, whichever is more."""

ENOUGH_STATES = 10_000

MAX_CELLS = 40
"""So many cells have to miss a mutant for it to survive, unless more are asked for."""

COMPARED = 6
"""Of so many of these the final states are compared with the model's."""

ENOUGH_THE_SAME = 3
"""A mutant that is the model's own program in so many cells of a variant is about a switch that the variant has not."""

AT_FIRST = 2
"""After so many cells come the predictions for a kernel, if they are about the mutant."""

IN_DISORDER = 3
"""So many of the cells are asked under the kernel's model, if the mutant is about order."""

ORDERING = ("weaken", "unlocked")
"""Operators whose mutants sequential consistency cannot tell from the model; so with barriers dropped."""


Function: TypeAlias = tuple[str, str]
"""A function of the model: its file and its name."""

Line: TypeAlias = tuple[str, int]
"""The name of a file, without its folder, and a line in it."""


class Cell(Struct, frozen=True):
    """A scenario under a variant, as the model is.

    ``functions``: those that were compiled for it; ``entered``: those of which a thread takes a step in some interleaving, the
    last thread (which finds all quiet, and has reclaim look at every page) not counted; ``lines``: where these steps are.
    ``failed``: what fails; ``digest``: which program it is; ``explored``: its states.
    """

    case: Case
    functions: frozenset[Function]
    entered: frozenset[Function]
    lines: frozenset[Line]
    failed: frozenset[str]
    digest: str
    explored: int

    def rank(self, mutant: Mutant) -> int:
        """How likely it is to notice a bug: 0 if a thread executes a step that is changed; 3 not at all."""
        function = (mutant.file, mutant.function)
        if any((Path(mutant.file).name, line) in self.lines for line in mutant.lines):
            return 0
        return 1 if function in self.entered else 2 if function in self.functions else 3


class Verdict(Struct):
    """What became of a mutant. ``how``: the cell that told, and what was different there; or why nothing was decided."""

    mutant: Mutant
    outcome: str
    how: str = ""
    seconds: float = 0.0
    cells: list[Case] = field(default_factory=list)
    """Those in which the mutant is another program, and which did not notice."""
    asked: list[Case] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)
    """By variant, in how many cells the mutant was the same program."""


class Threads(CompiledThreads):
    """The model's threads, compiled once, each with the functions that it has: where a mutant changes none, it is the same."""

    def __init__(self) -> None:
        super().__init__()
        self.functions: dict[int, frozenset[Function]] = {}
        self._noted: set[Function] = set()
        self._programs: dict[Case, ir.Program] = {}

    def program(self, case: Case) -> ir.Program:
        """A cell's program, of the model as it is."""
        if case not in self._programs:
            self._programs[case] = _outside(lambda: self._compiled(case))
        return self._programs[case]

    def _compiled(self, case: Case) -> ir.Program:
        with _replaced(self.function_source):
            return compiled(case, "too", self)

    def thread(self, key: Hashable, given: set[int], memory: Any, bindings: Mapping[str, Any], compile_: Any) -> Compiled:
        """See :meth:`CompiledThreads.thread`."""

        def noting() -> Compiled:
            self._noted = set()
            compiled: Compiled = compile_()
            self.functions[id(compiled.thread.body)] = frozenset(self._noted)
            return compiled

        return super().thread(key, given, memory, bindings, noting)

    def function_source(self, function: FunctionType) -> Any:
        """Stands for the reader's own while threads are compiled."""
        answer = ORIGINAL(function)
        self._noted.add((answer.file, answer.node.name))
        return answer

    def without(self, function: Function, case: Case) -> CompiledThreads:
        """Those that do not have a function; of a cell all of these."""
        self.program(case)
        found = CompiledThreads()
        for key, entries in self._entries.items():
            kept = [entry for entry in entries if function not in self.functions[id(entry.compiled.thread.body)]]
            if kept:
                found._entries[key] = kept
        return found

    def of(self, program: ir.Program) -> frozenset[Function]:
        """The functions of a program's threads."""
        return frozenset().union(*(self.functions[id(thread.body)] for thread in program.threads))


ORIGINAL = source.function_source

THREADS = Threads()


def compiled(case: Case, visit: str, threads: CompiledThreads) -> ir.Program:
    """A cell's program."""
    return program_of(case, visit, ghosts=True, variant=Asked(case.variant), known=threads)


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


def digest(program: ir.Program) -> str:
    """The same for two programs that are one, wherever their statements stand."""
    found = sha256(POSITION.sub("", repr((program.cells, program.invariants))).encode())
    for thread in program.threads:
        if id(thread.body) not in _digests:
            text = POSITION.sub("", repr(replace(thread, index=0)))
            _digests[id(thread.body)] = (thread.body, sha256(text.encode()).digest())
        found.update(_digests[id(thread.body)][1])
    return found.hexdigest()


_digests: dict[int, tuple[object, bytes]] = {}
"""By the identity of a thread's statements, which are kept with it so that it stays one."""

POSITION = re.compile(r"Position\([^()]*\)")


def steps_of(program: ir.Program, taken: frozenset[int]) -> frozenset[Line]:
    """Where the steps are that some interleaving takes (``taken``) in a thread, the last one not counted."""
    statements = (s for thread in program.threads[:-1] for s in _statements(thread.body) if id(s) in taken)
    places = (getattr(statement, "pos", None) for statement in statements)
    return frozenset((Path(pos.file).name, pos.line) for pos in places if pos is not None)


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
    found: dict[str, Cell] = {}
    for case in cases(scenarios, variants, freeing="at-once"):
        program = THREADS.program(case)
        if len(program.threads) > most_threads + 1 or digest(program) in found:
            continue
        try:
            answer = outcomes(program, max_states=MAX_STATES, coverage=True)
        except LimitError:
            continue
        functions = THREADS.of(program)
        lines = steps_of(program, answer.coverage.taken)
        entered = frozenset(f for f in functions if any((Path(f[0]).name, line) in lines for line in _spans(f[0]).get(f[1], ())))
        found[digest(program)] = Cell(
            case, functions, entered, lines, frozenset(names_of(answer)), digest(program), answer.explored
        )
    return tuple(sorted(found.values(), key=lambda cell: cell.explored))


def kept_table(path: Path, variants: tuple[str, ...], scenarios: tuple[str, ...] = ()) -> tuple[Cell, ...]:
    """The same, as far as it is in a file where it was computed before for the model as it is; the rest is written there."""
    folder = Path(predict.__file__).parent
    model = sha256(b"".join(each.read_bytes() for each in sorted(folder.glob("*.py")))).hexdigest()
    known: dict[Any, tuple[Cell, ...]] = pickle.loads(path.read_bytes()) if path.exists() else {}
    found: dict[str, Cell] = {}
    for variant in variants:
        key = (str(folder), model, variant, scenarios)
        if key not in known:
            known[key] = table((variant,), scenarios)
            path.write_bytes(pickle.dumps(known))
        for cell in known[key]:
            found.setdefault(cell.digest, cell)
    return tuple(sorted(found.values(), key=lambda cell: cell.explored))


def all_mutants(cells: Sequence[Cell]) -> list[Mutant]:
    """Of every function of the model that some cell has."""
    by_file: dict[str, set[str]] = {}
    for cell in cells:
        for file, function in cell.functions:
            path = Path(file)
            if path.parent.name == "mm" and path.stem not in NOT_THE_SYSTEM:
                by_file.setdefault(file, set()).add(function)
    return [m for file in sorted(by_file) for m in mutants(file, Path(file).read_text("utf-8"), sorted(by_file[file]))]


def hunt(
    mutant: Mutant, cells: Iterable[Cell], most: int = MAX_CELLS, deadline: float = 120.0, predicting: bool = True
) -> Verdict:
    """Ask the cells that have the mutant's function (:func:`in_turn`), those first whose threads execute what is changed, until
    one notices or ``most`` have not; if they are of V10, `mm live`'s predictions too (``predicting``); and about
    order the first ones once more under the kernel's model. ``deadline``: seconds of CPU time.
    """
    began = time.process_time()
    verdict = Verdict(mutant, "survives")
    concerned = in_turn(mutant, cells)
    ORIGINAL.cache_clear()
    try:
        with standing_in(mutant.file, mutant.text):
            _pass(mutant, concerned, verdict, AT_FIRST, began + deadline)
            if verdict.outcome == "survives" and predicting and any(cell.case.variant.name == MODELLED for cell in concerned):
                _predicts(verdict)
            _pass(mutant, concerned, verdict, most, began + deadline)
            _in_disorder(mutant, concerned, verdict)
    except InputError as error:
        verdict.outcome, verdict.how = "killed", f"it does not compile: {error.message}"
    finally:
        ORIGINAL.cache_clear()
    if verdict.outcome == "survives" and not verdict.cells:
        verdict.outcome, verdict.how = "not asked", "no cell has the step" if concerned else "no cell has the function"
    verdict.seconds = time.process_time() - began
    return verdict


def in_turn(mutant: Mutant, cells: Iterable[Cell]) -> list[Cell]:
    """The cells to ask: by rank; of each rank one of each scenario, the smallest first, then another one of each."""
    concerned = sorted((cell for cell in cells if cell.rank(mutant) < 3), key=lambda cell: (cell.rank(mutant), cell.explored))
    before: Counter[tuple[int, str]] = Counter()
    turns = []
    for cell in concerned:
        place = cell.rank(mutant), cell.case.scenario
        turns.append((place[0], before[place], cell.explored))
        before[place] += 1
    return [cell for _, cell in sorted(zip(turns, concerned, strict=True), key=lambda pair: pair[0])]


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


def _pass(mutant: Mutant, cells: Iterable[Cell], verdict: Verdict, most: int, ends: float) -> None:
    """One cell after the other, but those that were asked, until one notices, ``most`` have not, or the time is over."""
    for cell in cells:
        if verdict.outcome != "survives" or len(verdict.cells) >= most:
            return
        if cell.case in verdict.asked or (verdict.same[cell.case.variant.name] >= ENOUGH_THE_SAME and not verdict.cells):
            continue
        if time.process_time() > ends:
            verdict.outcome, verdict.how = "undecided", "the time was not enough"
            return
        verdict.asked.append(cell.case)
        _ask(mutant, cell, verdict)


def _ask(mutant: Mutant, cell: Cell, verdict: Verdict) -> None:
    """Does the cell tell the mutant from the model?"""
    program = compiled(cell.case, "too", THREADS.without((mutant.file, mutant.function), cell.case))
    if digest(program) == cell.digest:
        verdict.same[cell.case.variant.name] += 1
        return
    verdict.cells.append(cell.case)
    where = f"{cell.case.scenario}, {cell.case.variant.name}"
    try:
        failed = frozenset(names_of(outcomes(program, max_states=max(ENOUGH_STATES, MORE_STATES * cell.explored))))
    except LimitError:
        return
    except SmpcheckError as error:
        verdict.outcome, verdict.how = "killed", f"{where}: {error.message}"
        return
    if failed != cell.failed:
        more, less = sorted(failed - cell.failed), sorted(cell.failed - failed)
        said = [f"{', '.join(more)} fails"] * bool(more) + [f"{', '.join(less)} does not fail any more"] * bool(less)
        verdict.outcome, verdict.how = "killed", f"{where}: {'; '.join(said)}"


def _in_disorder(mutant: Mutant, cells: Sequence[Cell], verdict: Verdict) -> None:
    """The same under the kernel's model, with the flags in separate bytes, for what is about order."""
    if mutant.operator not in ORDERING and "smp_mb" not in mutant.before:
        return
    for cell in [cell for cell in cells if cell.case in verdict.cells][:IN_DISORDER]:
        if verdict.outcome != "survives":
            return
        case = replace(cell.case, model="lkmm", flags="separate")
        answer = Checker((), 20.0).answer(case)
        before = in_disorder(case)
        if not answer.undecided and frozenset(answer.failed) != before:
            changed = ", ".join(sorted(frozenset(answer.failed) ^ before))
            verdict.outcome, verdict.how = "killed", f"{case.scenario}, {case.variant.name}, lkmm, separate: {changed}"


@cache
def in_disorder(case: Case) -> frozenset[str]:
    """What fails in a cell of the model as it is, under a weak memory model."""
    return _outside(lambda: frozenset(Checker((), 20.0).answer(case).failed))


def explain(verdict: Verdict) -> Verdict:
    """Tell the equivalent from the holes: the final states of a survivor's cells, over all of memory, beside the model's."""
    mutant = verdict.mutant
    compared = verdict.cells[:COMPARED]
    for case in compared:
        try:
            with standing_in(mutant.file, mutant.text):
                ORIGINAL.cache_clear()
                program = compiled(case, "no", THREADS.without((mutant.file, mutant.function), case))
            both = frozenset(program.cells) & frozenset(program_of_the_model(case).cells)  # others hold constants
            before, after = final_states_of_the_model(case, both), final_states(program, both)
        except LimitError:
            return replace(verdict, outcome="hole", how=f"{case.scenario}, {case.variant.name}: too many final states to compare")
        finally:
            ORIGINAL.cache_clear()
        if before != after:
            shown = f"{case.scenario}, {case.variant.name}: {len(after - before)} final states more, {len(before - after)} less"
            return replace(verdict, outcome="hole", how=f"{shown}; {_differing(before, after)}")
    return replace(verdict, outcome="equivalent", how=f"the same final states in {len(compared)} cells")


@cache
def program_of_the_model(case: Case) -> ir.Program:
    """A cell's program without reclaim's look at every page, of the model as it is."""
    return _outside(lambda: compiled(case, "no", CompiledThreads()))


@cache
def final_states_of_the_model(case: Case, cells: frozenset[Ptr]) -> frozenset[Any]:
    """Those of the model as it is."""
    return final_states(program_of_the_model(case), cells)


def final_states(program: ir.Program, cells: Iterable[Ptr]) -> frozenset[Any]:
    """What memory can be when all is quiet, counters included."""
    atoms = tuple(ir.FinalMem(address) for address in program.cells if address in cells)
    found = outcomes(replace(program, observed=atoms), max_states=ENOUGH_STATES)
    names: dict[ir.FinalReg | ir.FinalMem, str] = {atom: program.cells[atom.cell].name for atom in atoms}
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
    ORIGINAL.cache_clear()
    try:
        return work()
    finally:
        source._standing_in.reset(token)
        ORIGINAL.cache_clear()
