"""What may be left out of an execution is read off the model's definition."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.cat.restriction import omission
from smpcheck.program.waits import Omission


@pytest.mark.parametrize("name", ["sc", "tso", "lkmm"])
def test_in_the_shipped_models_idle_rounds_say_nothing(name: str) -> None:
    assert omission(load_model(name)) == Omission(reads=True, writes=True, flags=False)


def of(text: str, folder: Path) -> Omission:
    path = folder / "m.cat"
    path.write_text(f'"m"\n{text}\n')
    return omission(load_model(path))


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("acyclic po | rf | co | fr as a", True),
        ("acyclic (fencerel(Mb) | rfe)+ ; co as a", True),
        ("let far = po \\ (po ; po)\nacyclic far | rf | co as a", False),  # the next event: another one, if it is left out
        ("let far = ([W] ; po ; [W]) \\ ([W] ; po ; [W] ; po ; [W])\nacyclic far | rf | co as a", True),  # writes stay
        ("let lonely = R \\ domain(po ; [F])\nempty lonely & range(rf) as a", False),
        ("let fed = W \\ domain(rf)\nempty [fed] ; co ; [fed] as a", False),  # its only reader may be left out
        ("let late = W \\ range(co)\nempty late & R as a", True),
        ("~empty po as a", False),
        ("let rec r = po | (r ; rf)\nacyclic r as a", True),
        ("let rec s = R \\ domain(r) and r = [s] ; po\nacyclic r as a", False),
    ],
)
def test_differences_must_not_grow(text: str, reads: bool, tmp_path: Path) -> None:
    found = of(text, tmp_path)
    assert found.reads is reads
    assert not found.writes


def test_flags_of_ones_own_may_be_about_idle_rounds(tmp_path: Path) -> None:
    assert of("acyclic po | co as a\nflag ~empty [R] ; po ; [R] as twice", tmp_path).flags
    assert not of("acyclic po | co as a", tmp_path).flags
