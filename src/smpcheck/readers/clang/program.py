"""From a file in the kernel's C, with its harness, to a program.

The harness says which functions are threads, what happens before them and what must hold after them (docs/kernel-c.md). The file
is compiled either against the headers of a kernel tree, or against small ones of our own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir, wellformed
from smpcheck.program.faults import FAULTS
from smpcheck.program.flow import expressions, statements
from smpcheck.program.ir import ENDED, Position
from smpcheck.program.pieces import cut, only_touched
from smpcheck.program.targets import Targets
from smpcheck.program.values import CType, Ptr
from smpcheck.readers.clang import deferred, headers
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.advice import about_functions, about_headers
from smpcheck.readers.clang.calls import HARDIRQ, PREFIX, SOFTIRQ, TreeLowering, abstract_names
from smpcheck.readers.clang.expressions import Findings
from smpcheck.readers.clang.interrupts import Handler, interrupted
from smpcheck.readers.clang.kernel_tree import LAYERS, KernelTree
from smpcheck.readers.clang.objects import Objects, pointers_in
from smpcheck.readers.clang.read_sections import has_edges, has_grace_periods, with_markers, without_edges
from smpcheck.readers.clang.simplify import simplified
from smpcheck.readers.clang.startup import Bytes, Startup
from smpcheck.readers.clang.worker import Request, parse
from smpcheck.readers.python.tidy import without_dead_assignments
from smpcheck.readers.registry import C_OPTIONS

THREAD = "__smpcheck_thread_"
HANDLERS = {"__smpcheck_irq_": HARDIRQ, "__smpcheck_softirq_": SOFTIRQ}
"""How the functions of interrupt handlers begin, and what preempt_count() is in each."""
INIT = "__smpcheck_init"
FINALLY = "__smpcheck_finally"
ROOTS = rf"{THREAD}|{INIT}$|{FINALLY}$|__smpcheck_stub_|{'|'.join(HANDLERS)}"

ARGUMENTS = (
    *("-target", "x86_64-linux-gnu", "-std=gnu11", "-nostdinc", "-fshort-wchar", "-funsigned-char", "-fms-extensions"),
    *("-Wno-everything", "-ferror-limit=1", "-x", "c"),
)
MAX_RESTARTS = 20

ENVIRONMENT = "a CPU for each thread, {interrupts}; locks, RCU and SRCU as the memory model has them (docs/kernel-c.md)"
"""What is taken for granted about where the threads run."""
WAITED_FOR = (
    "grace periods wait for spinlocks, and where preemption, bottom halves or interrupts are disabled, too (docs/kernel-c.md)"
)


class Compile(Struct, frozen=True):
    """How a file is read. ``tree``: the kernel tree whose headers are used, ``headers``: where it is configured. A file without
    a harness is given one: ``objects`` are declarations, ``init`` statements, ``threads`` and ``asserts`` what the threads do and
    what holds after them."""

    tree: str = ""
    headers: str = ""
    objects: tuple[str, ...] = ()
    init: str = ""
    threads: tuple[str, ...] = ()
    asserts: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Sequence[str], path: str) -> Compile:
        """From settings ``NAME=VALUE``. :raises InputError: there is no such setting"""
        found: dict[str, list[str]] = {}
        for setting in settings:
            name, _, value = setting.partition("=")
            if name not in C_OPTIONS:
                raise InputError(f"--set {setting}: {path} is C, and only Python models have parameters")
            found.setdefault(name, []).append(value)
        one = {name: (found.get(name) or [""])[-1] for name in ("kernel", "kernel-headers", "init")}
        several = [tuple(found.get(name, ())) for name in ("object", "thread", "assert")]
        return cls(one["kernel"], one["kernel-headers"], several[0], one["init"], several[1], several[2])

    def harness(self, path: str) -> str:
        """The text of a harness around the file."""
        lines = [f'#include "{os.path.abspath(path)}"', *(f"{declared.rstrip().rstrip(';')};" for declared in self.objects)]
        if self.init:
            lines.append(f"SMPCHECK_INIT() {{ {self.init}; }}")
        names: list[str] = []
        for code in self.threads:
            called = re.search(r"(\w+)\s*\(", code)
            name = called[1] if called else "thread"
            names.append(name)
            name += f"_{names.count(name)}" if names.count(name) > 1 else ""
            lines.append(f"SMPCHECK_THREAD({name}) {{ {code.rstrip().rstrip(';')}; }}")
        if self.asserts:
            lines.append(f"SMPCHECK_FINALLY() {{ {' '.join(f'SMPCHECK_ASSERT({cond});' for cond in self.asserts)} }}")
        return "\n".join([*lines, ""])


def read_kernel_c(path: str, text: str, settings: Sequence[str] = (), others: Mapping[str, str] | None = None) -> ir.Program:
    """The program of the harness in ``text``, which is the file ``path``; ``settings`` as :class:`Compile` has them. ``others``:
    files that have another text than on disk.

    :raises InputError: it does not compile, or has no harness
    :raises UnsupportedError: something in it is not supported, or a function has no body
    """
    how = Compile.of(settings, path)
    main, content = path, text
    unsaved = tuple((others or {}).items())
    if how.threads:
        if looks_like_harness(text):
            raise InputError(f"--thread {how.threads[0]}: the file has a harness of its own", Position(path, 1))
        main, content = os.path.join(os.path.dirname(os.path.abspath(path)), QUICK), how.harness(path)
        unsaved += ((os.path.abspath(path), text),)
    elif how.objects or how.init or how.asserts:
        raise InputError("--object, --init and --assert belong to --thread", Position(path, 1))
    unit, tree = parsed(main, content, how, unsaved)
    harness = Harness(unit, main, content, tree, path, text)
    try:
        return replace(harness.program(), settings=tuple(settings))
    except RecursionError:
        raise UnsupportedError("statements, or the cases of a switch, are nested too deeply", harness.current_place) from None


WITHOUT_TREE = "without --kernel, code is read against a few small headers of smpcheck's own: see docs/kernel-c.md"
QUICK = "smpcheck-harness.c"
"""The file in which a harness from the command line stands."""


def parsed(path: str, text: str, how: Compile, more: Sequence[tuple[str, str]] = (), roots: str = ROOTS) -> tuple[t.Unit, str]:
    """The unit of a file, of what functions reach whose names match ``roots``; and the tree relative to which files are named."""
    kernel = KernelTree.find(how.tree, how.headers) if how.tree else None
    virtual = str(headers.FOLDER / "virtual")
    unsaved = [(path, text), *more]
    if kernel is not None:
        arguments = kernel.arguments(virtual)
        unsaved += [(os.path.join(virtual, name), content) for name, content in kernel.generated()]
    else:
        sources = "\n".join(headers.with_included(path, text, dict(more)))
        plain = f'#pragma once\n#include "{headers.FOLDER / "plain.h"}"'
        everything = "\n".join((plain, headers.primitives(sources), headers.environment(sources), ""))
        ours = os.path.join(virtual, "smpcheck_primitives.h")
        unsaved.append((ours, everything))
        unsaved += [(os.path.join(virtual, name), "#include <smpcheck_primitives.h>\n") for name in headers.includes(sources)]
        arguments = (f"-I{os.path.dirname(os.path.abspath(path))}", f"-isystem{virtual}", "-include", ours)
    request = Request(
        path,
        (*ARGUMENTS, "-include", str(headers.FOLDER / "harness.h"), *arguments),
        tuple(unsaved),
        roots,
        tuple(sorted(abstract_names())),
        (path, *headers.quoted(text)),
    )
    try:
        return parse(request), kernel.tree if kernel is not None else ""
    except InputError as error:
        if kernel is not None or error.pos is None:
            raise
        advice = list(about_headers(headers.includes(sources)))
        raise InputError(f"{error.message} ({'; '.join([WITHOUT_TREE, *advice])})", error.pos) from None


class Harness:
    """A unit with a harness."""

    def __init__(self, unit: t.Unit, main: str, harness: str, tree: str, path: str = "", text: str = "") -> None:
        self.unit = unit
        self.main = main
        self.harness = harness
        self.path = path or main
        self.text = text or harness
        self.tree = tree
        self.functions = {function.name: function for function in unit.functions}
        in_order = sorted(unit.functions, key=lambda f: (unit.places[f.at].line, unit.places[f.at].column))
        self.threads = self._roots(in_order)
        if not self.threads:
            raise InputError("no threads: 'SMPCHECK_THREAD(name) { ... }' expected", Position(path, 1))
        self.handlers = [self._handler(function) for function in in_order if function.name.startswith(tuple(HANDLERS))]
        self.lowering: TreeLowering | None = None
        self.memory = Bytes()
        self.initial: ir.Thread | None = None
        """What SMPCHECK_INIT does."""
        self.findings = Findings()
        self.layers = (str(headers.FOLDER), *(f"{tree}/{folder}" for folder in LAYERS if tree))

    @property
    def current_place(self) -> Position:
        """Where the function that is being lowered stands."""
        return self.lowering.source.pos(self.lowering.current) if self.lowering is not None else Position(self.path, 1)

    def _roots(self, in_order: list[t.Function]) -> list[t.Function]:
        """The functions that are threads."""
        return [function for function in in_order if function.name.startswith(THREAD)]

    def given(self, memory: Bytes) -> None:
        """Write the initial values that do not stand in the C itself."""

    def kept(self, thread: ir.Thread) -> frozenset[str]:
        """The registers that are asked for when a thread has ended."""
        return frozenset()

    def _handler(self, function: t.Function) -> tuple[t.Function, str, int, int]:
        """An interrupt handler: its name, the number of the thread that it interrupts, and preempt_count() in it."""
        begin = next(begin for begin in HANDLERS if function.name.startswith(begin))
        name, _, thread = function.name.removeprefix(begin).rpartition("__on_")
        names = [one.name.removeprefix(THREAD) for one in self.threads]
        if thread not in names:
            place = self.unit.places[function.at]
            raise InputError(
                f"the interrupt handler {name} is to interrupt {thread}, which is no thread: there are {', '.join(names)}",
                Position(self.path if place.file == self.main else place.file, place.line, place.column),
            )
        return function, name, names.index(thread), HANDLERS[begin]

    def program(self) -> ir.Program:
        """Lower everything."""
        program = self.settled()
        targets = Targets(program)
        program = cut(only_touched(program, targets), targets)
        wellformed.check(program)
        return program

    def settled(self) -> ir.Program:
        """Lower everything; again, as long as locals turn out to have to be in memory."""
        for _ in range(MAX_RESTARTS):
            known = self.findings
            self.findings = Findings(
                in_memory=known.in_memory, arrays=known.arrays, callbacks=known.callbacks, deferred=known.deferred
            )
            program = self.lower()
            if program is not None:
                break
        else:
            raise UnsupportedError("the addresses of too many local variables go to memory", Position(self.path, 1))
        self._complain_of_missing()
        return program

    def lower(self) -> ir.Program | None:
        """The program, if what is known so far of locals in memory is right; else None."""
        before = self.findings.to_begin_with
        names = {
            os.path.abspath(self.path): self.path,
            self.main: os.path.basename(self.main) if self.main != self.path else self.path,
        }
        cpus = len(self.threads) + self.findings.callbacks + self.findings.deferred
        objects = Objects(self.unit, cpus, self.tree, names)
        low = self.lowering = TreeLowering(self.unit, objects, self.findings, layers=self.layers)
        low.harness_threads = len(self.threads)
        deferred.add_static(low)
        after, init = self.functions.get(FINALLY), self.functions.get(INIT)
        self.initial = low.thread(init, len(self.threads)) if init is not None else None
        threads = [
            self._thread(low, function, index, function.name.removeprefix(THREAD), signals=after is not None)
            for index, function in enumerate(self.threads)
        ]
        handlers = [low.thread(function, index, name=name, context=context) for function, name, index, context in self.handlers]
        posted = later = 0
        while posted < len(low.callbacks) or later < len(low.deferred):  # each may leave more for later
            if posted < len(low.callbacks):
                threads.append(low.callback(posted, len(threads)))
                posted += 1
            else:
                threads.append(low.later(later, len(threads)))
                later += 1
        self.findings.callbacks, self.findings.deferred = len(low.callbacks), len(low.deferred)
        if after is not None:  # what is allocated in INIT is known now
            threads.append(self._thread(low, after, len(threads), "finally", waits=len(self.threads)))
        threads += handlers
        if not has_grace_periods(threads):
            threads = [without_edges(thread) for thread in threads]
        elif any(map(has_edges, threads)):
            self.findings.assumed[WAITED_FOR] = None
        if self.findings.to_begin_with != before:
            return None
        cells, threads = self._cells(low, objects, threads, after is not None)
        if self.findings.to_begin_with != before:
            return None
        program = ir.Program(
            name=Path(self.path).stem,
            cells=cells,
            threads=tuple(threads),
            quantifier="forall",
            expected_failures=self._expected(),
            language="KernelC",
            source=self.text,
            file=self.path,
            notes=self._notes(objects, low),
            members=objects.members(low.kinds),
            handlers=tuple(name for _, name, _, _ in self.handlers),
        )
        self._refuse_unknown_failures(program)
        return replace(
            program, files=self._files(program, objects), condition_text=" and ".join(ir.assertion_names(program)) or "true"
        )

    def _files(self, program: ir.Program, objects: Objects) -> dict[str, str]:
        """Where the files lie in which statements stand, other than the program's own."""
        shown = {objects.shown(file): file for file in self.unit.files}
        named = {stmt.pos.file for thread in program.threads for stmt in statements(thread.body) if stmt.pos is not None}
        return {file: shown[file] for file in sorted(named - {self.path}) if file in shown}

    def _expected(self) -> frozenset[str] | None:
        """What the harness says that fails."""
        found = _EXPECTED.findall(self.harness)
        return frozenset(name for arguments in found for name in _STRING.findall(arguments)) if found else None

    def _refuse_unknown_failures(self, program: ir.Program) -> None:
        for name in sorted(program.expected_failures or ()):
            if name not in (*ir.assertion_names(program), *FAULTS, MIXED_ACCESSES):
                names = ", ".join(ir.assertion_names(program)) or "nothing"
                raise InputError(
                    f"SMPCHECK_EXPECT_FAILURE: there is no {name!r}: asserted is {names}; faults are {', '.join(FAULTS)}",
                    Position(self.path, 1),
                )

    def _thread(
        self, low: TreeLowering, function: t.Function, index: int, name: str, signals: bool = False, waits: int = 0
    ) -> ir.Thread:
        thread = low.thread(function, index, name=name)
        pos = low.source.pos(function.at)
        first: list[ir.Stmt] = []
        types: dict[str, CType] = dict(thread.reg_types)
        for other in range(waits):
            reg = f"{ENDED}{other}"
            types[reg] = low.int
            address = ir.Const(Ptr(ENDED, 4 * other))
            first.append(ir.Load(reg, address, frozenset({"Acquire"}), pos, f"thread {other} has ended", ctype=low.int))
            first.append(ir.Assume(ir.Reg(reg), pos))
        for number, callback in enumerate(low.callbacks if waits else ()):
            types |= callback.register_types(number)
            first += callback.has_run(number)
        if waits:
            over, registers = deferred.all_over(low.deferred, pos)
            first += over
            types |= registers
        body = [*first, *thread.body]
        if signals:
            address = ir.Const(Ptr(ENDED, 4 * index))
            body.append(ir.Store(address, ir.Const(1), frozenset({"Release"}), pos, "the end of the thread", ctype=low.int))
        if self.findings.deferred and not waits:
            body.append(deferred.end_of_thread(index, pos))
        return replace(thread, body=tuple(body), reg_types=types, after=waits > 0)

    def _cells(
        self, low: TreeLowering, objects: Objects, threads: list[ir.Thread], after: bool
    ) -> tuple[dict[Ptr, ir.Cell], list[ir.Thread]]:
        """The memory as it is before the threads begin, and the threads without what is theirs alone."""
        memory = self.memory = Bytes()
        startup = Startup(memory)
        done: set[str] = set()
        while set(objects.used) - done:  # an initial value may be the address of another variable
            for variable in self.unit.variables:
                name = objects.globals.get(variable.decl)
                if name is None or name in done:
                    continue
                done.add(name)
                if variable.init is not None:
                    startup.run(low.initial(variable, objects.cpus if variable.per_cpu else 1))
            done |= {name for name in objects.used if name not in objects.globals.values()}
        for name, text in objects.texts.items():
            for offset, character in enumerate(text):
                memory.write(Ptr(name, offset), ord(character), 1)
        self.given(memory)
        if self.initial is not None:
            startup.run(self.initial)
        pointed = objects.pointed(threads, memory)
        cells = objects.cells(low.kinds, threads, pointed, memory)
        own = [mine - pointed for mine in self._own(objects, threads)]
        threads = [simplified(thread, mine, cells, self.kept(thread)) for thread, mine in zip(threads, own, strict=True)]
        cells = objects.cells(low.kinds, threads, objects.pointed(threads, memory), memory)
        if after:
            for index in range(len(self.threads)):
                cells[Ptr(ENDED, 4 * index)] = ir.Cell(f"{ENDED}[{index}]")
        cells |= deferred.cells(low.deferred, len(self.threads))
        for callback in low.callbacks:
            cells |= {address: ir.Cell(shown, ctype) for address, (shown, ctype) in callback.cells().items()}
        threads = [self._interrupted(thread, threads) for thread in threads[: len(threads) - len(self.handlers)]]
        return cells, threads

    def _own(self, objects: Objects, threads: list[ir.Thread]) -> Iterator[frozenset[str]]:
        """The objects that belong to each thread and handler alone: ``current`` is that of a thread and of what interrupts it."""
        uses = [_objects_of(thread) for thread in threads]
        for number, thread in enumerate(threads):
            same_cpu = [used for n, used in enumerate(uses) if n != number and threads[n].index == thread.index]
            mine = (name for name in objects.used if name.startswith(f"{thread.index}:"))
            yield frozenset(mine) - frozenset().union(*same_cpu)

    def _interrupted(self, thread: ir.Thread, threads: list[ir.Thread]) -> ir.Thread:
        """A thread with what interrupts it, and without what nobody reads."""
        handlers = [
            Handler.of(one, context == SOFTIRQ)
            for one, (_, _, _, context) in zip(threads[len(threads) - len(self.handlers) :], self.handlers, strict=True)
            if one.index == thread.index
        ]
        kept = self.kept(thread)
        thread = simplified(interrupted(thread, handlers), frozenset(), {}, kept)
        if has_edges(thread):
            thread = simplified(with_markers(thread), frozenset(), {}, kept)
        return replace(thread, body=without_dead_assignments(thread.body, kept))

    def _notes(self, objects: Objects, low: TreeLowering) -> tuple[str, ...]:
        notes = [f"taken for granted: {ENVIRONMENT.format(interrupts=self._interrupts())}"]
        ignored = sorted(self.findings.ignored - {"__smpcheck_nothing"})
        if ignored:
            notes.append(f"calls without an effect here: {', '.join(f'{name}()' for name in ignored)}")
        stubs = sorted(name.removeprefix("__smpcheck_stub_") for name in self.functions if name.startswith("__smpcheck_stub_"))
        if stubs:
            notes.append(f"replaced by the harness: {', '.join(f'{name}()' for name in stubs)}")
        undefined = [objects.variables[decl] for decl in objects.globals if not objects.variables[decl].defined]
        for variable in undefined:
            if not self.unit.types[variable.type].size:
                raise UnsupportedError(
                    f"the variable {variable.name} is declared only, without its size: define it in the harness",
                    Position(self.path, 1),
                )
        if undefined:
            names = ", ".join(sorted(variable.name for variable in undefined))
            notes.append(f"declared only, so taken to be zero at first: {names}")
        return (*notes, *self.findings.assumed, *low.notes)

    def _interrupts(self) -> str:
        """What interrupts which threads, in words."""
        if not self.handlers:
            return "no interrupts"
        said = [f"{name}() interrupts {self.threads[index].name.removeprefix(THREAD)}" for _, name, index, _ in self.handlers]
        return f"interrupts ({', '.join(said)}; each once at most, to its end, in program order with what it interrupts)"

    def _complain_of_missing(self) -> None:
        missing = self.findings.missing
        if missing:
            listed = "; ".join(f"{name}() called at {', '.join(places)}" for name, places in sorted(missing.items()))
            advice = "; ".join(["define them in the harness, or replace them with SMPCHECK_STUB", *about_functions(missing)])
            raise UnsupportedError(f"functions without a body: {listed}: {advice}", Position(self.path, 1))


def _objects_of(thread: ir.Thread) -> frozenset[str]:
    """The objects whose addresses stand in a thread."""
    pointers = (
        ptr for stmt in statements(thread.body) for expr in expressions(stmt) if expr is not None for ptr in pointers_in(expr)
    )
    return frozenset(ptr.base for ptr in pointers)


MIXED_ACCESSES = "mixed-accesses"
"""A flag of the kernel's model: marked and plain accesses to one location without a barrier in between."""
_EXPECTED = re.compile(r"^[ \t]*SMPCHECK_EXPECT_FAILURE\((.*)\)", re.MULTILINE)
_STRING = re.compile(r'"([^"\n]*)"')


def looks_like_harness(text: str) -> bool:
    """Has a C file a harness?"""
    return re.search(r"\bSMPCHECK_THREAD\s*\(", text) is not None


__all__ = ["PREFIX", "Compile", "looks_like_harness", "read_kernel_c"]
