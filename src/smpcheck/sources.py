"""What may be asked about from Python: a file, a text, a scenario of a Python model, a program."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from smpcheck.errors import InputError
from smpcheck.journal import note
from smpcheck.questions.check import CheckOptions, check_file, check_program, failure
from smpcheck.questions.result import Result, StateRow

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.kernel.scenario import Scenario
    from smpcheck.program.ir import Program

Source: TypeAlias = Union[str, "os.PathLike[str]", "Scenario", "Program"]
"""A path, the text of a litmus test (a string with a line break in it), a scenario of a Python model, or a program."""

TEXT_NAME = "<text>"


def answers(
    source: Source, model: Model, options: CheckOptions, on_state: Callable[[StateRow], None] | None = None
) -> tuple[Result, ...]:
    """A result for each program of ``source``, in this process; written down in the :mod:`smpcheck.journal`.

    :raises InputError: there is no such file
    :raises TypeError: not a source
    """
    if isinstance(source, (str, os.PathLike)):
        text: str | None = None
        if isinstance(source, str) and "\n" in source:
            path, text = TEXT_NAME, source
        else:
            path = os.fspath(source)
            if not Path(path).is_file():
                raise InputError(f"there is no file {path}")
        results = tuple(result for result, _ in check_file(path, model, options, text, on_state=on_state))
    else:
        results = (_of_object(source, model, options, on_state),)
    for result in results:
        note(result)
    return results


def _of_object(
    source: Scenario | Program, model: Model, options: CheckOptions, on_state: Callable[[StateRow], None] | None
) -> Result:
    from smpcheck.kernel.scenario import Scenario
    from smpcheck.program.ir import Program

    began = time.perf_counter()
    if isinstance(source, Program):
        return check_program(source, model, options, began, on_state)
    if not isinstance(source, Scenario):
        raise TypeError(f"not a path, a text, a scenario or a program: {type(source).__name__}")
    from smpcheck.readers.python import compile_scenario

    try:
        return check_program(compile_scenario(source), model, options, began, on_state)
    except Exception as error:
        return failure(source.title, error, model.name, began)
