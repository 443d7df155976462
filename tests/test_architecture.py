"""ARCHITECTURE.md and CONTRIBUTING.md speak of the tree as it is."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from tests.architecture import PAGE, PICTURE, ROOT, layers, picture, steps, table

PAGES = [PAGE, ROOT / "CONTRIBUTING.md"]
PACKAGE = ROOT / "src" / "smpcheck"
ROOMS = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


def quoted(text: str) -> set[str]:
    """What stands in backticks, outside of blocks of code."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def test_the_table_has_the_layers_that_are_checked() -> None:
    assert [sorted(name for name, _ in layer) for layer in table()] == [sorted(layer) for layer in layers()]


def test_every_room_is_in_a_layer() -> None:
    assert {room for layer in layers() for room in layer} == ROOMS - {"__init__", "__main__"}


def test_the_picture_is_the_tables() -> None:
    assert PICTURE.read_text() == picture(), "python -m tests.architecture writes it"


def test_the_way_of_a_test_goes_through_the_rooms() -> None:
    assert [number for number, _ in steps()] == [str(i) for i in range(1, 9)]
    assert all(set(rooms) <= ROOMS for _, rooms in steps())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_is_there(page) -> None:
    """``room.module.name`` in backticks is a module of ours, or what one has under that name."""
    names = {name for name in quoted(page.read_text()) if re.fullmatch(r"\w+(\.\w+)+", name) and name.split(".")[0] in ROOMS}
    assert len(names) >= 5
    for name in names:
        room, *rest = name.split(".")
        found = import_module(f"smpcheck.{room}")
        for part in rest:
            found = getattr(found, part) if hasattr(found, part) else import_module(f"{found.__name__}.{part}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_is_there(page) -> None:
    text = page.read_text()
    paths = {
        name
        for name in quoted(text)
        if re.fullmatch(r"(src|tests|docs|bench|examples|\.ci)/[\w./-]*|[\w.-]+\.(toml|md|yaml)", name)
    }
    paths |= {target.split("#")[0] for target in re.findall(r"\]\(([^):]+)\)", text)}
    assert len(paths) > 3
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []
