"""Steps done for real: each is a system call on areas of this process, followed by a drain of the per-CPU batches and a look.

mlock and munlock queue pages on the CPU they run on (``mlock_drain_local`` empties the queue when it is full), so that
counters and flags lag behind. ``madvise(MADV_COLD)`` begins with ``lru_add_drain``: called once on each CPU, it brings
quiescence from user space.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from smpcheck.errors import UnsupportedError
from smpcheck.mm.kernel_check import syscalls
from smpcheck.mm.kernel_check.frames import Frames
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.proctext import parse_smaps
from smpcheck.mm.kernel_check.steps import Observation, Op, PageFlags, Step
from smpcheck.mm.kernel_check.syscalls import PAGE


class Drain:
    """A page of its own on which to call MADV_COLD, on each CPU that this process may use."""

    def __init__(self) -> None:
        self._page = syscalls.reserve(PAGE)
        syscalls.map_at(self._page, PAGE, shared=False)

    def __call__(self) -> None:
        cpus = os.sched_getaffinity(0)
        try:
            for cpu in cpus if len(cpus) > 1 else ():
                with suppress(OSError):  # the CPU went offline, or this process may not choose
                    os.sched_setaffinity(0, {cpu})
                    self._cold()
        finally:
            if len(cpus) > 1:
                with suppress(OSError):
                    os.sched_setaffinity(0, cpus)
        self._cold()

    def _cold(self) -> None:
        with suppress(OSError):  # EINVAL from a kernel before 5.4; the page stays unlocked, unless mlockall took it
            syscalls.madvise(self._page, PAGE, syscalls.MADV_COLD)

    def close(self) -> None:
        """Give the page back."""
        syscalls.munmap(self._page, PAGE)


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """Stay on one CPU, so that one drain does."""
    cpus = os.sched_getaffinity(0)
    try:
        with suppress(OSError):
            os.sched_setaffinity(0, {min(cpus)})
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, cpus)


def open_file(directory: Path | None, name: str = "smpcheck") -> int:
    """A new file without a name: in ``directory``, or in memory (tmpfs) without one.

    :raises UnsupportedError: the folder takes no file
    """
    if directory is None:
        return os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        with suppress(OSError):  # not every file system has it
            return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        path = directory / f".{name}-{os.getpid()}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)
    except OSError as error:
        raise UnsupportedError(f"no file can be made in {directory}: {error.strerror}") from None
    return fd


@dataclass(slots=True)
class Area:
    """A mapping, with an inaccessible page on either side so that the kernel merges it with nothing."""

    address: int
    pages: int
    owned: set[int]
    """Pages not yet unmapped, the two beside the area (-1 and ``pages``) included."""

    def at(self, page: int) -> int:
        """The address of a page."""
        return self.address + page * PAGE

    def unmap(self) -> None:
        """Give back what is owned, and nothing else: where a page was unmapped, somebody else may live now."""
        for page in self.owned:
            syscalls.munmap(self.at(page), PAGE)
        self.owned.clear()


class Workload:
    """The areas and files of one scenario, and one method for each operation of a `Step`. To be closed."""

    def __init__(self, machine: Machine, directory: Path | None = None) -> None:
        self._machine = machine
        self._directory = directory
        self._areas: dict[str, Area] = {}
        self._files: dict[str, int] = {}
        self._zero = os.open("/dev/zero", os.O_RDONLY | os.O_CLOEXEC)
        self._scratch = open_file(None, "smpcheck-scratch")
        self._drain = Drain()
        self._frames = Frames(f"{machine.proc}/self/pagemap", f"{machine.proc}/kpageflags") if machine.flags else None

    def __enter__(self) -> Workload:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        for area in self._areas.values():
            area.unmap()
        self._drain.close()
        for fd in (*self._files.values(), self._zero, self._scratch):
            os.close(fd)
        if self._frames:
            self._frames.close()

    def observe(self, steps: Sequence[Step]) -> Iterator[Observation]:
        """Do the steps one after another, each with what it did."""
        before = self._counters()
        for step in steps:
            outcome = self.do(step)
            after = self._counters()
            locked, vm_locked = self._smaps() if self._machine.smaps else (None, None)
            flags = self._flags()
            later = self._counters()
            yield Observation(_differences(before, after), flags, locked, vm_locked, outcome, _differences(after, later))
            before = later

    def do(self, step: Step) -> str:
        """One step; ``ok`` or the name of the error."""
        try:
            self._operations[step.op](self, step)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error.errno))
        return "ok"

    def _ftruncate(self, step: Step) -> None:
        if step.file not in self._files:
            self._files[step.file] = open_file(self._directory)
        os.ftruncate(self._files[step.file], step.pages.stop * PAGE)

    def _mmap(self, step: Step) -> None:
        count = len(step.pages)
        reserved = syscalls.reserve((count + 2) * PAGE)
        area = self._areas[step.area] = Area(reserved + PAGE, count, set(range(-1, count + 1)))
        syscalls.map_at(area.address, count * PAGE, step.kind == "shared", self._files[step.file] if step.file else -1)
        with suppress(OSError):  # EINVAL: a kernel without huge pages
            syscalls.madvise(area.address, count * PAGE, syscalls.MADV_NOHUGEPAGE)

    def _range(self, step: Step) -> tuple[int, int]:
        return self._areas[step.area].at(step.pages.start), len(step.pages) * PAGE

    def _touch(self, step: Step) -> syscalls.Touch:
        return syscalls.Touch([self._areas[step.area].at(page) for page in step.pages])

    def _read(self, step: Step) -> None:
        if self._touch(step).read(self._scratch) < len(step.pages):
            raise OSError(errno.EFAULT, "read")

    def _write(self, step: Step) -> None:
        if self._touch(step).write(self._zero) < len(step.pages):
            raise OSError(errno.EFAULT, "write")

    def _mlock(self, step: Step) -> None:
        syscalls.mlock(*self._range(step))

    def _munlock(self, step: Step) -> None:
        syscalls.munlock(*self._range(step))

    def _munmap(self, step: Step) -> None:
        syscalls.munmap(*self._range(step))
        self._areas[step.area].owned -= set(step.pages)

    def _cold(self, step: Step) -> None:
        syscalls.madvise(*self._range(step), syscalls.MADV_COLD)

    def _pageout(self, step: Step) -> None:
        syscalls.madvise(*self._range(step), syscalls.MADV_PAGEOUT)

    _operations: ClassVar[Mapping[Op, Callable[[Workload, Step], None]]] = {
        "ftruncate": _ftruncate,
        "mmap": _mmap,
        "read": _read,
        "write": _write,
        "mlock": _mlock,
        "munlock": _munlock,
        "munmap": _munmap,
        "cold": _cold,
        "pageout": _pageout,
    }

    def _counters(self) -> dict[str, int]:
        self._drain()
        return self._machine.vmstat()

    def _flags(self) -> Mapping[str, PageFlags] | None:
        if not self._frames:
            return None
        return {
            name: [flags if page in area.owned else None for page, flags in enumerate(found)]
            for name, area in self._areas.items()
            for found in (self._frames.flags(area.address, area.pages),)
        }

    def _smaps(self) -> tuple[dict[str, int], dict[str, int]]:
        """smaps' Locked and the size of the VM_LOCKED vmas, both in pages, for each area."""
        vmas = parse_smaps((self._machine.proc / "self/smaps").read_text())
        locked, vm_locked = {}, {}
        for name, area in self._areas.items():
            own = [vma for vma in vmas if area.address <= vma.start and vma.end <= area.at(area.pages)]
            locked[name] = sum(vma.fields.get("Locked", 0) for vma in own) * 1024 // PAGE
            vm_locked[name] = sum((vma.end - vma.start) // PAGE for vma in own if "lo" in (vma.flags or ()))
        return locked, vm_locked


def _differences(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}
