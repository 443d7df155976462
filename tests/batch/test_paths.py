"""What a PATH means."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from smpcheck.batch.paths import expand, items
from smpcheck.errors import InputError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b/2.litmus", "b/1.litmus", "a/x.litmus", "a/notes.txt", "top.litmus", "empty/readme"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths: str) -> list[str]:
    return [f"error: {entry}" if isinstance(entry, InputError) else entry for entry in expand(paths)]


def test_files_come_in_the_order_given(tree: Path) -> None:
    assert names("top.litmus", "a/x.litmus", "top.litmus") == ["top.litmus", "a/x.litmus", "top.litmus"]


def test_a_folder_is_all_tests_below_it_by_name(tree: Path) -> None:
    assert names(".") == ["./top.litmus", "./a/x.litmus", "./b/1.litmus", "./b/2.litmus"]


def test_any_suffix_may_be_given_by_name(tree: Path) -> None:
    assert names("a/notes.txt") == ["a/notes.txt"]


def test_what_is_not_there_is_an_error_and_the_others_go_on(tree: Path) -> None:
    assert names("nothing.litmus", "top.litmus") == ["error: there is no file nothing.litmus", "top.litmus"]


def test_a_folder_without_tests_is_an_error(tree: Path) -> None:
    assert names("empty") == ["error: the folder empty has no litmus test (.litmus)"]


def test_a_list_names_paths_beside_it(tree: Path) -> None:
    (tree / "b" / "all").write_text("# mine\n\n1.litmus\n  2.litmus  \n../a\n")
    assert names("@b/all") == ["b/1.litmus", "b/2.litmus", "a/x.litmus"]


def test_a_list_may_name_paths_from_here(tree: Path) -> None:
    (tree / "b" / "all").write_text("a/x.litmus\n")
    assert names("@b/all") == ["a/x.litmus"]


def test_a_list_may_name_lists(tree: Path) -> None:
    (tree / "b" / "all").write_text("@more\n")
    (tree / "b" / "more").write_text("1.litmus\n")
    assert names("@b/all") == ["b/1.litmus"]


def test_a_list_that_names_itself_is_refused(tree: Path) -> None:
    (tree / "b" / "all").write_text("@all\n1.litmus\n")
    assert names("@b/all") == ["error: b/all:1:1: the list b/all names itself", "b/1.litmus"]


def test_an_entry_of_a_list_that_is_missing_is_reported_with_its_line(tree: Path) -> None:
    (tree / "all").write_text("top.litmus\ngone.litmus\n")
    assert names("@all") == ["top.litmus", "error: all:2:1: there is no file gone.litmus"]


def test_a_list_that_is_missing_is_an_error(tree: Path) -> None:
    assert names("@gone") == ["error: cannot read gone: No such file or directory"]


def test_items_are_numbered_and_standard_input_is_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"C t\n\xe9"))
    monkeypatch.setattr(sys, "stdin", stdin)
    first, second = items(["top.litmus", "-"])
    assert not isinstance(first, InputError)
    assert not isinstance(second, InputError)
    assert (first.index, first.path, first.text) == (0, "top.litmus", None)
    assert (second.index, second.path, second.text) == (1, "<stdin>", "C t\né")


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_folder_with_a_link_to_itself_ends(tree: Path) -> None:
    (tree / "a" / "again").symlink_to(tree / "a")
    assert names("a") == ["a/x.litmus"]
