"""Models in Python: what they assert is their verdict, by name, from every question."""

from __future__ import annotations

from pathlib import Path

import pytest

import smpcheck
from smpcheck.cat.load import load_model
from smpcheck.errors import InputError
from smpcheck.machines.mapping import mapping_of
from smpcheck.questions import check as check_module
from smpcheck.questions.barriers import barriers
from smpcheck.questions.check import CheckOptions, check_program, on_machine
from smpcheck.questions.compare import compare
from smpcheck.questions.explain import explain
from smpcheck.questions.outcomes import ASSERTS_NOTHING
from smpcheck.readers.python.load import read_python_file
from smpcheck.show.barriers_text import text as judged
from smpcheck.show.compare_text import text as compared
from smpcheck.show.explain_text import head

LKMM = load_model("lkmm")

MODEL = """
from __future__ import annotations

from smpcheck.kernel import *


class shared(Struct):
    x: int
    y: int


def writer(p: shared) -> None:
    WRITE_ONCE(p.x, 1)
    {fence}
    WRITE_ONCE(p.y, 1)


def reader(p: shared) -> int:
    seen = READ_ONCE(p.y)
    smp_rmb()
    return 1 if READ_ONCE(p.x) >= seen else 0


def racing(p: shared) -> None:
    p.x = 2


def in_order(t: int) -> bool:
    return result(t) == 1


def out_of_order(t: int) -> bool:
    return result(t) == 0


@scenario
def one(s: Setup) -> None:
    s.p = p = shared()
    {threads}
    {claims}
"""

READER = "s.thread(writer, p); t = s.thread(reader, p)"


def model(tmp_path: Path, claims: str, threads: str = READER, fence: str = "barrier()") -> Path:
    text = MODEL.format(fence=fence, threads=threads, claims=claims).replace("t: int)", "t: ThreadSpec)")
    text = text.replace("import *\n", "import *\nfrom smpcheck.kernel.scenario import ThreadSpec\n")
    path = tmp_path / "m.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("claims", "fence", "verdict", "failures"),
    [
        ("s.final('no lost update', in_order, t)", "barrier()", "FAILS", ("no lost update",)),
        ("s.final('no lost update', in_order, t)", "smp_wmb()", "holds", ()),
        ("s.forall(in_order, t)", "barrier()", "FAILS", ("in_order",)),
        ("s.forall(in_order, t); s.final('never 2', out_of_order, t)", "smp_wmb()", "FAILS", ("never 2",)),
        ("s.exists(out_of_order, t)", "barrier()", "Sometimes", ()),
        ("s.exists(out_of_order, t); s.final('A', in_order, t)", "barrier()", "FAILS", ("A",)),
        ("pass", "barrier()", "holds", ()),
    ],
)
def test_what_fails_is_named(
    tmp_path: Path, claims: str, fence: str, verdict: str, failures: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for large in (False, True):
        monkeypatch.setattr(check_module, "is_large", lambda program, large=large: large)
        result = smpcheck.check(model(tmp_path, claims, fence=fence))
        assert (result.verdict, result.failures) == (verdict, failures)


def test_a_model_is_one_on_a_machine_too(tmp_path: Path) -> None:
    for fence, verdict in (("barrier()", "FAILS"), ("smp_wmb()", "holds")):
        (program,) = read_python_file(model(tmp_path, "s.final('no lost update', in_order, t)", fence=fence))
        for name in ("riscv", "ppc64", "arm64"):
            on_it = on_machine(program, name)
            assert check_program(on_it, load_model(mapping_of(name).model), CheckOptions()).verdict == verdict


def test_a_forall_shows_its_variables(tmp_path: Path) -> None:
    assert [dict(row) for row in smpcheck.check(model(tmp_path, "s.forall(in_order, t)")).states] == [
        {"1:return": 0},
        {"1:return": 1},
    ]


def test_a_race_is_a_failure(tmp_path: Path) -> None:
    path = model(tmp_path, "s.final('A', in_order, t)", READER + "; s.thread(racing, p)", "smp_wmb()")
    result = smpcheck.check(path)
    assert (result.verdict, result.agrees) == ("FAILS", False)
    assert "data-race" in result.failures
    assert not smpcheck.holds(path)
    assert not smpcheck.always(path)


@pytest.mark.parametrize(("expected", "agrees"), [("", True), ("'A'", True), ("'data-race'", False), ("'A', 'B'", False)])
def test_a_scenario_may_be_there_to_fail(tmp_path: Path, expected: str, agrees: bool) -> None:
    claims = f"s.final('A', in_order, t); s.final('B', in_time, t); s.expect_failure({expected})"
    path = model(tmp_path, claims)
    more = "def in_time(t: ThreadSpec) -> bool:\n    return result(t) < 2\n\n\n@scenario"
    path.write_text(path.read_text().replace("@scenario", more))
    result = smpcheck.check(path)
    assert (result.verdict, result.failures, result.agrees) == ("FAILS", ("A",), agrees)
    assert bool(smpcheck.holds(path)) is agrees
    assert not smpcheck.always(path)


def test_only_what_can_fail_may_be_expected_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no 'B': the scenario asserts A; faults are data-race"):
        read_python_file(model(tmp_path, "s.final('A', in_order, t); s.expect_failure('B')"))


def test_a_model_that_asserts_nothing_says_so_everywhere(tmp_path: Path) -> None:
    path = model(tmp_path, "pass", fence="smp_wmb()")
    (program,) = read_python_file(path)
    result = smpcheck.check(path)
    assert (result.notes, result.agrees) == ((ASSERTS_NOTHING["Python"],), None)
    (why,) = explain(program, LKMM)
    assert (why.kind, why.notes) == ("nothing", (ASSERTS_NOTHING["Python"],))
    answer = barriers(program, LKMM)
    assert (answer.protected, answer.findings, answer.notes) == (None, (), (ASSERTS_NOTHING["Python"],))
    assert "not needed" not in judged([answer])
    for claim in (smpcheck.holds, smpcheck.always, smpcheck.never, smpcheck.sometimes):
        with pytest.raises(smpcheck.PropertyError, match="asserts nothing"):
            bool(claim(path))


def test_headlines_say_that_the_assertion_fails(tmp_path: Path) -> None:
    path = model(tmp_path, "s.final('no lost wakeup', in_order, t)")
    with pytest.raises(smpcheck.PropertyError, match="FAILS: no lost wakeup"):
        smpcheck.always(path).verify()
    (broken,) = read_python_file(path)
    assert [head(answer) for answer in explain(broken, LKMM)] == ["no lost wakeup: FAILS under the kernel's memory model"]
    (kept,) = read_python_file(model(tmp_path, "s.final('no lost wakeup', in_order, t)", fence="smp_wmb()"))
    (why,) = explain(kept, LKMM)
    assert head(why).startswith("no lost wakeup: holds under the kernel's memory model, for")
    assert judged([barriers(kept, LKMM)]).startswith("one: no lost wakeup: holds under the kernel's memory model. What is needed")
    rows = compare(broken, [load_model("sc"), LKMM])
    assert "* one   holds  FAILS" in compared(rows, ["sc", "lkmm"], False)
