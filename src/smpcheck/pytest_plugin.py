"""pytest: litmus tests and models as test items, properties as return values, answers in the report of a test that fails.

Loaded by pytest wherever smpcheck is installed, so it imports nothing heavy before there is something to do, and collects
nothing unless it is told to: by ``--smpcheck``, by ``smpcheck = true`` in the configuration, or by a litmus test's name on the
command line. Described in docs/pytest.md.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smpcheck.journal import journal

if TYPE_CHECKING:
    from smpcheck.kernel.scenario import Scenario
    from smpcheck.properties import Property
    from smpcheck.questions.result import Result

LITMUS = ".litmus"
FILES = ("*.litmus", "*_model.py")
TIMEOUT = 60.0
UNDECIDED = ("fail", "skip")
MAX_ANSWERS = 3
"""Of what a failing test asked, the last answers are shown."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, each with its key in the configuration."""
    group = parser.getgroup("smpcheck", "litmus tests and models of shared-memory code")
    group.addoption("--smpcheck", action="store_true", default=None, help="collect litmus tests and models")
    group.addoption("--smpcheck-model", metavar="M", help="sc, tso, lkmm (the default), a .cat file, a tools/memory-model folder")
    group.addoption("--smpcheck-timeout", metavar="S", help=f"seconds for each program ({TIMEOUT:g}; 0: no limit)")
    group.addoption("--smpcheck-unroll", metavar="N", help="iterations of each loop (2)")
    group.addoption("--smpcheck-unsupported", choices=UNDECIDED, help="what becomes of a test that uses something unsupported")
    parser.addini("smpcheck", "collect litmus tests and models", type="bool", default=False)
    parser.addini("smpcheck_files", "patterns of the names of litmus tests and models", type="args", default=list(FILES))
    parser.addini("smpcheck_model", "memory model", default="lkmm")
    parser.addini("smpcheck_timeout", "seconds for each program, 0 for no limit", default=f"{TIMEOUT:g}")
    parser.addini("smpcheck_unroll", "iterations of each loop", default="2")
    parser.addini("smpcheck_unsupported", "fail or skip a test that uses something unsupported", default="fail")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse settings that make no sense before anything runs."""
    settings = _Settings(config)
    if settings.unsupported not in UNDECIDED:
        raise pytest.UsageError(f"smpcheck_unsupported is {settings.unsupported!r}: fail or skip")
    _ = settings.timeout, settings.unroll


class _Settings:
    """The command line first, then the configuration."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def _get(self, name: str) -> str:
        given = self.config.getoption(f"smpcheck_{name}")
        return str(given if given is not None else self.config.getini(f"smpcheck_{name}"))

    def _number(self, name: str) -> float:
        text = self._get(name)
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise pytest.UsageError(f"smpcheck_{name} is {text!r}: a number that is not negative")
        return number

    @property
    def collects(self) -> bool:
        """Are tests and models collected wherever they are found?"""
        return bool(self.config.getoption("smpcheck") or self.config.getini("smpcheck"))

    @property
    def files(self) -> list[str]:
        return [str(pattern) for pattern in self.config.getini("smpcheck_files")]

    @property
    def model(self) -> str:
        """A name, or a path that is relative to the root folder of the tests if it is not there from here."""
        name = self._get("model")
        beside = self.config.rootpath / name
        return str(beside) if not Path(name).exists() and beside.exists() else name

    @property
    def timeout(self) -> float | None:
        return self._number("timeout") or None

    @property
    def unroll(self) -> int:
        return int(self._number("unroll"))

    @property
    def unsupported(self) -> str:
        return self._get("unsupported")


class SmpcheckNote(UserWarning):
    """What there is to say about a test besides its verdict (a name that no thread uses, a model that asserts nothing)."""


PRIMITIVES = "smpcheck.kernel.primitives"
"""The module of the kernel's primitives."""

# --- collecting --------------------------------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file of tests or models, where such are asked for."""
    settings = _Settings(parent.config)
    named = file_path.suffix == LITMUS and parent.session.isinitpath(file_path)
    wanted = settings.collects and any(file_path.match(pattern) for pattern in settings.files)
    if named or wanted:
        return ProgramFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> list[pytest.Item] | None:
    """No test is a primitive that is called like one (``test_and_set_bit``), in a module that has the kernel's vocabulary."""
    return [] if getattr(obj, "__module__", "") == PRIMITIVES else None


class ProgramFile(pytest.File):
    """A litmus test, or the scenarios of a Python model."""

    def collect(self) -> Iterable[pytest.Item]:
        """One item for a litmus test; one for each scenario. A model that cannot be read is one item, which fails."""
        if self.path.suffix != ".py":
            yield ProgramItem.from_parent(self, name=self.path.stem)
            return
        from smpcheck.errors import SmpcheckError
        from smpcheck.readers.python.load import load_scenarios
        from smpcheck.time_limit import time_limit

        try:
            with time_limit(_Settings(self.config).timeout):
                scenarios: list[Scenario] = load_scenarios(self.path)
        except SmpcheckError:
            yield ProgramItem.from_parent(self, name=self.path.stem)
            return
        for scenario in scenarios:
            yield ProgramItem.from_parent(self, name=scenario.title, scenario=scenario)


class ProgramItem(pytest.Item):
    """One program: it passes if all is as the program itself says (see :func:`smpcheck.holds`)."""

    def __init__(self, *, scenario: Scenario | None = None, **others: Any) -> None:
        super().__init__(**others)
        self.scenario = scenario

    def runtest(self) -> None:
        """Ask, and compare."""
        from smpcheck.cat.load import load_model
        from smpcheck.errors import SmpcheckError
        from smpcheck.properties import PropertyError, lacks, require
        from smpcheck.questions.check import CheckOptions
        from smpcheck.sources import answers

        settings = _Settings(self.config)
        options = CheckOptions(unroll=settings.unroll, timeout=settings.timeout, keep_answer=True, verdict_only=True)
        try:
            model = load_model(settings.model)
            results = answers(self.scenario or self.path, model, options)
        except SmpcheckError as error:
            raise PropertyError(str(error)) from None
        for result in results:
            if result.status == "unsupported" and settings.unsupported == "skip":
                pytest.skip(f"{result.name}: unsupported: {result.message}")
            missing = lacks(result, "holds")
            if result.status == "ok" and missing is not None:
                pytest.skip(f"{result.name}: {result.verdict}; {missing}")
            require(result, "holds")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The explanation alone, without a traceback."""
        from smpcheck.properties import PropertyError

        if isinstance(excinfo.value, PropertyError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """File, line, name."""
        return self.path, 0, self.name


# --- test functions ----------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """What a test function returns is checked, if it is a property or a result."""
    function = pyfuncitem.obj

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> object:
        returned = function(*args, **kwargs)
        return None if _verified(returned) else returned

    if _is_plain(function):
        pyfuncitem.obj = checked
    try:
        return (yield)
    finally:
        pyfuncitem.obj = function


def _is_plain(function: object) -> bool:
    """Is it called by pytest itself, and not awaited?"""
    import inspect

    return not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function))


def _verified(returned: object) -> bool:
    """Is it a property or a result, or a list of such? They are checked then. ``AssertionError`` where one does not hold."""
    import sys

    if "smpcheck.properties" not in sys.modules and "smpcheck.questions.result" not in sys.modules:
        return False
    found = list(_claims(returned))
    if not found or None in found:
        return False
    wrong = next((text for one in found if (text := _wrong(one))), None)
    if wrong is not None:
        pytest.fail(wrong, pytrace=False)
    return True


def _wrong(claim: Property | Result) -> str | None:
    """Why a property or result is not as it should be; None if it is."""
    from smpcheck.properties import Property, PropertyError, require

    try:
        if isinstance(claim, Property):
            claim.verify()
        else:
            require(claim, "holds")
    except PropertyError as error:
        return str(error)
    return None


def _claims(returned: object) -> Iterator[Any]:
    """The properties and results; None for anything else."""
    from smpcheck.properties import Property
    from smpcheck.questions.result import Result

    if isinstance(returned, (list, tuple)) and returned:
        for one in returned:
            yield from _claims(one)
    else:
        yield returned if isinstance(returned, (Property, Result)) else None


# --- reports -----------------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Listen to what the test asks."""
    asked: list[Result] = []
    token = journal.set(asked)
    item.stash[_ASKED] = asked
    try:
        return (yield)
    finally:
        journal.reset(token)
        for text in dict.fromkeys(f"{result.name}: {note}" for result in asked for note in result.notes):
            item.warn(SmpcheckNote(text))


_ASKED = pytest.StashKey[list[Any]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last answers to the report of a test that fails, unless its message is one of smpcheck's own."""
    report = yield
    asked = item.stash.get(_ASKED, [])
    if call.when == "call" and report.failed and asked and call.excinfo is not None and not isinstance(item, ProgramItem):
        from smpcheck.properties import PropertyError

        own = isinstance(call.excinfo.value, (PropertyError, pytest.fail.Exception))
        for result in [] if own else asked[-MAX_ANSWERS:]:
            report.sections.append((f"smpcheck: {result.name}", _answer(result)))
    if call.when == "call":
        item.stash[_ASKED] = []
    return report


def _answer(result: Result) -> str:
    from smpcheck.show.failing import answer_text

    try:
        return answer_text(result)
    except Exception as error:  # whatever it is, the test's own failure matters more
        return f"{result.verdict}; no explanation: {type(error).__name__}: {error}"
