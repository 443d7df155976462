"""``smpcheck run``: step by step under a scheduler, or all schedules."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from smpcheck.commands.common import EXIT_FOUND, EXIT_OK, OneProgram, Settings, Timeout, failing, find_programs, within, write

LONGEST_SCHEDULE = 400
"""A longer one is repeated by its seed."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("run")(run)


def run(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A Python model or a litmus test.")],
    scenario: OneProgram = None,
    settings: Settings = None,
    chooser: Annotated[
        str, typer.Option("--scheduler", metavar="S", help="random, pct[:DEPTH] or round-robin[:QUANTUM].")
    ] = "random",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed of the first run; each run after it has the next seed.")
    ] = 0,
    runs: Annotated[int, typer.Option("--runs", metavar="N", min=1, help="How many runs, if none fails.")] = 1000,
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, help="How many steps a run may have.")] = 1_000_000,
    schedule: Annotated[
        str | None, typer.Option("--replay", metavar="SCHEDULE", help="Repeat this run, and show its events.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Explore all schedules instead.")] = False,
    timeout: Timeout = None,
) -> None:
    """Run a model step by step, as if each step took effect for all CPUs at once (sequential consistency).

    Stops at the first failed check or deadlock, shows its events, and prints the command that repeats it.

    Exit status: 0 nothing failed, 1 something did, 2 bad usage, unreadable or unsupported input, 3 undecided (a limit).
    """
    status = EXIT_OK
    with failing("text", ("text",)), within(timeout):
        from smpcheck.cat.load import load_model
        from smpcheck.show.runs import campaign_text, outcomes_text, run_text
        from smpcheck.simulate.campaign import campaign
        from smpcheck.simulate.explore import outcomes
        from smpcheck.simulate.run import replay

        for program in find_programs(path, load_model("sc"), scenario, settings or ()):
            words = ["--scenario", program.name, *(word for setting in settings or () for word in ("--set", setting))]
            again = f"smpcheck run {shlex.join([path, *words])}"
            if schedule is not None:
                result = replay(program, schedule)
                write(run_text(result))
                bad = not result.ok
            elif everything:
                found = outcomes(program, witnesses=True)
                write(outcomes_text(program, found))
                bad = bool(found.failed or found.deadlock)
            else:
                made = campaign(program, chooser, seed, runs, steps)
                write(campaign_text(made))
                bad = made.failure is not None
                if made.failure is not None:
                    text = str(made.failure.schedule)
                    short = len(text) < LONGEST_SCHEDULE
                    seeded = f"--scheduler {chooser} --seed {made.failure_seed} --runs 1"
                    write(f"Again: {again} {f'--replay {shlex.quote(text)}' if short else seeded}\n")
            status = EXIT_FOUND if bad else status
    sys.stdout.flush()
    raise typer.Exit(status)
