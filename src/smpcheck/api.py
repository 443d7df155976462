"""The Python API: the same questions as on the command line, with typed answers.

>>> import smpcheck
>>> smpcheck.check("SB.litmus", model="lkmm").verdict          # doctest: +SKIP
'Sometimes'
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from smpcheck.batch.paths import Item, items
from smpcheck.batch.worker import Job
from smpcheck.cat.load import load_model
from smpcheck.errors import InputError
from smpcheck.properties import require
from smpcheck.questions import result as plain
from smpcheck.questions.check import DEFAULT_MAX_STATES, DEFAULT_UNROLL, CheckOptions
from smpcheck.sources import Source, answers

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation

__all__ = ["CheckOptions", "Result", "check", "check_all"]


class Result(plain.Result, frozen=True):
    """The answer for one test (see :class:`smpcheck.questions.result.Result` for its fields), which can explain, assert and draw
    itself.
    """

    @classmethod
    def of(cls, result: plain.Result) -> Result:
        """The same answer."""
        return cls(**{name: getattr(result, name) for name in result.__struct_fields__})

    def explain(self) -> list[Explanation]:
        """Why each outcome that the test asks about can or cannot be. :raises ValueError: not a result of ``smpcheck.check``"""
        from smpcheck.notebook import Drawn
        from smpcheck.questions.explain import explain

        if self.program is None or self.under is None:
            raise ValueError("only a result of smpcheck.check() can be explained: it has its program")
        return [Drawn.of(answer) for answer in explain(self.program, self.under)]

    def assert_never(self) -> None:
        """:raises PropertyError: not :func:`smpcheck.never` (its text explains why, or says what is undecided)"""
        __tracebackhide__ = True
        require(self, "never")

    def assert_sometimes(self) -> None:
        """:raises PropertyError: not :func:`smpcheck.sometimes`"""
        __tracebackhide__ = True
        require(self, "sometimes")

    def assert_always(self) -> None:
        """:raises PropertyError: not :func:`smpcheck.always`"""
        __tracebackhide__ = True
        require(self, "always")

    def assert_holds(self) -> None:
        """:raises PropertyError: something is not as the test itself says (see :func:`smpcheck.holds`)"""
        __tracebackhide__ = True
        require(self, "holds")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from smpcheck.notebook import bundle_of_result

        return bundle_of_result(self)


def check(
    path_or_text: Source,
    model: str = "lkmm",
    *,
    verdict_only: bool = False,
    unroll: int = DEFAULT_UNROLL,
    timeout: float | None = None,
    max_states: int | None = DEFAULT_MAX_STATES,
    threads: int = 1,
    on_state: Callable[[plain.StateRow], None] | None = None,
    termination: bool = True,
) -> Result:
    """Can the condition of a test come true under ``model``?

    ``path_or_text``: the path of a test, its text (a string with a line break in it), a scenario of a Python model, or a program.
    ``model``: ``sc``, ``tso``, ``lkmm``, a .cat file, or a kernel tree's ``tools/memory-model``. ``timeout``: seconds of wall
    time, checked by the solver itself. ``threads``: of the solver, for one hard test. ``on_state`` is called with each final
    state as soon as it is found. ``termination``: find deadlocks, and threads that can wait for ever. Runs in this process.

    What is wrong with the test itself is in the result's ``status`` and ``message``, as with a batch.

    :raises InputError: there is no such file or model, or the file has more than one program (see :func:`check_all`)
    """
    options = CheckOptions(verdict_only, unroll, timeout, max_states, keep_answer=True, threads=threads, termination=termination)
    results = answers(path_or_text, load_model(model), options, on_state)
    if len(results) != 1:
        raise InputError(f"{path_or_text} has {len(results)} programs: use check_all")
    return Result.of(results[0])


def check_all(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
    model: str = "lkmm",
    *,
    verdict_only: bool = False,
    unroll: int = DEFAULT_UNROLL,
    timeout: float | None = None,
    max_states: int | None = DEFAULT_MAX_STATES,
    jobs: int | None = None,
    memory: int | None = None,
    termination: bool = True,
) -> Iterator[Result]:
    """Check many tests in worker processes, as ``smpcheck check`` does; results come in the order of the tests.

    ``paths``: files, folders, ``@list``. ``jobs``: worker processes, as many as cores unless given; 0 for none. ``timeout``
    (seconds) and ``memory`` (MiB) hold for each test.

    :raises InputError: a path stands for no file, or there is no such model
    """
    from smpcheck.batch.pool import Pool, available_cores, run_here, start_worker

    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found: list[Item] = []
    for entry in items([os.fspath(path) for path in paths]):
        if isinstance(entry, InputError):
            raise entry
        found.append(entry)
    job = Job(os.fspath(model), CheckOptions(verdict_only, unroll, timeout, max_states, termination=termination), memory)
    load_model(job.model)
    if jobs == 0:
        yield from map(Result.of, run_here(found, job))
        return
    with Pool(job, min(jobs or available_cores(), len(found)), start_worker) as pool:
        yield from map(Result.of, pool.run(found))
