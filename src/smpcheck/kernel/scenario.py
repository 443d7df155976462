"""A scenario: objects with initial values, a few threads, and what must hold: what is checked or run.

A function marked ``@scenario`` runs once as ordinary Python for each compilation, with a :class:`Setup` to fill. Values that it
gives to fields of objects, global ones too, are initial values for that scenario only. The thread functions it names are not run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

import msgspec
from msgspec import field

from smpcheck.kernel.compilation import bound
from smpcheck.kernel.types import Array, CellType, PerCpu, Struct

T = TypeVar("T")


class Parameter:
    """A compile-time switch: see :func:`parameter`."""

    def __init__(self, name: str, default: Any, choices: Sequence[Any] = (), module: str = "") -> None:
        self.name = name
        self.default = default
        self.choices = tuple(choices)
        self.module = module

    @property
    def value(self) -> Any:
        """What the scenario being compiled binds the parameter to, else its default."""
        return bound(self.name, self.default)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.value, name)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, Parameter) else other))

    def __hash__(self) -> int:
        return hash(self.name)


class Asked:
    """Stands for a parameter's value, and notes which of its attributes were asked for.

    Another value in which these are the same makes the same program.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.asked: dict[str, object] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.asked[name] = getattr(self.value, name)
        return found

    def agrees(self, asked: Mapping[str, object]) -> bool:
        """Has the value these attributes? This is not noted."""
        return all(getattr(self.value, name) == found for name, found in asked.items())


def parameter(name: str, default: T, choices: Sequence[T] = ()) -> T:
    """A switch of the model: ``V = parameter("variant", V0)``. ``choices``: texts or numbers that it may be, where not all are.

    ``if V.zap_munlocks:`` in a thread function is decided when the model is compiled: the other side is not part of the
    program, and no control dependency arises. ``scenario.bind(variant=V4)`` chooses.
    """
    module: str = sys._getframe(1).f_globals.get("__name__", "")
    return Parameter(name, default, choices, module)  # type: ignore[return-value]


class ThreadSpec(msgspec.Struct, frozen=True, eq=False):
    """A thread of a scenario. In final checks ``result(t)`` is what its function returned."""

    index: int
    function: Callable[..., Any]
    args: tuple[Any, ...]
    cpu: int
    name: str


class CheckSpec(msgspec.Struct, frozen=True):
    """A named final check: ``function(*args)`` as an expression over final memory, ghosts and thread results."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]


class LockOrder(msgspec.Struct, frozen=True):
    """The declared order of lock classes: see :func:`lock_order`. ``rank`` maps a class to its place, outermost 0."""

    rank: Mapping[str, int]
    text: str


def lock_order(text: str) -> LockOrder:
    """The order in which locks nest, outermost first, as one writes it down::

        lock_order("inode.i_mutex > mm_struct.mmap_sem > page.flags:locked > vma.lock > {zone.lru_lock, address_space.tree_lock}")

    A lock class is ``struct.field`` (``struct.field:bit`` for a bit lock, with the name that the flag word gives the bit; the
    variable's name for a global lock). Locks in braces share a rank, and are never nested in each other. Waiting for one of the
    same or an outer rank than one that is held violates the check ``lock-order``; a trylock may. Locks not named are not checked.
    """
    rank: dict[str, int] = {}
    for place, part in enumerate(text.split(">")):
        for name in part.strip().strip("{}").split(","):
            rank[name.strip()] = place
    return LockOrder(rank, text)


class Setup:
    """What a ``@scenario`` function fills in. ``s.P = page(...)`` makes an object that is called ``P`` in answers."""

    def __init__(self) -> None:
        self.__dict__.update(
            _objects={}, _threads=[], _finals=[], _asked=[], _exists=None, _observed=[], _after=None, _locks=None, _expected=None
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, (Struct, Array, PerCpu, CellType, list, tuple)):
            raise TypeError(f"s.{name} must be an object of shared memory, not {type(value).__name__}")
        self._objects[name] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_objects"][name]
        except KeyError:
            raise AttributeError(f"the scenario has no object called {name}") from None

    def thread(self, function: Callable[..., Any], *args: Any, cpu: int | None = None, name: str = "") -> ThreadSpec:
        """A thread that calls ``function(*args)``: objects are passed by address. ``cpu``: by default, each has its own."""
        index = len(self._threads)
        spec = ThreadSpec(index, function, args, index if cpu is None else cpu, name or getattr(function, "__name__", ""))
        self._threads.append(spec)
        return spec

    def after(self, function: Callable[..., Any], *args: Any, cpu: int = 0) -> ThreadSpec:
        """One more thread, that starts when all others have ended and sees all they did (drain what is left over). Once."""
        if self._after is not None:
            raise TypeError("a scenario has at most one after()")
        self.__dict__["_after"] = spec = ThreadSpec(-1, function, args, cpu, getattr(function, "__name__", ""))
        return spec

    def final(self, name: str, function: Callable[..., Any], *args: Any) -> None:
        """A named invariant of every final state: ``function(*args)`` must be true when all threads have ended."""
        self._finals.append(CheckSpec(name, function, args))

    def exists(self, function: Callable[..., Any], *args: Any) -> None:
        """The scenario's question: can ``function(*args)`` be true at the end? Once; it is no assertion, whatever the answer."""
        if self._exists is not None:
            raise TypeError("a scenario has at most one exists()")
        self.__dict__["_exists"] = asked = CheckSpec(getattr(function, "__name__", ""), function, args)
        self._asked.append(asked)

    def forall(self, function: Callable[..., Any], *args: Any) -> None:
        """``function(*args)`` is always true at the end: an invariant with the name of the function.

        Final states show its variables.
        """
        asserted = CheckSpec(getattr(function, "__name__", ""), function, args)
        self._finals.append(asserted)
        self._asked.append(asserted)

    def expect_failure(self, *names: str) -> None:
        """The scenario is there to fail (for teaching, or as a regression test): exactly the checks and faults of these names can
        fail, ``data-race`` and the like among them; without names, something can. It then is as its author says.
        """
        self.__dict__["_expected"] = frozenset(names)

    def observe(self, *names: str) -> None:
        """Also list these cells in final states, by the names that they are printed with (``P.flags``)."""
        self._observed.extend(names)

    def locks(self, order: LockOrder) -> None:
        """Check that waiting for locks respects this order."""
        self.__dict__["_locks"] = order


class Scenario(msgspec.Struct, frozen=True):
    """A named scenario: what :func:`smpcheck.readers.python.compile_scenario` compiles."""

    name: str
    function: Callable[[Setup], None]
    bindings: Mapping[str, Any] = field(default_factory=dict)

    def bind(self, **bindings: Any) -> Scenario:
        """The same scenario with parameters chosen: ``s.bind(variant=V4, flags="separate")``."""
        return Scenario(self.name, self.function, {**self.bindings, **bindings})

    @property
    def title(self) -> str:
        """The name with the chosen parameters."""
        if not self.bindings:
            return self.name
        values = {name: value.value if isinstance(value, Asked) else value for name, value in self.bindings.items()}
        chosen = [f"{name}={getattr(value, 'name', value)}" for name, value in values.items()]
        return f"{self.name}[{', '.join(chosen)}]"


@overload
def scenario(function: Callable[[Setup], None]) -> Scenario: ...
@overload
def scenario(*, name: str) -> Callable[[Callable[[Setup], None]], Scenario]: ...


def scenario(
    function: Callable[[Setup], None] | None = None, *, name: str | None = None
) -> Scenario | Callable[[Callable[[Setup], None]], Scenario]:
    """Mark the function that sets up a scenario: ``@scenario`` or ``@scenario(name="...")``."""
    if function is not None:
        return Scenario(name or function.__name__, function)
    return lambda f: Scenario(name or f.__name__, f)
