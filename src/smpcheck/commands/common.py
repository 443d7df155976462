"""What the commands that answer single questions share: finding the program, failing in one line."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

from smpcheck.errors import InputError, LimitError, SmpcheckError

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.program.ir import Program

EXIT_OK = 0
EXIT_FOUND = 1
EXIT_INPUT = 2
EXIT_UNDECIDED = 3
EXIT_BROKEN_PIPE = 141
EXIT_INTERRUPTED = 130


POLL = 0.02
"""Seconds between two looks at a child."""

LATE = 75
"""The status by which a child tells its parent that its time is over."""

GRACE = 0.5
"""Seconds that a child has, when its time is over, to show what it has."""


Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Choose a parameter of a Python model, as in variant=V4 (repeatable)."),
]
"""Values for parameters of a model: see :mod:`smpcheck.readers.python.settings`."""

OneProgram: TypeAlias = Annotated[
    str | None, typer.Option("--scenario", "-s", metavar="NAME", help="Choose one program of a file that has several.")
]
"""The name of a program of the file: see :func:`find_programs`."""

OnMachine: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--machine", metavar="M", help="Ask what a machine does: arm64, x86, ppc64, riscv, armv7; with an option, as arm64:llsc."
    ),
]
"""The machine that a kernel test is asked about; its own memory model judges."""

OnMachines: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--machine",
        metavar="M,M,...",
        help="Ask what machines do: arm64, x86, ppc64, riscv, armv7, or all; with an option, as arm64:llsc.",
    ),
]
"""The same, one or several."""

OneModel: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="M",
        show_default="lkmm; of assembly and with --machine, the machine's own",
        help="sc, tso, lkmm, a machine's, a .cat file, or a kernel tree's tools/memory-model.",
    ),
]
"""The memory model to ask; None: the kernel's, or that of the program's machine."""


def model_for(model: str | None, machine: str | None) -> str:
    """The name of the model to ask: of kernel programs where none is chosen the kernel's, or that of the machine.

    :raises InputError: no such machine
    """
    if model is not None:
        return model
    if machine is None:
        from smpcheck.models import KERNEL_MODEL

        return KERNEL_MODEL
    from smpcheck.machines.mapping import mapping_of

    return mapping_of(machine).model


def chosen_model(model: str | None, found: Model, program: Program) -> Model:
    """``found``, which was loaded for ``model``; or, where no model was chosen and the program is a machine's, that machine's."""
    from smpcheck.cat.load import load_model
    from smpcheck.models import own_model
    from smpcheck.program.tags import KERNEL

    return found if model is not None or program.language in KERNEL else load_model(own_model(program))


def on_machines(programs: Sequence[Program], machine: str | None) -> Sequence[Program]:
    """The programs, on a machine if there is one. :raises SmpcheckError: one of them has something that the machine has not"""
    if machine is None:
        return programs
    from smpcheck.questions.check import on_machine

    return [on_machine(program, machine) for program in programs]


Kernel: TypeAlias = Annotated[
    str | None, typer.Option("--kernel", metavar="TREE", help="For a file in C: compile it with the headers of this kernel tree.")
]
KernelHeaders: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--kernel-headers",
        metavar="DIR",
        help="For a TREE without .config: a configured tree of that version, or its linux-headers folder.",
    ),
]
Objects: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--object", metavar="DECL", help="For C: a variable, as in 'static struct foo x' (repeatable)."),
]
Init: TypeAlias = Annotated[
    str | None, typer.Option("--init", metavar="CODE", help="For C: code that runs before the threads start.")
]
Threads: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--thread", metavar="CODE", help="For C without a harness: a thread, as in 'f(&x)' (repeatable)."),
]
Asserts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--assert", metavar="COND", help="For C: a condition that must hold when all threads have ended (repeatable)."),
]


def all_settings(
    given: Sequence[str] | None,
    kernel: str | None,
    kernel_headers: str | None,
    objects: Sequence[str] | None,
    init: str | None,
    threads: Sequence[str] | None,
    asserts: Sequence[str] | None,
) -> tuple[str, ...]:
    """``--set`` and the options for files in C as settings: ``NAME=VALUE``."""
    single = {"kernel": kernel, "kernel-headers": kernel_headers, "init": init}
    several = {"object": objects, "thread": threads, "assert": asserts}
    found = [f"{name}={value}" for name, value in single.items() if value is not None]
    return (*(given or ()), *found, *(f"{name}={value}" for name, values in several.items() for value in values or ()))


Timeout: TypeAlias = Annotated[
    float | None, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for everything; no limit unless given.")
]

Calls: TypeAlias = Annotated[
    bool, typer.Option("--calls", help="Of code in inlined functions, say through which calls it was reached.")
]

MAX_WIDTH, LEAST_WIDTH = 100, 40
"""Columns of text, at most and at least, whatever the terminal has."""


def columns(asked: int | None = None, pipe: int = MAX_WIDTH) -> int:
    """How wide lines may be: as asked, or as the terminal is, within what reads well; ``pipe`` where there is no terminal."""
    if asked is not None:
        return asked
    if not sys.stdout.isatty():
        return pipe
    return max(LEAST_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size((pipe, 24)).columns))


def complain(message: str) -> None:
    """One line on standard error."""
    with suppress(OSError):
        print(f"smpcheck: {' '.join(message.split())}", file=sys.stderr, flush=True)


def forget_output() -> None:
    """Let the interpreter's own flush at exit go nowhere: what it would say has been said."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def failing(form: str, forms: Sequence[str]) -> Iterator[None]:
    """Turn what is wrong with the input into one line and the exit status for it; that of a limit is that of the undecided."""
    if form not in forms:
        complain(f"there is no format {form!r}: choose from {', '.join(forms)}")
        raise typer.Exit(EXIT_INPUT)
    try:
        yield
    except SmpcheckError as error:
        complain(str(error))
        raise typer.Exit(EXIT_UNDECIDED if isinstance(error, LimitError) else EXIT_INPUT) from None
    except RecursionError:
        complain("the program is nested too deeply")
        raise typer.Exit(EXIT_INPUT) from None
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        forget_output()
        raise typer.Exit(EXIT_BROKEN_PIPE) from None


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Do what is within in a child process that may take ``seconds``; None: here, without a limit.

    The parent waits, and ends with the child's status, or with one line where the time is over. A process is what can be stopped
    at any moment, inside the solver too. The child itself stops when its time is over, and shows what it has.

    :raises LimitError: time is over
    :raises typer.Exit: in the parent
    """
    if seconds is None:
        yield
        return
    over = LimitError(f"no answer within {seconds:g} s (--timeout)")
    _leave_to_child(seconds, over)
    from smpcheck.time_limit import TimeLimitError, time_limit

    try:
        with time_limit(seconds):
            yield
    except TimeLimitError:
        raise typer.Exit(LATE) from None


def _leave_to_child(seconds: float, over: LimitError) -> None:
    """Fork, and return in the child. The parent waits for it, and leaves by an exception."""
    from smpcheck.batch.processes import fork
    from smpcheck.solver.aspif import remove_files_of

    ends = time.monotonic() + seconds
    pid = fork()
    if pid == 0:
        from smpcheck import time_limit

        time_limit.is_child = True
        return
    try:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                if os.waitstatus_to_exitcode(status) == LATE:
                    raise over
                raise typer.Exit(abs(os.waitstatus_to_exitcode(status)))
            if time.monotonic() > ends + GRACE:
                raise over
            time.sleep(POLL)
    except KeyboardInterrupt:  # the child has it too, and shows what it has
        with suppress(KeyboardInterrupt, ChildProcessError):
            for _ in range(int(GRACE / POLL)):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    break
                time.sleep(POLL)
        raise
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        remove_files_of(pid)


T = TypeVar("T")


def as_they_come(found: Iterable[T], show: Callable[[Sequence[T]], str], what: str, whole: bool, output: str | None) -> list[T]:
    """Write answers: each as soon as it is found, with an empty line in between, or, in a form that has them as a ``whole`` or
    where they go to a file, together. What was found before an error, the end of the time or Ctrl-C is written all the same.

    ``what``: shown on a terminal while they are looked for.
    """
    together = whole or output not in (None, "-")
    done: list[T] = []
    answers = iter(found)
    try:
        while True:
            with busy(what):
                answer = next(answers, None)
            if answer is None:
                break
            done.append(answer)
            if not together:
                put(("\n" if len(done) > 1 else "") + show([answer]), None)
        if together:
            put(show(done), output)
    except BaseException:  # an error, Ctrl-C, the end of the time: what is done is shown all the same
        if together and done:
            put(show(done), output)
        raise
    return done


def ends_of(timeout: float | None) -> float | None:
    """When an answer in parts must be there, in :func:`time.monotonic`'s time, so that it can be shown within ``timeout``."""
    return None if timeout is None else time.monotonic() + 0.8 * timeout


def open_status(undecided: bool) -> int:
    """The exit status of an answer that was shown, in which something may be undecided, which is then said."""
    if undecided:
        complain("not everything is decided: the answer says what is not")
    return EXIT_UNDECIDED if undecided else EXIT_OK


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show on a terminal that something is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def put(text: str, output: str | None) -> None:
    """To a file, or to standard output: markup, which says that it is UTF-8, as such; text in signs that the output has."""
    if output is not None and output != "-":
        try:
            Path(output).write_text(text, "utf-8")
        except OSError as error:
            raise InputError(f"cannot write {output}: {error.strerror}") from None
        return
    if text.startswith("<") and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.flush()
    else:
        write(text)


def write(text: str) -> None:
    """To standard output, at once, so that a closed pipe is noticed here."""
    sys.stdout.write(text)
    sys.stdout.flush()


@contextmanager
def line_by_line(output: str | None) -> Iterator[Callable[[str], None]]:
    """What writes pieces of text as they come, each at once: to a file, or to standard output.

    :raises InputError: the file cannot be written
    """
    if output is None or output == "-":
        yield write
        return
    try:
        file = Path(output).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115 (its own errors are said here)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}") from None
    with file:
        yield lambda text: print(text, end="", file=file)


def having(programs: Sequence[Program], check: str | None) -> Sequence[Program]:
    """Those of ``programs`` that have an assertion or invariant of the name ``check``; all, if none is asked for.

    :raises InputError: none has it
    """
    from smpcheck.program.ir import assertion_names

    if check is None:
        return programs
    found = [program for program in programs if check in assertion_names(program)]
    if not found:
        names = ", ".join(dict.fromkeys(name for program in programs for name in assertion_names(program)))
        raise InputError(f"there is no assertion {check!r}: {f'there are {names}' if names else 'the program has none'}")
    return found


def find_programs(
    path: str, model: Model | None = None, scenario: str | None = None, settings: Sequence[str] = ()
) -> Sequence[Program]:
    """The programs of a file (``-``: of standard input); with ``scenario``, the one of that name. ``settings``: values for the
    parameters of a Python model.

    :raises InputError: there is none
    """
    from smpcheck.readers.registry import STDIN, STDIN_NAME, read_programs, read_stdin, vocabulary_of

    text = read_stdin() if path == STDIN else None
    vocabulary = vocabulary_of(model) if model else None
    return read_programs(STDIN_NAME if path == STDIN else path, text, vocabulary, scenario, settings)
