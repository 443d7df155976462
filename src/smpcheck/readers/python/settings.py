"""Choosing a model's parameters by name, as they are given on a command line: ``variant=V4``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

from smpcheck.errors import InputError
from smpcheck.kernel.scenario import Parameter, Scenario


def bindings(settings: Sequence[str], module: ModuleType) -> dict[str, Any]:
    """What ``NAME=VALUE`` settings bind the parameters of a model to. ``module``: the model's file.

    A value is one of the parameter's choices; a number, a text, ``True`` or ``False`` as its default is; else the name of an
    object of the default's type, in the file or in the module that has the parameter.

    :raises InputError: there is no such parameter or value; the message has those that there are
    """
    known = parameters(module)
    chosen: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in known:
            has = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise InputError(f"--set {setting}: the model has no parameter {name!r}: {has}")
        if name in chosen:
            raise InputError(f"--set {setting}: {name} is set twice")
        chosen[name] = _value(setting, value, known[name], module)
    return chosen


def parameters(module: ModuleType) -> dict[str, Parameter]:
    """The parameters of a model's file and of the modules that its names come from."""
    found: dict[str, Parameter] = {}
    seen: set[str] = set()
    todo = [module]
    while todo:
        here = todo.pop()
        if here.__name__ in seen or here.__name__.partition(".")[0] in sys.stdlib_module_names:
            continue
        seen.add(here.__name__)
        for value in list(vars(here).values()):
            if type(value) is Parameter:
                found.setdefault(value.name, value)
                todo += _module(value.module)
            elif isinstance(value, ModuleType):
                todo.append(value)
            elif isinstance(value, FunctionType | type):
                todo += _module(value.__module__)
            elif isinstance(value, Scenario):
                todo += _module(value.function.__module__)
    return found


def _module(name: str) -> Iterator[ModuleType]:
    module = sys.modules.get(name)
    if module is not None:
        yield module


def _value(setting: str, text: str, parameter: Parameter, module: ModuleType) -> Any:
    named = _named(parameter, module)
    if text in named:
        return named[text]
    free = type(parameter.default) if not named else None
    if free is str:
        return text
    if free is int:
        with suppress(ValueError):
            return int(text, 0)
    there_is = "it is a number" if free is int else f"choose from {', '.join(named)}" if named else "it has none with a name"
    raise InputError(f"--set {setting}: {text!r} is no value of {parameter.name}: {there_is}")


def _named(parameter: Parameter, module: ModuleType) -> Mapping[str, Any]:
    """The values that have a name."""
    default = parameter.default
    if parameter.choices:
        return {str(choice): choice for choice in parameter.choices}
    if isinstance(default, bool):
        return {"True": True, "False": False}
    if isinstance(default, int | str):
        return {}
    places = [*_module(parameter.module), module]
    return {name: value for place in places for name, value in vars(place).items() if type(value) is type(default)}
