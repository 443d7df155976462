"""Reading a Python file: run it as a module, collect its scenarios, compile each."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from types import ModuleType

from smpcheck.errors import InputError, SmpcheckError
from smpcheck.kernel.scenario import Scenario
from smpcheck.kernel.types import Struct, field_annotations
from smpcheck.program.ir import Position, Program
from smpcheck.readers.python.scenarios import compile_scenario, hint_for, where_raised
from smpcheck.readers.python.settings import bindings
from smpcheck.readers.python.source import parse_file, shown, standing_in

_loading = RLock()
"""Files are run one at a time: meanwhile their folder is on the import path."""

_siblings: dict[str, str] = {}
"""Modules that models imported from their own folder, which they share with the models of that folder only."""


def load_scenarios(path: str | Path) -> list[Scenario]:
    """The scenarios that a file's global variables hold, in order of definition.

    The file's top level runs as ordinary Python, with its folder on the import path; thread functions are not called.

    :raises InputError: it cannot be read, is not Python, fails, or has no scenario
    """
    return _scenarios(path, _module(path))


def _scenarios(path: str | Path, module: ModuleType) -> list[Scenario]:
    file = str(module.__file__)
    found: list[Scenario] = []
    for value in vars(module).values():
        if isinstance(value, Scenario) and value not in found and _belongs(value, file):
            found.append(value)
    if not found:
        raise InputError(f"{path} has no scenario: mark a set-up function with @scenario (see docs/python-models.md)")
    return found


def _module(path: str | Path, text: str | None = None) -> ModuleType:
    """The file, executed; with ``text``, as if it had this text."""
    with _loading:
        return _run(path, text)


def _run(path: str | Path, text: str | None) -> ModuleType:
    file = str(Path(path).resolve())
    parse_file(file)
    name = f"smpcheck_model_{hashlib.sha1(file.encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} cannot be loaded as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(Path(file).parent)
    for other in [m for m, where in _siblings.items() if where != folder]:
        sys.modules.pop(other, None)
        del _siblings[other]
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        if text is None:
            spec.loader.exec_module(module)
        else:
            exec(compile(text, file, "exec"), vars(module))
    except SmpcheckError:
        raise
    except SyntaxError as error:
        raise InputError(f"not valid Python: {error.msg}", Position(shown(file), error.lineno or 1, error.offset or 1)) from None
    except SystemExit as error:
        raise InputError(f"it exits while it is read (SystemExit: {error})", where_raised(error, file)) from error
    except Exception as error:
        raise InputError(f"{type(error).__name__}: {error}{hint_for(error)}", where_raised(error, file)) from error
    finally:
        sys.path.remove(folder)
        for other in set(sys.modules) - before:
            if str(Path(getattr(sys.modules[other], "__file__", None) or "").parent) == folder:
                _siblings[other] = folder
    for value in list(vars(module).values()):
        if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == name:
            with suppress(Exception):  # said with its position where the struct is used
                field_annotations(value)  # now, before the same file is run again and the module's name means that
    return module


def _belongs(scenario: Scenario, file: str) -> bool:
    """Was it made by this file, or chosen by it with ``bind``? What it merely imports is not its own."""
    code = getattr(scenario.function, "__code__", None)
    return bool(scenario.bindings) or code is None or str(Path(code.co_filename).resolve()) == file


def read_python_file(path: str | Path, scenario: str | None = None, settings: Sequence[str] = ()) -> list[Program]:
    """The programs of all scenarios of a file; with ``scenario``, of the one of that name or title, and only that is compiled.
    ``settings``: ``NAME=VALUE`` for parameters (see :mod:`smpcheck.readers.python.settings`).

    :raises InputError: something in the file is wrong, with its position; there is no such scenario, parameter or value
    :raises UnsupportedError: something in it is outside the subset
    """
    module = _module(path)
    chosen = bindings(settings, module)
    found = [one.bind(**chosen) for one in _scenarios(path, module)]
    if scenario is not None:
        there_are = ", ".join(dict.fromkeys(one.title if not chosen else one.name for one in found))
        titled = [one for one in found if one.title == scenario]
        found = titled or [one for one in found if one.name == scenario]
        if not found:
            raise InputError(f"{path} has no program {scenario!r}: it has {there_are}")
    return [compile_scenario(one, with_calls=True) for one in found]


def read_changed(path: str | Path, text: str, title: str) -> Program | None:
    """The program of this title as it would be if the file had this text; None where no scenario has it by itself (its parameters
    were set from outside). Errors as in :func:`read_python_file`.
    """
    file = str(Path(path).resolve())
    with standing_in(file, text):
        for one in _scenarios(path, _module(path, text)):
            if one.title == title:
                return compile_scenario(one, with_calls=True)
    return None
