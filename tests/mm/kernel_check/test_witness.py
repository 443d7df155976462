"""A witness is data: what is accepted is what the schema says, and what is not is said where it stands."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smpcheck.errors import InputError
from smpcheck.mm.kernel_check.witness import CALLS, KINDS, SHARINGS, SYMPTOMS, Witness, load, validate
from smpcheck.schemas import schema
from tests.mm.kernel_check.witnesses import DRAIN, OVERTAKE, SEGMENT, TRUNCATE, plain
from tests.schemas import strict

ALL = [DRAIN, TRUNCATE, SEGMENT, OVERTAKE]
VALID = strict("mm-witness-1")


def written(tmp_path: Path, text: Any) -> Path:
    path = tmp_path / "w.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
    return path


@pytest.mark.parametrize("witness", ALL, ids=lambda witness: witness.name)
def test_what_is_written_is_read_again(witness: Witness, tmp_path: Path) -> None:
    validate(witness)
    VALID.validate(plain(witness))
    assert [*map(plain, load(written(tmp_path, plain(witness))))] == [plain(witness)]


def test_the_schema_lists_what_the_reader_accepts() -> None:
    defs = schema("mm-witness-1")["$defs"]
    assert defs["call"]["properties"]["call"]["enum"] == list(CALLS)
    assert defs["object"]["properties"]["kind"]["enum"] == list(KINDS)
    assert set(defs["object"]["properties"]["sharing"]["enum"]) == {"", *SHARINGS}
    assert schema("mm-witness-1")["properties"]["invariant"]["enum"] == list(SYMPTOMS)


def test_witnesses_are_found_in_lines_of_other_documents(tmp_path: Path) -> None:
    lines = [{"reproducers": {"I3": plain(DRAIN), "I1": {"refused": "no"}}}, {"reproducers": {"I1": plain(TRUNCATE)}}]
    path = written(tmp_path, "\n".join(map(json.dumps, lines)))
    assert [*map(plain, load(path))] == [plain(DRAIN), plain(TRUNCATE)]


def test_where_there_is_none_the_reason_is_given(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no witness that can be tried: it is no system call"):
        load(written(tmp_path, {"reproducers": {"I1": {"refused": "it is no system call"}}}))
    with pytest.raises(InputError, match="an object whose schema is smpcheck-mm-witness/1"):
        load(written(tmp_path, {}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"w.json:1: this is not JSON"),
        ("{}\n{", r"w.json:2: this is not JSON"),
        ("[" * 100_000, "not JSON: nested too deeply"),
    ],
)
def test_what_is_not_json_is_said_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load(written(tmp_path, text))


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.json: No such file"):
        load(tmp_path / "none.json")
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot read"):
        load(path)


def changed(witness: Witness, path: str, value: Any) -> dict[str, Any]:
    document = plain(witness)
    *inner, last = path.split(".")
    node: Any = document
    for step in inner:
        node = node[int(step) if step.isdigit() else step]
    node[int(last) if last.isdigit() else last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("lanes.0.calls.0.call", "execve", r"lanes\[0\]\.calls\[0\]\.call: found \"execve\"; accepted here: write, read, mlock"),
        ("lanes.0.calls.0.on", "/etc/passwd", "munlock is about one of its objects of kind area, not /etc/passwd"),
        ("lanes.0.calls.0.on", "", "munlock is about one of its objects of kind area, not nothing"),
        ("lanes.1.calls.0.on", "p", r"drain is about nothing, not p"),
        ("lanes.0.calls.0.path", "/etc", r"there is no member 'path': accepted are call, first, on, pages, size"),
        ("lanes.0.calls.0.pages", 2, "pages 0 to 2 are not pages of an area"),
        ("lanes.0.calls.0.first", 1, "pages 1 to 1 are not pages of an area"),
        ("lanes.1.calls.0.pages", 1, "pages 0 to 1 are not pages of an area"),
        ("lanes.0.calls.0.size", 1, "no other call has a size"),
        ("lanes.0.calls", [], "two lanes or more, each with a call"),
        ("lanes.0.name", "drain", "'drain' names 2 objects or lanes"),
        ("setup.0.lane", "nobody", "there is no lane 'nobody': munlock, drain"),
        ("setup.1.lane", "drain", "p is in lane munlock, and no process can do that to another's area"),
        ("setup.0.call", 3, r"setup\[0\]\.call: found 3; an object is accepted here"),
        ("objects.0.pages", 10**6, r"objects\[0\]\.pages: found 1000000; a number from 1 to 64 is accepted here"),
        ("objects.0.pages", True, r"objects\[0\]\.pages: found true; a whole number is accepted here"),
        ("objects.0.kind", "socket", r"found \"socket\"; accepted here: file, shm, area"),
        ("objects.0.of", "f", "area p is anonymous and maps f"),
        ("objects.0.lane", "x", "area p is in lane 'x', which is none of munlock, drain"),
        ("objects", "p", r"objects: found \"p\"; a list is accepted here"),
        ("invariant", "I8", r"invariant: found \"I8\"; accepted here: I1, I3"),
        ("notes", [1], r"notes\[0\]: found 1; a text is accepted here"),
        ("more", 1, "there is no member 'more'"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(path: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load(written(tmp_path, changed(DRAIN, path, value)))


def test_a_mapping_fits_what_it_maps(tmp_path: Path) -> None:
    for path, value, message in (
        ("objects.1.of", "g", "maps g, which is neither a file nor a segment here"),
        ("objects.1.of", "p", "maps p, which is neither"),
        ("objects.0.pages", 2, "maps the whole of f"),
        ("lanes.0.calls.0.size", 2, "truncate leaves no more pages than the file has"),
    ):
        with pytest.raises(InputError, match=message):
            load(written(tmp_path, changed(TRUNCATE, path, value)))
    with pytest.raises(InputError, match="a segment of shared memory is shared"):
        load(written(tmp_path, changed(SEGMENT, "objects.1.sharing", "private")))


def test_where_pages_are_rightly_mlocked_at_the_end_there_is_nothing_to_see(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r": b is VM_LOCKED at the end, so pages are rightly mlocked then"):
        load(written(tmp_path, changed(OVERTAKE, "lanes.1.calls.3.call", "mlock")))


def paths(node: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            yield (*before, key)
            yield from paths(node[key], (*before, key))


def test_what_the_reader_accepts_the_schema_accepts(tmp_path: Path) -> None:
    """Random changes: no document gets past the reader that the schema forbids."""
    dice = random.Random(7)
    values: list[Any] = [None, True, 0, 1, 65, -1, 2.5, "", "p", "f", "drain", "munlock", "I1", [], {}, ["p"], {"call": "drain"}]
    accepted = 0
    for _ in range(600):
        document = plain(dice.choice(ALL))
        for _ in range(dice.randrange(1, 3)):
            *inner, last = dice.choice(list(paths(document)))
            node = document
            for step in inner:
                node = node[step]
            if dice.random() < 0.3:
                del node[last]
            elif isinstance(node, dict) and dice.random() < 0.1:
                node["extra"] = dice.choice(values)
            else:
                node[last] = dice.choice(values)
        try:
            load(written(tmp_path, document))
        except InputError:
            continue
        accepted += 1
        VALID.validate(document)
    assert accepted > 20
