"""What the solver answers: the contract between the engine and everything that asks it.

The engine's entry is :func:`smpcheck.solver.solve.solve`::

    solve(program: Program, model: Model, question: Question = Question()) -> Answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from smpcheck.program.execution import Execution
from smpcheck.program.ir import Expr, FinalMem, FinalReg, Program
from smpcheck.program.values import Value

Status: TypeAlias = Literal["ok", "timeout", "bound", "no-execution"]
Verdict: TypeAlias = Literal["Never", "Sometimes", "Always"]
State: TypeAlias = Mapping[FinalReg | FinalMem, Value]

NO_COMPLETE_EXECUTION = "the program has no complete execution under this model"


class Question(Struct, frozen=True):
    """What to find out.

    ``mode``: ``verdict`` (is the condition reachable, is its negation), ``states`` (all final states over the observed
    variables as well), ``assertions`` (which ``Assert`` names can fail: the verdict is then about "some assertion fails"), or
    ``stops`` (with ``stops``: can a thread wait for ever, or come to a fault?).
    ``unroll``: iterations of each loop. ``max_states``: the listing stops there and says so. ``witness``: also return an
    execution that satisfies the condition (``Answer.witness``) and, if there is one, one that does not. ``flags``: decide
    the model's flags too. ``stops``: threads may wait for ever, for locks and in loops, and stop at an access to nothing; which
    of the faults :data:`~smpcheck.program.faults.STOPS` there are is asked too.
    ``deadline``: seconds of wall time for the whole call, checked inside. ``on_state`` is called for each state as it is found.
    ``lazy``: for large programs; only a weaker form of the model goes to the solver, and what it proposes is judged by the model
    itself (:mod:`smpcheck.solver.refine`). A thread that is to run after all others is taken to: the model has to order what is
    before a release after what follows an acquire that reads from it, as the models shipped do. Answers are the same.
    """

    mode: Literal["verdict", "states", "assertions", "stops"] = "states"
    unroll: int = 2
    max_states: int | None = None
    witness: bool = False
    flags: bool = True
    stops: bool = False
    deadline: float | None = None
    lazy: bool = False
    threads: int = 1
    on_state: Callable[[State], None] | None = None
    condition: Expr | None = None
    """Ask this instead of the program's own condition (quantifier ``exists``)."""


Cube: TypeAlias = Mapping[int, Value]
"""Values of some axes, by number: all combinations with these."""


class Combinations(Struct, frozen=True):
    """All combinations of values, ``axes[i]`` those of axis i, but for those in the ``excluded`` cubes, no two of which meet.
    They come in lexicographic order.
    """

    axes: tuple[tuple[Value, ...], ...]
    excluded: tuple[Cube, ...]

    @property
    def size(self) -> int:
        """How many there were, were none excluded."""
        return prod(map(len, self.axes))

    def __len__(self) -> int:
        return self._count(0, self.excluded)

    def _count(self, axis: int, excluded: Sequence[Cube]) -> int:
        if not excluded:
            return prod(map(len, self.axes[axis:]))
        return sum(self._count(axis + 1, rest) for value in self.axes[axis] if (rest := _left(excluded, axis, value)) is not None)

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return self._from((), self.excluded)

    def _from(self, start: tuple[Value, ...], excluded: Sequence[Cube]) -> Iterator[tuple[Value, ...]]:
        axis = len(start)
        if not excluded:
            yield from (start + rest for rest in product(*self.axes[axis:]))
            return
        for value in self.axes[axis]:
            rest = _left(excluded, axis, value)
            if rest is not None:
                yield from self._from((*start, value), rest)

    def with_value(self, axis: int, value: Value) -> Combinations:
        """Those that have this value there."""
        axes = (*self.axes[:axis], (value,), *self.axes[axis + 1 :])
        return Combinations(axes, tuple(cube for cube in self.excluded if cube.get(axis, value) == value))

    def sorted_by(self, key: Callable[[int, Value], Any]) -> Combinations:
        """The same, the values of each axis in the order of ``key``, which is given the axis, too."""
        axes = [tuple(sorted(axis, key=lambda value, i=i: key(i, value))) for i, axis in enumerate(self.axes)]  # type: ignore[misc]
        return Combinations(tuple(axes), self.excluded)

    def reordered(self, order: Sequence[int]) -> Combinations:
        """The same, axis ``order[i]`` as axis i."""
        place = {axis: i for i, axis in enumerate(order)}
        cubes = tuple({place[axis]: value for axis, value in cube.items()} for cube in self.excluded)
        return Combinations(tuple(self.axes[axis] for axis in order), cubes)


def _left(excluded: Sequence[Cube], axis: int, value: Value) -> list[Cube] | None:
    """What is excluded of the combinations with ``value`` on ``axis``, for the axes after it; None if all of them are."""
    found = [cube for cube in excluded if cube.get(axis, value) == value]
    return None if any(max(cube, default=-1) <= axis for cube in found) else found


class StateProduct(Struct, frozen=True):
    """Final states that are combinations. ``columns``: for each observed variable the axis whose value it has, or the value that
    it always has. ``positive``: the number of those in which the condition holds."""

    combinations: Combinations
    columns: tuple[tuple[FinalReg | FinalMem, int | None, Value], ...]
    positive: int


class Answer(Struct, frozen=True):
    """The engine's answer.

    ``verdict`` is about the proposition, as in herd7's Observation line: ``Never`` if it holds in no final state,
    ``Always`` if in all, else ``Sometimes``; None unless ``status == 'ok'``.
    ``states``: distinct final states, sorted, with for each whether the proposition holds. ``flags``: names of raised flags.
    ``failed``: name of an assertion or a fault -> witness. ``may_fault``: there are accesses
    or computations that may be faults, of which nothing is known where the question was not about ``stops``. ``complete`` is
    False where ``max_states`` cut the listing. ``cut``: in mode ``assertions``, the labels of loops that some execution would go
    on with.
    """

    status: Status
    verdict: Verdict | None
    states: tuple[tuple[State, bool], ...] = ()
    complete: bool = True
    flags: tuple[str, ...] = ()
    witness: Execution | None = None
    counter: Execution | None = None
    flag_witnesses: Mapping[str, Execution] = field(default_factory=dict)
    failed: Mapping[str, Execution] = field(default_factory=dict)
    cut: tuple[str, ...] = ()
    may_fault: bool = False
    may_wait: bool = False
    """There are loops that wait; whether one can for ever was not asked where the question was not about ``stops``."""
    rounds: int | None = None
    """Loops were cut after so many rounds: what was not found is not known beyond these."""
    thin_air: bool = False
    """In some execution values justify each other, out of thin air: undetermined in ``states``, and a witness has values that
    solve the equations of their cycle. Such a state occurs twice where some of its values satisfy the proposition and some do
    not."""
    product: StateProduct | None = None
    """All states as combinations, in place of ``states``."""
    message: str = ""
    statistics: Mapping[str, float] = field(default_factory=dict)
    program: Program | None = None


def state_order(state: State) -> list[tuple[int, int, str]]:
    """The order of final states in an answer: variable by variable, numbers by value, then addresses."""
    return [value_order(v) for v in state.values()]


def value_order(v: Value) -> tuple[int, int, str]:
    """The order of values: numbers, then addresses."""
    return (0, v, "") if isinstance(v, int) else (1, v.offset, v.base)
