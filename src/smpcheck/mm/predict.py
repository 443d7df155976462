"""What V10 says about the workloads of ``smpcheck mm live``: their steps, done by the model's own functions.

The model is run, not described: each step calls the functions that ``mm check`` checks and ``mm run`` runs, drains all pagevecs,
asks the invariants, and reads counters, page flags and page tables off the model's objects.

An area of which parts are locked or unlocked is more than one vma. Here it is more than one area from the start, each with a
file of its own: pages do not know of each other, and a file's size is the sum of its pieces' sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from msgspec import Struct

from smpcheck.errors import UnsupportedError
from smpcheck.mm.kernel_check.steps import COUNTERS, FLAGS, Kind, Prediction, Step
from smpcheck.mm.mm_types import (
    PAGE_FLAGS,
    PAGE_MAPPING_ANON,
    SIGBUS,
    VM_LOCKED,
    VMSTAT_NAMES,
)
from smpcheck.mm.simulator.machine import Machine, Stopped
from smpcheck.mm.simulator.objects import Tagged
from smpcheck.mm.simulator.translate import Code
from smpcheck.mm.simulator.workload import ANON, PRIVATE, SHARED, Area, File, Workload
from smpcheck.mm.simulator.world import World, code_for, mapped_page
from smpcheck.mm.variants import V10, Variant

KINDS: dict[Kind, str] = {"private": PRIVATE, "shared": SHARED, "anonymous": ANON}
SPARE_FRAMES = 8


def predict(steps: Sequence[Step]) -> list[Prediction]:
    """A prediction for each step of one scenario, from an empty system.

    :raises UnsupportedError: the model cannot do a step, or fails one of its own invariants
    """
    return list(_Model(steps).predictions())


@cache
def _code(variant: Variant) -> tuple[Code, Mapping[str, Any]]:
    return code_for(variant, "one-word", "at-once")


class Piece(Struct, frozen=True):
    """Pages ``start`` to ``stop`` of an area or a file, which the model has as an area or a file called ``name``."""

    start: int
    stop: int
    name: str


class _Model:
    """The model's world for one scenario."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.areas: dict[str, list[Piece]] = {}
        self.files: dict[str, list[Piece]] = {}
        self.mapped: set[str] = set()
        self.born: set[str] = set()
        load = self.workload()
        code, bindings = _code(V10)
        self.machine = Machine(code.sites)
        self.world = World(load, code, bindings, self.machine, cpus=1)
        for file in load.files.values():  # as the kernel makes it: empty
            self.call("vmtruncate", self.world.inodes[file.name], 0, file.pages)

    def workload(self) -> Workload:
        """Areas and files in pieces, so that each step is about whole pieces of an area."""
        cuts: dict[str, set[int]] = {}
        for step in self.steps:
            if step.area:
                cuts.setdefault(step.area, set()).update((step.pages.start, step.pages.stop))
        files = {step.area: step.file for step in self.steps if step.op == "mmap"}
        for file in files.values():  # areas of one file are cut at the same places
            together = set().union(*(cuts[area] for area in files if file and files[area] == file))
            for area in files:
                cuts[area] |= together if files[area] == file else set()
        load = Workload("live", pages=SPARE_FRAMES)
        for step in self.steps:
            if step.op != "mmap":
                continue
            places = sorted(cuts[step.area])
            pieces = [Piece(a, b, f"{step.area}[{a}:{b}]") for a, b in pairwise(places)]
            self.areas[step.area] = pieces
            for piece in pieces:
                size = piece.stop - piece.start
                file = f"{step.file}[{piece.start}:{piece.stop}]" if step.file else ""
                if file and file not in load.files:
                    load.files[file] = File(file, size)
                    self.files.setdefault(step.file, []).append(Piece(piece.start, piece.stop, file))
                    load.pages += size
                load.areas[piece.name] = Area(piece.name, KINDS[step.kind], size, file)
                load.pages += 2 * size
        return load

    def predictions(self) -> Iterator[Prediction]:
        """Do the steps, and say what each did."""
        before = self.counters()
        for step in self.steps:
            try:
                outcome = self.step(step)
                self.call("drain")
                self.world.settle()
                self.world.invariants()
            except Stopped:
                failure = self.machine.failures[0]
                raise UnsupportedError(f"{step}: the model fails {failure.name} ({failure.message})") from None
            after = self.counters()
            moved = {name: after[name] - before[name] for name in after if after[name] != before[name]}
            flags = {area: self.flags(area) for area in self.areas if area in self.born}
            yield Prediction(
                moved,
                flags,
                {area: self.locked(area) for area in flags},
                {area: self.vm_locked(area) for area in flags},
                outcome,
                frozenset(COUNTERS),
                FLAGS & (PAGE_FLAGS.keys() | {"mmap", "anon"}),
            )
            before = after

    # steps

    def call(self, operation: str, *args: Any) -> Any:
        """One of the model's functions, to its end."""
        return self.machine.alone(self.world.keeper, self.world.call[operation](self.world.keeper, *args))

    def step(self, step: Step) -> str:
        """One step; ``ok`` or the name of the error."""
        if step.op == "ftruncate":
            self.truncate(step.file, step.pages.stop)
            return "ok"
        pieces = [p for p in self.areas[step.area] if step.pages.start <= p.start and p.stop <= step.pages.stop]
        match step.op:
            case "mmap":
                self.mapped.update(p.name for p in pieces)
                self.born.add(step.area)
            case "read" | "write":
                return self.touch(step, pieces)
            case "mlock":
                failed = [self.call("sys_mlock", self.world.vmas[p.name]) for p in pieces if not self.is_locked(p)]
                return "ENOMEM" if any(failed) else "ok"
            case "munlock":
                for piece in pieces:
                    if self.is_locked(piece):
                        self.call("sys_munlock", self.world.vmas[piece.name])
            case "munmap":
                for piece in pieces:
                    self.call("munmap", self.world.vmas[piece.name])
                    self.mapped.discard(piece.name)
            case _:
                raise UnsupportedError(f"the model has no {step.op}")
        return "ok"

    def truncate(self, file: str, size: int) -> None:
        """Each piece of the file gets its part of the size. New pages are in the page cache at once (in memory: swapbacked)."""
        for piece in self.files.get(file, []):
            inode = self.world.inodes[piece.name]
            most = piece.stop - piece.start
            own = min(max(size - piece.start, 0), most)
            if own > inode.i_size:
                self.call("extend_shmem", inode, own)
            elif own < inode.i_size:
                self.call("vmtruncate", inode, own, most)

    def touch(self, step: Step, pieces: Sequence[Piece]) -> str:
        """Page by page, up to the first that gets SIGBUS, which a system call reports as EFAULT."""
        for piece in pieces:
            vma = self.world.vmas[piece.name]
            for index in range(piece.stop - piece.start):
                before = self.world.zone.vm_stat[SIGBUS]
                self.call(step.op, vma, index)
                if self.world.zone.vm_stat[SIGBUS] != before:
                    return "EFAULT"
        return "ok"

    # what is to be seen

    def is_locked(self, piece: Piece) -> bool:
        """Is its vma VM_LOCKED?"""
        return piece.name in self.mapped and self.world.vmas[piece.name].vm_flags & VM_LOCKED != 0

    def counters(self) -> dict[str, int]:
        """As /proc/vmstat has them."""
        stat = self.world.zone.vm_stat
        return {name: stat[item] for item, name in VMSTAT_NAMES.items() if name in COUNTERS}

    def pages(self, area: str) -> Iterator[tuple[Piece, Any]]:
        """The page behind each page of an area, or None, and the piece that it lies in."""
        for piece in self.areas[area]:
            for pte in self.world.ptes[piece.name]:
                yield piece, mapped_page(pte)

    def flags(self, area: str) -> list[frozenset[str] | None]:
        """The flags of each page, as /proc/kpageflags names them."""
        found: list[frozenset[str] | None] = []
        for _, page in self.pages(area):
            if page is None:
                found.append(None)
                continue
            names = {name for name, bit in PAGE_FLAGS.items() if page.flags >> bit & 1}
            names |= {"mmap"} if page._mapcount >= 0 else set()
            names |= {"anon"} if isinstance(page.mapping, Tagged) and page.mapping.tag & PAGE_MAPPING_ANON else set()
            found.append(frozenset(names & FLAGS))
        return found

    def locked(self, area: str) -> int:
        """smaps' Locked: each present page of a locked piece counts for one part in its mappings."""
        return int(sum(1 / (page._mapcount + 1) for piece, page in self.pages(area) if page and self.is_locked(piece)))

    def vm_locked(self, area: str) -> int:
        """Pages of the area in VM_LOCKED vmas."""
        return sum(piece.stop - piece.start for piece in self.areas[area] if self.is_locked(piece))
