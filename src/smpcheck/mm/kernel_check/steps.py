"""What is done and what is expected of it, as data: the contract between the model's predictions and the real run.

A predictor gets the whole list of steps of one scenario, from an empty system, and answers with one `Prediction` for each.
Both sides speak of quiescence: after each step all per-CPU batches are drained (``lru_add_drain`` on every CPU).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct, field

EVENTS = (
    "unevictable_pgs_culled",
    "unevictable_pgs_scanned",
    "unevictable_pgs_rescued",
    "unevictable_pgs_mlocked",
    "unevictable_pgs_munlocked",
    "unevictable_pgs_cleared",
    "unevictable_pgs_stranded",
)
"""Events of /proc/vmstat: they only grow, and are summed over the CPUs whenever the file is read."""

LEVELS = ("nr_mlock", "nr_unevictable")
"""Levels of /proc/vmstat: they go up and down, and lag behind until ``vm.stat_refresh`` folds in what each CPU holds back."""

COUNTERS = EVENTS + LEVELS

FLAGS = frozenset({"lru", "active", "mmap", "anon", "swapbacked", "unevictable", "mlocked"})
"""Page flags that are compared, as /proc/kpageflags names them (admin-guide/mm/pagemap)."""

Op: TypeAlias = Literal["ftruncate", "mmap", "read", "write", "mlock", "munlock", "munmap", "cold", "pageout"]

Kind: TypeAlias = Literal["private", "shared", "anonymous"]


class Step(Struct, frozen=True):
    """One operation.

    ``ftruncate``: ``file`` gets the size ``pages.stop`` pages (and is created by the first one). ``mmap``: the area is born,
    readable and writable, page i of it being page i of ``file``. ``read``, ``write``: one byte of each page, stopping at the
    first that faults. ``cold``, ``pageout``: ``madvise``. All others as the system call of that name.
    """

    op: Op
    pages: range
    """Of the area, or of the file; contiguous and ascending."""
    area: str = ""
    file: str = ""
    """Files are in memory (tmpfs, whose pages are swapbacked), unless a folder is asked for; then that flag is not compared."""
    kind: Kind = "private"
    """Of the area that ``mmap`` makes; ``anonymous`` has no file (and is private)."""

    def __str__(self) -> str:
        if self.op == "ftruncate":
            return f"ftruncate({self.file}, {self.pages.stop})"
        what = f"{self.kind}" + (f" {self.file}" if self.file else "") if self.op == "mmap" else ""
        return f"{self.op}({self.area}[{self.pages.start}:{self.pages.stop}]{', ' + what if what else ''})"


PageFlags: TypeAlias = Sequence[frozenset[str] | None]
"""For each page of an area: the flags that are set; None where no page is present."""


class Prediction(Struct, frozen=True):
    """What a step does, once all batches are drained."""

    counters: Mapping[str, int]
    """Differences by name (`COUNTERS`); a name left out does not move."""
    flags: Mapping[str, PageFlags] = field(default_factory=dict)
    """After the step, for each area that is mapped; an area left out is not spoken of. Unmapped pages of an area are None."""
    locked: Mapping[str, int] = field(default_factory=dict)
    """After the step, smaps' Locked for each area spoken of, in pages, rounded down: the sum over present pages that lie in a
    VM_LOCKED vma of 1 / number of mappings of that page (it is a proportional share, as Pss is)."""
    vm_locked: Mapping[str, int] = field(default_factory=dict)
    """After the step, pages of the area that lie in VM_LOCKED vmas (smaps: ``lo``), for each area spoken of."""
    outcome: str = "ok"
    """``ok``, or the name of the error: ``ENOMEM`` (mlock past the end of the file), ``EFAULT`` (an access there) ..."""
    counters_about: frozenset[str] = frozenset(COUNTERS)
    """The counters that the predictor models; the others are not compared."""
    flags_about: frozenset[str] = FLAGS
    """The flags that the predictor models; the others are not compared."""


Predictor: TypeAlias = Callable[[Sequence[Step]], Sequence[Prediction]]
"""From the steps of one scenario to one prediction for each, in order."""


class Observation(Struct, frozen=True):
    """What a step did, as far as this machine shows it: None where it does not."""

    counters: Mapping[str, int]
    """Differences by name; a name that cannot be observed is left out."""
    flags: Mapping[str, PageFlags] | None
    locked: Mapping[str, int] | None
    vm_locked: Mapping[str, int] | None
    outcome: str
    idle: Mapping[str, int] = field(default_factory=dict)
    """Differences by name over a like time just afterwards, in which nothing was done here: the control."""


class Scenario(Struct, frozen=True):
    """Steps with a name and one sentence on what they show."""

    name: str
    text: str
    steps: Sequence[Step]
