"""The memory models that come with the program, and for which languages each is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from smpcheck.errors import UnsupportedError
from smpcheck.program.ir import Language, Program
from smpcheck.program.tags import KERNEL

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model

LANGUAGES: Mapping[str, tuple[Language, ...] | None] = {
    "sc": None,
    "tso": KERNEL,
    "lkmm": KERNEL,
    "x86": ("X86", "X86_64"),
    "aarch64": ("AArch64",),
    "aarch64-2020": ("AArch64",),
    "power": ("PPC",),
    "riscv": ("RISCV",),
    "armv7": ("ARM",),
}
"""What each model speaks of; None: it may be asked about any program."""

KERNEL_MODEL = "lkmm"
"""The model that is asked about the kernel's primitives unless another is chosen."""


def own_model(program: Program) -> str:
    """The name of the model that is asked about ``program`` where none is chosen: the kernel's, or that of its machine."""
    if program.language in KERNEL:
        return KERNEL_MODEL
    return next(name for name, languages in LANGUAGES.items() if languages is not None and program.language in languages)


EDITIONS: Mapping[str, str] = {
    "x86": "x86-TSO of 2010",
    "aarch64": "Arm DDI 0487 of 2025",
    "aarch64-2020": "as before atomics with acquire and release were strengthened",
    "power": "Herding Cats, 2014",
    "riscv": "RVWMO of 2024",
    "armv7": "Herding Cats, 2014",
}
"""What a model of a machine states, and of when: answers say it. The files cite it in full."""

MIXED_SIZES: Mapping[str, str] = {
    "sc": "",
    "tso": "",
    "x86": "",
    "aarch64": "",
    "aarch64-2020": "",
    "lkmm": "mixed sizes: an extension of the model. An access to several pieces of memory is an event for each, with its tags; "
    "marked ones are not torn, plain ones may be",
}
"""Models that define accesses of several sizes to one place, with what is to be said of it. No published one of POWER, ARMv7 or
RISC-V does in this form."""


def about_sizes(model: Model, program: Program) -> tuple[str, ...]:
    """What is to be said with every answer of ``model`` about accesses of several sizes to one place; nothing without them, and
    nothing for a model that refuses them."""
    if not program.in_pieces or (model.name in LANGUAGES and model.name not in MIXED_SIZES):
        return ()
    other = f"mixed sizes: {model.name} is taken as it is, with an event for each piece of memory that an access covers"
    return tuple(filter(None, (MIXED_SIZES.get(model.name, other),)))


def require_primitives(program: Program, question: str) -> None:
    """:raises UnsupportedError: ``question`` is about the kernel's primitives, and ``program`` has a machine's instructions"""
    if program.language not in KERNEL:
        raise UnsupportedError(
            f"{question} knows the kernel's primitives, and not {program.language} instructions: "
            "take a barrier out, or put one in, and ask check or explain"
        )


def require_language(model: Model, program: Program) -> None:
    """:raises UnsupportedError: the model says nothing about the language of ``program``, or about accesses of several sizes"""
    if program.in_pieces and model.name in LANGUAGES and model.name not in MIXED_SIZES:
        raise UnsupportedError(
            f"{model.name} says nothing of accesses of several sizes to one place, which this program has (models that do: "
            f"{', '.join(MIXED_SIZES)})"
        )
    if model.languages is None or program.language in model.languages:
        return
    ours = [name for name, languages in LANGUAGES.items() if languages and program.language in languages]
    about = f"is about {', '.join(model.languages)}" if model.languages else "is about programs that are not read yet"
    raise UnsupportedError(
        f"{model.name} {about}, and says nothing of {program.language}: use --model {', '.join([*ours, 'sc'])}, or a .cat file "
        f"of a model for {program.language}"
    )
