"""From a Python function to its syntax tree: the file is parsed, the function is never run."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import typing
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType, NoneType, UnionType
from typing import Any

from smpcheck.errors import InputError
from smpcheck.kernel.types import ThreadLocal
from smpcheck.program.ir import Call, Position

_standing_in: ContextVar[Mapping[str, str]] = ContextVar("standing_in", default=MappingProxyType({}))
"""Files that are read as if they had another text, with that text."""


@contextmanager
def standing_in(file: str, text: str) -> Iterator[None]:
    """Within it, it is as if ``file`` had this text."""
    token = _standing_in.set({**_standing_in.get(), file: text})
    try:
        yield
    finally:
        _standing_in.reset(token)


@lru_cache(maxsize=256)
def _parse(file: str, text: str | None, stamp: int) -> tuple[ast.Module, tuple[str, ...]]:
    text = Path(file).read_text(encoding="utf-8") if text is None else text
    return ast.parse(text, file), tuple(text.splitlines())


def parse_file(file: str) -> tuple[ast.Module, tuple[str, ...]]:
    """The syntax tree and the lines of a Python file. :raises InputError: unreadable or not Python"""
    try:
        return _parse(file, _standing_in.get().get(file), Path(file).stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from None
    except SyntaxError as error:
        raise InputError(f"not valid Python: {error.msg}", Position(shown(file), error.lineno or 1, error.offset or 1)) from None
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"not a Python source file: {error}", Position(shown(file), 1)) from None


def shown(file: str) -> str:
    """A file's path as messages have it: relative to the current folder if it lies in it."""
    return _shown(file, os.getcwd())


@lru_cache(maxsize=256)
def _shown(file: str, folder: str) -> str:
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_absolute() and path.is_relative_to(folder) else file


@dataclass(frozen=True, eq=False)
class FunctionSource:
    """A function's syntax tree and what its names mean.

    ``assigned``: the names that it assigns (its locals besides parameters). ``shared``: names declared ``global``.
    ``hints``: resolved annotations of its parameters and its return value.
    """

    function: FunctionType
    node: ast.FunctionDef
    file: str
    lines: tuple[str, ...]
    parameters: tuple[str, ...]
    assigned: frozenset[str]
    shared: frozenset[str]
    hints: Mapping[str, Any]
    closure: Mapping[str, Any]

    def pos(self, node: ast.AST, inlined_at: Call | None = None) -> Position:
        """Where a node stands, in the function that is called there."""
        line, column = getattr(node, "lineno", self.node.lineno), getattr(node, "col_offset", 0) + 1
        return Position(shown(self.file), line, column, inlined_at)

    @cached_property
    def signature(self) -> inspect.Signature:
        """How it is called."""
        return inspect.signature(self.function)

    @cached_property
    def local_names(self) -> frozenset[str]:
        """Its parameters and the variables that are its own."""
        return self.assigned - self.shared | frozenset(self.parameters)

    @cached_property
    def is_accessor(self) -> bool:
        """Is a call of it no more than one expression, perhaps after checks, under another name, as ``PageLRU(page)`` is?"""
        body = self.node.body
        if len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:]
        while len(body) > 1 and _is_check(body[0]):
            body = body[1:]
        return len(body) == 1 and isinstance(body[0], ast.Expr | ast.Return)

    def text(self, node: ast.AST) -> str:
        """The source text of an expression or statement, on one line."""
        line = getattr(node, "lineno", 0)
        if line and line == getattr(node, "end_lineno", 0):
            raw = self.lines[line - 1].encode()
            return raw[getattr(node, "col_offset", 0) : getattr(node, "end_col_offset", len(raw))].decode()
        return ast.unparse(node)

    def lookup(self, name: str, node: ast.AST) -> Any:
        """The Python object that a name that is not a local variable means. :raises InputError: there is none"""
        for space in (self.closure, self.function.__globals__, _BUILTINS):
            if name in space:
                return space[name]
        raise InputError(f"{name} is not defined", self.pos(node))

    def annotation(self, node: ast.expr) -> Any:
        """The object that an annotation inside the function means."""
        code = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)
        try:
            space = {**self.function.__globals__, **self.closure}
            return optional(typing.get_type_hints(_holder(code), space, include_extras=True)["x"])
        except Exception as error:
            raise InputError(f"the annotation {code} is not a type: {error}", self.pos(node)) from None


def _holder(code: str) -> Any:
    """Something whose only annotation is ``code``, so that typing resolves it."""
    return type("annotated", (), {"__annotations__": {"x": code}, "__module__": __name__})


_BUILTINS: Mapping[str, Any] = {
    f.__name__: f for f in (range, len, enumerate, zip, reversed, min, max, abs, int, bool, tuple, list, sum, print)
} | {"True": True, "False": False, "None": None, "NotImplemented": NotImplemented}


def optional(annotation: Any) -> Any:
    """``X | None`` as ``X``: every pointer may be NULL."""
    if isinstance(annotation, UnionType) or typing.get_origin(annotation) is typing.Union:
        rest = [a for a in typing.get_args(annotation) if a is not NoneType]
        if len(rest) == 1:
            return rest[0]
    return annotation


class _Names(ast.NodeVisitor):
    """The names that a function body assigns, those it declares global, and functions defined inside."""

    def __init__(self) -> None:
        self.assigned: set[str] = set()
        self.shared: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.assigned.add(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.shared.update(node.names)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        return


def assigned_names(nodes: list[ast.stmt]) -> set[str]:
    """The names assigned somewhere in these statements."""
    names = _Names()
    for node in nodes:
        names.visit(node)
    return names.assigned


class Namespaces:
    """What the global variables of modules are to threads, each module looked at once. Not for modules that change meanwhile."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, list[tuple[str, ThreadLocal]], list[dict[str, Any]]]] = {}

    def thread_locals(self, function: FunctionType) -> dict[str, ThreadLocal]:
        """The ``thread_local`` variables of a thread's module and of all whose functions it could call, by their names."""
        found: dict[str, ThreadLocal] = {}
        spaces = [function.__globals__]
        seen = {id(spaces[0])}
        while spaces:
            own, others = self._of(spaces.pop())
            for name, value in own:
                if value not in found.values():
                    found[name if name not in found else f"{name}#{value.number}"] = value
            for space in others:
                if id(space) not in seen:
                    seen.add(id(space))
                    spaces.append(space)
        return found

    def _of(self, space: dict[str, Any]) -> tuple[list[tuple[str, ThreadLocal]], list[dict[str, Any]]]:
        """The ``thread_local`` variables of a module, and the other modules that its functions are from."""
        known = self._known.get(id(space))
        if known is None:
            own, others = [], dict[int, dict[str, Any]]()
            for name, value in list(space.items()):
                if type(value) is ThreadLocal:
                    own.append((name, value))
                elif type(value) is FunctionType:
                    others.setdefault(id(value.__globals__), value.__globals__)
                elif type(value) is ModuleType:
                    others.setdefault(id(vars(value)), vars(value))
            rest = [o for o in others.values() if str(o.get("__name__")).split(".")[0] not in sys.stdlib_module_names]
            known = self._known[id(space)] = (space, own, rest)
        return known[1:]


@lru_cache(maxsize=256)
def _definitions(tree: ast.Module) -> Mapping[str, list[ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions that a file defines, also inside of others and of classes, by name; outer ones first."""
    found: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
    todo: deque[ast.AST] = deque([tree])
    while todo:
        node = todo.popleft()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.setdefault(node.name, []).append(node)
        if not isinstance(node, ast.expr):  # there are no definitions in an expression
            todo.extend(ast.iter_child_nodes(node))
    return found


@lru_cache(maxsize=4096)
def function_source(function: FunctionType) -> FunctionSource:
    """The source of ``function``. :raises InputError: it has none, or is not an ordinary function"""
    code = function.__code__
    file = code.co_filename
    where = Position(shown(file), code.co_firstlineno)
    if function.__name__ == "<lambda>":
        raise InputError("a lambda cannot be compiled: write a function with def", where)
    if not Path(file).is_file():
        raise InputError(f"the source of {function.__name__} is not in a file, so it cannot be compiled", where)
    tree, lines = parse_file(file)
    for node in _definitions(tree).get(function.__name__, ()):
        first = min([node.lineno, *[d.lineno for d in node.decorator_list]])
        if code.co_firstlineno in (first, node.lineno):
            break
    else:
        raise InputError(f"the source of {function.__name__} was not found at this line: has the file changed?", where)
    if not isinstance(node, ast.FunctionDef):
        raise InputError(f"{node.name} is asynchronous: thread functions are ordinary ones", Position(shown(file), node.lineno))
    args = node.args
    if args.vararg or args.kwarg:
        raise InputError(f"{node.name} takes *args or **kwargs: name its parameters", Position(shown(file), node.lineno))
    names = _Names()
    for child in node.body:
        names.visit(child)
    try:
        hints = {n: optional(h) for n, h in typing.get_type_hints(function, include_extras=True).items()}
    except Exception as error:
        raise InputError(f"an annotation of {node.name} is not a type: {error}", Position(shown(file), node.lineno)) from None
    parameters = tuple(a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs))
    closure = {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            closure[name] = cell.cell_contents
        except ValueError:
            continue
    return FunctionSource(
        function, node, file, lines, parameters, frozenset(names.assigned), frozenset(names.shared), hints, closure
    )


def as_function(obj: Any) -> FunctionType | None:
    """``obj`` as a plain function, through decorators that keep ``__wrapped__``."""
    obj = inspect.unwrap(obj) if callable(obj) else obj
    return obj if isinstance(obj, FunctionType) else None


def _is_check(stmt: ast.stmt) -> bool:
    match stmt:
        case ast.Expr(ast.Call(ast.Name(name))):
            return name in ("check", "BUG_ON", "WARN_ON")
    return isinstance(stmt, ast.Assert)
