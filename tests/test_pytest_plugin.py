"""The pytest plugin, in sessions of its own: what is collected, what passes, what a failure shows."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import smpcheck

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(scope="module", autouse=True)
def _all_is_loaded():
    """pytester forgets the modules that a session loads. All of smpcheck's, and what they load when they are used, are here
    before; or there would be two of some.
    """
    for module in pkgutil.walk_packages(smpcheck.__path__, "smpcheck."):
        if not module.name.startswith(("smpcheck.__main__", "smpcheck.mm", "smpcheck.batch.on_dask", "smpcheck.commands.mm")):
            import_module(module.name)
    smpcheck.check(EXAMPLES / "01-SB.litmus").explain()
    smpcheck.check(EXAMPLES / "models" / "seqlock.py").explain()


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Sessions without hypothesis, which each of them would load anew."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    return pytester


MODEL = """
from smpcheck.kernel import *

class pair(Struct):
    data: int = 0
    flag: int = 0

def writer(p: pair) -> None:
    WRITE_ONCE(p.data, 1)
    {barrier}
    WRITE_ONCE(p.flag, 1)

def reader(p: pair) -> None:
    if smp_load_acquire(p.flag) == 1:
        check("data is there", READ_ONCE(p.data) == 1)

@scenario
def {name}(s: Setup) -> None:
    s.P = p = pair()
    s.thread(writer, p)
    s.thread(reader, p)
"""


def model(name: str, barrier: str = "smp_wmb()") -> str:
    return MODEL.format(name=name, barrier=barrier)


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with a test that is as it says, one that is not, a model, and a test function."""
    copy(pytester, "02-SB+mbs", "good")
    copy(pytester, "01-SB", "bad", "Sometimes", "Never")
    pytester.makepyfile(good_model=model("message"))
    pytester.makepyfile("def test_python():\n    pass\n")
    return pytester


def copy(pytester: pytest.Pytester, example: str, name: str, old: str = "", new: str = "") -> None:
    text = (EXAMPLES / f"{example}.litmus").read_text()
    (pytester.path / f"{name}.litmus").write_text(text.replace(old, new) if old else text)


class TestCollecting:
    def test_nothing_unless_it_is_told_to(self, folder):
        folder.runpytest().assert_outcomes(passed=1)

    def test_with_the_option(self, folder):
        result = folder.runpytest("--smpcheck", "-v")
        result.assert_outcomes(passed=3, failed=1)
        result.stdout.fnmatch_lines_random(
            [
                "good.litmus::good PASSED*",
                "bad.litmus::bad FAILED*",
                "good_model.py::message PASSED*",
                "*::test_python PASSED*",
            ]
        )

    def test_by_configuration(self, folder):
        folder.makeini("[pytest]\nsmpcheck = true\n")
        folder.runpytest().assert_outcomes(passed=3, failed=1)

    def test_a_litmus_test_by_its_name(self, folder):
        folder.runpytest("good.litmus").assert_outcomes(passed=1)
        folder.runpytest("bad.litmus").assert_outcomes(failed=1)
        folder.runpytest("good.litmus::good").assert_outcomes(passed=1)

    def test_patterns(self, folder):
        folder.makeini("[pytest]\nsmpcheck = true\nsmpcheck_files = g*.litmus\n")
        folder.runpytest().assert_outcomes(passed=2)

    def test_each_scenario_is_an_item(self, pytester):
        second = model("second", "barrier()").partition("import *")[2]
        for name in ("pair", "writer", "reader"):
            second = second.replace(name, f"other_{name}")
        pytester.makepyfile(two_model=model("first") + second)
        result = pytester.runpytest("--smpcheck", "-v")
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines_random(["two_model.py::first PASSED*", "two_model.py::second FAILED*"])

    def test_selection_and_workers(self, folder):
        folder.runpytest("--smpcheck", "-k", "good").assert_outcomes(passed=2, deselected=2)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--smpcheck", "-q", "-n", "2", "-p", "no:cacheprovider"],
            cwd=folder.path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert "1 failed, 3 passed" in done.stdout


class TestSettings:
    def test_the_model(self, pytester):
        copy(pytester, "04-MP", "mp", "Sometimes", "Never")
        pytester.runpytest("--smpcheck").assert_outcomes(failed=1)
        pytester.runpytest("--smpcheck", "--smpcheck-model", "tso").assert_outcomes(passed=1)
        pytester.makeini("[pytest]\nsmpcheck = true\nsmpcheck_model = sc\n")
        pytester.runpytest().assert_outcomes(passed=1)
        pytester.runpytest("--smpcheck-model", "lkmm").assert_outcomes(failed=1)

    def test_a_model_of_ones_own_beside_the_tests(self, pytester):
        copy(pytester, "01-SB", "sb", "Sometimes", "Never")
        (pytester.path / "mine.cat").write_text('"mine"\nacyclic po | rf | co | fr as order\n')
        pytester.makeini("[pytest]\nsmpcheck = true\nsmpcheck_model = mine.cat\n")
        pytester.runpytest().assert_outcomes(passed=1)

    def test_a_model_that_is_not_there(self, folder):
        result = folder.runpytest("good.litmus", "--smpcheck-model", "nothing")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*there is no model nothing*"])

    @pytest.mark.parametrize("setting", ["smpcheck_timeout = soon", "smpcheck_unroll = -1", "smpcheck_unsupported = maybe"])
    def test_settings_that_make_no_sense(self, folder, setting):
        folder.makeini(f"[pytest]\n{setting}\n")
        result = folder.runpytest()
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*{setting.split()[0]} is *"])

    def test_unsupported_fails_unless_it_is_to_be_skipped(self, pytester):
        text = "C t\n\n(* Result: Never *)\n{}\n\nP0(int *x)\n{\n\tfrobnicate(x);\n}\n\nexists (x=1)\n"
        (pytester.path / "odd.litmus").write_text(text)
        result = pytester.runpytest("--smpcheck")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*odd.litmus:8:*frobnicate*"])
        result = pytester.runpytest("--smpcheck", "--smpcheck-unsupported=skip", "-rs")
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["*unsupported:*frobnicate*"])

    def test_a_limit_is_a_failure(self, pytester):
        text = (
            "C t\n\n(* Result: Never *)\n{}\n\nP0(int *y)\n{\n\tint r0;\n\n\tr0 = READ_ONCE(*y);\n\twhile (r0 != 9)\n"
            "\t\tr0 = READ_ONCE(*y);\n}\n\nP1(int *y)\n{\n\tWRITE_ONCE(*y, 1);\n}\n\nexists (y=0)\n"
        )
        (pytester.path / "loop.litmus").write_text(text)
        result = pytester.runpytest("--smpcheck")
        result.assert_outcomes(failed=1)

    def test_a_test_that_expects_nothing_is_skipped(self, pytester):
        copy(pytester, "01-SB", "sb", "Result:", "Gives:")
        result = pytester.runpytest("--smpcheck", "-rs")
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["*: Sometimes; it has no Result: comment*"])

    def test_broken_files_are_failures_with_a_place(self, pytester):
        (pytester.path / "empty.litmus").write_text("")
        (pytester.path / "binary.litmus").write_bytes(b"C\0\0")
        pytester.makepyfile(broken_model="from smpcheck.kernel import *\n\nx = )\n", none_model="x = 1\n")
        result = pytester.runpytest("--smpcheck")
        result.assert_outcomes(failed=4)
        result.stdout.fnmatch_lines_random(["*broken_model.py:3:*", "*has no scenario*", "*not a text file*"])
        assert "Traceback" not in result.stdout.str()


class TestReports:
    def test_an_outcome_is_shown_with_its_execution_and_without_traceback(self, folder):
        result = folder.runpytest("bad.litmus")
        result.stdout.fnmatch_lines(
            ["*SB under lkmm: Sometimes, where the test says Never.", "*is satisfied before its earlier store*"]
        )
        shown = result.stdout.str()
        assert "WRITE_ONCE(*x, 1)" in shown and "READ_ONCE(*y)" in shown
        assert "def runtest" not in shown

    def test_an_assertion_of_a_model(self, pytester):
        pytester.makepyfile(bad_model=model("message", "barrier()"))
        result = pytester.runpytest("--smpcheck")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["message under lkmm: FAILS: data is there.", "*WRITE_ONCE(p.flag, 1)*"])

    def test_a_race(self, pytester):
        copy(pytester, "20-RACE", "race", "DATARACE", "")
        result = pytester.runpytest("race.litmus")
        result.stdout.fnmatch_lines(["*a data race that the test does not announce.", "*plain access, line 15*"])

    def test_an_outcome_that_cannot_happen_with_the_reason(self, pytester):
        copy(pytester, "02-SB+mbs", "sb", "Never", "Sometimes")
        result = pytester.runpytest("sb.litmus")
        result.stdout.fnmatch_lines(["*Never, where the test says Sometimes.", "*ordered by smp_mb() in line 18*"])

    def test_a_failing_test_shows_the_answers_that_it_asked_for(self, folder):
        folder.makepyfile(
            test_asks="""
            import smpcheck

            def test_fails():
                assert smpcheck.check("bad.litmus").verdict == "Never"

            def test_passes():
                assert smpcheck.check("bad.litmus").verdict == "Sometimes"
            """
        )
        result = folder.runpytest("test_asks.py")
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["*smpcheck: SB*", "Sometimes under lkmm.", "*is satisfied before its earlier store*"])


class TestFunctions:
    def run(self, pytester: pytest.Pytester, body: str) -> pytest.RunResult:
        copy(pytester, "02-SB+mbs", "sb_mbs")
        copy(pytester, "01-SB", "sb")
        pytester.makepyfile(test_it=f"import smpcheck\n\ndef test_it():\n    {body}\n")
        return pytester.runpytest("-W", "error", "test_it.py")

    @pytest.mark.parametrize(
        "body",
        [
            "return smpcheck.never('sb_mbs.litmus')",
            "return smpcheck.sometimes('sb.litmus')",
            "return smpcheck.holds('sb.litmus')",
            "return smpcheck.check('sb.litmus')",
            "return [smpcheck.never('sb_mbs.litmus', model=m) for m in ('sc', 'tso', 'lkmm')]",
            "assert smpcheck.never('sb.litmus', 'sc')",
            "smpcheck.check('sb_mbs.litmus').assert_never()",
            "smpcheck.check('sb.litmus').assert_holds()",
        ],
    )
    def test_what_holds_passes(self, pytester, body):
        self.run(pytester, body).assert_outcomes(passed=1)

    @pytest.mark.parametrize(
        "body",
        [
            "return smpcheck.never('sb.litmus')",
            "return smpcheck.always('sb.litmus')",
            "return smpcheck.sometimes('sb.litmus', 'sc')",
            "return smpcheck.holds('sb.litmus', 'sc')",
            "return smpcheck.check('sb.litmus', 'sc')",
            "return smpcheck.never('sb_mbs.litmus'), smpcheck.never('sb.litmus')",
            "assert smpcheck.never('sb.litmus')",
            "smpcheck.check('sb.litmus').assert_never()",
        ],
    )
    def test_what_does_not_hold_fails_with_the_execution_or_the_reason(self, pytester, body):
        result = self.run(pytester, body)
        result.assert_outcomes(failed=1)
        shown = result.stdout.str()
        assert "READ_ONCE(*y)" in shown or "load of y" in shown
        assert "smpcheck/properties.py" not in shown

    def test_a_result_that_expects_nothing_does_not_pass(self, pytester):
        copy(pytester, "01-SB", "quiet", "Result:", "Gives:")
        result = self.run(pytester, "return smpcheck.check('quiet.litmus')")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*does not say what it expects*"])

    def test_other_return_values_are_pytests_own_affair(self, pytester):
        pytester.makepyfile("import smpcheck\n\ndef test_it():\n    return 1\n")
        pytester.runpytest("-W", "ignore").assert_outcomes(passed=1)

    def test_fixtures_and_parameters_still_work(self, pytester):
        copy(pytester, "02-SB+mbs", "sb_mbs")
        pytester.makepyfile(
            """
            import pytest, smpcheck

            @pytest.fixture
            def path():
                return "sb_mbs.litmus"

            @pytest.mark.parametrize("model", ["sc", "tso"])
            def test_it(path, model):
                return smpcheck.never(path, model)

            class TestMethods:
                def test_it(self, path):
                    return smpcheck.never(path)
            """
        )
        pytester.runpytest("-W", "error").assert_outcomes(passed=3)


def test_the_plugin_loads_nothing_heavy():
    script = "import sys, smpcheck.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert not {"clingo", "lark", "typer", "tree_sitter", "smpcheck.questions.check"} & set(done.stdout.split())


def test_a_primitive_that_is_called_like_a_test_is_none(pytester: pytest.Pytester) -> None:
    """``from smpcheck.kernel import *`` brings ``test_and_set_bit``: into a model that is named, and into a test module."""
    model = pytester.makepyfile(model=MODEL.format(name="fenced", barrier="smp_wmb()"))
    tests = pytester.makepyfile(test_own="from smpcheck.kernel import *\n\ndef test_own():\n    pass\n")
    result = pytester.runpytest("--smpcheck", "-v", model, tests)
    assert "test_and_set_bit" not in result.stdout.str()
    assert result.parseoutcomes()["passed"] == 1
    assert result.ret == 0
