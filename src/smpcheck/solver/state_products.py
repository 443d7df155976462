"""Final states as all combinations of what reads may see, but for a few: counted and named without looking at each.

Where every write to a cell has its place in coherence order beforehand, and each read's value tells its source, a final state and
an execution are the same thing: a choice of a source for each read. If the model's requirements can only gain pairs when an
execution gains edges, whole sets of executions are judged at once:

- An execution with the edges of *all* sources that are still open has more than any of them. If the model allows it, it allows
  each of them.
- One with the edges of those reads only whose source is settled has less than any of them. If the model forbids it, it forbids
  each of them.

Where neither is so, one read is settled and each case looked at in turn; a read that the violation needs, which is found by
taking reads away. In a ring of n threads with full barriers, of which one combination of values is forbidden, that makes 2n cases
and not 2^n.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import prod

from msgspec.structs import replace

from smpcheck.cat.nodes import Model
from smpcheck.cat.requirements import is_coherence
from smpcheck.program.events import Term
from smpcheck.program.ir import FinalMem, FinalReg
from smpcheck.program.values import UndefinedValue, Value, truth
from smpcheck.solver.answer import NO_COMPLETE_EXECUTION, Answer, Combinations, Cube, Question, StateProduct, Verdict, value_order
from smpcheck.solver.enumeration import is_simple
from smpcheck.solver.paths import Path
from smpcheck.solver.unrolled import NotForMe, Unrolled

MIN_COMBINATIONS = 512
"""Fewer states are listed one by one."""
MAX_LISTED = 1_000_000
"""So many are listed without a limit on their number."""
MAX_JUDGED = 1500
MAX_SPLITS = 20_000
"""Of the condition: where it is not settled by the values so far."""


def combined(unrolled: Unrolled, model: Model, question: Question) -> Answer | None:
    """The answer to a question about all final states where these are a product; None if the solver has to be asked."""
    if question.mode != "states" or question.on_state is not None or not is_simple(unrolled, question):
        return None
    if not _is_straight(unrolled):
        return None
    try:
        return _Space(unrolled, model).answer(question)
    except (NotForMe, UndefinedValue):
        return None


def _is_straight(unrolled: Unrolled) -> bool:
    """No branches, addresses and written values known, and at most one thread that writes to a cell."""
    graph = unrolled.graph
    if graph.decisions or graph.requirements or unrolled.filter_term is not None or graph.program.arrays:
        return False
    writers: dict[Value, int] = {}
    for e in graph.events:
        if e.addr is not None and e.addr.op != "const":
            return False
        if e.kind == "W" and (e.value is None or e.value.op != "const"):
            return False
        if e.kind == "W" and e.addr is not None and e.thread >= 0 and writers.setdefault(e.addr.data, e.thread) != e.thread:
            return False
    return True


class _Space:
    """What the reads of a straight program may see, and which combinations of that the model forbids."""

    def __init__(self, unrolled: Unrolled, model: Model) -> None:
        self.unrolled = unrolled
        rest = replace(model, axioms=tuple(axiom for axiom in model.axioms if not is_coherence(axiom)))
        """All but coherence, of which the sources of one read that are open would make a cycle: see :meth:`_goes_back`."""
        self.path = path = Path(unrolled, rest, ())
        if (
            path.needs_last_writes
            or not path.slice.is_monotone
            or not all(path.is_settled(axiom) for axiom, _ in path.slice.flags)
        ):
            raise NotForMe
        self.judged = self.splits = 0
        self.written = {e.id: e.value.data for e in path.events if e.kind == "W" and e.value is not None}
        sources = {e.id: [w.id for w in path.sources[e.id]] for e in path.reads}
        if any(len({self.written[w] for w in found}) < len(found) for found in sources.values()):
            raise NotForMe
        self.settled = {read: found[0] for read, found in sources.items() if len(found) == 1}
        self.open = {
            read: sorted(found, key=lambda w: value_order(self.written[w])) for read, found in sources.items() if len(found) > 1
        }
        self.axis = {read: i for i, read in enumerate(self.open)}
        self.orders = [cell.writes for cell in path.cells({})]
        self.place = {write: i for order in self.orders for i, write in enumerate(order)}
        self.pairs = [
            (first.id, second.id)
            for cell in path.cells({})
            for accesses in cell.threads.values()
            for first, second in combinations([e for e in accesses if e.kind == "R"], 2)
        ]
        self.final: dict[Value, Value] = {address: cell.init for address, cell in unrolled.graph.program.cells.items()}
        for order in self.orders:
            last = path.graph.events[order[-1]]
            assert last.addr is not None
            self.final[last.addr.data] = self.written[last.id]

    def answer(self, question: Question) -> Answer:
        """The answer."""
        columns = tuple(self._column(variable, term) for variable, term in self.unrolled.observed)
        if {axis for _, axis, _ in columns if axis is not None} != set(self.axis.values()):
            raise NotForMe  # of several executions with one state, one that is allowed is enough
        axes = tuple(tuple(self.written[w] for w in found) for found in self.open.values())
        if prod(map(len, axes)) < MIN_COMBINATIONS:
            raise NotForMe
        every = Combinations(axes, tuple(self._excluded(self.settled, list(self.open))))
        program, total = self.path.graph.program, len(every)
        if not total:
            return Answer("no-execution", None, message=NO_COMPLETE_EXECUTION, program=program)
        if question.max_states is None and total > MAX_LISTED:
            raise NotForMe  # all are to be listed, which takes its time, and a limit of time is the solver's business
        positive = self._positive(every, {})
        found = StateProduct(every, columns, positive)
        verdict: Verdict = "Always" if positive == total else "Sometimes" if positive else "Never"
        flags = [axiom.name for axiom, _ in self.path.slice.flags if self.path.common.shows(axiom)] if question.flags else []
        complete = question.max_states is None or total <= question.max_states
        return Answer("ok", verdict, (), complete, tuple(dict.fromkeys(flags)), product=found, program=program)

    def _column(self, variable: FinalReg | FinalMem, term: Term) -> tuple[FinalReg | FinalMem, int | None, Value]:
        if term.op == "read" and term.data in self.axis:
            return variable, self.axis[term.data], 0
        value = self.path.value(term, {read: self.written[w] for read, w in self.settled.items()}, self.final.get)
        if value is None:
            raise NotForMe
        return variable, None, value

    # --- what is excluded ---

    def _excluded(self, settled: dict[int, int], open_reads: list[int]) -> Iterator[Cube]:
        """The cubes of forbidden combinations, no two of which meet."""
        if not self._offends(settled, open_reads):
            return
        if self._offends(settled, []):
            yield {self.axis[read]: self.written[w] for read, w in settled.items() if read in self.axis}
            return
        low, high = 0, len(open_reads)  # without the first ``high`` open reads nothing is offended, without ``low`` of them it is
        while high - low > 1:
            middle = (low + high) // 2
            if self._offends(settled, open_reads[middle:]):
                low = middle
            else:
                high = middle
        read = open_reads[low]
        rest = [other for other in open_reads if other != read]
        for write in self.open[read]:
            yield from self._excluded({**settled, read: write}, rest)

    def _offends(self, settled: Mapping[int, int], open_reads: Sequence[int]) -> bool:
        """Is a requirement not met, if a settled read has its source, and each of ``open_reads`` all that it may have?"""
        self.judged += 1
        if self.judged > MAX_JUDGED:
            raise NotForMe
        path = self.path
        sources = [(read, write) for read, write in settled.items()]
        sources += [(read, write) for read in open_reads for write in self.open[read]]
        evaluation = path.evaluation(sources, self.orders, {})
        return not evaluation.meets(path.slice.requirements) or self._goes_back(sources)

    def _goes_back(self, sources: list[tuple[int, int]]) -> bool:
        """Does some thread see an earlier write to a cell after a later one?"""
        options: dict[int, list[int]] = {}
        for read, write in sources:
            options.setdefault(read, []).append(self.place[write])
        for first, second in self.pairs:
            if first in options and second in options and max(options[first]) > min(options[second]):
                return True
        return False

    # --- the condition ---

    def _positive(self, within: Combinations, values: dict[int, Value]) -> int:
        """The number of combinations in which the condition holds. ``values``: those of reads whose axes have one value left."""
        known = {read: self.written[w] for read, w in self.settled.items()} | values
        term = self.unrolled.condition_term
        value = self.path.value(term, known, self.final.get)
        if value is not None:
            return len(within) if truth(value) else 0
        self.splits += 1
        if self.splits > MAX_SPLITS:
            raise NotForMe
        read = min(term.reads - known.keys())
        axis = self.axis[read]
        return sum(self._positive(within.with_value(axis, value), {**values, read: value}) for value in within.axes[axis])
