"""The workloads: each a few steps by one thread, so that one outcome is right; the first is that of the 2009 patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from smpcheck.mm.kernel_check.steps import Kind, Op, Scenario, Step

Row: TypeAlias = tuple[Op, str, int, int]
"""Operation, area or file, first page, page after the last."""


def scenarios(pages: int) -> list[Scenario]:
    """All scenarios on areas of ``pages`` pages.

    :param pages: at least 4, so that halves and quarters differ
    """
    if pages < 4:
        raise ValueError("at least 4 pages")
    n, half, quarter = pages, pages // 2, pages // 4
    grow: Row = ("ftruncate", "f", 0, n)
    empty: Row = ("ftruncate", "f", 0, 0)
    write: Row = ("write", "p", 0, n)
    mlock: Row = ("mlock", "p", 0, n)
    munlock: Row = ("munlock", "p", 0, n)
    unmap: Row = ("munmap", "p", 0, n)
    return [
        _scenario(
            "cow-truncate",
            "truncation unmaps locked private copies: it must unlock them, and leave the area locked",
            {"p": "private"},
            [grow, ("mmap", "p", 0, n), write, mlock, empty, munlock, unmap],
        ),
        _scenario(
            "cow-truncate-grow",
            "after truncation the area is still locked: what is written there later is locked from birth, and unlocked by munmap",
            {"p": "private"},
            [grow, ("mmap", "p", 0, n), mlock, empty, grow, write, unmap],
        ),
        _scenario(
            "mlock-past-end",
            "mlock of an area past the end of its file fails, and locks the area nevertheless",
            {"p": "private"},
            [empty, ("mmap", "p", 0, n), mlock, write, grow, write, munlock, unmap],
        ),
        _scenario(
            "anonymous",
            "mlock and munlock of pages that are there",
            {"p": "anonymous"},
            [("mmap", "p", 0, n), write, mlock, munlock, unmap],
        ),
        _scenario(
            "anonymous-munmap",
            "mlock brings the pages in, munmap unlocks them",
            {"p": "anonymous"},
            [("mmap", "p", 0, n), mlock, unmap],
        ),
        _scenario(
            "shared-truncate",
            "truncation of locked page-cache pages",
            {"p": "shared"},
            [grow, ("mmap", "p", 0, n), mlock, empty, munlock, unmap],
        ),
        _scenario(
            "shared-munlock",
            "page-cache pages outlive mlock, munlock and munmap",
            {"p": "shared"},
            [grow, ("mmap", "p", 0, n), write, mlock, munlock, unmap, empty],
        ),
        _scenario(
            "parts",
            "half is unlocked, then three quarters of the file go, then the area",
            {"p": "private"},
            [grow, ("mmap", "p", 0, n), mlock, ("munlock", "p", half, n), ("ftruncate", "f", 0, quarter), unmap],
        ),
        _scenario(
            "two-mappings",
            "two locked areas on the same pages: mlock_count is 2, and the pages stay unevictable until both are unlocked",
            {"p": "shared", "q": "shared"},
            [
                grow,
                *(("mmap", "p", 0, n), ("mmap", "q", 0, n)),
                *(mlock, ("mlock", "q", 0, n)),
                *(munlock, ("munmap", "q", 0, n)),
                *(unmap, empty),
            ],
        ),
    ]


def _scenario(name: str, text: str, areas: dict[str, Kind], rows: Sequence[Row]) -> Scenario:
    return Scenario(name, text, [_step(areas, *row) for row in rows])


def _step(areas: dict[str, Kind], op: Op, name: str, start: int, stop: int) -> Step:
    pages = range(start, stop)
    if op == "ftruncate":
        return Step(op, pages, file=name)
    kind = areas[name]
    return Step(op, pages, area=name, file="f" if op == "mmap" and kind != "anonymous" else "", kind=kind)
