"""The texts of /proc."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.mm.kernel_check.proctext import parse_release, parse_smaps, parse_status, parse_swap_total, parse_vmstat

SMAPS = """\
10000-14000 rw-p 00000000 00:01 12   /memfd:some thing (deleted)
Size:                 16 kB
Rss:                  12 kB
Locked:                6 kB
THPeligible:           0
VmFlags: rd wr mr mw me lo ac sd
7f0000000000-7f0000001000 ---p 00000000 00:00 0
Size:                  4 kB
Locked:                0 kB
"""


def test_vmstat_gives_the_counters_that_are_wanted_and_there() -> None:
    text = "nr_mlock 17\nnr_unevictable 20\nother 3\nunevictable_pgs_culled 5\n"
    assert parse_vmstat(text, ("nr_mlock", "unevictable_pgs_culled", "missing")) == {"nr_mlock": 17, "unevictable_pgs_culled": 5}


def test_vmstat_without_a_text_has_no_counters() -> None:
    assert parse_vmstat("", ("nr_mlock",)) == {}


def test_vmstat_lines_of_another_form_are_passed_over() -> None:
    assert parse_vmstat("nr_mlock\n\nnr_mlock 1 2\nnr_unevictable 4", ("nr_mlock", "nr_unevictable")) == {"nr_unevictable": 4}


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.integers(min_value=0), max_size=8))
def test_vmstat_reads_back_what_was_written(values: dict[str, int]) -> None:
    assert parse_vmstat("".join(f"{name} {value}\n" for name, value in values.items()), values) == values


def test_smaps_gives_one_entry_for_each_vma() -> None:
    assert [(vma.start, vma.end) for vma in parse_smaps(SMAPS)] == [(0x10000, 0x14000), (0x7F0000000000, 0x7F0000001000)]


def test_smaps_gives_fields_in_kilobytes() -> None:
    first = parse_smaps(SMAPS)[0]
    assert (first.fields["Rss"], first.fields["Locked"]) == (12, 6)


def test_smaps_gives_flags_or_says_that_there_are_none() -> None:
    first, second = parse_smaps(SMAPS)
    assert first.flags is not None
    assert "lo" in first.flags
    assert second.flags is None


def test_smaps_names_may_have_blanks_or_be_missing() -> None:
    assert [vma.name for vma in parse_smaps(SMAPS)] == ["/memfd:some thing (deleted)", ""]


def test_smaps_fields_of_a_vma_do_not_leak_into_the_next() -> None:
    assert "Rss" not in parse_smaps(SMAPS)[1].fields


@pytest.mark.parametrize(
    ("text", "version"),
    [("6.18.44-fc-v595", (6, 18)), ("5.4.0", (5, 4)), ("5.18-rc1+", (5, 18)), ("", None), ("unknown", None), ("6", None)],
)
def test_a_release_begins_with_two_numbers(text: str, version: tuple[int, int] | None) -> None:
    assert parse_release(text) == version


def test_swap_total_is_found_among_other_lines() -> None:
    assert parse_swap_total("MemTotal:  9 kB\nSwapTotal:     2048 kB\nSwapFree: 1 kB\n") == 2048
    assert parse_swap_total("MemTotal: 9 kB") == 0


def test_status_gives_values_by_name() -> None:
    assert parse_status("VmLck:\t      12 kB\nCapEff:\t00ff\n") == {"VmLck": "12 kB", "CapEff": "00ff"}
