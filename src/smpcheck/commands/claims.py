"""``smpcheck claims``: what was said about the machinery, computed."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from smpcheck.commands.common import EXIT_INTERRUPTED, EXIT_OK, failing, write

if TYPE_CHECKING:
    from smpcheck.mm.claims import Finding

FORMATS = ("text", "json")
EXIT_UNDECIDED = 3


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("claims")(claims)


def claims(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which claims, as in C1 C16; all unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Without the checks that each answer rests on.")] = False,
    jobs: Annotated[
        int | None, typer.Option("-j", metavar="N", min=0, help="Worker processes; as many as cores unless given.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds for each claim.")] = 120.0,
) -> None:
    """What two kernel developers said about truncation, mlock and a memory barrier in October 2009, and what is true of it.

    Each answer is computed from the model of mm/, with the checks that it rests on and the command that repeats each.

    Exit status: 0 all answered, 2 bad usage, 3 something is undecided, 130 interrupted (what is done is shown).
    """
    status = EXIT_OK
    with failing("text", FORMATS):
        from smpcheck.batch.streams import Lost, stream
        from smpcheck.mm.claims import Finding, choose, compute, units
        from smpcheck.mm.report.claims import finding_text, json_line, summary
        from smpcheck.show.progress import Counter

        chosen = choose(ids or ())
        work = units(chosen)
        workers = min(len(work), os.cpu_count() or 1) if jobs is None else jobs
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        width = min(shutil.get_terminal_size((100, 24)).columns, 110) if sys.stdout.isatty() else 100
        done: dict[str, Finding] = {}
        shown: list[Finding] = []
        try:
            with Counter(len(chosen), "claims") as counter:
                for claim, found in stream(work, compute, workers, timeout, counter.tick):
                    if isinstance(found, Lost):
                        found = Finding(claim.id, claim.statement, "undecided", f"Not answered: {found.why}.")
                    done[claim.id] = found
                    counter.advance()
                    while len(shown) < len(chosen) and chosen[len(shown)].id in done:
                        finding = done[chosen[len(shown)].id]
                        shown.append(finding)
                        write(json_line(finding) + "\n" if as_json else finding_text(finding, width, colour, not brief) + "\n")
        except KeyboardInterrupt:
            status = EXIT_INTERRUPTED
            for claim in chosen[len(shown) :]:
                if claim.id in done:
                    shown.append(done[claim.id])
                    write(json_line(shown[-1]) + "\n" if as_json else finding_text(shown[-1], width, colour, not brief) + "\n")
        if not as_json:
            write(summary(shown))
    if status == EXIT_OK and any(f.verdict == "undecided" for f in shown):
        status = EXIT_UNDECIDED
    raise typer.Exit(status)
