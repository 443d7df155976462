"""Finding a model, reading a kernel tree, and the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import smpcheck
from smpcheck.cat import cache, load
from smpcheck.cat.graph import reachable, roots
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.errors import InputError, SmpcheckError
from tests.cat import same
from tests.kernel import model as kernel_tree


@pytest.fixture(autouse=True)
def read_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read here is not what other tests have read, or will."""
    monkeypatch.setattr(load, "_loaded", {})


def equal(a: Model, b: Model) -> bool:
    """The same axioms over the same graphs, with the same labels."""
    if [(x.kind, x.name, x.negated, x.flag, x.where) for x in a.axioms] != [
        (x.kind, x.name, x.negated, x.flag, x.where) for x in b.axioms
    ]:
        return False
    labels = [sorted((n.label or "", n.where or "", n.op) for n in reachable(roots(m))) for m in (a, b)]
    return labels[0] == labels[1] and all(same(x, y) for x, y in zip(roots(a), roots(b), strict=True))


@pytest.mark.parametrize("name", load.SHIPPED)
def test_shipped_models_load_by_name(name: str) -> None:
    model = load_model(name)
    assert model.name == name
    assert model.definitions_file is None
    assert any(not axiom.flag for axiom in model.axioms)


def test_a_model_is_read_once_per_process() -> None:
    assert load_model("sc") is load_model("sc")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "m.cat"
    path.write_text("acyclic po as a")
    assert load_model(path).axioms[0].name == "a"
    path.write_text("acyclic po as b")
    os.utime(path, ns=(1, 1))
    assert load_model(path).axioms[0].name == "b"


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_a_kernel_tree_is_read_by_its_configuration(version: str) -> None:
    folder = kernel_tree(version)
    model = load_model(folder)
    assert model.name == folder
    assert model.definitions_file == os.path.join(folder, "linux-kernel.def")
    assert {"happens-before", "propagation", "rcu", "data-race", "atomic"} <= {a.name for a in model.axioms}
    assert equal(load_model(str(Path(folder).parent.parent)), model)


def test_files_of_a_tree_that_we_provide_ourselves_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "lock.cat").write_text("this is no cat )")
    (tmp_path / "linux-kernel.cfg").write_text("bell b.bell\nmodel m.cat\ngraph columns\n")
    (tmp_path / "b.bell").write_text("enum T = 'shiny\nlet Bright = Shiny")
    (tmp_path / "m.cat").write_text('include "lock.cat"\nempty [Bright] ; po as dark')
    model = load_model(tmp_path)
    assert [a.name for a in model.axioms if not a.flag] == ["lock-nest", "nested-is-locked", "unmatched-locks", "dark"]
    assert model.definitions_file is None


def test_the_kernel_model_file_alone_needs_its_bell_file(tmp_path: Path) -> None:
    """Without the configuration beside it that names the two."""
    copy = tmp_path / "linux-kernel.cat"
    copy.write_bytes((Path(kernel_tree("6.12")) / "linux-kernel.cat").read_bytes())
    with pytest.raises(InputError, match=r"rcu-rscs|Marked|Plain"):
        load_model(copy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alpha", "there is no model alpha: accepted are sc, tso, lkmm, x86"),
        ("/nowhere/m.cat", "there is no model"),
        ("/", "is a folder without linux-kernel.cfg"),
        ("a\0b", "a\0b"),
        ("x" * 5000, "cannot read"),
    ],
)
def test_what_is_no_model_is_said_to_be_none(name: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_model(name)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe let", b"let a = po\n\xc3("])
def test_files_that_are_no_text_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.cat").write_bytes(content)
    with pytest.raises(InputError, match="UTF-8"):
        load_model(tmp_path / "m.cat")


def test_a_configuration_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "linux-kernel.cfg").write_text("bell b.bell\n")
    with pytest.raises(InputError, match="names no model"):
        load_model(tmp_path)


def test_a_configuration_that_names_a_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "linux-kernel.cfg").write_text("model m.cat\n")
    with pytest.raises(InputError, match=r"cannot read .*m\.cat"):
        load_model(tmp_path)


# --- the cache ---


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


@pytest.mark.parametrize("name", [*load.SHIPPED, "6.1", "6.12"])
def test_a_cached_model_is_the_model(name: str, own_cache: Path) -> None:
    name = name if name in load.SHIPPED else kernel_tree(name)
    first = load_model(name)
    assert len(entries(own_cache)) == 1
    kept = cache.load(str(load._find(name)), name)
    assert kept is not None
    second = kept[0]
    assert second is not first
    assert equal(first, second)
    assert (first.name, first.definitions_file) == (second.name, second.definitions_file)


def test_a_cached_model_needs_neither_lark_nor_the_parser() -> None:
    code = "import sys; from smpcheck.cat.load import load_model; load_model('lkmm'); print('lark' in sys.modules)"
    outputs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert outputs == ["True\n", "False\n"]


@pytest.mark.parametrize("same_process", [False, True])
def test_a_change_in_an_included_file_is_seen(same_process: bool, tmp_path: Path) -> None:
    (tmp_path / "part.cat").write_text("acyclic po as a")
    (tmp_path / "m.cat").write_text('include "part.cat"')
    first = load_model(tmp_path / "m.cat")
    assert first.axioms[0].name == "a" and load_model(tmp_path / "m.cat") is first
    if not same_process:
        load._loaded.clear()
    (tmp_path / "part.cat").write_text("acyclic po as longer")
    assert load_model(tmp_path / "m.cat").axioms[0].name == "longer"


def test_the_python_interface_sees_a_model_that_changes(tmp_path: Path) -> None:
    model = tmp_path / "m.cat"
    verdicts = []
    for axiom in ("acyclic po", "acyclic po | rf | co | fr"):
        model.write_text(axiom)
        verdicts.append(smpcheck.check("C SB\n{}\nP0(int *x,int *y) { *x = 1; int r = *y; }\n"
                        "P1(int *x,int *y) { *y = 1; int r = *x; }\nexists (0:r=0 /\\ 1:r=0)\n", str(model)).verdict)  # fmt: skip
    assert verdicts == ["Sometimes", "Never"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b"",
        lambda b: b.replace(b"acyclic", b"acyclik"),
        lambda b: b"\xff" * 100,
        lambda b: b"x" + b,
        lambda b: b"0\n{}",
    ],
)
def test_a_damaged_entry_is_as_good_as_none(damage: object, own_cache: Path) -> None:
    load_model("sc")
    (entry,) = entries(own_cache)
    entry.write_bytes(damage(entry.read_bytes()))  # type: ignore[operator]
    load._loaded.clear()
    assert load_model("sc").name == "sc"
    load._loaded.clear()
    assert cache.load(str(load.MODELS / "sc.cat"), "sc") is not None, "the entry is written anew"


def test_an_entry_of_other_code_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    load_model("sc")
    monkeypatch.setattr(cache, "_code", lambda: "older")
    assert cache.load(str(load.MODELS / "sc.cat"), "sc") is None


def test_without_a_place_to_write_models_still_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("", str(tmp_path / "file" / "below"), "/proc/nowhere"):
        monkeypatch.setenv(cache.VARIABLE, place)
        load._loaded.clear()
        assert load_model("tso").name == "tso"


def test_the_cache_is_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "smpcheck"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "smpcheck"


def test_processes_that_write_at_the_same_time_leave_a_good_entry(own_cache: Path) -> None:
    code = "from smpcheck.cat.load import load_model; load_model('tso')"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [p.wait() for p in running] == [0] * 4
    assert cache.load(str(load.MODELS / "tso.cat"), "tso") is not None
    assert [p.suffix for p in own_cache.iterdir()] == [".json"]


def test_a_wrong_model_is_not_cached(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "m.cat").write_text("acyclic nothing as a")
    for _ in range(2):
        with pytest.raises(SmpcheckError):
            load_model(tmp_path / "m.cat")
    assert entries(own_cache) == []


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_the_kernels_cat_file_stands_for_its_folder(version: str) -> None:
    """Alone it would not know its tags: those are declared in the .bell file that its configuration names."""
    tree = kernel_tree(version)
    whole, file = load_model(tree), load_model(f"{tree}/linux-kernel.cat")
    assert [a.name for a in file.axioms] == [a.name for a in whole.axioms]
    assert file.definitions_file == whole.definitions_file


def test_variants_that_a_configuration_names_are_on(tmp_path: Path) -> None:
    (tmp_path / "linux-kernel.cfg").write_text("model m.cat\nvariant lkmmv2,other\nbell b.bell\n")
    (tmp_path / "b.bell").write_text(
        "enum Accesses = 'ONCE || 'MB\ninstructions RMW[Accesses]\nlet Mb = MB \\ (RMW \\ domain(rmw))"
    )
    (tmp_path / "m.cat").write_text('flag ~empty (if "lkmmv2" then 0 else _) as needs-v2\nacyclic fencerel(Mb) | rf as mb')
    assert [axiom.name for axiom in load.load_model(tmp_path).axioms] == ["mb"]
    (tmp_path / "linux-kernel.cfg").write_text("model m.cat\nbell b.bell\n")
    assert [axiom.name for axiom in load.load_model(tmp_path).axioms] == ["needs-v2", "mb"]
