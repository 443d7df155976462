"""A program, a model and the solver's answer become one result; whatever goes wrong becomes its status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from msgspec.structs import replace

from smpcheck.cat.nodes import Axiom, Model, make
from smpcheck.errors import InputError, LimitError, UnsupportedError
from smpcheck.program.ir import (
    Assert,
    Block,
    Cell,
    Choice,
    Const,
    FinalMem,
    FinalReg,
    If,
    Loop,
    Position,
    Program,
    Thread,
)
from smpcheck.program.values import Ptr, Value
from smpcheck.questions.check import CheckOptions, check_file, check_program, describe
from smpcheck.questions.result import Result
from smpcheck.solver.answer import Answer, Question
from tests.fake_engine import litmus, load_model, modules

X, Y = Ptr("x"), Ptr("y")
PROGRAM = Program(
    name="T",
    cells={X: Cell("x"), Y: Cell("y")},
    threads=(Thread(0, ()),),
    condition_text="0:r1=0",
    expected="Never",
    file="t.litmus",
)
MODEL = load_model("lkmm")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], list[Question]]:
    """Let the solver answer what is given (or raise it); the questions it was asked."""

    def install(outcome: object) -> list[Question]:
        asked: list[Question] = []

        def solve(program: Program, model: object, question: Question) -> object:
            asked.append(question)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        module = ModuleType("smpcheck.solver.solve")
        module.solve = solve  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "smpcheck.solver.solve", module)
        return asked

    return install


def check(options: CheckOptions = CheckOptions(), observed: Iterable[FinalReg | FinalMem] = ()) -> Result:  # noqa: B008
    return check_program(replace(PROGRAM, observed=tuple(observed)), MODEL, options)


def states(*rows: tuple[Mapping[FinalReg | FinalMem, Value], bool]) -> Answer:
    return Answer("ok", "Sometimes", rows)


def test_variables_come_registers_first_then_memory(answers: Callable[[object], object]) -> None:
    row: dict[FinalReg | FinalMem, Value] = {
        FinalMem(Y): 1,
        FinalReg(10, "r1"): 2,
        FinalReg(2, "r2"): 3,
        FinalReg(2, "r10"): 4,
        FinalMem(X): 5,
    }
    answers(states((row, True)))
    assert list(check(observed=row).states[0].items()) == [("2:r10", 4), ("2:r2", 3), ("10:r1", 2), ("[x]", 5), ("[y]", 1)]


def test_states_come_numbers_by_value_then_addresses_by_name(answers: Callable[[object], object]) -> None:
    r: FinalReg | FinalMem = FinalReg(0, "r1")
    values: tuple[Value, ...] = (Y, 10, 9, -1, X)
    answers(states(*(({r: value}, False) for value in values)))
    assert [row["0:r1"] for row in check(observed=(r,)).states] == [-1, 9, 10, "x", "y"]


def test_states_are_counted_by_the_proposition(answers: Callable[[object], object]) -> None:
    r = FinalReg(0, "r1")
    answers(states(({r: 0}, True), ({r: 1}, False), ({r: 2}, False)))
    result = check()
    assert (result.positive, result.negative, result.verdict, result.ok) == (1, 2, "Sometimes", True)


@pytest.mark.parametrize(("verdict", "counts"), [("Never", (0, 1)), ("Sometimes", (1, 1)), ("Always", (1, 0))])
def test_a_verdict_alone_counts_one_of_each_kind(
    answers: Callable[[object], object], verdict: str, counts: tuple[int, int]
) -> None:
    answers(Answer("ok", verdict))  # type: ignore[arg-type]
    result = check(CheckOptions(verdict_only=True))
    assert (result.positive, result.negative) == counts
    assert result.states == ()


def test_options_reach_the_solver(answers: Callable[[object], list[Question]]) -> None:
    asked = answers(Answer("ok", "Never"))
    check()
    check(CheckOptions(verdict_only=True, unroll=5, timeout=3.0, max_states=7))
    assert (asked[0].mode, asked[0].unroll, asked[0].deadline, asked[0].max_states) == ("states", 2, None, 100_000)
    assert (asked[1].mode, asked[1].unroll, asked[1].max_states) == ("verdict", 5, 7)
    assert asked[1].deadline is not None
    assert 0 < asked[1].deadline <= 3.0


@pytest.mark.parametrize(("verdict", "agrees"), [("Never", True), ("Sometimes", False), (None, None)])
def test_the_verdict_is_compared_with_the_authors(
    answers: Callable[[object], object], verdict: str | None, agrees: bool | None
) -> None:
    answers(Answer("ok" if verdict else "bound", verdict))  # type: ignore[arg-type]
    result = check()
    assert (result.expected, result.agrees) == ("Never", agrees)


@pytest.mark.parametrize(
    ("verdict", "announced", "flags", "agrees", "words"),
    [
        ("Never", (), (), True, None),
        ("Sometimes", (), (), False, "Sometimes, where the test says Never"),
        ("Never", ("data-race",), ("data-race",), True, None),
        ("Sometimes", ("data-race",), ("data-race",), True, None),
        ("Never", ("data-race",), (), False, "the test announces a data race, but there is none"),
        ("Never", (), ("data-race",), False, "a data race that the test does not announce"),
        ("Never", (), ("srcu-bad-nesting",), True, None),
        (
            "Never",
            ("deadlock",),
            ("data-race",),
            False,
            "a data race that the test does not announce; the test announces a deadlock, but there is none",
        ),
    ],
)
def test_data_races_are_judged_as_the_kernels_scripts_do(
    verdict: str, announced: tuple[str, ...], flags: tuple[str, ...], agrees: bool, words: str | None
) -> None:
    expected = {"expected": "Never", "announced": frozenset(announced)}
    result = Result("t", "t", "ok", verdict, flags=flags, **expected)  # type: ignore[arg-type]
    assert (result.agrees, result.disagreement) == (agrees, words)


def test_a_model_that_knows_no_races_is_not_asked_for_them() -> None:
    racy = replace(PROGRAM, announced=frozenset({"data-race"}))
    knows = Model("m", (Axiom("empty", make("rel", "empty"), "data-race", negated=True, flag=True),))
    assert describe(racy, MODEL).announced == frozenset()
    assert describe(racy, knows).announced == frozenset({"data-race"})


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            UnsupportedError("goto is not supported", Position("t.litmus", 4, 2)),
            "unsupported",
            "t.litmus:4:2: goto is not supported",
        ),
        (InputError("no such register"), "error", "no such register"),
        (LimitError("too many values"), "bound", "too many values"),
        (MemoryError(), "bound", "no more memory (see --memory)"),
        (RuntimeError("std::bad_alloc"), "bound", "no more memory (see --memory)"),
        (RecursionError("maximum recursion depth"), "unsupported", "nested too deeply"),
    ],
)
def test_errors_become_a_status_and_a_message(
    answers: Callable[[object], object], error: Exception, status: str, message: str
) -> None:
    answers(error)
    result = check()
    assert (result.status, result.message, result.verdict, result.condition) == (status, message, None, "exists (0:r1=0)")
    assert not result.ok


def test_a_fault_of_our_own_is_an_error_with_its_place(answers: Callable[[object], object]) -> None:
    answers(KeyError("x"))
    result = check()
    assert result.status == "error"
    assert result.message.startswith("internal error, please report it: KeyError: 'x' (")


@pytest.mark.parametrize("status", ["timeout", "bound", "no-execution"])
def test_not_knowing_is_no_verdict(answers: Callable[[object], object], status: str) -> None:
    answers(Answer(status, None, message="why"))  # type: ignore[arg-type]
    result = check()
    assert (result.status, result.verdict, result.agrees, result.message) == (status, None, None, "why")


def test_a_cut_listing_says_so(answers: Callable[[object], object]) -> None:
    answers(Answer("ok", "Sometimes", (({FinalReg(0, "r1"): 0}, True),), complete=False))
    result = check()
    assert not result.complete
    assert result.notes == ("the listing stops at 1 states (--max-states); the verdict holds for all",)


def test_the_answer_is_kept_on_request_only(answers: Callable[[object], object]) -> None:
    answer = Answer("ok", "Never")
    answers(answer)
    assert check().answer is None
    assert check(CheckOptions(keep_answer=True)).answer is answer


def test_assertions_in_a_program_are_asked_for_too(answers: Callable[[object], list[Question]]) -> None:
    asked = answers(Answer("ok", "Never", failed={"A": None}))  # type: ignore[dict-item]
    nested = (If(Const(1), (Loop("l", (Block("b", (Choice((), (Assert(Const(0), "A"),)),)),)),)),)
    program = replace(PROGRAM, threads=(Thread(0, ()), Thread(1, nested)))
    result = check_program(program, MODEL, CheckOptions())
    assert [question.mode for question in asked] == ["states", "assertions"]
    assert (result.verdict, result.observation, result.failed, result.agrees) == ("FAILS", "Never", ("A",), False)
    assert result.disagreement == "FAILS: A"


def test_a_program_without_assertions_is_asked_once(answers: Callable[[object], list[Question]]) -> None:
    asked = answers(Answer("ok", "Never"))
    check()
    assert len(asked) == 1


def test_undecided_assertions_leave_the_test_undecided(answers: Callable[[object], list[Question]]) -> None:
    program = replace(PROGRAM, threads=(Thread(0, (Assert(Const(0), "A"),)),))
    outcomes = [Answer("ok", "Never"), Answer("timeout", None, message="late")]
    answers(outcomes)
    module = sys.modules["smpcheck.solver.solve"]
    module.solve = lambda *_: outcomes.pop(0)  # type: ignore[attr-defined]
    result = check_program(replace(program, language="Python"), MODEL, CheckOptions())
    assert (result.status, result.verdict, result.undecided, result.message) == ("timeout", "undecided", ("A",), "late")


def test_what_fails_within_a_bound_fails(answers: Callable[[object], list[Question]]) -> None:
    program = replace(PROGRAM, threads=(Thread(0, (Assert(Const(0), "A"), Assert(Const(0), "B"))),), language="Python")
    answers(Answer("bound", None, failed={"A": None}, cut=("loop",), message="more rounds"))  # type: ignore[dict-item]
    result = check_program(program, MODEL, CheckOptions())
    assert (result.status, result.verdict, result.failures, result.agrees) == ("bound", "FAILS", ("A",), False)
    assert result.undecided == ("condition", "B")


def model(**changes: object) -> Result:
    """The result of a model that asserts A and B."""
    fields = {"status": "ok", "observation": "Always", "language": "Python", "quantifier": "forall", "asserts": ("A", "B")}
    return Result("m.py", "m", **(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "verdict", "failures", "agrees"),
    [
        ({}, "holds", (), True),
        ({"failed": ("B",)}, "FAILS", ("B",), False),
        ({"failed": ("B",), "flags": ("data-race",)}, "FAILS", ("B", "data-race"), False),
        ({"asserts": (), "flags": ("deadlock",)}, "FAILS", ("deadlock",), False),
        ({"asserts": ()}, "holds", (), None),
        ({"asserts": (), "quantifier": "exists", "observation": "Sometimes"}, "Sometimes", (), None),
        ({"quantifier": "exists", "observation": "Sometimes"}, "holds", (), True),
        ({"status": "bound", "undecided": ("A",)}, "undecided", (), None),
        ({"status": "bound", "undecided": ("A",), "failed": ("B",)}, "FAILS", ("B",), False),
        ({"status": "error", "observation": None}, None, (), None),
        ({"status": "no-execution", "observation": None}, None, (), None),
    ],
)
def test_the_verdict_of_a_model_is_what_it_asserts(
    changes: dict[str, object], verdict: str | None, failures: tuple[str, ...], agrees: bool | None
) -> None:
    result = model(**changes)
    assert (result.verdict, result.failures, result.agrees) == (verdict, failures, agrees)


@pytest.mark.parametrize(
    ("expected", "failed", "status", "words"),
    [
        ({"A"}, ("A",), "ok", True),
        (set(), ("A",), "ok", True),
        (set(), ("A",), "bound", True),
        ({"A"}, ("A",), "bound", None),
        ({"A"}, (), "bound", None),
        ({"A"}, (), "ok", "is expected to fail, but does not: A"),
        (set(), (), "ok", "is expected to fail, but holds"),
        ({"A"}, ("B",), "ok", "fails, but is not expected to: B; is expected to fail, but does not: A"),
        ({"A"}, ("A", "B"), "bound", "fails, but is not expected to: B; fails as expected: A"),
        ({"A"}, ("B",), "bound", "fails, but is not expected to: B"),
    ],
)
def test_a_model_may_be_expected_to_fail(
    expected: set[str], failed: tuple[str, ...], status: str, words: str | bool | None
) -> None:
    result = model(expected_failures=frozenset(expected), failed=failed, status=status)
    assert (result.agrees, result.disagreement) == ((False, words) if isinstance(words, str) else (words, None))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in modules().items():
        monkeypatch.setitem(sys.modules, name, module)


def results(path: str | Path, text: str | None = None, start: int = 0) -> list[tuple[Result, bool]]:
    return list(check_file(str(path), MODEL, CheckOptions(), text, start))


def test_a_file_is_read_and_checked(engine: None, tmp_path: Path) -> None:
    (tmp_path / "a.litmus").write_text(litmus("a", "Sometimes"))
    ((result, last),) = results(tmp_path / "a.litmus")
    assert last
    assert (result.name, result.status, result.verdict, result.agrees) == ("a", "ok", "Sometimes", True)
    assert result.condition == r"exists (0:r0=0 /\ [x]=1)"
    assert result.states == ({"0:r0": 0, "[x]": 0}, {"0:r0": 1, "[x]": 1})


@pytest.mark.parametrize(
    ("name", "data", "status", "part"),
    [
        ("empty.litmus", b"", "error", "empty.litmus:1:1"),
        ("zero.litmus", b"C a\n\n\0", "error", "zero.litmus:3:1: this is not a text file"),
        ("m.cat", b"", "error", "is a memory model, not a test"),
        ("linux-kernel.cfg", b"", "error", "herd7's options"),
    ],
)
def test_what_is_no_test_is_refused_in_one_line(
    engine: None, tmp_path: Path, name: str, data: bytes, status: str, part: str
) -> None:
    (tmp_path / name).write_bytes(data)
    ((result, last),) = results(tmp_path / name)
    assert last
    assert result.status == status
    assert part in result.message
    assert "\n" not in result.message


def test_latin_1_in_a_comment_is_no_obstacle(engine: None, tmp_path: Path) -> None:
    (tmp_path / "a.litmus").write_bytes(litmus("a").replace("C a\n", "C a\n(* Caf\xe9 *)\n").encode("latin-1"))
    ((result, _),) = results(tmp_path / "a.litmus")
    assert result.status == "ok"


def test_a_folder_or_a_missing_file_cannot_be_read(engine: None, tmp_path: Path) -> None:
    ((result, _),) = results(tmp_path / "gone.litmus")
    assert (result.name, result.status) == ("gone", "error")
    assert result.message.endswith("No such file or directory")
    ((result, _),) = results(tmp_path)
    assert result.message.endswith("Is a directory")
