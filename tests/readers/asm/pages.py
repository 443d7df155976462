"""The pages ``docs/machine-*.md``, made from the tables of instructions, the models and the mappings.

``python -m tests.readers.asm.pages`` writes them anew.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import smpcheck.models
from smpcheck.machines.mapping import MachineMapping, load_mapping
from smpcheck.models import EDITIONS
from smpcheck.readers.asm.test import machine_of

DOCS = Path(__file__).parents[3] / "docs"
MODELS = Path(smpcheck.models.__file__).parent


@dataclass(frozen=True)
class Page:
    """What a page says that is in no table: ``limits``."""

    machine: str
    title: str
    architectures: tuple[str, ...]
    models: tuple[str, ...]
    others: tuple[str, ...]
    limits: tuple[str, ...]

    @property
    def path(self) -> Path:
        return DOCS / f"machine-{self.machine}.md"


PAGES = (
    Page(
        "arm64", "AArch64 and arm64", ("AArch64",), ("aarch64", "aarch64-2020"), ("llsc",),
        (
            "Explicit accesses to ordinary memory: no page tables, tags of memory, self-modifying code or cache maintenance.",
            "Accesses of several sizes are as herd7's model has them. A misaligned access is refused.",
            "A store-conditional after two loads exclusive, or of another size than its load, is refused.",
            "Of `CASPA`, `CASPL`, `CASPAL` both reads come before both writes; herd7 does not order a read and the other write.",
            "The kernel's `LDAPR` for `READ_ONCE()` with LTO is not in the mapping.",
        ),
    ),
    Page(
        "x86", "x86, x86-64", ("X86", "X86_64"), ("x86",), (),
        (
            "Write-back memory, no non-temporal stores.",
            "Accesses of several sizes are as in the model that comes with herd7, the only published one.",
            "Sign and overflow are as before after a `BTS` and its kin; the manual leaves them undefined.",
        ),
    ),
    Page(
        "ppc64", "POWER and ppc64", ("PPC",), ("power",), (),
        (
            "Cacheable memory, accesses of one size to each location: no published model has several.",
            "`isync` after a lock is the `lwsync` that the kernel patches in at boot.",
            "`r0` as a base register is the number 0, as the ISA says; herd7 reads the register.",
        ),
    ),
    Page(
        "riscv", "RISC-V", ("RISCV",), ("riscv",), ("queued",),
        (
            "Ordinary memory, accesses of one size to each location: programs with several are refused.",
            "Device input and output of a fence count as reads and writes of memory; `fence.i` orders nothing.",
            "`lr.rl` and `sc.aq` order nothing; loads with `.rl` and stores with `.aq` do not exist.",
            "Read-modify-writes of one and two bytes are of that size here; the kernel does them by the word around them.",
        ),
    ),
    Page(
        "armv7", "ARMv7", ("ARM",), ("armv7",), (),
        (
            "Accesses of one size to each location; a location cannot hold an address, as an address has 8 bytes here.",
            "An instruction under a condition (`STREQ`) chooses by the flags, and no control dependency arises, as in herd7.",
            "Arm's manual (DDI 0406C, A3.8.2) has that dependency: it may forbid what is Sometimes here. A branch has it.",
            "Any instruction but barriers and `BX` may have a condition; no second operand is shifted, but in addresses.",
            "The kernel's `strexeq` and its like are written with a branch in the mapping.",
        ),
    ),
)  # fmt: skip


def text(page: Page) -> str:
    """The page."""
    return "\n".join(_lines(page)).rstrip() + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield from (f"# {page.title}", "", "Made from smpcheck's own tables; [machines.md](machines.md) says how a test is read.", "")
    yield from ("## Instructions", "")
    for name in page.architectures:
        machine = machine_of(name)
        if len(page.architectures) > 1:
            yield from (f"### `{name}`", "")
        yield from (f"Registers: {machine.registers}. What is not here is refused, with its place and similar ones.", "", "```")
        yield textwrap.fill(" ".join(sorted(machine.rows)), 118, break_on_hyphens=False)
        yield from ("```", "")
    yield from ("## Model", "")
    for name in page.models:
        yield f"`{name}` ([{name}.cat](../src/smpcheck/models/{name}.cat)): {EDITIONS[name]}."
        yield from ("", *(f"> {line}".rstrip() for line in _citation(name)), "")
    usual = load_mapping(page.machine)
    yield from (f"## What the kernel is on it: `--machine {page.machine}`", "", _options(usual), "")
    yield from _table(usual, None)
    for option in page.others:
        yield from ("", f"With `--machine {page.machine}:{option}` these rows are others:", "")
        yield from _table(load_mapping(page.machine, (option,)), usual)
    yield from ("", *(f"Note: {note}." for note in usual.notes), "", "## Limits", "")
    yield from (f"- {limit}" for limit in page.limits)


def _citation(name: str) -> list[str]:
    """The first comment of a model's file."""
    found = re.search(r"\(\*\n(.*?)\*\)", (MODELS / f"{name}.cat").read_text(), re.DOTALL)
    assert found is not None
    return [line.removeprefix(" *").strip() for line in found[1].splitlines()][: found[1].count("\n")]


def _options(mapping: MachineMapping) -> str:
    choices = "; ".join(f"{kind}: {', '.join(f'`{one}`' for one in names)}" for kind, names in mapping.options.items())
    return f"Linux {mapping.linux}, judged by `{mapping.model}`. Options, the usual one first: {choices}."


def _table(mapping: MachineMapping, without: MachineMapping | None) -> Iterator[str]:
    yield from ("| primitive | instructions | in the kernel's tree |", "|---|---|---|")
    known = [(row.primitives, row.ways) for row in without.rows] if without is not None else []
    for row in mapping.rows:
        if (row.primitives, row.ways) not in known:
            ways = " or ".join(f"`{'; '.join(way)}`" if way else "none" for way in row.ways)
            shown = f"`{row.kernel}` (here {ways})" if row.kernel else ways
            names = ", ".join(f"`{one}`" for one in row.primitives)
            yield f"| {names} | {shown.replace('|', chr(92) + '|')} | {row.source.replace('; ', ', ')} |"


if __name__ == "__main__":
    for one in PAGES:
        one.path.write_text(text(one), encoding="utf-8")
