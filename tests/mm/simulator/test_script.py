"""The language of workloads: what it says, and what is said about what it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpcheck.errors import InputError, SmpcheckError, UnsupportedError
from smpcheck.mm.simulator.script import parse
from smpcheck.mm.simulator.workload import (
    DEFAULT_PAGES,
    OPERATIONS,
    AnyPage,
    Operation,
    Random,
    Repeat,
    Statement,
    Workload,
    choose,
    op,
    operations,
    repeat,
)
from smpcheck.mm.simulator.workloads import BUILT_IN, find_workload

HEAD = "file data 8\nmmap copy private data\nmmap heap anon 4 in other\nfork child of heap\n"


def one_task(body: str) -> tuple[object, ...]:
    """The statements of a task."""
    return parse(f"{HEAD}task t {{\n{body}\n}}\n").tasks[0].body


def test_declarations() -> None:
    load = parse(f"pages 99 # frames\ncpus 6; swap\n{HEAD}task a 2 {{ drain }}\ntask b per cpu {{ drain }}\n", name="mine")
    assert (load.name, load.pages, load.cpus, load.swap) == ("mine", 99, 6, True)
    assert load.files["data"].pages == 8
    assert [(a.kind, a.pages, a.file, a.process, a.fork_of) for a in load.areas.values()] == [
        ("private", 8, "data", "main", ""), ("anon", 4, "", "other", ""), ("anon", 4, "", "child", "heap"),
    ]  # fmt: skip
    assert [name for name, _ in load.placed()] == ["a.0", "a.1", "b.0", "b.1", "b.2", "b.3"]


def test_what_is_not_said_has_a_default() -> None:
    load = parse("mmap a anon 1\ntask t { write a }")
    assert (load.pages, load.cpus, load.swap) == (DEFAULT_PAGES, None, False)
    assert [name for name, _ in load.placed()] == ["t"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write copy", op("write", "copy")),
        ("write copy 3", op("write", "copy", where=(3, 3))),
        ("read heap 1..3", op("read", "heap", where=(1, 3))),
        ("read heap any", op("read", "heap", where=AnyPage())),
        ("write copy any 5", op("write", "copy", where=AnyPage(5))),
        ("truncate data 0", op("truncate", "data", 0)),
        ("reclaim", op("reclaim")),
        ("migrate 7", op("migrate", number=7)),
        ("quiesce", op("quiesce")),
    ],
)
def test_operations(text: str, expected: Operation) -> None:
    (found,) = one_task(text)
    assert isinstance(found, Operation)
    assert (found.kind, found.target, found.number, found.range) == (
        expected.kind, expected.target, expected.number, expected.range,
    )  # fmt: skip
    assert str(found) == text
    assert found.pos is not None
    assert found.pos.line == 6


def test_blocks() -> None:
    outer, free, listed = one_task("repeat 3 { repeat { drain; quiesce }\n }\nrandom 9\nrandom { drain\n\n quiesce }")
    assert isinstance(outer, Repeat)
    assert outer.count == 3
    assert isinstance(outer.body[0], Repeat)
    assert outer.body[0].count is None
    assert free == Random(9)
    assert isinstance(listed, Random)
    assert [str(each) for each in operations(listed.body)] == ["drain", "quiesce"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pages many", r"w:1:7: found 'many'; what is accepted here: the number of page frames"),
        ("pages 0", r"w:1:7: 0: the number of page frames is from 1"),
        ("pages 4 5", r"w:1:9: found '5'; .*the end of the line"),
        ("frobnicate", r"w:1:1: found 'frobnicate'; .*pages, cpus, swap, file, mmap, fork, task"),
        ("pages 1\nfile a $", r"w:2:8: '\$' is neither a word"),
        ("mmap a anon", r"w:1:12: found the end of the line; .*the area's pages"),
        ("mmap a private b", r"w:1:16: there is no file 'b': none is declared yet"),
        ("file a 1\nmmap a private a", r"w:2:6: a is declared twice"),
        ("mmap a wild 3", r"w:1:8: found 'wild'; .*anon PAGES, or private FILE"),
        ("fork a of b", r"w:1:11: there is no area 'b'"),
        ("task t { drain", r"w:1:8: this block has no end"),
        ("task t drain", r"w:1:8: found 'drain'; .*\{"),
        ("task t { fly }", r"w:1:10: found 'fly'; .*write, read, mlock"),
        ("task t { write a }", r"w:1:16: there is no area 'a'"),
        ("mmap a anon 2\ntask t { write a 2 }", r"w:2:10: write a 2: the area has pages 0 to 1"),
        ("mmap a anon 2\ntask t { write a 1..0 }", r"w:2:10: write a 1..0: the area has pages 0 to 1"),
        ("mmap a anon 2\ntask t { write a some }", r"w:2:18: found 'some'; .*any"),
        ("file f 2\nmmap a private f\ntask t { truncate f 3 }", r"w:3:10: truncate f 3: from 0 to 2 pages"),
        ("file f 2\nmmap a private f\ntask t { truncate f }", r"w:3:21: found '}'; .*the file's new size"),
        ("pages 3\nfile f 4\nmmap a private f\ntask t { drain }", r"the files have 4 pages, but there are 3"),
        ("cpus 1\ntask a { drain }\ntask b { drain }", r"each task has a CPU of its own: 2 tasks, 1 CPUs"),
        ("pages 3", r"has no tasks"),
    ],
)
def test_errors_say_where_and_what(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text, "w")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mmap a shared f", r"w:1:8: shared: the model has private mappings"),
        ("mmap a file f", r"w:1:8: file: the model has private mappings"),
        ("file f 1\nmmap a private f\nmmap b private f\nmmap c private f\ntask t { drain }", r"w:4:6: f is mapped 3 times"),
        ("mmap a anon 1\nfork b of a\nfork c of a\ntask t { drain }", r"w:2:6: a: the model's anon_vma has room for two"),
        ("mmap a anon 1\nfork b of a\nfork c of b\ntask t { drain }", r"w:3:6: b: the model's anon_vma has room for two"),
    ],
)
def test_what_the_model_has_not_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        parse(text, "w")


WORDS = [
    "task", "t", "{", "}", "repeat", "random", "3", "0..2", "any", ";", "\n", "file", "f", "mmap", "a", "anon", "private",
    "write", "truncate", "pages", "swap", "fork", "of", "per", "cpu", "#", "%",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS)))
def test_any_text_is_read_or_refused(words: list[str]) -> None:
    try:
        load = parse(" ".join(words))
    except SmpcheckError as error:
        assert str(error)
    else:
        assert load.tasks


SIMPLE = st.sampled_from([op("write", "heap"), op("mlock", "heap"), op("reclaim", number=3), op("drain")])
COUNTS = st.integers(1, 9)


def blocks(inner: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    repeats = st.builds(lambda n, body: repeat(n, *body), COUNTS, st.lists(inner, max_size=3))
    return repeats | st.builds(lambda n, body: choose(n, *body), COUNTS, st.lists(inner, min_size=1, max_size=3))


@given(st.recursive(SIMPLE, blocks))
def test_what_is_written_is_read(statement: object) -> None:
    def text(node: object) -> str:
        if isinstance(node, Operation):
            return str(node)
        assert isinstance(node, Repeat | Random)
        return f"{'repeat' if isinstance(node, Repeat) else 'random'} {node.count} {{ {'; '.join(map(text, node.body))} }}"

    (found,) = one_task(text(statement))
    assert text(found) == text(statement)


def test_built_in_workloads_use_every_operation_but_those_for_shared_memory() -> None:
    used = {each.kind for name in BUILT_IN for load in [find_workload(name)] for task in load.tasks
            for each in (*operations(task.body), *load.everything())}  # fmt: skip
    assert used == set(OPERATIONS) - {"drain", "shmlock", "shmunlock"}


def test_pages_and_cpus_can_be_said_from_outside() -> None:
    load = find_workload("race", pages=300, cpus=7)
    assert load.pages == 300
    assert len(load.placed()) == 7


def test_a_workload_in_python(tmp_path: object) -> None:
    load = Workload("mine", pages=16)
    load.file("data", 4)
    load.private("copy", "data")
    load.task("t", repeat(None, op("write", "copy"), op("truncate", "data", 0)), copies=2)
    assert [name for name, _ in load.placed()] == ["t.0", "t.1"]
    with pytest.raises(InputError, match="there is no operation fly"):
        op("fly")
    with pytest.raises(InputError, match="there is no file other"):
        load.private("more", "other")
