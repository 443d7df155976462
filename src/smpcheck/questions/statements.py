"""What an explanation says about an execution, as data: each sentence is a statement first and words second.

A statement names events by their ids and says one thing that is true or false of them under the model, so it can be tested
against the model (``tests/questions/truth.py`` does, kind by kind). :func:`smpcheck.questions.wording.sentence` is the only place
that turns statements into English.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Order: TypeAlias = Literal["none", "weak", "plain"]
"""What the model makes of two accesses of a thread: nothing orders them; something does, and it is not enough here; no barrier
can, because a plain access races."""

TooWeakKind: TypeAlias = Literal[
    "addr", "data", "ctrl", "release first", "acquire second", "acquire's write", "release's read", "fence", "release", "acquire"
]


# --- the story of an execution that can be -----------------------------------------------------------------------------------


class TooWeak(Struct, frozen=True):
    """Something between two accesses that does not order them: a dependency of the second on the first (``event`` is the second),
    a fence, or an access that is a release or an acquire (at an end of the pair, or between). Of an atomic operation only the
    read is an acquire, and only the write a release: the other half is ``acquire's write``, ``release's read``.
    """

    kind: TooWeakKind
    event: int


class Reordered(Struct, frozen=True):
    """The access ``second`` takes effect before ``first``, which stands earlier in its thread; with ``shown`` false: it may,
    though in the order told it does not.

    ``order``: what the model has between them; ``between``: what stands there, or (``weak``) what orders them. ``along``: further
    accesses that ``second`` overtakes as well (with ``delayed``: that overtake ``first``). ``seen_first`` and ``seen_second``:
    the threads that see the stores, where known. ``races``: pairs of a plain access of the two and one that it races with.
    ``halves``: those of all these accesses that are half of an atomic operation, the other half of which is a step of its own.
    """

    first: int
    second: int
    order: Order
    between: tuple[TooWeak, ...] = ()
    along: tuple[int, ...] = ()
    delayed: bool = False
    shown: bool = True
    seen_first: int | None = None
    seen_second: int | None = None
    races: tuple[tuple[int, int], ...] = ()
    halves: tuple[int, ...] = ()


class Forwarded(Struct, frozen=True):
    """``load`` reads from ``store`` of its own thread before that store takes effect, and nothing makes it wait."""

    store: int
    load: int


class SeenEarly(Struct, frozen=True):
    """``load`` of another thread reads from ``store`` before it takes effect for others: for the thread ``late``, where known."""

    store: int
    load: int
    late: int | None


class Unordered(Struct, frozen=True):
    """The plain access ``event`` races with ``other``: no barrier makes up for it, it would have to be marked."""

    event: int
    other: int


# --- the reasons of an execution that cannot be ------------------------------------------------------------------------------


class ReadsFrom(Struct, frozen=True):
    """``second`` reads the value that ``first`` stored."""

    first: int
    second: int


class Overwrites(Struct, frozen=True):
    """The store ``second`` is later than ``first`` in the order of stores to their variable."""

    first: int
    second: int


class ReadsBefore(Struct, frozen=True):
    """The load ``first`` reads a value that is older than what ``second`` stores."""

    first: int
    second: int


class Depends(Struct, frozen=True):
    """There is a dependency of this kind, and the model keeps it."""

    kind: Literal["addr", "data", "ctrl"]
    first: int
    second: int


class Halves(Struct, frozen=True):
    """The read and the write of one atomic operation."""

    first: int
    second: int


class InSection(Struct, frozen=True):
    """``first`` is before the ``end`` of a read-side critical section and ``second`` after its ``begin``; with ``inside``: both
    are in it.
    """

    first: int
    second: int
    begin: int
    end: int
    inside: bool


class OrderedBy(Struct, frozen=True):
    """The events ``by``, between the two or at an end, order ``first`` before ``second``."""

    first: int
    second: int
    by: tuple[int, ...]


class OrderedBecause(Struct, frozen=True):
    """``first`` is ordered before ``second`` because ``by``, one of the two, has this ``tag`` (``atomic``: because it is an
    atomic operation at all, which is a full barrier under this ``model``).
    """

    first: int
    second: int
    by: int
    tag: str
    model: str


class SameVariable(Struct, frozen=True):
    """In program order, to one location."""

    first: int
    second: int


class Kept(Struct, frozen=True):
    """In program order, and the ``model`` (its name) keeps it though nothing is there for it."""

    first: int
    second: int
    model: str


class Related(Struct, frozen=True):
    """Related by a relation of the model that has no words of its own (``^-1``: against its direction)."""

    first: int
    second: int
    relation: str


class Orders(Struct, frozen=True):
    """What an element of a program orders, in an execution that it helps to forbid: ``first`` before ``second``."""

    first: int
    second: int


# --- data races --------------------------------------------------------------------------------------------------------------


class Races(Struct, frozen=True):
    """Two accesses to one location, at least one of them plain, that nothing keeps from overlapping."""

    first: int
    second: int


class Lacks(Struct, frozen=True):
    """What would keep two accesses apart: order directly ``after`` the first, ``before`` the second (both of these: together);
    ``nothing`` of the kind would.
    """

    first: int
    second: int
    where: Literal["after", "before", "nothing"]


StoryStatement: TypeAlias = Reordered | Forwarded | SeenEarly | Unordered
Communicates: TypeAlias = ReadsFrom | Overwrites | ReadsBefore
LocalOrder: TypeAlias = Depends | Halves | InSection | OrderedBy | OrderedBecause | SameVariable | Kept | Related
LinkStatement: TypeAlias = Communicates | LocalOrder
RaceStatement: TypeAlias = Races | Lacks
Statement: TypeAlias = StoryStatement | LinkStatement | RaceStatement | Orders
