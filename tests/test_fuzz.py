"""Whatever is thrown at it, a test gets an answer or one line that says what is wrong; never an internal error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import smpcheck
from smpcheck.questions.result import Result
from tests.readers.common import hide_libclang

EXAMPLES = [path.read_text() for path in sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.litmus"))]
WORDS = [
    "(", ")", "{", "}", "[", "]", ";", ",", "*", "&", "=", "==", "!=", "~", "/\\", "\\/", "=>", "->", "<<", "0", "1",
    "-1", "0x10",
    "9999999999999999999999", "x", "y", "r0", "P0", "P9", "0:r0", "7:r7", "int", "int *", "struct s { int a; };", "unsigned long",
    "if (r0)", "else", "while (1)", "for (;;)", "do", "return;", "goto out;", "out:", "break;", "switch (r0)",
    "sizeof(int)", "x++",
    "smp_mb();", "smp_mb", "READ_ONCE(*x)", "WRITE_ONCE(*x, 1);", "spin_lock(x);", "rcu_read_lock();", "srcu_read_lock(x)",
    "cmpxchg(x, 0, 1)", "atomic_inc(x);", "exists", "forall", "~exists", "locations [x]", "filter", "(*", "*)", "/*",
    "*/", "//", '"',
    "'", "\\", "#include <a.h>", "#define X", "\t", "\n", "\r", "\x0c", "é", "\u2028", "\x7f",
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _without_clang() -> Iterator[None]:
    """Only the reader of litmus tests itself: clang would be a process for each text."""
    with pytest.MonkeyPatch.context() as patch:
        hide_libclang(patch)
        yield


relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """An example with pieces cut out, put in, doubled or moved."""
    text = draw(st.sampled_from(EXAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 30)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:at] + draw(st.sampled_from(WORDS)) + text[at:]
        elif kind == 2:
            text = text[:end] + text[at:]
        else:
            to = draw(st.integers(0, len(text)))
            piece = text[at:end]
            rest = text[:at] + text[end:]
            text = rest[:to] + piece + rest[to:]
    return text


def check_is_sane(result: Result) -> None:
    assert "internal error" not in result.message, result.message
    assert "\n" not in result.message
    if result.status == "ok":
        assert result.verdict in ("Never", "Sometimes", "Always")
    else:
        assert result.verdict is None
        assert result.message


@relaxed
@given(damaged())
def test_damaged_tests(text: str) -> None:
    check_is_sane(smpcheck.check(text + "\n", timeout=2.0, verdict_only=True))


@relaxed
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check_is_sane(smpcheck.check(text + "\n", timeout=2.0))


@relaxed
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_words_of_the_language(words: list[str]) -> None:
    body = " ".join(words)
    text = f"C fuzz\n\n{{}}\n\nP0(int *x, int *y)\n{{\n\tint r0;\n\t{body}\n}}\n\nexists (0:r0=1)\n"
    check_is_sane(smpcheck.check(text, timeout=2.0))
