"""Small programs: candidate executions one by one, each judged by the model itself, where that costs less than a logic program.

A candidate is a path (what every branch decides), a source for each read, and an order of the writes to each cell. What is asked
prunes: a source whose value the condition or a branch excludes is never tried, and where values are known only later, a condition
is looked at as soon as it is settled. What is left is evaluated outright (:mod:`smpcheck.cat.concrete`) under the part of the
model that its events can matter to (:mod:`smpcheck.cat.slicing`). Of tests that people write, most have fewer than a hundred
candidates before anything is pruned.

Before that, the threads are run one after the other: nearly all models allow such a run, and so one half of the answer (the
condition can hold, or can fail to) is known after one evaluation.

:func:`enumerated` answers a question or says "not for me" with None: loops, waits, faults, undefined values, values out of thin
air, witnesses and assertions are for the solver, and so is what has too many candidates.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from msgspec import Struct

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.nodes import Model
from smpcheck.cat.requirements import beyond_coherence, is_atomic
from smpcheck.cat.slicing import Part
from smpcheck.errors import LimitError
from smpcheck.models import require_language
from smpcheck.program import ir
from smpcheck.program.events import Decision, EventGraph, Term
from smpcheck.program.guards import ALWAYS, NEVER
from smpcheck.program.values import Ptr, UndefinedValue, Value, truth
from smpcheck.solver.answer import NO_COMPLETE_EXECUTION, Answer, Question, State, Status, Verdict, state_order
from smpcheck.solver.domains import evaluate_at, has_guards
from smpcheck.solver.paths import Demand, Path, Values, demands, value_of
from smpcheck.solver.source_choice import SourceChoice, has_memory
from smpcheck.solver.unrolled import NotForMe, Unrolled

VARIABLE = "SMPCHECK_ENGINE"
"""``enumerate``: what can be enumerated is, however long that takes. ``solve``: clingo is asked. So tests compare the two."""

MAX_PATHS = 64
TRIES_OF_A_PATH = 20
"""What it costs to look at a path, in sources tried."""
MAX_CANDIDATES = 4096
"""Of a path, estimated before anything is tried."""
MAX_JUDGED = 48
FEW_EVENTS = 60
"""So many candidates may be evaluated for one question about so many events: about what the solver costs. Of more events, fewer:
evaluation grows with their square, the solver's cost more slowly."""
MAX_TRIED = 2000
"""Sources and orders that may be tried for one question."""

_PARTIAL = frozenset(("/", "%", "<<", ">>"))
_ON_ALL_VALUES = frozenset(("==", "!=", "&&", "||"))
_OFFSETS = frozenset(("+", "-"))
"""What an address and a number after it may be operands of."""


def enumerated(unrolled: Unrolled, model: Model, question: Question) -> Answer | None:
    """The answer to ``question``, equal to the solver's; None if that has to be asked."""
    if not is_simple(unrolled, question):
        return None
    try:
        return _Enumeration(unrolled, model, question, limited=engine() != "enumerate").answer()
    except (NotForMe, UndefinedValue):
        return None


def can_hold(program: ir.Program, model: Model, condition: ir.Expr, unroll: int = 2) -> bool | None:
    """Does ``condition`` hold at the end of some execution? None: the solver has to be asked.

    Errors as :func:`smpcheck.solver.solve.solve`.
    """
    require_language(model, program)
    question = Question(mode="verdict", unroll=unroll, flags=False, condition=condition)
    try:
        unrolled = Unrolled(program, model, question)
        if engine() == "solve" or not is_simple(unrolled, question):
            return None
        return _Enumeration(unrolled, model, question, limited=engine() != "enumerate").can_hold()
    except (NotForMe, UndefinedValue, LimitError):
        return None


def engine() -> str:
    """Which engine is wanted (:data:`VARIABLE`): nothing where that is chosen by cost."""
    return os.environ.get(VARIABLE, "")


def is_simple(unrolled: Unrolled, question: Question) -> bool:
    """Is all that the question and the program need understood here?"""
    graph, domains = unrolled.graph, unrolled.domains
    if question.mode not in ("verdict", "states") or question.witness or question.stops or question.lazy or question.threads > 1:
        return False
    if graph.bounds or graph.waiting or not domains.coherent:
        return False
    if domains.faults or domains.wide or unrolled.some_address_is_open:
        return False
    return not any(_may_be_undefined(term, unrolled) for term in graph.terms)


def _may_be_undefined(term: Term, unrolled: Unrolled) -> bool:
    """May a term have no value where its arguments have one?"""
    if term.op in ("const", "read", "mem", "ite", "cond") or (term.op == "bin" and term.data[0] in _ON_ALL_VALUES):
        return False
    if term.op == "bin" and term.data[0] in _PARTIAL and not _is_shift_by_constant(term):
        return True
    addresses = [any(isinstance(value, Ptr) for value in unrolled.domains.of(arg)) for arg in term.args]
    if term.op == "bin" and term.data[0] in _OFFSETS and not addresses[1]:
        return False
    return any(addresses)


def _is_shift_by_constant(term: Term) -> bool:
    """Is it a shift by fewer bits than there are?"""
    count, limit = term.args[1], max(term.data[1].bits, 32)
    return term.data[0] in ("<<", ">>") and count.op == "const" and isinstance(count.data, int) and 0 <= count.data < limit


class _Candidate(Struct):
    """A source for each read, the writes to each cell in order, and the values that follow."""

    path: Path
    sources: Mapping[int, int]
    orders: list[list[int]]
    values: Values
    _last: dict[Value | None, int] | None = None

    @property
    def is_settled(self) -> bool:
        """Has each read a value? Values that justify each other are none."""
        return len(self.values) == len(self.sources)

    def value(self, term: Term) -> Value:
        """The value of a term at the end. :raises NotForMe: it has none"""
        found = self.path.value(term, self.values, self.contents)
        if found is None:
            raise NotForMe
        return found

    def contents(self, cell: Value) -> Value | None:
        """The final contents of a cell."""
        path, values = self.path, self.values
        if self._last is None:
            events = path.graph.events
            self._last = {path.address(events[order[-1]], values): order[-1] for order in self.orders}
        last = self._last.get(cell)
        if last is None:
            return path.graph.program.cells[cell].init  # type: ignore[index]
        written = path.graph.events[last].value
        return None if written is None else path.value(written, values)


class _Decided:
    """How branches decide, each when it is asked about, where reads have these ``values``."""

    def __init__(self, graph: EventGraph, values: Values) -> None:
        self.graph, self.values = graph, values
        self.decided: dict[int, bool] = {}

    def holds(self, guard: int) -> bool:
        """Does a guard hold?"""
        nodes, decided = self.graph.guards.nodes, self.decided
        while guard not in (NEVER, ALWAYS):
            var, low, high = nodes[guard]
            if var not in decided:
                decision = self.graph.decisions[var]
                outcome = value_of(decision.cond, self.values, self.holds) if decision.cond is not None else None
                decided[var] = outcome is not None and truth(outcome) and self.holds(decision.parent)
            guard = high if decided[var] else low
        return guard == ALWAYS


class _Enumeration:
    """One call of :func:`enumerated`. ``limited``: give up where it takes longer than the solver.

    :raises NotForMe: the solver has to be asked
    """

    def __init__(self, unrolled: Unrolled, model: Model, question: Question, limited: bool) -> None:
        self.unrolled = unrolled
        self.graph = unrolled.graph
        self.model = beyond_coherence(model)
        """Candidates have no other orders of writes than :mod:`smpcheck.solver.coherence_orders` makes."""
        self.question = question
        self.limited = limited
        self.atomic = is_atomic(model)
        self.judged = self.tried = 0
        self.most = int(MAX_JUDGED * min(1.0, (FEW_EVENTS / max(1, len(self.graph.events))) ** 2))
        self._paths: dict[tuple[bool, ...], Path] = {}

    def answer(self) -> Answer:
        """The answer."""
        if self.question.mode == "states":
            states, some, other = self._states()
        else:
            states = ()
            some, other = self._verdict()
        verdict: Verdict = "Sometimes" if some and other else "Always" if some else "Never"
        if not (some or other):
            return self._made("no-execution", None, message=NO_COMPLETE_EXECUTION)
        flags = self._flags() if self.question.flags else ()
        return self._made("ok", verdict, states=states, flags=flags)

    def can_hold(self) -> bool:
        """Does the condition hold in some execution?"""
        return any(self._is_allowed(candidate) for candidate in self._all(True))

    # --- what is asked ---

    def _verdict(self) -> tuple[bool, bool]:
        """Can the condition hold, and can it fail to?"""
        found = dict.fromkeys((True, False), False)
        run = self._run()
        if run is not None and self._judged(run, run.path.slice.in_turn) is not None:
            found[truth(run.value(self.unrolled.condition_term))] = True
        for wanted, known in found.items():
            if not known:
                found[wanted] = any(self._is_allowed(candidate) for candidate in self._all(wanted))
        if self.unrolled.domains.open:
            self._refuse_thin_air()
        return found[True], found[False]

    def _states(self) -> tuple[tuple[tuple[State, bool], ...], bool, bool]:
        """The final states, in order, with the condition's value in each; can it hold, and can it fail to?"""
        observed = self.unrolled.observed
        found: dict[tuple[tuple[Value, ...], bool], State] = {}
        for path in self.paths():
            for candidate in self._candidates(path, []):
                values = tuple(candidate.value(term) for _, term in observed)
                key = values, truth(candidate.value(self.unrolled.condition_term))
                if key in found or not self._is_allowed(candidate):
                    continue
                if len(found) == self.question.max_states:
                    raise NotForMe
                found[key] = dict(zip((v for v, _ in observed), values, strict=True))
        if self.question.on_state is not None:
            for state in found.values():
                self.question.on_state(state)
        states = [(state, holds) for (_, holds), state in found.items()]
        states.sort(key=lambda pair: state_order(pair[0]))
        return tuple(states), any(holds for _, holds in found), not all(holds for _, holds in found)

    def _flags(self) -> tuple[str, ...]:
        """The flags that some execution raises, in the model's order."""
        if any(path.is_whole and not path.slice.flags for path in self._paths.values()):
            return ()
        raised: set[str] = set()
        for path in self.paths():
            left = [part for part in path.slice.flags if part[0].name not in raised]
            left = [part for part in left if not path.is_settled(part[0]) or path.common.shows(part[0])]
            for candidate in self._candidates(path, []) if left else ():
                evaluation = self._judged(candidate, path.slice.requirements)
                if evaluation is not None:
                    for axiom, steps in path.slice.flags:
                        evaluation.run(steps)
                        if evaluation.shows(axiom):
                            raised.add(axiom.name)
                    left = [part for part in left if part[0].name not in raised]
                    if not left:
                        break
        return tuple(dict.fromkeys(axiom.name for axiom in self.model.axioms if axiom.name in raised))

    def _made(self, status: Status, verdict: Verdict | None, **more: Any) -> Answer:
        return Answer(status, verdict, program=self.graph.program, **more)

    # --- judging ---

    def _is_allowed(self, candidate: _Candidate) -> bool:
        """Does the model allow this execution?"""
        return self._judged(candidate, candidate.path.slice.requirements) is not None

    def _judged(self, candidate: _Candidate, requirements: Sequence[Part]) -> Evaluation | None:
        """An execution that meets the requirements; None if it does not."""
        self.judged += 1
        if self.limited and self.judged > self.most:
            raise NotForMe
        evaluation = candidate.path.evaluation(candidate.sources.items(), candidate.orders, candidate.values)
        return evaluation if evaluation.meets(requirements) else None

    # --- paths ---

    def paths(self, goal: Sequence[Demand] = ()) -> Iterator[Path]:
        """All ways through the branches on which the ``goal`` may be met. :raises NotForMe: there are many"""
        seen = self._values_seen(goal)
        ways: list[tuple[bool, ...]] = [()]
        for decision in self.graph.decisions:
            outcomes = self._outcomes(decision, seen)
            ways = [
                (*way, taken)
                for way in ways
                for taken in (outcomes if self.graph.guards.holds(decision.parent, way) else (False,))
            ]
            if self.limited and len(ways) > MAX_PATHS:
                raise NotForMe
        return map(self._path, ways)

    def _values_seen(self, goal: Sequence[Demand]) -> dict[int, list[Value]]:
        """The values that reads may have which the goal speaks of one at a time."""
        seen: dict[int, list[Value]] = {}
        for term, wanted in goal:
            if len(term.reads) == 1 and not has_guards(term) and not self.unrolled.domains.is_open(term):
                (read,) = term.reads
                values = seen.get(read) or self.unrolled.domains.of(self.graph.terms.read(read))
                seen[read] = [value for value in values if truth(evaluate_at(term, read, value)) == wanted]
        return seen

    def _outcomes(self, decision: Decision, seen: Mapping[int, list[Value]]) -> tuple[bool, ...]:
        """How a branch may decide if it is reached, and the reads that it looks at have these values."""
        cond = decision.cond
        if cond is None or self.unrolled.domains.is_open(cond):
            return False, True
        values: Iterable[Value] = self.unrolled.domains.of(cond)
        if len(cond.reads) == 1 and not has_guards(cond):
            (read,) = cond.reads
            if read in seen:
                values = [evaluate_at(cond, read, value) for value in seen[read]]
        return tuple(sorted({truth(value) for value in values}))

    def _path(self, way: tuple[bool, ...]) -> Path:
        found = self._paths.get(way)
        if found is None:
            self._try(TRIES_OF_A_PATH)
            found = self._paths[way] = Path(self.unrolled, self.model, way)
            if found.needs_last_writes:
                raise NotForMe
        return found

    def _run(self) -> _Candidate | None:
        """The threads one after the other, each as a whole; None where that is no execution, or a branch is free to choose."""
        graph = self.graph
        values: dict[int, Value] = {}
        last: dict[Value, int] = {}
        order: dict[Value, list[int]] = {}
        holds = _Decided(graph, values).holds
        sources: dict[int, int] = {}
        for event in graph.events:
            if event.kind == "F" or event.addr is None or not holds(event.guard):
                continue
            address = value_of(event.addr, values, holds)
            if address is None:
                return None
            if event.kind == "W":
                last[address] = event.id
                order.setdefault(address, []).append(event.id)
                continue
            sources[event.id] = last[address]
            written = graph.events[last[address]].value
            value = None if written is None else value_of(written, values, holds)
            if value is None:
                return None
            values[event.id] = value
        path = self._path(tuple(holds(graph.guards.variable(var)) for var in range(len(graph.decisions))))
        candidate = _Candidate(path, sources, [order[cell] for cell in order if len(order[cell]) > 1], values)
        is_one = all(truth(candidate.value(term)) == wanted for term, wanted in path.demands)
        return candidate if is_one else None

    # --- candidates ---

    def _all(self, wanted: bool) -> Iterator[_Candidate]:
        """The candidates in which the condition holds, or those in which it fails to."""
        goal = demands(self.unrolled.condition_term, wanted)
        for path in self.paths(goal):
            yield from self._candidates(path, goal)

    def _candidates(self, path: Path, goal: list[Demand]) -> Iterator[_Candidate]:
        """The candidates on a path that meet its demands, and those of the ``goal``."""
        wanted = [*path.demands, *goal]
        choice = SourceChoice(path, wanted, self.atomic, self._try)
        left = [(term, true) for term, true in wanted if has_memory(term) or not term.reads <= path.position.keys()]
        """What the sources and their values do not settle."""
        if self.limited and choice.count > MAX_CANDIDATES:
            raise NotForMe
        for sources, values in choice.ways():
            if len(values) < len(sources) and not path.fixed:
                raise NotForMe  # where a write goes may depend on a value that is justified by itself
            for cell_orders in self._orders(choice, sources, values):
                self._try()
                candidate = _Candidate(path, sources, cell_orders, values)
                if not candidate.is_settled:
                    self._refuse_if_allowed(candidate)
                elif all(truth(candidate.value(term)) == true for term, true in left):
                    yield candidate

    def _refuse_thin_air(self) -> None:
        """:raises NotForMe: the model allows an execution in which values justify each other, whatever is asked"""
        for path in self.paths():
            for _ in self._candidates(path, []):
                pass

    def _refuse_if_allowed(self, candidate: _Candidate) -> None:
        """Of an execution in which values justify each other nothing is said here, but that the model forbids it, whatever they
        are. :raises NotForMe: it does not"""
        if candidate.path.slice.by_value or self._is_allowed(candidate):
            raise NotForMe

    def _try(self, count: int = 1) -> None:
        """:raises NotForMe: enough was tried"""
        self.tried += count
        if self.limited and self.tried > MAX_TRIED:
            raise NotForMe

    def _orders(self, choice: SourceChoice, sources: Mapping[int, int], values: Values) -> Iterator[list[list[int]]]:
        """The coherence orders of all cells together."""
        found: list[list[list[int]]] = []
        for cell in choice.path.cells(values):
            found.append(choice.orders(cell, sources, values))
            if not found[-1]:
                return
        yield from map(list, product(*found))
