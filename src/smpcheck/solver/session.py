"""Ask clingo: verdicts, final states, flags, failing assertions, witnesses. The entry is :func:`smpcheck.solver.solve.solve`.

One program, one model, one ground program; every part of a question is a solve call under assumptions on it, so that a test
costs little more than its own grounding. A condition that no execution satisfies is Never only if some execution exists, no
loop was cut, no undefined behaviour is reachable and no limit was reached.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Protocol

import clingo
from msgspec.structs import replace

from smpcheck.cat.nodes import Model
from smpcheck.cat.requirements import is_atomic
from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir
from smpcheck.program.bit_rows import bits
from smpcheck.program.cut import bound_of
from smpcheck.program.events import Term, Waiting
from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.faults import DEADLOCK, MISALIGNED, NON_TERMINATION
from smpcheck.program.tags import KERNEL
from smpcheck.program.values import UNDETERMINED, Ptr, Value
from smpcheck.solver.answer import NO_COMPLETE_EXECUTION, Answer, Question, State, Verdict, state_order
from smpcheck.solver.aspif import FALSE, TRUE, GroundProgram
from smpcheck.solver.axioms import Axioms
from smpcheck.solver.bitvectors import Vector, number_of
from smpcheck.solver.encode import Encoding
from smpcheck.solver.refine import Assignment, Refinement
from smpcheck.solver.relations import Relations
from smpcheck.solver.relax import relax
from smpcheck.solver.rmw_chains import add_chains
from smpcheck.solver.symmetry import break_symmetry, interchangeable, threads_in
from smpcheck.solver.unrolled import Unrolled, final_term

QUIET = ["--warn=none"]
MANY_EVENTS = 150
"""From so many events on, clingo's configuration for large problems takes less time (bench/dense.py: a third less at 200)."""
SLICE = 0.1
"""Seconds for which we wait for clasp before Python can handle a signal."""


class Timeout(Exception):
    """The question's deadline has passed."""


class ThinAir(Exception):
    """There is an execution in which values justify each other: the question is to be asked again with ``thin_air``."""


def ask(program: ir.Program, model: Model, question: Question, automata: bool, started: float, unrolled: Unrolled) -> Answer:
    """:func:`smpcheck.solver.solve.solve` by clingo. ``started``: when the question's time began (perf_counter)."""
    try:
        try:
            return Session(program, model, question, automata, started, unrolled=unrolled).run()
        except ThinAir:
            return Session(program, model, question, automata, started, thin_air=True).run()
    except Timeout:
        return Answer("timeout", None, message="no answer within the time limit", complete=False, program=program)


class Waitable(Protocol):
    """What :func:`wait_until` needs of a solve handle."""

    def wait(self, timeout: float | None = None) -> bool: ...


def wait_until(handle: Waitable, deadline: float) -> bool:
    """Wait for a model or the end of the search; false if there is neither at ``deadline`` (of ``time.perf_counter``).

    clasp waits on a condition variable and takes any wake-up for the end of its time (clasp_facade.cpp, ``Async::doWait``), so
    that the notice by which its solving thread says that it has started, if it comes late, ends the wait at once. We wait in
    slices, since Python handles no signal (Ctrl-C, the end of a time limit) while a function in C does not come back.
    """
    while (left := deadline - time.perf_counter()) > 0:
        if handle.wait(min(left, SLICE)):
            return True
    return False


def models_of(control: clingo.Control, assumptions: list[int], deadline: float = math.inf) -> Iterator[clingo.Model]:
    """The models under ``assumptions``. ``deadline``: of ``time.perf_counter``.

    clasp searches in a thread of its own, also where there is no deadline: in this one it would call Python back, and what a
    signal raises in such a call (the end of a time limit, Ctrl-C) ends the whole process.

    :raises Timeout: the deadline has passed
    """
    with control.solve(assumptions=assumptions, yield_=True, async_=True) as handle:
        while True:
            handle.resume()
            if not wait_until(handle, deadline):
                handle.cancel()
                raise Timeout
            found = handle.model()
            if found is None:
                return
            yield found


class Session:
    """One call of :func:`solve`. ``thin_air``: values that justify each other are values; without it, they are only noticed.
    ``unrolled``: the program as the question asks, where that is known already.

    :raises ThinAir: they matter
    """

    def __init__(
        self,
        program: ir.Program,
        model: Model,
        question: Question,
        automata: bool,
        started: float,
        thin_air: bool = False,
        unrolled: Unrolled | None = None,
    ) -> None:
        self.thin_air = thin_air
        self.program = program
        self.model = model
        self.question = question
        self.started = started
        self.statistics: dict[str, float] = {}
        self.was_cut = False
        unrolled = self._unrolled(unrolled or Unrolled(program, model, question, thin_air))
        if question.stops and unrolled.domains.faults:
            faulty = {access.id for access in unrolled.domains.faults}
            unrolled = self._unrolled(Unrolled(program, model, question, thin_air, faulty))
        self.graph = graph = unrolled.graph
        self.domains = unrolled.domains
        self.condition_term, self.filter_term, self.observed = unrolled.condition_term, unrolled.filter_term, unrolled.observed
        self.out = out = GroundProgram()
        self.encoding = encoding = Encoding(graph, self.domains, out)
        self.relations = Relations(graph, encoding)
        self._break_symmetry(unrolled.condition)
        self.check_time()
        written, weaker = relax(model) if question.lazy and automata else (model, False)
        self.refinement = Refinement(self, model) if weaker else None
        axioms = Axioms(self.relations, written, automata)
        axioms.add(question.flags)
        self.flags = axioms.flags
        if not self.domains.coherent:
            self._order_coherence()
        elif is_atomic(model):
            add_chains(encoding)
        self.check_time()
        self.condition = encoding.truth(self.condition_term)
        if self.filter_term is not None:
            out.require([encoding.truth(self.filter_term)])
        self.bound = out.disj([encoding.guard_literal(g) for g, _, _ in graph.bounds])
        self.fault = out.disj([literal for literal, _, _ in encoding.faults])
        self.faults = self._faults()
        self.meaningless = self._meaningless()
        self.assertions = self._assertion_literals()
        self.stops = self._stop_literals()
        self.stopped = out.disj(list(self.stops.values()))
        if not question.stops:
            # neither faults nor threads that wait are looked at: what else there is need not know of them
            for literal in (self.stopped, self.fault):
                if literal != FALSE:
                    out.forbid((literal,))
            self.stopped = self.fault = FALSE
        self.asserting = self.stopping = self.cutting = FALSE
        self.undetermined = self._undetermined() if thin_air else FALSE
        self.values = [(v, list(encoding.values(t).items())) for v, t in self.observed if not self.domains.is_wide(t)]
        self.wide = [
            (v, encoding.vectors.vector(t), encoding.vectors.determined(t)) for v, t in self.observed if self.domains.is_wide(t)
        ]
        self.needs_witness = question.witness or question.mode in ("assertions", "stops") or weaker
        if self.needs_witness:
            self._prepare_witness()
        self.mark("encode")

    def _undetermined(self) -> int:
        """The literal "some read sees a value out of thin air"."""
        encoding, terms = self.encoding, self.graph.terms
        return self.out.disj(
            [self.out.conj2(encoding.happens(r), -encoding.vectors.determined(terms.read(r))) for r in sorted(self.domains.wide)]
        )

    def _unrolled(self, unrolled: Unrolled) -> Unrolled:
        """:raises ThinAir: an address may have no value: unlike a condition, where an access is to cannot be left open"""
        if unrolled.some_address_is_open and (unrolled.domains.plain_cycle or lets_values_justify_each_other(self.model)):
            raise ThinAir
        return unrolled

    def mark(self, what: str) -> None:
        """Note the time since the start under ``what``."""
        self.statistics[what] = time.perf_counter() - self.started

    def check_time(self) -> None:
        deadline = self.question.deadline
        if deadline is not None and time.perf_counter() - self.started > deadline:
            raise Timeout

    # --- encoding of what is asked ---

    def _break_symmetry(self, condition: ir.Expr) -> None:
        """Interchangeable threads in one order only; not for questions whose answer shows which thread did what."""
        program, question = self.program, self.question
        if question.witness or question.mode in ("assertions", "stops") or question.stops:
            return
        spoken_of = [condition, *program.observed, *([program.filter] if program.filter is not None else [])]
        groups = interchangeable(program, threads_in(spoken_of))
        if groups:
            break_symmetry(self.encoding, groups)

    def _order_coherence(self) -> None:
        """Coherence orders are total by choice; make them acyclic where no axiom of the model does."""
        co = self.relations.base("co")
        first = self.out.new_nodes(self.relations.n)
        for x, row in enumerate(co.may):
            for y in bits(row):
                self.out.edge(first + x, first + y, self.relations.literal(co, x, y))

    def _assertion_literals(self) -> dict[str, int]:
        """For each assertion or invariant name, the literal "it fails"."""
        if self.question.mode != "assertions":
            return {}
        out, encoding = self.out, self.encoding
        found: dict[str, list[int]] = {}
        for a in self.graph.assertions:
            found.setdefault(a.name, []).append(out.conj2(encoding.guard_literal(a.guard), -encoding.truth(a.cond)))
        unfinished = [*(w.guard for w in self.graph.waiting), *self.graph.not_begun]
        ended = -out.disj([encoding.guard_literal(guard) for guard in unfinished]) if unfinished else TRUE
        for inv in self.program.invariants:
            term = final_term(self.graph, inv.cond)
            found.setdefault(inv.name, []).append(out.conj2(ended, -encoding.truth(term)))
        return {name: out.disj(literals) for name, literals in found.items()}

    def _stop_literals(self) -> dict[str, int]:
        """The ways in which threads wait (for ever, where the question is about that): all for locks, or some in a loop."""
        encoding, out = self.encoding, self.out
        if self.question.stops:
            for w in self.graph.waiting:
                self._require_for_ever(w)
        loops, locks = (
            out.disj([encoding.guard_literal(w.guard) for w in self.graph.waiting if (w.cond is None) == loop])
            for loop in (True, False)
        )
        return {DEADLOCK: out.conj2(locks, -loops), NON_TERMINATION: loops}

    def _require_for_ever(self, w: Waiting) -> None:
        """What a waiting thread reads never changes: nothing comes after it in the coherence order, but for writes of threads
        that wait likewise, which write what they read."""
        out, encoding = self.out, self.encoding
        here = encoding.guard_literal(w.guard)
        if w.grace:
            out.forbid((here, *[-encoding.guard_literal(x.inside) for x in self.graph.waiting]))
        if w.cond is not None:
            out.forbid((here, encoding.truth(w.cond)))
        for read in w.reads:
            for source in encoding.sources[read]:
                reads_it = out.conj2(here, encoding.rf[source, read])
                for later in encoding.later(source):
                    idle = [encoding.guard_literal(x.guard) for x in self.graph.waiting if later in x.writes]
                    out.forbid((reads_it, encoding.co(source, later), *[-x for x in idle]))

    def _prepare_witness(self) -> None:
        """Make all literals that an execution is read off from, before the program is written."""
        encoding = self.encoding
        for e in self.graph.events:
            encoding.happens(e.id)
            for term in (e.addr, e.value):
                if term is not None and self.domains.is_wide(term):
                    encoding.vectors.vector(term)
                elif term is not None and encoding.words.bits(term) is None:
                    encoding.values(term)
            if e.id in self.domains.anywhere:
                encoding.address_values(e.id)
        for a, b in encoding.pairs:
            encoding.co(a, b)
        graph = self.graph
        for guards in (*(table.values() for table in graph.dependencies().values()), graph.faulting.values()):
            for g in guards:
                encoding.guard_literal(g)
        for e in self.domains.writes:
            encoding.last(e.id)

    # --- solving ---

    def run(self) -> Answer:
        question = self.question
        enumerate_states = question.mode == "states"
        options = list(QUIET)
        project = enumerate_states
        if project:
            self.out.project([x for _, vs in self.values for _, x in vs] + self._wide_literals() + [self.condition])
            options.append("--project=project")
        if question.threads > 1:
            options.append(f"--parallel-mode={question.threads}")
        if self.refinement is not None:
            options.append("--configuration=jumpy")  # half the conflicts of the default on what is asked lazily
        elif len(self.graph.events) >= MANY_EVENTS:
            options.append("--configuration=handy")
        self.control = clingo.Control(options)
        if self.refinement is not None:
            self.control.register_propagator(self.refinement)
        if question.stops:
            self.stopping = self._selector([x for _, x in self.faults])
        if question.mode == "assertions":
            self.cutting = self._selector([self.encoding.guard_literal(g) for g, _, _ in self.graph.bounds])
            self.asserting = self._selector(list(self.assertions.values()))
        self.out.load_into(self.control)
        self.mark("load")
        self.check_time()
        self._refuse_meaningless()
        if enumerate_states:
            answer = self._states()
        elif question.mode == "verdict":
            answer = self._verdict()
        elif question.mode == "stops":
            answer = self._only_stops()
        else:
            answer = self._assertions()
        self._refuse_misaligned(answer)
        self.mark("solve")
        return replace(
            answer,
            thin_air=self.undetermined != FALSE and self.possible(self.undetermined),
            statistics=dict(self.statistics),
            program=self.program,
            may_fault=bool(self.encoding.faults),
            may_wait=any(w.cond is None and not w.grace for w in self.graph.waiting),
            rounds=question.unroll if self.was_cut else None,
        )

    def models(self, assumptions: list[int], limit: int) -> Iterator[clingo.Model]:
        """Models under assumptions; ``limit`` 0 for all. Honours the deadline."""
        assumptions = [a for a in assumptions if a != TRUE]
        if FALSE in assumptions:
            return
        self.control.configuration.solve.models = limit  # type: ignore[union-attr]
        seconds = self.question.deadline
        for found in models_of(self.control, assumptions, math.inf if seconds is None else self.started + seconds):
            self._note_thin_air(found)
            yield found

    def _note_thin_air(self, m: clingo.Model) -> None:
        """:raises ThinAir: in this execution values justify each other, and conditions on them are open"""
        if self.encoding.thin_air != FALSE and self._holds(m, self.encoding.thin_air):
            raise ThinAir

    def _wide_literals(self) -> list[int]:
        """What tells final states apart by their wide values, where these are determined."""
        return [
            self.out.conj2(determined, x)
            for _, vector, determined in self.wide
            for x in (TRUE, *vector.bits, *vector.bases.values())
        ]

    def possible(self, *assumptions: int) -> bool:
        """Is there an execution with these literals?"""
        return any(True for _ in self.models([*self.base, *assumptions], 1))

    def witness(self, assumptions: list[int]) -> Execution | None:
        """An execution with these literals (read while the solver holds the model: clingo's models do not outlive the call)."""
        for m in self.models(assumptions, 1):
            return self._execution(m)
        return None

    def _meaningless(self) -> list[tuple[int, str]]:
        """The literals "this part of the question is an undefined value", each with what it is."""
        parts = [(self.condition_term, "the condition")]
        if self.filter_term is not None:
            parts.append((self.filter_term, "the filter"))
        parts += [(term, f"the final value of {_spoken(variable, self.program)}") for variable, term in self.observed]
        found = [(self.encoding.undefined(term), what) for term, what in parts if term.op not in ("const", "read")]
        return [(literal, what) for literal, what in found if literal != FALSE]

    def _ends(self) -> list[int]:
        """The literals "all threads come to their ends"."""
        return [-x for x in (self.bound, self.fault, self.stopped) if x != FALSE]

    def _refuse_misaligned(self, answer: Answer) -> None:
        """In C a misaligned access is a fault; what a machine does then is not known here.

        :raises UnsupportedError: machine code makes one
        """
        if self.program.language in KERNEL or not any(name == MISALIGNED for _, name, _ in self.encoding.faults):
            return
        if not self.question.stops:
            stops = Question(mode="stops", stops=True, flags=False, unroll=self.question.unroll)
            Session(self.program, self.model, stops, True, self.started).run()
        elif MISALIGNED in answer.failed:
            where = next((pos for name, pos in answer.failed[MISALIGNED].faults if name == MISALIGNED), None)
            raise UnsupportedError("a misaligned access: what the machine does then is not known here", where)

    def _refuse_meaningless(self) -> None:
        """:raises InputError: what is asked about can be undefined"""
        self.base = self._ends()
        for literal, what in self.meaningless:
            if self.possible(literal):
                raise InputError(f"{what} can compute an undefined value")

    def _flags(self) -> tuple[tuple[str, ...], Mapping[str, Execution]]:
        raised = []
        witnesses: dict[str, Execution] = {}
        for name, literal in self.flags:
            if name in raised:
                continue
            if self.question.witness:
                found = self.witness([*self.base, literal])
                if found is not None:
                    witnesses[name] = found
                    raised.append(name)
            elif self.possible(literal):
                raised.append(name)
        return tuple(raised), witnesses

    def _states(self) -> Answer:
        question = self.question
        found: list[tuple[State, bool]] = []
        complete = True
        limit = 0 if question.max_states is None else question.max_states + 1
        columns = [(v, *self._columns(vs)) for v, vs in self.values]
        # nearly all variables have two values: one literal to ask for
        simple = [(v, *vs[0], other) for v, vs, other in columns if len(vs) == 1 and vs[0][1] > TRUE]
        others = [column for column in columns if not (len(column[1]) == 1 and column[1][0][1] > TRUE)]
        blank: dict[ir.FinalReg | ir.FinalMem, Value] = dict.fromkeys((v for v, _ in self.observed), 0)
        holds = self._holds
        for m in self.models(self.base, limit):
            if question.max_states is not None and len(found) == question.max_states:
                complete = False
                break
            is_true, state = m.is_true, blank.copy()
            for v, value, x, other in simple:
                state[v] = value if is_true(x) else other
            for v, vs, other in others:
                state[v] = next((value for value, x in vs if holds(m, x)), other)
            for v, vector, determined in self.wide:
                state[v] = self._vector_value(m, vector) if holds(m, determined) else UNDETERMINED
            found.append((state, holds(m, self.condition)))
            if question.on_state is not None:
                question.on_state(state)
        can = any(h for _, h in found), any(not h for _, h in found)
        if not complete and not all(can):
            can = can[0] or self.possible(self.condition), can[1] or self.possible(-self.condition)
        found.sort(key=lambda pair: state_order(pair[0]))
        return self._conclude(can[0], can[1], tuple(found), complete)

    def _verdict(self) -> Answer:
        return self._conclude(self.possible(self.condition), self.possible(-self.condition))

    def _conclude(self, some: bool, other: bool, states: tuple[tuple[State, bool], ...] = (), complete: bool = True) -> Answer:
        self.was_cut = cut = self.bound != FALSE and self._bound_reached()
        message = ""
        if cut:
            message = self._which_bound()
            complete = False
        elif not complete:
            message = f"more than {self.question.max_states} states; the listing stops there"
        verdict: Verdict | None = None
        if some and other:
            verdict = "Sometimes"
        elif cut:
            return Answer("bound", None, states, False, message=message)
        elif some:
            verdict = "Always"
        elif other:
            verdict = "Never"
        else:
            return Answer("no-execution", None, message=NO_COMPLETE_EXECUTION)
        flags, flag_witnesses = self._flags() if self.question.flags else ((), {})
        witness = counter = None
        if self.question.witness:
            witness = self.witness([*self.base, self.condition]) if some else None
            counter = self.witness([*self.base, -self.condition]) if other else None
        return Answer("ok", verdict, states, complete, flags, witness, counter, flag_witnesses, message=message)

    def _which_bound(self) -> str:
        """The sentence about a bound that is reached."""
        bounds = self.graph.bounds
        _, pos, label = next((one for one in bounds if self._reached(self.encoding.guard_literal(one[0]))), bounds[0])
        known = bound_of(label)
        if known is not None:
            return f"{pos}: {known}, and some execution needs more"
        return f"{pos}: this loop needs more than {self.question.unroll} rounds in some execution (see --unroll)"

    def _bound_reached(self) -> bool:
        return self._reached(self.bound)

    def _reached(self, literal: int) -> bool:
        base = self.base
        self.base = [literal]
        try:
            return self.possible()
        finally:
            self.base = base

    def _only_stops(self) -> Answer:
        """Which threads can wait for ever, or come to a fault: the proposition is "some do"."""
        failed = self._stops()
        return replace(self._conclude(bool(failed), self.possible()), failed=failed)

    def _assertions(self) -> Answer:
        """Which assertions can fail: the proposition is "some assertion fails"."""
        ends = [-x for x in (self.bound, self.fault) if x != FALSE]  # a check that fails does so whoever waits for ever
        failed: dict[str, Execution] = {}
        self._find_failing(self.asserting, [(n, x) for n, x in self.assertions.items()], ends, failed)
        if self.question.stops:
            failed |= self._stops()
        holds = self.possible(*[-x for x in self.assertions.values()])
        answer = self._conclude(bool(failed), holds)
        if failed and answer.status == "no-execution":
            answer = replace(answer, status="ok", verdict="Always", message="")
        cut: dict[str, Execution] = {}
        if not (answer.status == "ok" and answer.complete):
            loops = [(label, self.encoding.guard_literal(g)) for g, _, label in self.graph.bounds]
            self._find_failing(self.cutting, loops, [], cut)
        return replace(answer, failed=failed, cut=tuple(sorted(cut)))

    def _stops(self) -> dict[str, Execution]:
        """The ways in which threads do not come to their ends, each with an execution."""
        found: dict[str, Execution] = {}
        uncut = [-self.bound] if self.bound != FALSE else []
        unharmed = [-self.fault] if self.fault != FALSE else []
        for name, literal in self.stops.items():
            execution = self.witness([*uncut, *unharmed, literal]) if literal != FALSE else None
            if execution is not None:
                found[name] = execution
        self._find_failing(self.stopping, self.faults, uncut, found)
        return found

    def _faults(self) -> list[tuple[str, int]]:
        """Each kind of fault with its literal."""
        kinds: dict[str, list[int]] = {}
        for literal, name, _ in self.encoding.faults:
            kinds.setdefault(name, []).append(literal)
        return [(name, self.out.disj(literals)) for name, literals in kinds.items()]

    def _find_failing(
        self, selector: int, wanted: list[tuple[str, int]], assumptions: list[int], failed: dict[str, Execution]
    ) -> None:
        """Which of these named literals can hold? One search that asks for any name not yet seen; ``selector`` switches it on."""
        if selector == FALSE:
            return
        for m in self.models([*assumptions, selector], 0):
            seen = {name for name, x in wanted if self._holds(m, x)}
            execution = self._execution(m)
            failed.update((name, execution) for name in seen if name not in failed)
            wanted = [(name, x) for name, x in wanted if name not in seen]
            m.context.add_clause([-selector, *[x for _, x in wanted]])
            if not wanted:
                return

    def _selector(self, literals: list[int]) -> int:
        """A literal that may be assumed to ask for one of ``literals``; FALSE if there is none."""
        literals = [x for x in literals if x != FALSE]
        if not literals:
            return FALSE
        selector = self.out.choice()
        self.out.forbid((selector, *[-x for x in literals]))
        return selector

    # --- reading models ---

    @staticmethod
    def _holds(m: Assignment, literal: int) -> bool:
        if literal in (TRUE, FALSE):
            return literal == TRUE
        return m.is_true(literal) if literal > 0 else not m.is_true(-literal)

    def _columns(self, values: list[tuple[Value, int]]) -> tuple[list[tuple[Value, int]], Value]:
        """The values to ask a model for, and the one that it is if none of these."""
        if self.domains.open or not values:
            return values, UNDETERMINED
        return values[:-1], values[-1][0]

    def _value(self, m: Assignment, values: list[tuple[Value, int]]) -> Value:
        asked, other = self._columns(values)
        return next((value for value, literal in asked if self._holds(m, literal)), other)

    def _vector_value(self, m: Assignment, vector: Vector) -> Value:
        number = number_of([self._holds(m, x) for x in vector.bits])
        return next((Ptr(base, number) for base, x in vector.bases.items() if self._holds(m, x)), number)

    def _term_value(self, m: Assignment, term: Term) -> Value | None:
        if self.domains.is_wide(term):
            return self._vector_value(m, self.encoding.vectors.vector(term))
        word = self.encoding.words.bits(term)
        if word is not None:
            return sum(1 << i for i, x in enumerate(word) if self._holds(m, x))
        for value, literal in self.encoding.values(term).items():
            if self._holds(m, literal):
                return value
        return UNDETERMINED if self.domains.open else None

    def _cell_name(self, address: Value | None) -> str | None:
        """The name of what is accessed; NULL where that is nothing."""
        if isinstance(address, int):
            return f"NULL+{address}" if address else "NULL"
        cell = self.program.cells.get(address) if address is not None else None
        return cell.name if cell is not None else None if address is None else self.program.cell_name(address)

    def _execution(self, m: Assignment) -> Execution:
        """Read an execution off a model; ``self.shown`` then has the unrolled program's number of each of its events."""
        graph, encoding, holds = self.graph, self.encoding, self._holds
        happening = [e for e in graph.events if holds(m, encoding.happens(e.id))]
        used = {e.id for e in happening if e.thread >= 0}
        touched = {self._term_value(m, e.addr) for e in happening if e.id in used and e.addr is not None}
        shown = {v.cell for v, _ in self.observed if isinstance(v, ir.FinalMem)}
        self.shown = shown_ids = list[int]()
        number: dict[int, int] = {}
        events: list[ExecutedEvent] = []
        for e in happening:
            address = self._term_value(m, e.addr) if e.addr is not None else None
            if e.thread < 0 and address not in touched and address not in shown:
                continue
            tags = e.tags
            if e.kind == "W" and holds(m, encoding.last(e.id)):
                tags = tags | {"FW"}
            value = self._term_value(m, e.value) if e.value is not None else None
            cell = self._cell_name(address)
            if e.id in graph.faulting and holds(m, encoding.guard_literal(graph.faulting[e.id])):
                value = None  # there is nothing
            number[e.id] = len(events)
            shown_ids.append(e.id)
            events.append(ExecutedEvent(len(events), e.thread, e.kind, tags, cell, address, value, e.pos, e.text))
        relations: dict[str, frozenset[tuple[int, int]]] = {}
        for name, table in graph.dependencies().items():
            relations[name] = frozenset(
                (number[a], number[b])
                for (a, b), g in table.items()
                if a in number and b in number and holds(m, encoding.guard_literal(g))
            )
        relations["po"] = frozenset(
            (number[a.id], number[b.id])
            for i, a in enumerate(happening)
            for b in happening[i + 1 :]
            if a.thread == b.thread >= 0 and (a.id, b.id) not in graph.apart
        )
        relations["rmw"] = frozenset(
            (number[e.id], number[e.partner])
            for e in happening
            if e.kind == "R" and e.partner is not None and e.partner in number and e.id in number
        )
        relations["rf"] = frozenset(
            (number[w], number[r]) for (w, r), x in encoding.rf.items() if w in number and r in number and holds(m, x)
        )
        relations["co"] = frozenset(
            (number[a], number[b]) for a, b in encoding.pairs if a in number and b in number and holds(m, encoding.co(a, b))
        )
        final = {v: self._value(m, vs) for v, vs in self.values}
        final |= {v: self._vector_value(m, vector) for v, vector, _ in self.wide}
        final = {v: final[v] for v, _ in self.observed}
        failed = tuple(name for name, x in self.assertions.items() if holds(m, x))
        stuck = {w.thread: w.pos for w in graph.waiting if holds(m, encoding.guard_literal(w.guard))}
        faults = tuple(dict.fromkeys((name, pos) for x, name, pos in encoding.faults if holds(m, x)))
        return Execution(tuple(events), relations, final, failed, stuck, faults)


@lru_cache(maxsize=64)
def lets_values_justify_each_other(model: Model) -> bool:
    """Does ``model`` allow a cycle of values among marked accesses: in load buffering with data dependencies, over two threads
    or with a value that is handed on within one?"""

    def copy(source: str, target: str) -> tuple[ir.Stmt, ...]:
        reg = f"from {source}"
        once = frozenset({"Once"})
        return ir.Load(reg, ir.Const(Ptr(source)), once), ir.Store(ir.Const(Ptr(target)), ir.Reg(reg), once)

    cells = {Ptr(name): ir.Cell(name) for name in "xyz"}
    for bodies in ((copy("x", "y"), copy("y", "x")), ((*copy("x", "y"), *copy("y", "z")), copy("z", "x"))):
        program = ir.Program("cycle", cells, tuple(ir.Thread(n, body) for n, body in enumerate(bodies)))
        session = Session(program, model, Question(mode="verdict", flags=False), True, time.perf_counter())
        session.out.require([session.encoding.thin_air])
        try:
            session.run()
        except ThinAir:
            return True
    return False


def _spoken(variable: ir.FinalReg | ir.FinalMem, program: ir.Program) -> str:
    if isinstance(variable, ir.FinalReg):
        return f"{variable.thread}:{variable.name}"
    return variable.name or program.cell_name(variable.cell)
