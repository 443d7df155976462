"""What is to be run: files, memory areas, and tasks that do operations on them. As data; :mod:`script` reads it from text.

From Python::

    load = Workload("mine", pages=64)
    load.file("data", 16)
    load.private("copy", "data")
    load.task("writer", repeat(None, op("write", "copy"), op("mlock", "copy")))
    load.task("truncater", repeat(None, op("truncate", "data", 0), op("truncate", "data", 16)))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.program.ir import Position

ANON, PRIVATE, SHARED = "anon", "private", "shared"

DEFAULT_PAGES = 256
MAX_CPUS = 64

ON_AREAS = ("write", "read", "mlock", "munlock", "munmap", "mmap")
ON_FILES = ("truncate", "shmlock", "shmunlock")
ON_PAGES = ("reclaim", "migrate")
ALONE = ("drain", "quiesce")
OPERATIONS = (*ON_AREAS, *ON_FILES, *ON_PAGES, "idle", *ALONE)
"""Every operation of a task."""


class File(Struct, frozen=True):
    """A file of that many pages, all in the page cache at the start."""

    name: str
    pages: int
    pos: Position | None = None


class Area(Struct, frozen=True):
    """A mapping: anonymous memory, or a private mapping of a whole file; ``process``: whose. ``fork_of``: the parent's area.

    Shared mappings are for predictions about V10 (:mod:`smpcheck.mm.predict`): the models of rmap before it do not walk from a
    file's page to its mappings.
    """

    name: str
    kind: str
    pages: int
    file: str = ""
    process: str = "main"
    fork_of: str = ""
    pos: Position | None = None


class AnyPage(Struct, frozen=True):
    """So many pages (or one) of an area, chosen at random."""

    count: int = 1


Range: TypeAlias = tuple[int, int] | AnyPage | None
"""First and last page (inclusive), pages at random, or all."""


class Operation(Struct, frozen=True):
    """One system call, or something like it. ``number``: pages of ``truncate``, ``reclaim``, ``migrate``."""

    kind: str
    target: str = ""
    number: int | None = None
    range: Range = None
    pos: Position | None = None

    def __str__(self) -> str:
        words = [self.kind, self.target, "" if self.number is None else str(self.number)]
        match self.range:
            case (first, last):
                words.append(str(first) if first == last else f"{first}..{last}")
            case AnyPage(count):
                words.append("any" if count == 1 else f"any {count}")
        return " ".join(word for word in words if word)


class Repeat(Struct, frozen=True):
    """``body`` so often; None: for as long as the run lasts."""

    count: int | None
    body: tuple[Statement, ...]


class Random(Struct, frozen=True):
    """So many times one statement of ``body``, chosen at random; of everything that can be done, if there is none."""

    count: int | None
    body: tuple[Statement, ...] = ()


Statement: TypeAlias = Operation | Repeat | Random


class TaskSpec(Struct, frozen=True):
    """A task. ``copies`` of it; None: one on each CPU that no other task has."""

    name: str
    body: tuple[Statement, ...]
    copies: int | None = 1
    pos: Position | None = None


@dataclass
class Workload:
    """Everything of a run but the schedule. ``pages``: page frames; ``cpus``: None for as many as there are tasks."""

    name: str
    pages: int = DEFAULT_PAGES
    cpus: int | None = None
    swap: bool = False
    files: dict[str, File] = field(default_factory=dict)
    areas: dict[str, Area] = field(default_factory=dict)
    tasks: list[TaskSpec] = field(default_factory=list)
    text: str = ""

    def file(self, name: str, pages: int) -> None:
        """A file."""
        self.files[name] = File(name, pages)

    def anonymous(self, name: str, pages: int, process: str = "main") -> None:
        """Anonymous memory."""
        self.areas[name] = Area(name, ANON, pages, process=process)

    def private(self, name: str, file: str, process: str = "main") -> None:
        """A private mapping of a file. The model has room for two mappings of each."""
        if file not in self.files:
            raise InputError(f"there is no file {file}")
        self.areas[name] = Area(name, PRIVATE, self.files[file].pages, file, process)

    def fork(self, name: str, parent: str) -> None:
        """A child's copy of an area, of a process of its own: what the area has at the start is shared."""
        if parent not in self.areas:
            raise InputError(f"there is no area {parent}")
        self.areas[name] = replace(self.areas[parent], name=name, process=name, fork_of=parent)

    def task(self, name: str, *body: Statement, copies: int | None = 1) -> None:
        """A task, on a CPU of its own."""
        self.tasks.append(TaskSpec(name, body, copies))

    def placed(self) -> list[tuple[str, TaskSpec]]:
        """The tasks, one for each CPU, with their names. :raises InputError: they do not fit"""
        fixed = sum(task.copies or 0 for task in self.tasks)
        fillers = [task for task in self.tasks if task.copies is None]
        cpus = self.cpus if self.cpus is not None else fixed + len(fillers)
        if not self.tasks:
            raise InputError(f"the workload {self.name} has no tasks")
        if cpus > MAX_CPUS:
            raise InputError(f"{cpus} CPUs: at most {MAX_CPUS}")
        if fixed + len(fillers) > cpus:
            raise InputError(f"each task has a CPU of its own: {fixed + len(fillers)} tasks, {cpus} CPUs")
        found: list[tuple[str, TaskSpec]] = []
        spare = cpus - fixed
        for task in self.tasks:
            copies = task.copies
            if copies is None:
                copies = spare // len(fillers) + (fillers.index(task) < spare % len(fillers))
            found += [(task.name if copies == 1 else f"{task.name}.{i}", task) for i in range(copies)]
        return found

    def everything(self) -> tuple[Operation, ...]:
        """What ``random`` without a body chooses from."""
        found: list[Operation] = []
        for area in self.areas:
            found += [Operation(kind, area, range=AnyPage() if kind in ("write", "read") else None) for kind in ON_AREAS]
        for file in self.files.values():
            found += [Operation("truncate", file.name, size) for size in (0, file.pages // 2, file.pages)]
        return (*found, Operation("reclaim", number=4), Operation("migrate", number=1))


def op(kind: str, target: str = "", number: int | None = None, where: Range = None) -> Operation:
    """An operation. :raises InputError: there is none of that name"""
    if kind not in OPERATIONS:
        raise InputError(f"there is no operation {kind}: {', '.join(OPERATIONS)}")
    return Operation(kind, target, number, where)


def repeat(count: int | None, *body: Statement) -> Repeat:
    """``body`` so often, or for as long as the run lasts."""
    return Repeat(count, body)


def choose(count: int | None, *body: Statement) -> Random:
    """So many times one of ``body``."""
    return Random(count, body)


def operations(body: Sequence[Statement]) -> list[Operation]:
    """All operations of some statements."""
    found: list[Operation] = []
    for statement in body:
        found += [statement] if isinstance(statement, Operation) else operations(statement.body)
    return found


def validate(load: Workload) -> None:
    """Do all names exist, and does everything fit into what the model has room for?

    :raises InputError: a name that is not known, or a number that does not fit
    :raises UnsupportedError: the model cannot do that
    """
    from smpcheck.errors import UnsupportedError

    for file in load.files.values():
        mapped = [area for area in load.areas.values() if area.file == file.name]
        if len(mapped) > 2:
            text = f"{file.name} is mapped {len(mapped)} times: the model's address_space has room for two vmas"
            raise UnsupportedError(text, mapped[2].pos)
    for area in load.areas.values():
        children = [other for other in load.areas.values() if other.fork_of == area.name]
        if len(children) > 1 or (area.fork_of and children):
            text = f"{area.name}: the model's anon_vma has room for two vmas, one parent and one child"
            raise UnsupportedError(text, children[0].pos)
    needed = sum(file.pages for file in load.files.values())
    if needed > load.pages:
        raise InputError(f"the files have {needed} pages, but there are {load.pages} page frames")
    for task in load.tasks:
        for operation in operations(task.body):
            _validate(load, operation)
    load.placed()


def _validate(load: Workload, operation: Operation) -> None:
    known: Any = load.areas if operation.kind in ON_AREAS else load.files if operation.kind in ON_FILES else {"": None}
    what = "area" if operation.kind in ON_AREAS else "file"
    if operation.target not in known:
        names = ", ".join(known) or "there is none"
        raise InputError(f"there is no {what} {operation.target!r}: {names}", operation.pos)
    if operation.kind == "truncate":
        size, most = operation.number, load.files[operation.target].pages
        if size is None or not 0 <= size <= most:
            raise InputError(f"truncate {operation.target} {size}: from 0 to {most} pages, the file's first size", operation.pos)
    if isinstance(operation.range, tuple):
        first, last = operation.range
        pages = load.areas[operation.target].pages
        if not 0 <= first <= last < pages:
            raise InputError(f"{operation}: the area has pages 0 to {pages - 1}", operation.pos)
