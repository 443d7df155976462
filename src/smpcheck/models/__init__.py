"""The memory models that come with the program, and for which languages each is one."""

from __future__ import annotations

from collections.abc import Mapping

from smpcheck.errors import UnsupportedError
from smpcheck.program.ir import Language, Program

KERNEL: tuple[Language, ...] = ("C", "LISA", "Python")
"""Languages whose events are the kernel's primitives."""

LANGUAGES: Mapping[str, tuple[Language, ...]] = {"lkmm": KERNEL, "tso": KERNEL}
"""What each model speaks of; those that are not here (``sc``, and models of the user's) are asked about any program."""


def require_language(model: str, program: Program) -> None:
    """:raises UnsupportedError: the model called ``model`` says nothing about what ``program`` is written in"""
    languages = LANGUAGES.get(model)
    if languages is not None and program.language not in languages:
        raise UnsupportedError(
            f"{model} orders the primitives of {', '.join(languages)}, and says nothing of {program.language} instructions: "
            "use --model sc, or the .cat file of a model of that machine"
        )
