"""Every scenario under every variant: which of the invariants hold.

Under sequential consistency the answer comes from exploring all interleavings of the model's steps. An interleaving is an
execution of every weaker memory model too, so what fails under ``sc`` fails under ``tso`` and ``lkmm``; what does not fail there
is a question for the solver. What it cannot answer in time is undecided, never "holds".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from smpcheck.errors import InputError, LimitError
from smpcheck.kernel.layout import FLAG_LAYOUTS
from smpcheck.kernel.scenario import Asked, Scenario
from smpcheck.machines.mapping import MachineMapping
from smpcheck.mm.claim_scenarios import HEARTS
from smpcheck.mm.invariants import ABOUT
from smpcheck.mm.scenarios import SCENARIOS, WIDER
from smpcheck.mm.variants import BOUND, V0, VARIANTS, Variant, find_variant
from smpcheck.mm.weak import RACES, ask, racing_run
from smpcheck.program import ir
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.flow import mapped, statements
from smpcheck.readers.python import compile_scenario, load_scenarios
from smpcheck.readers.python.reuse import CompiledThreads
from smpcheck.simulate import Outcomes, RunResult, outcomes
from smpcheck.simulate.coverage import Reached

MODELS = ("sc", "tso", "lkmm")
FLAGS = FLAG_LAYOUTS
FREEING = ("at-once", "at-the-end")
INVARIANTS = tuple(ABOUT)

PART_OF = {
    "lock-order": "I8", "sleep-under-spinlock": "I8", "lock-held-at-exit": "I8", "unlock-not-held": "I8",
    "deadlock": "I8", "lock cycle": "I8", "sleep-in-atomic": "I8",
    DATA_RACE: "I14",
}  # fmt: skip
"""The checker's own checks, and the invariant that they belong to."""

BEYOND = "a loop goes on beyond its bound"
"""Why an invariant is undecided that fails in no run within the model's bounds."""

RCU = {"Rcu-lock", "Rcu-unlock", "Sync-rcu"}

MAX_STATES = 3_000_000
MAX_KEPT = 6
"""Scenarios whose programs are kept."""

ASSUMPTIONS = (
    "one file of one page or two, one or two mappings of it, and the pages that a CPU may allocate; as many CPUs as threads",
    "a CPU drains its pagevecs after its operation, at any time, or where the operation does; a pagevec that is full is not met",
    "putback_lru_page goes round at most twice (going on would be reported as undecided)",
    "reclaim looks at the page once, does not write it out, and finds swap space only where the scenario says so",
    "truncation to nothing, once; a page is moved once, with one try, and not while it is in the swap cache",
    "a vma is split once, and none are merged; no huge pages, no nonlinear mappings, no memory cgroups",
)
"""What bounds the answer, besides what a scenario says."""


class Case(Struct, frozen=True):
    """One cell of the table. ``file``: where the scenario is from, if it is not one of the model's own. ``machine``: what
    ``--machine`` names, where a machine's instructions are asked about and not the kernel's primitives; ``model`` is then that
    machine's."""

    scenario: str
    variant: Variant
    model: str = "sc"
    flags: str = "one-word"
    freeing: str = "at-once"
    file: str = ""
    machine: str = ""

    @property
    def judge(self) -> str:
        """The machine, or the model."""
        return self.machine or self.model

    @property
    def where(self) -> str:
        """The same, in a sentence."""
        return f"on {self.machine}" if self.machine else f"under {self.model}"

    @property
    def command(self) -> str:
        """What computes it again."""
        words = ["smpcheck mm check --scenario", self.scenario, "--variant", self.variant.name]
        for option, value, default in (
            ("--machine", self.machine, ""), ("--model", "sc" if self.machine else self.model, "sc"),
            ("--flags", self.flags, "one-word"), ("--freeing", self.freeing, "at-once"),
            ("--scenario-file", self.file, ""),
        ):  # fmt: skip
            words += [option, value] if value != default else []
        return " ".join(words)


class Answer(Struct, frozen=True):
    """What came of a case.

    ``failed``: each invariant that fails, with the names of the checks that say so (a check that belongs to no invariant, such as
    a null pointer's use, goes under its own name). ``undecided``: each invariant that neither fails nor is known to hold, with
    the reason. ``asked``: all that was asked. ``explored``: states of the interleaving semantics. ``seconds``: it took.
    """

    case: Case
    asked: tuple[str, ...]
    failed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    undecided: dict[str, str] = field(default_factory=dict)
    explored: int = 0
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """``FAILS``, ``undecided`` or ``holds``."""
        return "FAILS" if self.failed else "undecided" if self.undecided else "holds"

    def of(self, invariant: str) -> str:
        """The same for one invariant."""
        return "FAILS" if invariant in self.failed else "undecided" if invariant in self.undecided else "holds"


def cases(
    scenarios: Sequence[str] = (),
    variants: Sequence[str] = (),
    models: Sequence[str] = ("sc",),
    flags: Sequence[str] = ("one-word",),
    freeing: str = "at-once",
    wider: bool = False,
    file: str = "",
    machines: Sequence[MachineMapping] = (),
) -> list[Case]:
    """All combinations; where nothing is chosen, everything.

    ``machines``: that are asked besides the models. ``wider``: that is more operations and two pages too
    (:data:`smpcheck.mm.scenarios.WIDER`). ``file``: the scenarios are those of a file of the
    user's. :raises InputError: a name is not known, or something in the file is wrong
    """
    known_scenarios = scenarios_of(file)
    every = known_scenarios if file else SCENARIOS | WIDER if wider else SCENARIOS
    for given, known, what in (
        (scenarios, known_scenarios, "scenario"), (models, MODELS, "model"),
        (flags, FLAGS, "flag layout"), ((freeing,), FREEING, "way of freeing"),
    ):  # fmt: skip
        for name in given:
            if name not in known:
                raise InputError(f"there is no {what} {name!r}: choose from {', '.join(known)}")
    judges = [*((model, "") for model in models), *((one.model, one.option) for one in machines)]
    return [
        Case(s, v, model, f, freeing, file, machine)
        for model, machine in judges
        for f in flags
        for s in scenarios or every
        for v in [find_variant(name) for name in variants] or VARIANTS.values()
    ]


@lru_cache(maxsize=8)
def scenarios_of(file: str) -> dict[str, Scenario]:
    """The scenarios of a file, by name; without one, those of the model. :raises InputError: see :func:`load_scenarios`"""
    return {found.name: found for found in load_scenarios(file)} if file else SCENARIOS | WIDER | HEARTS


def program_of(
    case: Case, visit: str = "no", ghosts: bool = False, variant: Asked | None = None, known: CompiledThreads | None = None
) -> ir.Program:
    """The program that a case is about.

    ``visit``: see :data:`smpcheck.mm.scenarios.VISIT`; ``ghosts``: counters are cells. ``variant``: the case's, with notes of
    the switches that it was asked for; ``known``: threads that were compiled for other cases.
    """
    scenario = scenarios_of(case.file)[case.scenario]
    bound = scenario.bind(variant=variant or case.variant, flags=case.flags, freeing=case.freeing, visit=visit)
    return compile_scenario(bound, ghost_cells=ghosts, known=known)


def asked(program: ir.Program, model: str = "sc") -> tuple[str, ...]:
    """The invariants that a program asks about, I8 always; for data races under ``lkmm``, which alone says what they are, and
    where no grace period is waited for, which the view machine does not support."""
    names = {a.name for a in program.invariants} | set(_checks(t.body for t in program.threads)) | {"I8"}
    if model == "lkmm" and not any(waits_for_readers(t.body) for t in program.threads):
        names.add(RACES)
    return tuple(i for i in INVARIANTS if i in names)


def waits_for_readers(body: Sequence[ir.Stmt]) -> bool:
    """Is there a grace period in these statements?"""
    return any(isinstance(stmt, ir.Fence) and "Sync-rcu" in stmt.tags for stmt in statements(body))


def _checks(bodies: Iterable[Sequence[ir.Stmt]]) -> Iterator[str]:
    for body in bodies:
        for stmt in body:
            match stmt:
                case ir.Assert():
                    yield stmt.name
                case ir.If() | ir.Choice():
                    yield from _checks((stmt.then, stmt.other))
                case ir.Block() | ir.Loop():
                    yield from _checks((stmt.body,))


def invariant_of(check: str) -> str:
    """The invariant that a failed check is about, or the check's own name."""
    return PART_OF.get(check, check)


class Checker:
    """Answers cases one after the other. Variants that make the same program of a scenario are answered once."""

    def __init__(self, only: Sequence[str] = (), deadline: float | None = None) -> None:
        """``only``: these invariants. ``deadline``: seconds for one case."""
        self.only = tuple(only)
        self.deadline = deadline
        self._programs: dict[Case, list[tuple[dict[str, object], ir.Program]]] = {}
        self._threads = CompiledThreads()
        self._explored = Explored()
        self._weak: dict[tuple[Hashable, str, tuple[str, ...]], tuple[list[str], dict[str, str]]] = {}

    def answers(self, todo: Sequence[Case]) -> Iterator[Answer]:
        """An answer for each case."""
        for case in todo:
            yield self.answer(case)

    def answer(self, case: Case) -> Answer:
        """Which invariants hold."""
        began = time.monotonic()
        program = self.program_of(case)
        wanted = tuple(i for i in asked(program, case.model) if not self.only or i in self.only)
        failed: dict[str, list[str]] = {}
        undecided: dict[str, str] = {}
        explored = 0
        reached: Reached | None = None
        try:
            found = self.explore(program)
        except LimitError as error:
            undecided = dict.fromkeys(wanted, str(error))
        else:
            explored, reached = found.explored, found.reached
            beyond = BOUND in found.failed
            if beyond:  # what fails in a run that the model cuts off need not fail
                found = self.explore(within_bounds(program))
            for check in names_of(found):
                failed.setdefault(invariant_of(check), []).append(check)
            undecided = {i: BEYOND for i in wanted if beyond and i not in failed}
        answer = Answer(case, wanted, {}, undecided, explored)
        if case.model != "sc" and not undecided:
            left = tuple(i for i in wanted if i not in failed)
            rest = None if self.deadline is None else self.deadline - (time.monotonic() - began)
            also, undecided = self.ask_weak(case, program, left, tuple(failed), rest, reached)
            for check in also:
                failed.setdefault(invariant_of(check), []).append(check)
        shown = {name: tuple(checks) for name, checks in failed.items() if not self.only or name in self.only}
        return replace(answer, failed=shown, undecided=undecided, seconds=time.monotonic() - began)

    def program_of(self, case: Case) -> ir.Program:
        """The program, compiled once for all models, and for all variants that make no difference to it."""
        if case.model == "sc" and not case.variant.mlock_count:  # a barrier is nothing there, and V10's moves PG_lru
            case = replace(case, variant=replace(case.variant, barrier="none"))
        same = replace(case, model="", machine="", variant=V0)
        if same not in self._programs and len(self._programs) == MAX_KEPT:
            self._programs.clear()
        known = self._programs.setdefault(same, [])
        variant = Asked(case.variant)
        for switches, program in known:
            if variant.agrees(switches):
                return program
        program = program_of(case, "too", ghosts=True, variant=variant, known=self._threads)
        known.append((variant.asked, program))
        return program

    def explore(self, program: ir.Program) -> Outcomes:
        """All interleavings. :raises LimitError: too many"""
        return self._explored.outcomes_of(program)

    def ask_weak(
        self,
        case: Case,
        program: ir.Program,
        left: tuple[str, ...],
        known: tuple[str, ...],
        seconds: float | None,
        reached: Reached | None,
    ) -> tuple[list[str], dict[str, str]]:
        """See :func:`smpcheck.mm.weak.ask`; what is decided is kept. What cannot fail under lkmm cannot fail under tso."""
        done = self._explored.deeds.of(program, fences=True)
        if case.model == "tso" and any(self._weak.get((done, "lkmm", each)) == ([], {}) for each in (left, (*left, RACES))):
            return [], {}
        key = done, case.judge, left
        if key not in self._weak:
            found = ask(case, left, seconds, known, program, reached)
            if found[1]:
                return found
            self._weak[key] = found
        return self._weak[key]


class Deeds:
    """What tells programs apart by what they do, wherever in the source that stands. Threads that programs share are looked at
    once; their numbers mean nothing to another object of this class."""

    def __init__(self) -> None:
        self._threads: dict[tuple[int, bool], tuple[object, int]] = {}
        self._numbers: dict[Hashable, int] = {}

    def of(self, program: ir.Program, fences: bool) -> Hashable:
        """Programs that have it in common are the same; ``fences``: with what only weak models see."""
        threads = tuple(self._thread(thread.body, fences) for thread in program.threads)
        invariants = tuple((each.name, each.cond) for each in program.invariants)
        return tuple(program.cells.items()), invariants, program.observed, threads

    def _thread(self, body: tuple[ir.Stmt, ...], fences: bool) -> int:
        known = self._threads.get((id(body), fences))
        if known is None:
            number = self._numbers.setdefault(deeds(body, fences), len(self._numbers))
            known = self._threads[id(body), fences] = (body, number)  # with the body, so that no other has its number
        return known[1]


class Explored:
    """The outcomes of programs that were explored, by what they do."""

    def __init__(self) -> None:
        self.deeds = Deeds()
        self._outcomes: dict[Hashable, Outcomes] = {}

    def outcomes_of(self, program: ir.Program) -> Outcomes:
        """All interleavings. :raises LimitError: too many"""
        key = self.deeds.of(program, fences=False)
        if key not in self._outcomes:
            self._outcomes[key] = outcomes(program, max_states=MAX_STATES)
        return self._outcomes[key]


def deeds(body: Sequence[ir.Stmt], fences: bool) -> tuple[Hashable, ...]:
    """The statements without their places and texts. Without ``fences`` only what sequential consistency sees: the models' fences
    are barriers, which do nothing there."""
    found: list[Hashable] = []
    for stmt in body:
        match stmt:
            case ir.Fence() if not fences and stmt.addr is None and not stmt.tags & RCU:
                continue
            case ir.If():
                found.append((ir.If, stmt.cond, deeds(stmt.then, fences), deeds(stmt.other, fences)))
            case ir.Choice():
                found.append((ir.Choice, deeds(stmt.then, fences), deeds(stmt.other, fences)))
            case ir.Block():
                found.append((ir.Block, stmt.label, deeds(stmt.body, fences)))
            case ir.Loop():
                found.append((ir.Loop, stmt.label, stmt.bound, deeds(stmt.body, fences)))
            case _:
                kind: Any = type(stmt)
                found.append((kind, *_deed(kind)(stmt)))
    return tuple(found)


@cache
def _deed(kind: Any) -> Callable[[ir.Stmt], tuple[Hashable, ...]]:
    """All of a statement but its place and its text, in a tuple."""
    names = [name for name in kind.__struct_fields__ if name not in ("pos", "text", "message")]
    return attrgetter(*names) if len(names) > 1 else lambda stmt: (getattr(stmt, names[0]),)


def within_bounds(program: ir.Program) -> ir.Program:
    """The program without the runs that go on beyond a bound of the model, after which it does something else than the kernel."""

    def kept(stmt: ir.Stmt) -> ir.Stmt:
        return ir.Assume(stmt.cond, stmt.pos) if isinstance(stmt, ir.Assert) and stmt.name == BOUND else stmt

    return replace(program, threads=tuple(replace(thread, body=mapped(thread.body, kept)) for thread in program.threads))


def names_of(found: Outcomes) -> list[str]:
    """All that can go wrong, by the names of checks."""
    return sorted(found.failed) + ["deadlock"] * found.deadlock + ["lock cycle"] * bool(found.lock_cycles)


def witness(case: Case, check: str) -> RunResult | None:
    """An interleaving in which a check fails; None if there is none (or the failure is a circle of lock classes)."""
    if check == DATA_RACE:
        return racing_run(program_of(case, "too", ghosts=True))
    for visit in ("no", "only"):
        found = outcomes(within_bounds(program_of(case, visit, ghosts=True)), max_states=MAX_STATES, witnesses=True)
        if check in found.witnesses:
            return found.witnesses[check]
    return None


ORDER = ("sc", "lkmm", "tso")
"""What is asked first: what cannot fail under lkmm cannot fail under tso."""


def units(todo: Sequence[Case]) -> list[list[Case]]:
    """Cases that one worker takes: those of one scenario, one after the other what is the same but for the model (lkmm before
    tso); largest scenarios first."""
    groups: dict[Any, list[Case]] = {}
    for case in todo:
        groups.setdefault((case.scenario, case.flags, case.freeing), []).append(case)
    order = {name: at for at, name in enumerate((*HEARTS, *WIDER, *SCENARIOS))}
    for group in groups.values():
        variants = list(dict.fromkeys(case.variant for case in group))
        group.sort(key=lambda case: (variants.index(case.variant), (*ORDER, case.model).index(case.model), case.machine))
    return sorted(groups.values(), key=lambda group: -order.get(group[0].scenario, 0))
