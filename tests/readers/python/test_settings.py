"""Parameters of models chosen by name."""

from __future__ import annotations

import pytest

from smpcheck.errors import InputError
from smpcheck.readers.python import read_python_file
from smpcheck.readers.registry import read_programs

MODEL = """
from dataclasses import dataclass
from smpcheck.kernel import *


@dataclass(frozen=True)
class Kind:
    name: str
    value: int


SMALL, LARGE = Kind("SMALL", 1), Kind("LARGE", 100)
KIND = parameter("kind", SMALL)
TIMES = parameter("times", 2)
TEXT = parameter("text", "any")
ORDER = parameter("order", "none", ("none", "mb"))
TWICE = parameter("twice", False)
x = shared(0)


def put() -> None:
    for i in range(TIMES):
        WRITE_ONCE(x, KIND.value)
        if ORDER == "mb":
            smp_mb()
        if TWICE:
            WRITE_ONCE(x, KIND.value)


@scenario
def one(s: Setup) -> None:
    s.thread(put)


@scenario
def broken(s: Setup) -> None:
    s.thread(nobody)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(MODEL)
    return str(path)


def statements(file, *settings):
    (program,) = read_python_file(file, "one", settings)
    return list(program.threads[0].body)


def stored(file, *settings):
    return [s.value.value for s in statements(file, *settings) if type(s).__name__ == "Store"]


def test_a_value_is_the_name_of_an_object_of_the_defaults_type(file):
    assert stored(file) == [1, 1]
    assert stored(file, "kind=LARGE") == [100, 100]


def test_or_a_number_a_text_or_a_truth_value_as_the_default_is(file):
    assert stored(file, "times=3") == [1, 1, 1]
    assert stored(file, "twice=True", "times=1") == [1, 1]
    (program,) = read_python_file(file, "one", ["text=whatever"])
    assert program.name == "one[text=whatever]"


def test_or_one_of_the_choices(file):
    assert [type(s).__name__ for s in statements(file, "order=mb", "times=1")] == ["Store", "Fence"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("kin=SMALL", "the model has no parameter 'kin': it has kind, order, text, times, twice"),
        ("kind=MEDIUM", "'MEDIUM' is no value of kind: choose from SMALL, LARGE"),
        ("kind", "'' is no value of kind: choose from SMALL, LARGE"),
        ("times=many", "'many' is no value of times: it is a number"),
        ("order=rmb", "'rmb' is no value of order: choose from none, mb"),
        ("twice=2", "'2' is no value of twice: choose from True, False"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(file, setting, said):
    with pytest.raises(InputError) as caught:
        read_python_file(file, "one", [setting])
    assert str(caught.value) == f"--set {setting}: {said}"


def test_nothing_is_set_twice(file):
    with pytest.raises(InputError, match="kind is set twice"):
        read_python_file(file, "one", ["kind=SMALL", "kind=LARGE"])


def test_parameters_of_the_modules_that_a_file_imports_count(tmp_path):
    path = tmp_path / "m.py"
    path.write_text("from smpcheck.mm.claim_scenarios import putback_munlock\n\nchosen = putback_munlock.bind(visit='no')\n")
    (program,) = read_python_file(path, "putback_munlock", ["variant=V4", "flags=separate"])
    assert program.name == "putback_munlock[visit=no, variant=V4, flags=separate]"


def test_only_the_scenario_that_is_asked_for_is_compiled(file):
    (program,) = read_python_file(file, "one")
    assert program.name == "one"
    with pytest.raises(InputError, match=r"has no program 'two': it has one, broken$"):
        read_python_file(file, "two")
    with pytest.raises(InputError, match="the set-up of broken failed"):
        read_python_file(file)


def test_a_litmus_test_has_no_parameters():
    with pytest.raises(InputError, match=r"t\.litmus is a litmus test, and only Python models have parameters"):
        read_programs("t.litmus", "C t\n\n{}\n\nP0(int *x) { WRITE_ONCE(*x, 1); }\n\nexists (x=1)\n", settings=["a=b"])
