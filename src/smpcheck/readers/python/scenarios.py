"""From a scenario to a program: set it up, place its objects, compile its threads, then what must hold at the end."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from smpcheck.errors import InputError, SmpcheckError
from smpcheck.kernel.compilation import compiling
from smpcheck.kernel.layout import Type
from smpcheck.kernel.scenario import CheckSpec, Scenario, Setup, ThreadSpec
from smpcheck.program import ir, values, wellformed
from smpcheck.program.faults import FAULTS
from smpcheck.program.ir import Position, assertion_names
from smpcheck.program.pieces import cut
from smpcheck.program.values import Ptr
from smpcheck.readers.python import tidy
from smpcheck.readers.python.final import FinalCompiler, Results, conjunction
from smpcheck.readers.python.memory import Memory
from smpcheck.readers.python.reuse import Compiled, CompiledThreads, described
from smpcheck.readers.python.source import as_function, function_source, shown
from smpcheck.readers.python.threads import RETURN, ThreadCompiler, Touched, ghost_register
from smpcheck.readers.python.typed import Known, RValue, ctype_of
from smpcheck.readers.python.walker import EXPAND, Frame


def compile_scenario(
    scenario: Scenario,
    *,
    expand: int = EXPAND,
    ghost_cells: bool = False,
    known: CompiledThreads | None = None,
    with_calls: bool = False,
) -> ir.Program:
    """The program of a scenario, with its parameters as bound.

    ``expand``: loops over compile-time ranges are unrolled up to this many rounds. ``ghost_cells``: ghost counters become cells
    that are read and written with the tag ``Ghost``, for the step-by-step runner, where they cost no step; otherwise they
    are sums over the threads' registers. ``known``: threads that were compiled for other scenarios. ``with_calls``: positions in
    functions that threads call know through which calls they were reached; that takes a fourteenth more time.

    :raises InputError: something in the model is wrong
    :raises UnsupportedError: something in it is outside the subset (docs/python-models.md)
    """
    with compiling(scenario.bindings):
        compilation = _Compilation(scenario, expand, ghost_cells, known)
        compilation.with_calls = with_calls
        return compilation.program()


def hint_for(error: Exception) -> str:
    """What a model's author may have meant, after Python's own words."""
    if isinstance(error, NameError):
        return " (a struct that points to one declared later, or to itself, needs 'from __future__ import annotations')"
    if isinstance(error, TypeError) and "not subscriptable" in str(error):
        return " (an array field is written name: Array[int] = array(2))"
    return ""


def distinct(specs: Sequence[ThreadSpec]) -> list[ThreadSpec]:
    """The threads with names that tell them apart: two that are called ``reader`` are ``reader#1`` and ``reader#2``."""
    counts = Counter(spec.name for spec in specs)
    taken, named = set(counts), list[ThreadSpec]()
    for spec in specs:
        if counts[spec.name] > 1:
            name = next(name for number in count(1) if (name := f"{spec.name}#{number}") not in taken)
            taken.add(name)
            spec = replace(spec, name=name)
        named.append(spec)
    return named


def where_raised(error: BaseException, file: str) -> Position:
    """The innermost line of ``file`` on an exception's way."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return Position(shown(file), (lines[-1] if lines else 1) or 1)


class _Compilation:
    """One scenario being compiled."""

    def __init__(self, scenario: Scenario, expand: int, ghost_cells: bool, known: CompiledThreads | None) -> None:
        self.scenario = scenario
        self.known = known
        self.expand = expand
        self.ghost_cells = ghost_cells
        self.with_calls = False
        function = as_function(scenario.function)
        assert function is not None
        self.function = function
        self.file = function.__code__.co_filename
        self.where = Position(shown(self.file), function.__code__.co_firstlineno)
        self.setup = Setup()
        self.memory = Memory()
        if known is not None:
            self.memory.namespaces = known.namespaces
        self.touched = Touched(set(), set())
        self.ghosts: dict[int, set[Ptr]] = {}
        self.types: dict[int, Type] = {}
        self.used: set[Ptr] = set()

    def program(self) -> ir.Program:
        try:
            self.scenario.function(self.setup)
        except SmpcheckError:
            raise
        except Exception as error:
            why = f"the set-up of {self.scenario.name} failed: {error}{hint_for(error)}"
            raise InputError(why, where_raised(error, self.file)) from error
        except SystemExit as error:
            why = f"the set-up of {self.scenario.name} failed: it exits (SystemExit: {error})"
            raise InputError(why, where_raised(error, self.file)) from error
        self.name_objects()
        specs = distinct(self.setup._threads)
        if not specs:
            raise InputError(f"the scenario {self.scenario.name} has no threads: use s.thread(function, ...)", self.where)
        after: ThreadSpec | None = self.setup._after
        threads = [self.thread(spec, signals=after is not None) for spec in specs]
        if after is not None:
            threads.append(self.thread(replace(after, index=len(specs)), waits=len(specs)))
        invariants = tuple(self.final(check) for check in self.setup._finals)
        quantifier, condition, text = self.question(invariants)
        observed = self.observed()
        for invariant in invariants:
            self.used |= _final_cells(invariant.cond)
        self.used |= _final_cells(condition) | {o.cell for o in observed if isinstance(o, ir.FinalMem)}
        program = ir.Program(
            name=self.scenario.title,
            cells=self.cells(after is not None, len(specs)),
            threads=tuple(threads),
            quantifier=quantifier,
            condition=condition,
            condition_text=text,
            observed=observed,
            source=Path(self.file).read_text(encoding="utf-8") if Path(self.file).is_file() else "",
            file=shown(self.file),
            invariants=invariants,
            language="Python",
            members=self.memory.members,
            expected_failures=self.setup._expected,
        )
        if self.memory.in_sizes:
            program = cut(program)
        wellformed.check(program)
        self.refuse_unknown_failures(program)
        return program

    def refuse_unknown_failures(self, program: ir.Program) -> None:
        """What is expected to fail has to be something that can."""
        names = assertion_names(program)
        for name in sorted(program.expected_failures or ()):
            if name not in (*names, *FAULTS):
                there_are = f"the scenario asserts {', '.join(names)}" if names else "the scenario asserts nothing"
                raise InputError(f"expect_failure: there is no {name!r}: {there_are}; faults are {', '.join(FAULTS)}", self.where)

    def name_objects(self) -> None:
        for name, obj in self.setup._objects.items():
            self.memory.call(obj, name)
            if isinstance(obj, list | tuple):
                for index, item in enumerate(obj):
                    self.memory.call(item, f"{name}[{index}]")
        self.memory.scan(self.function.__globals__)
        for spec in [*self.setup._threads, *self.setup._finals]:
            function = as_function(spec.function)
            if function is not None:
                self.memory.scan(function.__globals__)

    # threads

    def arguments(self, spec: ThreadSpec | CheckSpec, walker: Any) -> tuple[Any, list[Known]]:
        function = as_function(spec.function)
        if function is None:
            raise InputError(f"{spec.function!r} is not a function of the model", self.where)
        source = function_source(function)
        walker.frames.append(Frame(source, ""))
        try:
            args = [walker.known(arg, source.node) for arg in spec.args]
        finally:
            walker.frames.pop()
        return function, args

    def thread(self, spec: ThreadSpec, signals: bool = False, waits: int = 0) -> ir.Thread:
        """Compile a thread, or take one that was compiled before. ``signals``: it says when it ends; ``waits``: for so many."""
        touched = Touched(set(), set())
        locks, ghosts = self.setup._locks, self.ghost_cells
        compiler = ThreadCompiler(self.memory, spec.cpu, touched, locks, self.expand, ghosts, alone=waits > 0)
        compiler.with_calls = self.with_calls
        function, args = self.arguments(spec, compiler)
        described_ = described(args, self.memory) if self.known is not None else None

        def compile_() -> Compiled:
            return self.compiled(compiler, spec, function, args, signals, waits)

        if self.known is not None and described_ is not None:
            order = locks.text if locks else ""
            given = (function, described_[0], spec.cpu, spec.index if signals else None, waits, order, self.expand, ghosts)
            found = self.known.thread(given, described_[1], self.memory, self.scenario.bindings, compile_)
        else:
            found = compile_()
        self.touched.addresses |= found.addresses
        self.touched.offsets |= found.offsets
        self.ghosts[spec.index] = found.ghosts
        if found.result is not None:
            self.types[spec.index] = found.result
        return replace(found.thread, index=spec.index, name=spec.name)

    def compiled(
        self, compiler: ThreadCompiler, spec: ThreadSpec, function: Any, args: list[Known], signals: bool, waits: int
    ) -> Compiled:
        """Compile a thread."""
        pos = function_source(function).pos(function_source(function).node)
        for other in range(waits):
            reg, text = f"{ir.ENDED}{other}", f"thread {other} has ended"
            compiler.emit(ir.Load(reg, ir.Const(Ptr(ir.ENDED, 4 * other)), frozenset({"Acquire"}), pos, text))
            compiler.emit(ir.Assume(ir.Reg(reg), pos))
        result = compiler.start(function, args)
        if signals:
            compiler.emit(
                ir.Store(
                    ir.Const(Ptr(ir.ENDED, 4 * spec.index)), ir.Const(1), frozenset({"Release"}), pos, "the end of the thread"
                )
            )
        ghosts = compiler.ghosts
        keep = {RETURN, *(ghost_register(g) for g in ghosts)}
        if result is not None:
            compiler.reg_types[RETURN] = ctype_of(result.type)
        body = tidy.without_dead_assignments(tuple(compiler.out), keep)
        types = {name: compiler.reg_types.get(name, values.LONG) for name in dict.fromkeys(tidy.assigned(body))}
        thread = ir.Thread(spec.index, body, spec.name, types, after=waits > 0)
        return Compiled(thread, compiler.touched.addresses, compiler.touched.offsets, ghosts, result.type if result else None)

    # final states

    def ghost_value(self, address: Ptr) -> ir.Expr:
        """The final value of a ghost counter."""
        if self.ghost_cells:
            self.used.add(address)
            return ir.FinalMem(address)
        total: ir.Expr = ir.Const(self.memory.slots[address].cell.init)
        for index, found in sorted(self.ghosts.items()):
            if address in found:
                share = ir.FinalReg(index, ghost_register(address))
                total = share if total == ir.Const(0) else ir.Binary("+", total, share, values.LONG)
        return total

    def compile_check(self, check: CheckSpec) -> RValue:
        compiler = FinalCompiler(self.memory, Results(self.types, self.ghost_value), self.expand)
        function, args = self.arguments(check, compiler)
        return compiler.final(function, args)

    def final(self, check: CheckSpec) -> ir.Assert:
        found = self.compile_check(check)
        source = function_source(_plain(check.function))
        return ir.Assert(found.expr, check.name, f"{source.node.name} at the end", source.pos(source.node))

    def question(self, invariants: Sequence[ir.Assert]) -> tuple[ir.Quantifier, ir.Expr, str]:
        """What the scenario asks; if it asks nothing, whether all of its invariants hold."""
        asked = self.setup._exists
        if asked is not None:
            return "exists", self.compile_check(asked).expr, asked.name
        condition: ir.Expr = ir.Const(1)
        for invariant in invariants:
            condition = conjunction(condition, invariant.cond)
        return "forall", condition, " and ".join(i.name for i in invariants) or "true"

    def observed(self) -> tuple[ir.FinalReg | ir.FinalMem, ...]:
        """What threads return, what is asked about, and what the author names."""
        found: list[ir.FinalReg | ir.FinalMem] = [ir.FinalReg(index, RETURN) for index in sorted(self.types)]
        for check in self.setup._asked:
            found += [atom for atom in dict.fromkeys(_atoms(self.compile_check(check).expr)) if atom not in found]
        for name in self.setup._observed:
            variable = self.memory.named(name)
            if variable is None:
                names = ", ".join(sorted(slot.cell.name for slot in self.memory.slots.values())[:20])
                raise InputError(f"observe: there is no cell called {name}; cells: {names}", self.where)
            slot = self.memory.slots.get(variable.cell)
            if slot is not None and slot.ghost and not self.ghost_cells:
                raise InputError(f"observe: {name} is a ghost counter: put it into a final check", self.where)
            found.append(variable)
        return tuple(found)

    def cells(self, after: bool, threads: int) -> dict[Ptr, ir.Cell]:
        """The cells that threads or questions may touch; all others are left out."""
        offsets = self.touched.offsets
        result = {}
        for address, slot in self.memory.slots.items():
            if slot.ghost and not self.ghost_cells:
                continue
            known = address in self.touched.addresses or address in self.used or self.memory.in_sizes
            if known or None in offsets or offsets & slot.within:
                result[address] = slot.cell
        if after:
            for index in range(threads):
                result[Ptr(ir.ENDED, 4 * index)] = ir.Cell(f"{ir.ENDED}[{index}]")
        return result


def _plain(function: Callable[..., Any]) -> Any:
    return as_function(function)


def _atoms(expr: ir.Expr) -> list[ir.FinalReg | ir.FinalMem]:
    match expr:
        case ir.FinalReg() | ir.FinalMem():
            return [expr]
        case ir.Unary(_, arg, _) | ir.Cast(_, arg):
            return _atoms(arg)
        case ir.Binary(_, left, right, _):
            return _atoms(left) + _atoms(right)
        case ir.Conditional(cond, then, other):
            return _atoms(cond) + _atoms(then) + _atoms(other)
    return []


def _final_cells(expr: ir.Expr) -> set[Ptr]:
    return {atom.cell for atom in _atoms(expr) if isinstance(atom, ir.FinalMem)}
