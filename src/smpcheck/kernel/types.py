"""Data that threads share, declared as C declares it: structs with typed fields, atomics, locks, arrays, per-CPU data.

The classes here are declarations. Objects made from them say where things lie in memory and what they hold before the threads
start; thread functions that use them are compiled from their source (:mod:`smpcheck.readers.python`) and never run as Python.
To a type checker a pointer to ``T`` looks like ``T`` and a C integer like ``int``, so that models type-check as ordinary Python.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Annotated, Any, ClassVar, Generic, TypeAlias, TypeVar, get_args, get_type_hints

from smpcheck.kernel.compilation import initial_values
from smpcheck.program import values
from smpcheck.program.values import CType

T = TypeVar("T")


class PointerTo:
    """Marks an annotation as "pointer to": what ``Ptr[...]`` adds to its target."""


_POINTER = PointerTo()

Ptr: TypeAlias = Annotated[T, _POINTER]
"""``Ptr[page]``: a field that holds the address of a ``page``, or NULL. Without ``Ptr`` a struct field is embedded."""


class ConstMark:
    """Marks an annotation as constant."""


Const: TypeAlias = Annotated[T, ConstMark()]
"""``Const[Ptr[zone]]``: a field that nobody writes once it is set up. Reading it is no event: its value is known."""

NULL: Any = None
"""The null pointer."""

char: TypeAlias = Annotated[int, values.CHAR]
uchar: TypeAlias = Annotated[int, values.UCHAR]
short: TypeAlias = Annotated[int, values.SHORT]
ushort: TypeAlias = Annotated[int, values.USHORT]
uint: TypeAlias = Annotated[int, values.UINT]
long: TypeAlias = Annotated[int, values.LONG]
ulong: TypeAlias = Annotated[int, values.ULONG]
s8: TypeAlias = Annotated[int, CType("s8", 8)]
u8: TypeAlias = Annotated[int, CType("u8", 8, False)]
s16: TypeAlias = Annotated[int, CType("s16", 16)]
u16: TypeAlias = Annotated[int, CType("u16", 16, False)]
s32: TypeAlias = Annotated[int, CType("s32", 32)]
u32: TypeAlias = Annotated[int, CType("u32", 32, False)]
s64: TypeAlias = Annotated[int, CType("s64", 64)]
u64: TypeAlias = Annotated[int, CType("u64", 64, False)]
size_t: TypeAlias = Annotated[int, CType("size_t", 64, False)]
pgoff_t: TypeAlias = Annotated[int, CType("pgoff_t", 64, False)]


class GhostMark:
    """Marks an annotation as ghost state."""


ghost_t: TypeAlias = Annotated[int, GhostMark()]
"""A ghost counter: changed by ``ghost_add`` only, read in final checks only, and never a memory event."""


TASK_RUNNING, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE = 0, 1, 2
"""States of a task, for ``set_current_state`` and ``wait_on_bit_lock``. They mean nothing here."""


class FlagWordMark:
    """Marks an annotation as a word of flag bits."""


flags_t: TypeAlias = Annotated[int, FlagWordMark()]
"""An unsigned long of named flag bits; the field's default is a :func:`flag_word`, which says how it lies in memory."""


# --- cells with operations of their own ---------------------------------------------------------------------------------------


class CellType:
    """A type of one scalar cell that only certain primitives may touch. ``atomic_t(1)`` makes a global one."""

    ctype: ClassVar[CType] = values.INT

    def __init__(self, init: int = 0) -> None:
        self.init = init


class atomic_t(CellType):
    """``atomic_t``: an int for the ``atomic_*`` operations. The field default is ``ATOMIC_INIT(n)``."""


class atomic_long_t(CellType):
    """``atomic_long_t``: a long for the ``atomic_long_*`` operations."""

    ctype = values.LONG


class spinlock_t(CellType):
    """A spinlock: 0 free, 1 held. Waiting for it does not sleep."""


class mutex(CellType):
    """A mutex: 0 free, 1 held. Waiting for it sleeps."""


class atomic64_t(CellType):
    """``atomic64_t``: a 64-bit integer for the ``atomic64_*`` operations."""

    ctype = values.LONG


class refcount_t(CellType):
    """``refcount_t``: an int for the ``refcount_*`` operations."""


class raw_spinlock_t(CellType):
    """A raw spinlock: 0 free, 1 held."""


class rwlock_t(CellType):
    """A reader-writer spinlock: n readers hold it (n > 0), one writer does (-1), or nobody (0)."""


class rw_semaphore(CellType):
    """A reader-writer semaphore: n readers hold it (n > 0), one writer does (-1), or nobody (0). Waiting for it sleeps."""


class semaphore(CellType):
    """A semaphore: how many may still take it. Waiting for it sleeps."""


class completion(CellType):
    """A completion: how many waiters may go on. Waiting for it sleeps."""


class seqcount_t(CellType):
    """A sequence counter: odd while a writer is at work."""

    ctype = values.UINT


class srcu_struct(CellType):
    """A domain of SRCU."""


class Shared(CellType):
    """A global scalar made by :func:`shared`."""

    def __init__(self, init: int, annotation: Any) -> None:
        super().__init__(init)
        self.annotation = annotation


def shared(init: Any = 0, ctype: Any = int) -> Any:
    """A global shared variable of a C type: ``x = shared(0)``, ``seq = shared(0, uint)``, ``head = shared(NULL, Ptr[node])``.

    Thread functions read and write it by its name (a plain assignment needs Python's ``global x``).
    """
    return Shared(init, ctype)


def ghost(init: int = 0) -> Any:
    """A global ghost counter: ``lost = ghost()``, changed with ``ghost_add(lost, 1)``, read in final checks."""
    return Shared(init, ghost_t)


class ThreadLocal:
    """A variable of which each thread has its own: see :func:`thread_local`."""

    _numbers: ClassVar[Iterator[int]] = count()

    def __init__(self, init: Any, annotation: Any) -> None:
        self.init = init
        self.annotation = annotation
        self.number = next(self._numbers)


def thread_local(init: Any = 0, ctype: Any = int) -> Any:
    """A global variable of which each thread has its own, in registers: ``pending = thread_local(NULL, Ptr[page])``.

    It is no memory: using it makes no event, and what is known of its value is used when compiling. Thread functions assign it
    after ``global pending``. What others shall see of it must be stored.
    """
    return ThreadLocal(init, ctype)


# --- what a field starts with -------------------------------------------------------------------------------------------------


class FlagWord:
    """How a ``flags_t`` lies in memory: see :func:`flag_word`. ``bits`` maps names to bit numbers."""

    def __init__(self, bits: Mapping[str, int], layout: Any, init: int) -> None:
        self.bits = dict(bits)
        self.layout = layout
        self.init = init


def flag_word(bits: Mapping[str, int], layout: Any = "one-word", init: int = 0) -> Any:
    """The default of a ``flags_t`` field: which bits exist, and how they are addressed.

    ``layout`` is ``"one-word"`` (one 64-bit cell: every bit operation reads and writes the whole word), ``"separate"`` (one
    cell for each byte that has a bit in use: operations on bits of different bytes touch different locations, and reading
    the whole word is several loads), ``"x86"`` (one word, in which ``set_bit``, ``clear_bit``, ``change_bit`` and
    ``clear_bit_unlock`` of a bit that the source names access its byte only, as ``lock orb`` and its kin do, and all else the
    word: arch/x86/include/asm/bitops.h of Linux 6.12), or a :func:`~smpcheck.kernel.scenario.parameter` with one of these values.
    """
    return FlagWord(bits, layout, init)


def ATOMIC_INIT(value: int) -> Any:
    """The initial value of an ``atomic_t`` field."""
    return value


class BitField:
    """The default of a bit field: see :func:`bit_field`."""

    def __init__(self, width: int, init: int) -> None:
        self.width = width
        self.init = init


def bit_field(width: int, init: int = 0) -> Any:
    """The default of a bit field: ``up: uint = bit_field(1)`` is C's ``unsigned int up : 1``.

    Writing one reads and writes the memory location that it is in (C11 3.14): all adjacent bit fields, up to one of width 0 or a
    member that is none. They can only be read and written plainly.
    """
    return BitField(width, init)


class ArrayInit:
    """The default of an ``Array`` field."""

    def __init__(self, length: int, init: Any) -> None:
        self.length = length
        self.init = init


def array(length: int, init: Any = None) -> Any:
    """The default of an ``Array[...]`` field: ``length`` elements that start with ``init`` (one value, or a sequence)."""
    return ArrayInit(length, init)


class Array(Generic[T]):
    """An array field (``pages: Array[Ptr[page]] = array(14)``) or a global array (``pages = objects(page, 300)``).

    Indices may be compile-time constants or values; C's rules apply, and an index out of bounds is an access to no cell.
    """

    def __init__(self, element: Any, length: int, items: Sequence[Any]) -> None:
        self.element = element
        self.length = length
        self.items = list(items)

    def __copy__(self) -> Array[T]:
        return Array(self.element, self.length, self.items)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> T:
        item: T = self.items[index]
        return item

    def __setitem__(self, index: int, value: Any) -> None:
        self.items[index] = value


# --- structs ------------------------------------------------------------------------------------------------------------------


class Struct:
    """Base of shared structs. Fields are annotations, as in C; a class attribute is a field's initial value::

        class page(Struct):
            flags: flags_t = flag_word({"locked": 0, "lru": 5})
            _count: atomic_t = ATOMIC_INIT(1)
            _mapcount: atomic_t = ATOMIC_INIT(-1)
            mapping: Ptr[address_space] = NULL

    ``page(_count=2)`` makes an object in shared memory with that initial value. In thread functions a variable that stands for a
    struct is its address; ``p.field`` reads or writes the field, as C's ``p->field`` does.
    """

    _struct_name: ClassVar[str] = "struct"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._struct_name = cls.__name__

    def __init__(self, **initial: Any) -> None:
        known = field_annotations(type(self))
        for name in initial:
            if name not in known:
                raise TypeError(f"struct {type(self).__name__} has no field {name}; it has: {', '.join(known)}")
        self.__dict__["_initial"] = initial

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in field_annotations(type(self)):
            raise AttributeError(f"struct {type(self).__name__} has no field {name}")
        initial_values(self)[name] = value

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_initial", "_struct_name") or name not in field_annotations(type(self)):
            return object.__getattribute__(self, name)
        return initial_value(self, name)

    # What a type checker needs to know about pointers with tags in their low bits.
    def __and__(self, mask: int) -> Any:
        raise TypeError("pointer arithmetic belongs into thread functions")

    def __or__(self, mask: int) -> Any:
        if isinstance(mask, int):
            return Tagged(self, mask)
        return NotImplemented

    def __add__(self, index: int) -> Any:
        raise TypeError("pointer arithmetic belongs into thread functions")

    def __sub__(self, index: Any) -> Any:
        raise TypeError("pointer arithmetic belongs into thread functions")


class Union(Struct):
    """Base of unions: as :class:`Struct`, but all members lie at the same place. At most one can be given an initial value::

    class lock_count(Union):
        both: u64 = 0
        parts: halves

    """


class Tagged:
    """An initial value that is an object's address with low bits set: ``mapping=AV | 1``."""

    def __init__(self, target: Struct, tag: int) -> None:
        self.target = target
        self.tag = tag


_ANNOTATIONS: dict[type, dict[str, Any]] = {}


def field_annotations(cls: type) -> dict[str, Any]:
    """The fields of a struct class in order of declaration, with their resolved annotations."""
    found = _ANNOTATIONS.get(cls)
    if found is None:
        bases = [base for base in reversed(cls.__mro__) if issubclass(base, Struct) and base not in (Struct, Union)]
        names = [name for base in bases for name in inspect.get_annotations(base)]
        hints = get_type_hints(cls, include_extras=True)
        found = _ANNOTATIONS[cls] = {n: hints[n] for n in dict.fromkeys(names) if n != "_struct_name"}
    return found


def initial_value(obj: Struct, name: str) -> Any:
    """The initial value of a field as written by its author: from the set-up, the object, or the struct's declaration."""
    given = initial_values(obj)
    if name in given:
        return given[name]
    value = default_value(obj, name)
    if isinstance(value, (Struct, Array)):
        given[name] = value
    return value


def default_value(obj: Struct, name: str) -> Any:
    """The initial value of a field that nobody gave: the declaration's, a fresh embedded struct or array, or zero."""
    annotation, given = field_annotations(type(obj))[name], getattr(type(obj), name, None)
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return given if isinstance(given, Struct) else annotation()
    if isinstance(given, ArrayInit):
        (element,) = get_args(annotation) or (None,)
        if isinstance(given.init, (list, tuple)):
            return Array(element, given.length, given.init)
        if isinstance(element, type) and issubclass(element, Struct):
            return Array(element, given.length, [element() for _ in range(given.length)])
        return Array(element, given.length, [given.init] * given.length)
    if isinstance(given, FlagWord | BitField):
        return given.init
    return 0 if given is None else given


class seqlock_t(Struct):
    """A sequence counter and the spinlock of its writers."""

    seqcount: seqcount_t
    lock: spinlock_t


class list_head(Struct):
    """An element, or the head, of a doubly linked list that goes round."""

    next: Ptr[list_head] = NULL
    prev: Ptr[list_head] = NULL


class hlist_node(Struct):
    """An element of a list whose head is one pointer; ``pprev``: the address of the pointer to it."""

    next: Ptr[hlist_node] = NULL
    pprev: ulong = 0


class hlist_head(Struct):
    """The head of such a list."""

    first: Ptr[hlist_node] = NULL


class llist_node(Struct):
    """An element of a list without locks."""

    next: Ptr[llist_node] = NULL


class llist_head(Struct):
    """The head of such a list."""

    first: Ptr[llist_node] = NULL


class PerCpu(Generic[T]):
    """One object for each CPU: see :func:`per_cpu`."""

    def __init__(self, element: type[T], initial: Mapping[str, Any]) -> None:
        self.element = element
        self.initial = dict(initial)
        self.items: list[T] = []

    def __getitem__(self, cpu: int) -> T:
        while len(self.items) <= cpu:
            self.items.append(self.element(**self.initial))
        return self.items[cpu]


def per_cpu(element: type[T], **initial: Any) -> PerCpu[T]:
    """DEFINE_PER_CPU: one ``element`` for each CPU on which a thread runs, or which the set-up names by ``x[cpu]``."""
    return PerCpu(element, initial)


def objects(element: type[T], length: int, **initial: Any) -> Array[T]:
    """A global array of ``length`` structs: ``mem_map = objects(page, 300)``; ``mem_map[i]`` is one of them."""
    return Array(element, length, [element(**initial) for _ in range(length)])


def iter_items(value: Any) -> Iterable[Any]:
    """The elements of an array, a tuple or a list of objects."""
    if isinstance(value, Array):
        return value.items
    return tuple(value)
