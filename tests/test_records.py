"""Records: structs, in whole and in part compared."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from smpcheck.records import PartlyCompared

SOURCES = Path(__file__).resolve().parent.parent / "src" / "smpcheck"
NO_STRUCTS = {
    "cat/syntax.py": "a field is computed from others",
    "questions/state_rows.py": "a sequence: its metaclass is that of collections.abc",
    "readers/python/source.py": "a field is a function, which mypy takes for a method of a struct",
}
"""Files with frozen dataclasses, and why they are no structs."""


class Timed(PartlyCompared, frozen=True):
    ASIDE = frozenset({"seconds"})

    value: int
    seconds: float = 0.0


class Other(Timed, frozen=True):
    pass


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    """All classes of the package, with their files."""
    for path in sorted(SOURCES.rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        yield from ((path.relative_to(SOURCES).as_posix(), node) for node in nodes if isinstance(node, ast.ClassDef))


def test_fields_aside_are_not_compared() -> None:
    assert Timed(1, 0.5) == Timed(1, 0.7)
    assert hash(Timed(1, 0.5)) == hash(Timed(1, 0.7))
    assert Timed(1, 0.5) != Timed(2, 0.5)


def test_nor_are_they_shown() -> None:
    assert repr(Timed(1, 0.5)) == "Timed(value=1)"


def test_a_record_equals_those_of_its_own_class() -> None:
    assert Timed(1) != Other(1)
    assert Other(1) == Other(1)
    assert Timed(1) != 1


def test_fields_aside_are_kept() -> None:
    assert pickle.loads(pickle.dumps(Timed(1, 0.5))).seconds == 0.5
    assert replace(Timed(1, 0.5), value=2).seconds == 0.5


def test_nobody_changes_a_record() -> None:
    with pytest.raises(AttributeError):
        Timed(1).value = 2  # type: ignore[misc]


def test_what_is_frozen_is_a_struct() -> None:
    """A dataclass writes and compiles its methods at each start."""
    frozen = {file for file, node in classes() if any("frozen=True" in ast.unparse(each) for each in node.decorator_list)}
    assert frozen == set(NO_STRUCTS)


def test_a_default_of_a_struct_is_no_field_of_a_dataclass() -> None:
    """``dataclasses.field()`` in a struct would be the default itself, without a word from mypy."""
    import smpcheck.api
    import smpcheck.questions.barriers  # noqa: F401 (their structs are looked at)

    found = list(Struct.__subclasses__())
    for each in found:
        found += each.__subclasses__()
        for default in each.__struct_defaults__:
            assert type(default).__module__ != "dataclasses", each
    assert len(found) > 100
