"""``smpcheck check``: options in, results out in the form that was asked for, the batch's exit status."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from smpcheck.commands.common import (
    EXIT_BROKEN_PIPE,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    Asserts,
    Init,
    Kernel,
    KernelHeaders,
    Objects,
    OneModel,
    OneProgram,
    OnMachines,
    Settings,
    Threads,
    all_settings,
    forget_output,
    model_for,
)
from smpcheck.errors import InputError, SmpcheckError
from smpcheck.show.formats import FORMATS, Summary, make_form

if TYPE_CHECKING:
    from types import FrameType

    from smpcheck.batch.paths import Item
    from smpcheck.batch.worker import Job
    from smpcheck.questions.result import Result, StateRow
    from smpcheck.show.progress import ProgressBar

BATCH_TIMEOUT = 60.0
"""Seconds for each test where there are several and no --timeout is given. A single test may take its time: somebody waits for
it.
"""

FEW_TESTS = 4
"""Up to so many tests, one worker is enough."""

EXECUTORS = ("local", "dask")

WITH_PLACES = ("sarif",)
"""Forms that show what is wrong with a test at its place in the source."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("check")(check)


def check(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="A litmus test, a folder of them, @LIST, or - for standard input.")
    ],
    model: OneModel = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="|".join(FORMATS), help="How to show the answers.")] = "table",
    verdict_only: Annotated[
        bool, typer.Option("--verdict-only", help="Decide the condition only, do not list final states.")
    ] = False,
    unroll: Annotated[
        int,
        typer.Option(
            "--unroll", metavar="N", min=0, help="Iterations of each loop; loops that only wait are decided without a limit."
        ),
    ] = 2,
    termination: Annotated[
        bool, typer.Option("--termination/--no-termination", help="Find deadlocks, and threads that can wait for ever.")
    ] = True,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="N", min=0, help="Worker processes; by default one for each core. 0: run in this process."
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="S",
            min=0.0,
            help="Seconds for each test; 0: no limit. By default 60 if there are several tests, no limit for one.",
        ),
    ] = None,
    memory: Annotated[
        int | None, typer.Option("--memory", metavar="MB", min=1, help="MiB of memory that each test may use.")
    ] = None,
    max_states: Annotated[
        int, typer.Option("--max-states", "--states-limit", metavar="N", min=0, help="List at most N final states; 0: no limit.")
    ] = 100_000,
    executions: Annotated[
        bool, typer.Option("--executions", help="With --format json: also an execution for each outcome, flag and failure.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Also print each final state on standard error, as soon as it is found.")
    ] = False,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, max=64, help="Threads of the solver, for one hard test.")
    ] = 1,
    scenario: OneProgram = None,
    settings: Settings = None,
    kernel: Kernel = None,
    kernel_headers: KernelHeaders = None,
    objects: Objects = None,
    init: Init = None,
    thread: Threads = None,
    asserts: Asserts = None,
    machine: OnMachines = None,
    executor: Annotated[str, typer.Option("--executor", metavar="|".join(EXECUTORS), help="Where the tests run.")] = "local",
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="The Dask scheduler (--executor dask).")
    ] = None,
) -> None:
    """Can the condition of a test come true? One verdict (Never, Sometimes, Always) and all final states, for each test.

    Exit status: 0 all answered, and none disagrees with its own Result: comment; 1 some disagree; 2 bad usage, unreadable or
    unsupported input; 3 undecided (time-out, bound, no execution). If several apply, 2 comes before 1, and 1 before 3.
    """
    from smpcheck.batch.worker import Job
    from smpcheck.questions.check import CheckOptions

    if form not in FORMATS:
        _fail(f"there is no format {form!r}: choose from {', '.join(FORMATS)}")
    if executions and form != "json":
        _fail("--executions is for --format json")
    if executor not in EXECUTORS:
        _fail(f"there is no executor {executor!r}: choose from {', '.join(EXECUTORS)}")
    if (executor == "dask") != (scheduler is not None):
        _fail("--executor dask and --scheduler ADDRESS belong together")
    if stream and (executor == "dask" or verdict_only):
        _fail(f"--stream is about final states: not with {'--executor dask' if executor == 'dask' else '--verdict-only'}")
    options = CheckOptions(
        verdict_only=verdict_only,
        unroll=unroll,
        timeout=timeout,
        max_states=max_states or None,
        executions=executions,
        problems=form in WITH_PLACES,
        threads=threads,
        scenario=scenario,
        settings=all_settings(settings, kernel, kernel_headers, objects, init, thread, asserts),
        termination=termination,
        machine=machine,
        own_model=model is None,
    )
    try:
        if machine is not None:
            from smpcheck.machines.mapping import mappings

            mappings(machine)  # a machine that there is not is told once, before the tests
        run = Run(Job(model_for(model, None), options, memory, stream), form, jobs, timeout, scheduler)
        status = run(paths)
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        status = EXIT_BROKEN_PIPE
    except OSError as error:
        _complain(f"cannot write the output: {error.strerror or error}")
        status = EXIT_INPUT
    except SmpcheckError as error:
        _complain(str(error))
        status = EXIT_INPUT
    if status in (EXIT_BROKEN_PIPE, EXIT_INPUT):
        forget_output()
    raise typer.Exit(status)


@dataclass
class Run:
    """One call of the command."""

    job: Job
    form_name: str
    jobs: int | None
    timeout: float | None
    scheduler: str | None

    def __call__(self, paths: list[str]) -> int:
        from smpcheck.batch.paths import items
        from smpcheck.cat.load import load_model
        from smpcheck.questions.check import stem
        from smpcheck.readers.registry import PYTHON_SUFFIX

        began = time.perf_counter()
        model = load_model(self.job.model)
        self.summary = Summary(model=model.name)
        found: list[Item] = []
        for entry in items(paths):
            if isinstance(entry, InputError):
                self.summary.errors += 1
                _complain(str(entry))
            else:
                found.append(entry)
        self._limit(found)
        self.names = {item.index: stem(item.path) for item in found} if len(found) > 1 else {}
        self.form = make_form(self.form_name, sys.stdout)
        longest = self._longest_machine()
        self.form.begin([name + longest for name in map(stem, (item.path for item in found))])
        with ExitStack() as stack:
            results, rest = self._start(found, stack)
            try:
                for result in results:
                    self._show(result)
            except KeyboardInterrupt:
                self.summary.interrupted = True
                for result in rest():
                    self._show(result)
        self.summary.seconds = time.perf_counter() - began
        self.form.end(self.summary)
        sys.stdout.flush()
        if self.summary.interrupted:
            several = any(item.path.endswith(PYTHON_SUFFIX) for item in found)  # how many programs are in a file is not known
            of = "done, others not" if several else f"of {len(found)} done"
            _complain(f"interrupted: {self.summary.total} {of}")
        return self.summary.exit_status

    def _longest_machine(self) -> str:
        """What the names of tests get longer by, where they are asked about on several machines."""
        if self.job.options.machine is None:
            return ""
        from smpcheck.machines.mapping import mappings
        from smpcheck.questions.check import on_machine_name

        titles = [one.title for one in mappings(self.job.options.machine)]
        return on_machine_name("", max(titles, key=len)) if len(titles) > 1 else ""

    def _limit(self, found: list[Item]) -> None:
        """Settle the limits that depend on how many tests there are."""
        from msgspec.structs import replace

        timeout = self.timeout
        if timeout is None and len(found) > 1:
            timeout = BATCH_TIMEOUT
        self.job = replace(self.job, options=replace(self.job.options, timeout=timeout or None))

    def _start(self, found: list[Item], stack: ExitStack) -> tuple[Iterator[Result], Callable[[], Iterator[Result]]]:
        """The results to come, and what to call after an interruption for those done out of turn."""
        from smpcheck.batch.pool import Pool, available_cores, fork_worker, run_here, start_worker
        from smpcheck.batch.worker import load_engine, load_solver

        tick = self._progress(len(found), stack)
        if self.scheduler is not None:
            from smpcheck.batch.on_dask import DaskPool

            far = stack.enter_context(DaskPool(self.job, self.scheduler, tick))
            return far.run(found, self.form.in_order), far.left_over
        if self.jobs == 0:
            return run_here(found, self.job, self._state), lambda: iter(())
        load_engine(self.job.model)  # once, before the workers are copied from this process
        if len(found) > 1:
            load_solver()
        jobs = self.jobs or (available_cores() if len(found) > FEW_TESTS else 1)
        start = fork_worker if hasattr(os, "fork") else start_worker
        pool = stack.enter_context(Pool(self.job, jobs, start, tick, self._state))
        return pool.run(found, self.form.in_order), pool.left_over

    def _progress(self, total: int, stack: ExitStack) -> Callable[[], None] | None:
        """A bar on the terminal, where there is one to see it and enough to wait for."""
        from smpcheck.show.progress import ProgressBar

        self.progress = progress = ProgressBar.on_terminal(self.form, total)
        if progress is None:
            return None
        stack.enter_context(progress)

        def tick() -> None:
            self.form.flush()
            progress.tick()

        return tick

    def _state(self, index: int, row: StateRow) -> None:
        """A final state, as soon as it is known (--stream)."""
        from smpcheck.show.herd import state_line

        name = f"{self.names[index]}: " if self.names else ""
        _say(f"{name}{state_line(row)}", self.progress)

    def _show(self, result: Result) -> None:
        with _uninterrupted():  # what is done is printed, and printed once
            self.summary.add(result)
            self.form.result(result)
            if self.progress is None:
                self.form.flush()
            sys.stdout.flush()
        for said in () if self.form.speaks else complaints(result):
            _complain(said, self.progress)
        if self.progress:
            self.progress.advance()


def complaints(result: Result) -> Iterator[str]:
    """What goes to standard error where the form of output has no place for it."""
    from smpcheck.show.verdict import verdict_text

    if result.status != "ok":
        failing = f"{verdict_text(result)}; " if result.failures else ""
        located = result.file in result.message and not failing
        yield result.message if located else f"{result.file}: {failing}{result.status}: {result.message}"
    said = result.remarks if result.status == "ok" else result.notes
    yield from (note if result.file in note else f"{result.file}: {note}" for note in said)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """The first Ctrl-C waits until the end of this; a second one does not (a pipe that nobody reads has no end)."""
    if (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    waiting = False

    def later(number: int, frame: FrameType | None) -> None:
        nonlocal waiting
        if waiting:
            raise KeyboardInterrupt
        waiting = True

    before = signal.signal(signal.SIGINT, later)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting:
        raise KeyboardInterrupt


def _complain(message: str, progress: ProgressBar | None = None) -> None:
    _say(f"smpcheck: {message}", progress)


def _say(line: str, progress: ProgressBar | None = None) -> None:
    """A line on standard error, above the progress bar where there is one."""
    with suppress(OSError):
        if progress:
            progress.say(line)
        else:
            print(line, file=sys.stderr, flush=True)


def _fail(message: str) -> NoReturn:
    _complain(message)
    raise typer.Exit(EXIT_INPUT)
