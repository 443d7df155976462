"""Threads that were compiled once, for all scenarios and variants that share them.

What a thread becomes depends on its function, on the addresses and values that it is given, and on what was asked while it was
compiled: which switches of the model it has, where global objects lie, which constants fields have. All of this is noted with
the result. Where the same would be given and the same answered, the result is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from smpcheck.kernel.layout import Type
from smpcheck.kernel.scenario import Asked
from smpcheck.kernel.types import Array, CellType, Struct
from smpcheck.program import ir
from smpcheck.program.values import Ptr
from smpcheck.readers.python.memory import Memory, Question
from smpcheck.readers.python.source import Namespaces
from smpcheck.readers.python.typed import Known, Static


@dataclass
class Compiled:
    """A thread's IR, and what its compilation did besides: the cells that it touches, its ghost counters, its value's type."""

    thread: ir.Thread
    addresses: set[Ptr]
    offsets: set[int | None]
    ghosts: set[Ptr]
    result: Type | None


@dataclass
class _Entry:
    """``switches``: of each binding that notes them."""

    compiled: Compiled
    questions: list[Question]
    switches: dict[str, dict[str, object]]


class CompiledThreads:
    """What is kept from one scenario to the next. Not for models whose source changes meanwhile."""

    def __init__(self) -> None:
        self.namespaces = Namespaces()
        self._entries: dict[Hashable, list[_Entry]] = {}

    def thread(
        self, key: Hashable, given: set[int], memory: Memory, bindings: Mapping[str, Any], compile_: Callable[[], Compiled]
    ) -> Compiled:
        """The thread: one that was compiled before, or else a new one.

        ``key``: all that it is given; ``given``: the objects in it, by ``id``. Where a known thread is used, the memory has all
        objects then that it names, and the bindings that note switches have noted those that it asked for.
        """
        noting = {name: value for name, value in bindings.items() if isinstance(value, Asked)}
        key = (key, *(item for item in sorted(bindings.items()) if item[0] not in noting))
        for entry in self._entries.get(key, ()):
            if all(noting[name].agrees(asked) for name, asked in entry.switches.items()) and _same(entry.questions, memory):
                for name, asked in entry.switches.items():
                    noting[name].asked |= asked
                return entry.compiled
        before = {name: value.asked for name, value in noting.items()}
        for value in noting.values():
            value.asked = {}
        memory.questions = []
        try:
            compiled = compile_()
        finally:
            questions, memory.questions = memory.questions, None
            switches = {name: value.asked for name, value in noting.items()}
            for name, value in noting.items():
                value.asked = before[name] | switches[name]
        if not any(what == "all" for what, _, _ in questions):
            distinct = {(what, _identity(about)): (what, about, answer) for what, about, answer in questions}
            kept = [q for q in distinct.values() if not (q[0] == "address" and id(q[1]) in given)]
            self._entries.setdefault(key, []).append(_Entry(compiled, kept, switches))
        return compiled


def _identity(about: Any) -> Hashable:
    """What tells questions apart: addresses are values, all else are objects."""
    if isinstance(about, Ptr | int):
        return about
    return tuple(map(id, about)) if isinstance(about, tuple) else id(about)


def _same(questions: Iterable[Question], memory: Memory) -> bool:
    """Would the memory give the same answers?"""
    for what, about, answer in questions:
        match what:
            case "scan":
                memory.scan(about)
            case "viewed":
                memory.viewed()
            case "cpu":
                memory.per_cpu(*about)
            case "address":
                if memory.address(about) != answer:
                    return False
            case "constant":
                if memory.constant(about) != answer:
                    return False
            case "cell":
                if memory.has(about) != answer:
                    return False
    return True


def described(args: Iterable[Known], memory: Memory) -> tuple[Hashable, set[int]] | None:
    """The arguments of a thread as something to compare, and the objects among them, by ``id``; None: they cannot be compared."""
    given: set[int] = set()

    def of(obj: Any) -> Hashable:
        if isinstance(obj, Struct | CellType | Array):
            given.add(id(obj))
            return memory.address(obj)
        if isinstance(obj, tuple | list):
            return (type(obj).__name__, *map(of, obj))
        if obj is None or isinstance(obj, str | int):
            return (type(obj).__name__, obj)
        raise TypeError

    try:
        return tuple(of(arg.obj) if isinstance(arg, Static) else arg for arg in args), given
    except TypeError:
        return None
