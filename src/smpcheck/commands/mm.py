"""``smpcheck mm``: the mlock, truncation and reclaim machinery, checked, run, and beside the kernel that runs here."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

COMMANDS = {
    "check": "smpcheck.commands.mm_check",
    "run": "smpcheck.commands.mm_run",
    "live": "smpcheck.commands.mm_live",
    "map": "smpcheck.commands.mm_map",
    "kernel": "smpcheck.commands.mm_kernel",
    "barrier": "smpcheck.commands.mm_barrier",
}


HELP = """Linux's mlock, truncation and reclaim machinery, as a model in the kernel's own names: what holds in it (check), what it
does (run), and whether this kernel does the same (live).

docs/mm.md has its scenarios (truncate_mlock, ...), variants (V0 to V10: the patches of 2009 and what came after) and invariants
(I1 to I14).
"""


def register(app: typer.Typer) -> None:
    """Add the command and its own commands to ``app``; only the one that is called is imported."""
    group = typer.Typer(help=HELP, no_args_is_help=True)

    @group.callback()
    def options() -> None:
        pass

    wanted = next((word for word in sys.argv[2:3] if word in COMMANDS), None) if sys.argv[1:2] == ["mm"] else None
    for name, module in COMMANDS.items():
        if wanted in (None, name):
            import_module(module).register(group)
    app.add_typer(group, name="mm")
