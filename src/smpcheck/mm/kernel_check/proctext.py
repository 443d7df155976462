"""The texts of /proc, read: vmstat, smaps, and the few other lines that say what a machine offers (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\S+) (\d+)\s*(.*)")
_FIELD = re.compile(r"(\w+):\s+(\d+) kB")


def parse_vmstat(text: str, wanted: Iterable[str]) -> dict[str, int]:
    """The wanted counters that /proc/vmstat has. A line is a name and a number."""
    values = dict(line.split()[:2] for line in text.splitlines() if len(line.split()) == 2)
    return {name: int(values[name]) for name in wanted if name in values}


class Vma(Struct, frozen=True):
    """One entry of /proc/PID/smaps."""

    start: int
    """First address."""
    end: int
    """Address after the last."""
    name: str
    fields: Mapping[str, int]
    """kB by name: Rss, Locked, ..."""
    flags: frozenset[str] | None
    """VmFlags, two letters each (``lo`` is VM_LOCKED); None where the kernel does not give them."""


def parse_smaps(text: str) -> list[Vma]:
    """All entries, in the order of addresses."""
    found: list[Vma] = []
    head: re.Match[str] | None = None
    fields: dict[str, int] = {}
    flags: frozenset[str] | None = None

    def close() -> None:
        if head:
            found.append(Vma(int(head[1], 16), int(head[2], 16), head[7], fields, flags))

    for line in text.splitlines():
        if match := _HEAD.fullmatch(line.rstrip()):
            close()
            head, fields, flags = match, {}, None
        elif match := _FIELD.fullmatch(line.strip()):
            fields[match[1]] = int(match[2])
        elif line.startswith("VmFlags:"):
            flags = frozenset(line.split()[1:])
    close()
    return found


def parse_release(text: str) -> tuple[int, int] | None:
    """Version and patch level of a kernel release such as ``6.18.44-fc-v595``; None where it does not begin so."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def parse_swap_total(text: str) -> int:
    """SwapTotal of /proc/meminfo, in kB; 0 where there is none."""
    match = re.search(r"^SwapTotal:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) if match else 0


def parse_status(text: str) -> dict[str, str]:
    """/proc/PID/status: value by name."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
