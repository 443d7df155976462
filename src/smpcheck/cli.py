"""The command line: which command it is, and nothing else before that is known.

``smpcheck --version`` and each command import only what they need, so that a small question costs a small start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "check": "smpcheck.commands.check",
    "explain": "smpcheck.commands.explain",
    "barriers": "smpcheck.commands.barriers",
    "compare": "smpcheck.commands.compare",
    "run": "smpcheck.commands.run",
    "mm": "smpcheck.commands.mm",
    "claims": "smpcheck.commands.claims",
}
"""Each command and the module that adds it: a function ``register(app)``. Only the module of the command that is called is
imported.
"""

HELP = """Can this happen, is this barrier needed, and why: answers for code that shares memory the way the Linux kernel does."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (``sys.argv`` unless ``arguments`` are given) and leave with its exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
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
    app(arguments, prog_name="smpcheck")


if __name__ == "__main__":
    main()
