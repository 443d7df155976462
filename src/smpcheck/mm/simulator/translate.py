"""From model functions to Python generators: the same syntax tree, with a ``yield`` before each access to shared memory.

What a generator yields is the number of the step's :class:`~smpcheck.mm.simulator.sites.Site`, or a lock that the task waits for.
Switches (``V``, ``FREEING``) are decided here, as in the compiler for checking. A function that can make no step becomes an
ordinary function. Every function gets the task as its first argument. Names that are made here have a middle dot, which no
model's name has.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from smpcheck.errors import UnsupportedError
from smpcheck.kernel.compilation import compiling
from smpcheck.mm.simulator.functions import Body, ModelCall
from smpcheck.mm.simulator.sites import Site
from smpcheck.readers.python.source import FunctionSource, function_source

TASK = "t\u00b7"


@dataclass
class Code:
    """The functions of a model, ready to be loaded for a run.

    ``names``: the Python name of each (function, quiet); ``steps``: those that are generators. ``globals``: shared objects and
    per-CPU data by their names in the code. ``thread_locals``: initial values by the task's attribute.
    """

    blocks: list[CodeType]
    names: Mapping[tuple[FunctionType, bool], str]
    steps: frozenset[str]
    sites: tuple[Site, ...]
    globals: Mapping[str, Any]
    thread_locals: Mapping[str, Any]

    def load(self, space: dict[str, Any]) -> dict[str, Any]:
        """Define all functions in ``space``, which gives ``globals`` their objects."""
        for block in self.blocks:
            exec(block, space)
        return space

    def entry(self, space: Mapping[str, Any], function: Callable[..., Any]) -> Callable[..., Generator[Any, None, Any]]:
        """A model function as what a task runs: a generator in any case."""
        name = self.name(function)
        loaded: Callable[..., Any] = space[name]

        def without_steps(*arguments: Any) -> Generator[Any, None, Any]:
            return loaded(*arguments)
            yield

        return loaded if name in self.steps else without_steps

    def name(self, function: Callable[..., Any], quiet: bool = False) -> str:
        """What a model function is called in the loaded space."""
        return self.names[function, quiet]  # type: ignore[index]


@dataclass
class _Made:
    source: FunctionSource
    node: ast.FunctionDef
    calls: set[str]
    steps: bool


@dataclass
class Translator:
    """Translates functions and all that they call. ``overrides``: other values for the model's constants, by name."""

    overrides: Mapping[str, Any] = field(default_factory=dict)
    made: dict[str, _Made] = field(default_factory=dict)
    names: dict[tuple[FunctionType, bool], str] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)
    helpers: dict[str, str] = field(default_factory=dict)
    globals: dict[str, Any] = field(default_factory=dict)
    thread_locals: dict[str, Any] = field(default_factory=dict)
    waiting: list[tuple[FunctionType, bool]] = field(default_factory=list)

    def want(self, function: FunctionType, quiet: bool) -> str:
        """The name of a function's translation, which is made if it is new."""
        key = (function, quiet)
        found = self.names.get(key)
        if found is None:
            found = self.names[key] = f"{'final_' if quiet else ''}{function.__name__}\u00b7{len(self.names)}"
            self.waiting.append(key)
        return found

    def site(self, site: Site) -> int:
        """Its number."""
        self.sites.append(site)
        return len(self.sites) - 1

    def shared(self, value: Any, hint: str) -> str:
        """The name by which code refers to a shared object."""
        for known, other in self.globals.items():
            if other is value:
                return known
        found = f"{hint}\u00b7g{len(self.globals)}"
        self.globals[found] = value
        return found

    def helper(self, hint: str, parameters: Iterable[str], body: str) -> str:
        """A function made of a fragment."""
        text = f"({', '.join(parameters)}): {body}\n"
        for known, other in self.helpers.items():
            if other == text:
                return known
        found = f"{hint}\u00b7h{len(self.helpers)}"
        self.helpers[found] = text
        return found

    def run(self) -> None:
        """Translate everything that is wanted."""
        while self.waiting:
            function, quiet = self.waiting.pop()
            source = function_source(function)
            body = Body(self, source, quiet)
            node = body.function(self.names[function, quiet])
            self.made[node.name] = _Made(source, node, body.calls, body.steps)

    def finish(self) -> Code:
        """Which functions make steps, and then the code."""
        stepping = {name for name, made in self.made.items() if made.steps}
        while True:
            more = {name for name, made in self.made.items() if name not in stepping and made.calls & stepping}
            if not more:
                break
            stepping |= more
        blocks = [compile("".join(f"def {name}{text}" for name, text in self.helpers.items()), "<helpers>", "exec")]
        for name, made in self.made.items():
            node = _Calls(stepping).visit(made.node)
            if name in stepping and not any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(node)):
                raise UnsupportedError(f"{made.source.node.name} cannot be run step by step", made.source.pos(made.source.node))
            module = ast.Module([node], [])
            blocks.append(compile(ast.fix_missing_locations(module), made.source.file, "exec", dont_inherit=True))
        return Code(blocks, dict(self.names), frozenset(stepping), tuple(self.sites), self.globals, self.thread_locals)


class _Calls(ast.NodeTransformer):
    """Calls of functions that make steps become ``yield from``."""

    def __init__(self, stepping: set[str]) -> None:
        self.stepping = stepping

    def visit_ModelCall(self, node: ModelCall) -> ast.expr:
        self.generic_visit(node)
        if node.target in self.stepping:
            call = ast.copy_location(ast.Call(node.func, node.args, []), node)
            return ast.copy_location(ast.YieldFrom(call), node)
        return node


def translate(
    functions: Iterable[Callable[..., Any]],
    finals: Iterable[Callable[..., Any]] = (),
    bindings: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Code:
    """The code of ``functions`` (run by tasks) and ``finals`` (asked when all is quiet: without steps), and of all they call.

    :raises UnsupportedError: a function uses what cannot be run step by step
    :raises InputError: something in its source is wrong
    """
    translator = Translator(overrides or {})
    with compiling(bindings or {}):
        for function in functions:
            translator.want(function, False)  # type: ignore[arg-type]
        for function in finals:
            translator.want(function, True)  # type: ignore[arg-type]
        translator.run()
        return translator.finish()
