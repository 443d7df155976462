"""What a machine lacks is found out, and said."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from smpcheck.mm.kernel_check.machine import look
from smpcheck.mm.kernel_check.steps import COUNTERS, EVENTS

VMSTAT = "".join(f"{name} 0\n" for name in COUNTERS)
STATUS = "VmLck:\t0 kB\nCapEff:\t{:016x}\n"
SMAPS = "1000-2000 rw-p 00000000 00:00 0\nLocked:  0 kB\nVmFlags: rd\n"
ALL_RIGHTS = STATUS.format(2**40 - 1)

Proc = Callable[..., Path]


def whole(proc: Proc, **other: str) -> Path:
    files = {
        "sys__kernel__osrelease": "6.18.0\n",
        "sys__vm__stat_refresh": "",
        "vmstat": VMSTAT,
        "self__smaps": SMAPS,
        "self__status": ALL_RIGHTS,
        "meminfo": "SwapTotal: 8 kB\n",
    }
    return proc(**{name: text for name, text in {**files, **other}.items() if text is not None})


def missing(root: Path) -> str:
    return "\n".join(map(str, look(64, root).missing))


def test_a_machine_without_anything_shows_nothing(tmp_path: Path) -> None:
    machine = look(64, tmp_path)
    assert not (machine.counters or machine.refresh or machine.flags or machine.smaps)


def test_counters_that_are_there_are_compared(proc: Proc) -> None:
    assert look(64, whole(proc)).counters == set(COUNTERS)


def test_counters_that_are_not_there_are_named(proc: Proc) -> None:
    root = whole(proc, vmstat="nr_mlock 1\n")
    assert look(64, root).counters == {"nr_mlock"}
    assert "unevictable_pgs_culled" in missing(root)
    assert "nr_unevictable" in missing(root)


def test_without_stat_refresh_events_are_compared_and_levels_are_not(proc: Proc) -> None:
    root = whole(proc)
    (root / "sys/vm/stat_refresh").unlink()
    (root / "sys/vm").rmdir()
    machine = look(64, root)
    assert machine.counters == set(EVENTS)
    assert "stat_refresh" in missing(root)


def test_without_kpageflags_flags_are_not_compared(proc: Proc) -> None:
    root = whole(proc, self__pagemap="")
    assert not look(64, root).flags
    assert "kpageflags" in missing(root)


def test_without_pagemap_flags_are_not_compared(proc: Proc) -> None:
    assert "pagemap" in missing(whole(proc))


def test_smaps_without_flags_is_not_compared(proc: Proc) -> None:
    root = whole(proc, self__smaps="1000-2000 rw-p 00000000 00:00 0\nLocked:  0 kB\n")
    assert not look(64, root).smaps
    assert "VmFlags" in missing(root)


@pytest.mark.parametrize(
    ("release", "modelled", "said"),
    [
        ("6.18.44-fc", True, ""),
        ("5.18.0", True, ""),
        ("5.17.9", False, "V9"),
        ("4.4.0", False, "V8"),
        ("3.10.0", False, "V7"),
        ("2.6.32", False, "V0 to V6"),
        ("strange", False, "unknown release"),
    ],
)
def test_the_release_says_which_design_a_kernel_follows(proc: Proc, release: str, modelled: bool, said: str) -> None:
    root = whole(proc, sys__kernel__osrelease=release)
    assert look(64, root).modelled is modelled
    assert said in missing(root)


def test_swap_is_missed(proc: Proc) -> None:
    assert "no swap" in missing(whole(proc, meminfo="SwapTotal: 0 kB\n"))
    assert "no swap" not in missing(whole(proc))


def test_with_the_right_to_lock_there_is_no_limit(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, 0))
    assert look(64, whole(proc)).pages == 64


@pytest.mark.parametrize(("limit", "pages"), [(128, 64), (127, 63), (8, 4), (7, 0), (0, 0)])
def test_a_limit_is_for_two_areas(proc: Proc, monkeypatch: pytest.MonkeyPatch, limit: int, pages: int) -> None:
    size = resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit * size, limit * size))
    root = whole(proc, self__status=STATUS.format(0))
    assert look(64, root).pages == pages
    assert ("RLIMIT_MEMLOCK" in missing(root)) is (pages < 64)


def test_what_is_locked_already_counts(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    size = resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda which: (16 * size, 16 * size))
    root = whole(proc, self__status=f"VmLck: {8 * size // 1024} kB\nCapEff: 0\n")
    assert look(64, root).pages == 4


def test_without_a_page_to_lock_there_is_nothing_to_see(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, 0))
    assert not look(64, whole(proc, self__status=STATUS.format(0))).sees_anything
