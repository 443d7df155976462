"""A hundred constructs of kernel code are read and hold; each has mistakes that are found (:mod:`tests.readers.clang.corpus`)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.readers.clang.common import checked
from tests.readers.clang.corpus import HEAD, KINDS, LANGUAGE, Construct, of_language

DEFAULT = (
    *(
        "message passing by release and acquire",
        "goto out of a critical section",
        "call_rcu",
        "the loser of a race frees its object",
    ),
    *("completion", "operations through a table, replaced while it runs", "guard()"),
)
"""What the default run looks at."""


def holds_until_it_is_broken(construct: Construct) -> None:
    assert checked(construct.text(), construct.unroll).failures == ()
    for old, new, failure in construct.mistakes:
        failures = checked(construct.text(old, new), construct.unroll).failures
        assert any(failure in name for name in failures), (new, failures)


@pytest.mark.parametrize("construct", [one for one in KINDS if one.name in DEFAULT], ids=lambda one: one.name)
def test_constructs_hold_until_they_are_broken(construct: Construct) -> None:
    holds_until_it_is_broken(construct)


@pytest.mark.slow
@pytest.mark.parametrize("construct", [one for one in KINDS if one.name not in DEFAULT], ids=lambda one: one.name)
def test_more_constructs_hold_until_they_are_broken(construct: Construct) -> None:
    holds_until_it_is_broken(construct)


def failing(names: Sequence[str], head: str = HEAD) -> tuple[str, ...]:
    text = of_language(list(names)).replace(HEAD, head)
    return tuple(name for name in checked(text, 5).failures if name != "mixed-accesses")


def test_the_language_means_what_c_says() -> None:
    assert failing(tuple(LANGUAGE)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LANGUAGE if "static_assert" not in name])
def test_each_fact_about_the_language_can_fail(name: str) -> None:
    assert failing([name], HEAD.replace("SMPCHECK_ASSERT(c)", "SMPCHECK_ASSERT(!(c))")) != ()


def test_there_are_a_hundred() -> None:
    assert len(KINDS) + len(LANGUAGE) > 100
    assert sum(len(one.mistakes) for one in KINDS) > 60
