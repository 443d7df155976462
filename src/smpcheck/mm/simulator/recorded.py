"""A run in a file: the workload, the options and, turn by turn, who went: what ``-o`` writes and ``--replay`` reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from smpcheck.errors import InputError
from smpcheck.mm.simulator.run import Options, Result, check_options
from smpcheck.mm.simulator.script import parse
from smpcheck.mm.simulator.workload import Workload
from smpcheck.mm.simulator.workloads import find_workload
from smpcheck.simulate.schedulers import Schedule

FORMAT = "smpcheck-mm-run-1"


def document(result: Result) -> dict[str, Any]:
    """The run as JSON. A workload in Python is named, any other is written out."""
    load, options = result.workload, to_builtins(result.options)
    del options["history"]
    return {
        "format": FORMAT,
        "workload": {"name": load.name, "text": load.text, "pages": load.pages, "cpus": load.cpus},
        "options": options,
        "schedule": str(Schedule(tuple(result.schedule))),
    }


def save(result: Result, path: Path) -> None:
    """Write the run to a file. :raises InputError: that is not possible"""
    try:
        path.write_text(json.dumps(document(result), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None


def load_run(path: Path) -> tuple[Workload, Options, bytes]:
    """The workload, options and schedule of a file. :raises InputError: it is none that :func:`save` wrote"""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{path} is not a recorded run: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{path} is not a recorded run: its format is not {FORMAT}")
    try:
        source, given = data["workload"], dict(data["options"])
        given["ignore"] = tuple(given["ignore"])
        options = Options(**given)
        if source["text"]:
            load = replace(parse(source["text"], source["name"], source["name"]), pages=source["pages"], cpus=source["cpus"])
        else:
            load = find_workload(source["name"], source["pages"], source["cpus"])
        schedule = bytes(Schedule.parse(data["schedule"]).threads)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is not a recorded run: {type(error).__name__}: {error}") from None
    check_options(options)
    return load, options, schedule
