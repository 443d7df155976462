"""What lanes say of a step's function."""

from __future__ import annotations

import pytest

from smpcheck.mm import mlock_pagevec, page_alloc, swap
from smpcheck.mm.report.table import in_kernel
from smpcheck.program.ir import Position


@pytest.mark.parametrize(
    ("variant", "function", "says"),
    [
        ("V10", mlock_pagevec.mlock_page, "mlock_page, mm/mlock.c mlock_folio"),
        ("V10c", swap.pagevec_lru_add_fn, "pagevec_lru_add_fn, mm/swap.c lru_add_fn"),
        ("V4:barrier=none", swap.pagevec_lru_add_fn, "pagevec_lru_add_fn, mm/swap.c ____pagevec_lru_add_fn"),
        ("V8", page_alloc.free_pages_check, "free_pages_check, mm/page_alloc.c"),
        ("V8", swap.put_page, "put_page"),
    ],
)
def test_a_step_s_function_is_named_with_the_kernel_s_of_the_variant(variant: str, function: object, says: str) -> None:
    code = function.__code__  # type: ignore[attr-defined]
    assert in_kernel(variant)(Position(code.co_filename, code.co_firstlineno + 1)) == says


def test_what_lies_in_no_function_has_no_name() -> None:
    assert in_kernel("V4")(Position(swap.__file__, 1)) == ""
    assert in_kernel("V4")(Position("nowhere.py", 1)) == ""
