"""Page frames, on files of one's own and on the real ones."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smpcheck.mm.kernel_check import syscalls
from smpcheck.mm.kernel_check.frames import BITS, COMPOUND_HEAD, PRESENT, Frames, names_of
from smpcheck.mm.kernel_check.machine import Machine
from smpcheck.mm.kernel_check.steps import FLAGS
from smpcheck.mm.kernel_check.syscalls import PAGE
from smpcheck.mm.kernel_check.workload import Drain


def made(folder: Path, pagemap: Sequence[int], kpageflags: Sequence[int]) -> Frames:
    paths = folder / "pagemap", folder / "kpageflags"
    for path, words in zip(paths, (pagemap, kpageflags), strict=True):
        path.write_bytes(array("Q", words).tobytes())
    return Frames(*(os.fspath(path) for path in paths))


def word(*names: str) -> int:
    return sum(1 << BITS[name] for name in names)


def test_every_compared_flag_has_a_bit() -> None:
    assert BITS.keys() == FLAGS


def test_names_are_those_of_the_set_bits_and_others_are_passed_over() -> None:
    assert names_of(word("lru", "mlocked") | 1 << 3 | 1 << 63) == {"lru", "mlocked"}


def test_flags_follow_the_frame_number_of_each_page(tmp_path: Path) -> None:
    frames = made(tmp_path, [0, PRESENT | 2, PRESENT | 1 | 1 << 55, 1 << 62 | 9], [0, word("anon"), word("lru", "active")])
    assert frames.flags(0, 4) == [None, {"lru", "active"}, {"anon"}, None]
    frames.close()


def test_flags_begin_at_the_page_of_the_address(tmp_path: Path) -> None:
    frames = made(tmp_path, [0, PRESENT | 1], [0, word("mmap")])
    assert frames.flags(PAGE, 1) == [frozenset({"mmap"})]
    frames.close()


def test_hidden_frame_numbers_are_no_flags(tmp_path: Path) -> None:
    frames = made(tmp_path, [PRESENT], [word("lru")])
    with pytest.raises(PermissionError):
        frames.flags(0, 1)
    frames.close()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "pagemap").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="kpageflags"):
        Frames(os.fspath(tmp_path / "pagemap"), os.fspath(tmp_path / "kpageflags"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(words=st.lists(st.integers(min_value=0, max_value=2**64 - 1), max_size=40))
def test_the_census_counts_what_a_loop_counts(tmp_path: Path, words: list[int]) -> None:
    frames = made(tmp_path, [], words)
    census = frames.census()
    frames.close()
    sets = [names_of(one) for one in words]
    on_list = [{"lru", "unevictable"} <= names for names in sets]
    assert census.frames == len(words)
    assert census.mlocked == sum("mlocked" in names for names in sets)
    assert census.unevictable == sum(on_list)
    assert census.stranded == sum(there and "mlocked" not in names for there, names in zip(on_list, sets, strict=True))
    heads = [one >> COMPOUND_HEAD & 1 for one in words]
    assert census.compound == sum(
        head and (there or "mlocked" in names) for head, there, names in zip(heads, on_list, sets, strict=True)
    )


def test_a_real_page_is_absent_then_anonymous_then_mlocked(machine: Machine) -> None:
    frames, drain = Frames(), Drain()
    address = syscalls.reserve(PAGE)
    syscalls.map_at(address, PAGE, shared=False)
    syscalls.madvise(address, PAGE, syscalls.MADV_NOHUGEPAGE)
    absent = frames.flags(address, 1)
    with open("/dev/zero", "rb") as zero:
        syscalls.Touch([address]).write(zero.fileno())
    drain()
    written = frames.flags(address, 1)
    syscalls.mlock(address, PAGE)
    drain()
    locked = frames.flags(address, 1)
    syscalls.munmap(address, PAGE)
    drain.close()
    frames.close()
    assert absent == [None]
    assert written[0] is not None
    assert {"anon", "mmap"} <= written[0]
    assert not {"mlocked", "unevictable"} & written[0]
    assert locked[0] is not None
    assert {"mlocked", "unevictable"} <= locked[0]
