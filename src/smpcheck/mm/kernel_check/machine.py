"""What this machine shows and allows. Each thing that is missing is named, with what cannot be done without it."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from smpcheck.mm.kernel_check.frames import Frames
from smpcheck.mm.kernel_check.proctext import parse_release, parse_smaps, parse_status, parse_swap_total, parse_vmstat
from smpcheck.mm.kernel_check.steps import COUNTERS, EVENTS, LEVELS
from smpcheck.mm.kernel_check.syscalls import PAGE

CAP_IPC_LOCK = 14

DESIGNS = (
    ((5, 18), "V10"),
    ((4, 17), "V9"),
    ((4, 4), "V8"),
    ((3, 7), "V7"),
    ((2, 6), "V0 to V6"),
)
"""The variant of the model that a kernel of that version or later follows (2.6.28 is the first with an unevictable list)."""

MODELLED = "V10"


class Missing(Struct, frozen=True):
    """Something that this machine does not give."""

    what: str
    consequence: str

    def __str__(self) -> str:
        return f"{self.what}: {self.consequence}"


@dataclass(slots=True)
class Machine:
    """What was found out. Paths are below ``proc``, so that tests can bring their own."""

    proc: Path
    release: str
    counters: frozenset[str] = frozenset()
    """Those of /proc/vmstat that can be compared."""
    refresh: bool = False
    """vm.stat_refresh can be written."""
    flags: bool = False
    """The flags of pages can be seen."""
    smaps: bool = False
    """smaps gives Locked and VmFlags."""
    pages: int = 0
    """Pages that may be locked at once, of those asked for."""
    modelled: bool = False
    """The kernel follows the variant that predictions are made for."""
    missing: list[Missing] = field(default_factory=list)

    @property
    def sees_anything(self) -> bool:
        """There is something to compare."""
        return bool(self.pages and (self.counters or self.flags or self.smaps))

    def vmstat(self) -> dict[str, int]:
        """The counters now, as exact as this machine gives them."""
        if self.refresh:
            with suppress(OSError):  # EINVAL: some counter was found negative, which does not concern the ones read here
                (self.proc / "sys/vm/stat_refresh").write_text("1")
        return parse_vmstat((self.proc / "vmstat").read_text(), self.counters)


def look(pages: int, proc: Path = Path("/proc")) -> Machine:
    """Find out what there is for a workload on ``pages`` pages."""
    machine = Machine(proc, _read(proc / "sys/kernel/osrelease") or os.uname().release)
    if sys.platform != "linux":
        machine.missing.append(Missing(f"this is {sys.platform}", "there is no Linux to compare with"))
        return machine
    _look_version(machine)
    _look_counters(machine)
    _look_flags(machine)
    _look_smaps(machine)
    _look_limit(machine, pages)
    if not parse_swap_total(_read(proc / "meminfo")):
        machine.missing.append(Missing("no swap", "MADV_PAGEOUT in the race leaves anonymous pages where they are"))
    return machine


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().strip()
    return ""


def _look_version(machine: Machine) -> None:
    version = parse_release(machine.release)
    variant = next((name for least, name in DESIGNS if version and version >= least), "")
    machine.modelled = variant == MODELLED
    if not machine.modelled:
        what = f"Linux {machine.release} follows {variant}" if variant else f"unknown release {machine.release!r}"
        machine.missing.append(Missing(what, f"predictions are those of {MODELLED} (5.18 and later) and do not bind it"))


def _look_counters(machine: Machine) -> None:
    there = frozenset(parse_vmstat(_read(machine.proc / "vmstat"), COUNTERS))
    refresh = machine.proc / "sys/vm/stat_refresh"
    try:
        with refresh.open("w") as file, suppress(OSError):
            file.write("1")
        machine.refresh = True
    except OSError as error:
        machine.missing.append(
            Missing(f"{refresh} ({error.strerror})", f"{_listed(LEVELS)} lag behind by seconds, and are not compared")
        )
    machine.counters = there if machine.refresh else there - set(LEVELS)
    for group in (EVENTS, LEVELS):
        if lacking := [name for name in group if name not in there]:
            machine.missing.append(Missing(f"{_listed(lacking)} in {machine.proc}/vmstat", "not compared"))


def _look_flags(machine: Machine) -> None:
    try:
        frames = Frames(f"{machine.proc}/self/pagemap", f"{machine.proc}/kpageflags")
    except OSError as error:
        name = os.fspath(error.filename)
        machine.missing.append(Missing(f"{name} ({error.strerror})", "page flags are not compared; the census is left out"))
        return
    try:
        own = bytearray(PAGE)
        import ctypes

        address = ctypes.addressof(ctypes.c_char.from_buffer(own))
        frames.flags(address - address % PAGE, 1)
        machine.flags = True
    except OSError as error:
        machine.missing.append(Missing(f"flags of frames ({error})", "page flags are not compared"))
    finally:
        frames.close()


def _look_smaps(machine: Machine) -> None:
    vmas = parse_smaps(_read(machine.proc / "self/smaps"))
    machine.smaps = bool(vmas) and "Locked" in vmas[0].fields and vmas[0].flags is not None
    if not machine.smaps:
        machine.missing.append(Missing(f"Locked and VmFlags in {machine.proc}/self/smaps", "not compared"))


def _look_limit(machine: Machine, pages: int) -> None:
    status = parse_status(_read(machine.proc / "self/status"))
    capable = bool(int(status.get("CapEff", "0"), 16) >> CAP_IPC_LOCK & 1)
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    already = int(status.get("VmLck", "0 kB").split()[0]) * 1024
    free = pages if capable or limit == resource.RLIM_INFINITY else max(0, limit - already) // (2 * PAGE)
    machine.pages = min(pages, free) if free >= LEAST_PAGES else 0
    if machine.pages < pages:
        machine.missing.append(
            Missing(
                f"RLIMIT_MEMLOCK is {limit} bytes and CAP_IPC_LOCK is not there",
                f"{machine.pages} pages instead of {pages} (two areas of them are locked at once)"
                if machine.pages
                else "nothing can be locked",
            )
        )


LEAST_PAGES = 4
"""Fewer pages than that make no workload."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
