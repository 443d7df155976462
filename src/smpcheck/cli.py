"""The command line: which command it is, and nothing else before that is known.

``smpcheck --version`` and each command import only what they need, so that a small question costs a small start.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from typer import Typer

COMMANDS = {
    "check": "smpcheck.commands.check",
    "explain": "smpcheck.commands.explain",
    "barriers": "smpcheck.commands.barriers",
    "compare": "smpcheck.commands.compare",
    "generate": "smpcheck.commands.generate",
    "mapping": "smpcheck.commands.mapping",
    "run": "smpcheck.commands.run",
    "mm": "smpcheck.commands.mm",
    "claims": "smpcheck.commands.claims",
}
"""Each command and the module that adds it: a function ``register(app)``. Only the module of the command that is called is
imported.
"""

HELP_OPTION = "--help"
HELP = """Can this happen, is this barrier needed, and why: answers for code that shares memory the way the Linux kernel does."""


COLLECT = (50_000, 10, 10)
"""When to look for garbage in cycles (:func:`gc.set_threshold`). A command makes many small objects that live as long as it does;
with Python's own 700 a fifth of the time of compiling and exploring a model goes into looking through them."""


def run() -> NoReturn:
    """The program: :func:`main`, and then the end of the process at once.

    Everything is written and every child has ended by then; the interpreter's own end would only give back each object, which
    takes a tenth of the time of a small question. Where there is a traceback to print, it is the interpreter that ends.
    """
    status = 0
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    sys.stderr.flush()
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (``sys.argv`` unless ``arguments`` are given) and leave with its exit status.

    A child that works for a time limit ends at once: its time may be over while the solver's threads are at work, and the
    interpreter's own end is no place for them (glibc aborts: "exception not rethrown").
    """
    try:
        _main(arguments)
    except SystemExit as end:
        limits = sys.modules.get("smpcheck.time_limit")  # imported if there is one
        if limits is None or not limits.is_child or not (end.code is None or isinstance(end.code, int)):
            raise
        os._exit(end.code or 0)


def _main(arguments: Sequence[str] | None) -> None:
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    gc.set_threshold(*COLLECT)
    _open_streams()
    try:
        try:
            _run(arguments)
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:  # not about a stream
            raise
        from smpcheck.commands.common import EXIT_BROKEN_PIPE, EXIT_INPUT, complain, forget_output

        forget_output()
        if isinstance(error, BrokenPipeError):
            sys.exit(EXIT_BROKEN_PIPE)
        complain(f"cannot write the output: {error.strerror or error}")
        sys.exit(EXIT_INPUT)


def _run(arguments: Sequence[str]) -> None:
    if arguments and arguments[0] in ("--version", "-V"):
        from smpcheck import __version__

        print(f"smpcheck {__version__}")
        return
    import typer

    app = typer.Typer(help=HELP, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback()
    def options() -> None:
        pass

    wanted = arguments[0] if arguments and arguments[0] in COMMANDS else None
    for name, module in COMMANDS.items():
        if wanted in (None, name):
            import_module(module).register(app)
    if HELP_OPTION in arguments:
        _reflow(app)
    app(arguments, prog_name="smpcheck")


def _reflow(app: Typer) -> None:
    """Help is as wide as the terminal, whatever the width of the source: the lines of each paragraph become one."""
    from inspect import cleandoc

    def reflowed(text: str | None) -> str:
        return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(text or "").split("\n\n"))

    for command in app.registered_commands:
        command.help = reflowed(command.help or getattr(command.callback, "__doc__", None))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance.info.help = reflowed(group.typer_instance.info.help)
            _reflow(group.typer_instance)


def _open_streams() -> None:
    """Standard streams that the caller has closed (``>&-``): what is read is empty, what is written cannot be. A character that
    the encoding of an output lacks is no error.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 (open as long as the program runs)
    if sys.stdout is None:
        sys.stdout = open("/dev/full" if os.path.exists("/dev/full") else os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    from smpcheck.show.canvas import FALLBACK

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=FALLBACK)


if __name__ == "__main__":
    run()
