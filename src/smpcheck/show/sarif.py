"""SARIF 2.1.0: findings at their place in the source, for code hosts and editors.

The standard is OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0". A rule for each kind of finding; an
execution is a code flow with one thread flow for each thread, in which ``executionOrder`` gives the order in which steps take
effect; what could not be decided is no result but a notification of the invocation.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias
from urllib.parse import quote

from smpcheck import __version__
from smpcheck.questions.source_regions import Region
from smpcheck.show.formats import Summary

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model
    from smpcheck.questions.barriers import Barriers
    from smpcheck.questions.fix import Fix
    from smpcheck.questions.problems import Change, Problem, Step
    from smpcheck.questions.result import Result

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
"""The folder that relative addresses of files are relative to: where smpcheck was started."""

Json: TypeAlias = dict[str, Any]

RULES: Mapping[str, tuple[str, str, str, str]] = {
    "data-race": (
        "DataRace", "error", "Two accesses to one location, one of them plain, can happen at the same time.",
        "At least one of the two accesses is plain C, at least one is a write, and nothing that the memory model knows keeps one "
        "from happening during the other. The compiler may tear, fuse, repeat or reorder plain accesses. Keep them apart (a "
        "lock, or release and acquire with a test in between), or mark both (READ_ONCE, WRITE_ONCE) if a race is meant.",
    ),
    "reachable-outcome": (
        "ReachableOutcome", "error", "An outcome that the test says cannot happen can happen.",
        "The memory model allows an execution that ends in a state which the test's Result comment, ~exists or forall excludes. "
        "The code flow shows such an execution. `smpcheck barriers --fix` looks for barriers that forbid it.",
    ),
    "unreachable-outcome": (
        "UnreachableOutcome", "warning", "An outcome that the test says can happen cannot happen.",
        "No execution that the memory model allows has this outcome. Either the expectation is wrong, or the test has more order "
        "than it was meant to have. `smpcheck explain` shows what forbids it.",
    ),
    "assertion-failure": (
        "AssertionFailure", "error", "An assertion can fail.",
        "The memory model allows an execution in which the assertion or invariant is false, a thread waits forever, or a rule of "
        "the model is broken. The code flow shows such an execution.",
    ),
    "unneeded-barrier": (
        "UnneededBarrier", "warning", "Something that gives order protects nothing that the test asks about.",
        "The outcomes that are forbidden now stay forbidden without it: it is in no minimal set of ordering elements that "
        "forbids them. This is about the outcomes of this test under this memory model only.",
    ),
    "redundant-barrier": (
        "RedundantBarrier", "note", "Something that gives order is not needed as long as others stay.",
        "It can be removed if everything else stays, but it is in some minimal set of ordering elements that "
        "forbids the outcomes.",
    ),
    "stronger-than-needed": (
        "StrongerThanNeeded", "note", "A weaker form would do.",
        "The outcomes that are forbidden now stay forbidden with the weaker form, if nothing else is changed.",
    ),
    "missing-barrier": (
        "MissingBarrier", "error", "An outcome that can happen can be forbidden by barriers.",
        "Each fix is one of the cheapest additions after which the memory model forbids the outcome.",
    ),
}  # fmt: skip
"""Each rule: its name, its level unless a finding has its own, one sentence, and help."""

NOTES = {
    "timeout": "warning", "bound": "warning", "no-execution": "warning", "nothing-protected": "note",
    "unsupported": "error", "error": "error",
}  # fmt: skip
"""What a notification says where there is no verdict: a limit was reached, or the input is not one."""


def document(
    problems: Iterable[tuple[str, str, Problem]],
    notes: Iterable[Json] = (),
    *,
    failed: bool = False,
    exit_code: int | None = None,
) -> str:
    """A SARIF log with one run. ``problems``: with the name of the program and of the model. ``notes``: notifications (see
    :func:`notification`). ``failed``: some input could not be analysed.
    """
    results = [_result(*problem) for problem in problems]
    used = list(dict.fromkeys(result["ruleId"] for result in results))
    for result in results:
        result["ruleIndex"] = used.index(result["ruleId"])
    invocation: Json = {"executionSuccessful": not failed, "workingDirectory": {"uri": _folder()}}
    if exit_code is not None:
        invocation["exitCode"] = exit_code
    listed = list(notes)
    if listed:
        invocation["toolExecutionNotifications"] = listed
    driver: Json = {
        "name": "smpcheck",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(name) for name in used],
        "notifications": [{"id": name} for name in dict.fromkeys(note["descriptor"]["id"] for note in listed)],
    }
    run: Json = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "originalUriBaseIds": {ROOT: {"uri": _folder()}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]}, indent=1) + "\n"


def _rule(name: str) -> Json:
    title, level, short, text = RULES[name]
    return {
        "id": name,
        "name": title,
        "shortDescription": {"text": short},
        "fullDescription": {"text": f"{short} {text}"},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["concurrency", "memory-model"], "precision": "very-high"},
    }


def _folder() -> str:
    """The current folder as an address, which ends in a slash."""
    return Path.cwd().as_uri().rstrip("/") + "/"


def artifact(file: str) -> Json:
    """Where a file is: relative to the current folder if it is in there."""
    path = os.path.relpath(os.path.abspath(file))
    if path.startswith(".." + os.sep) or path == ".." or os.path.isabs(path):
        return {"uri": Path(os.path.abspath(file)).as_uri()}
    return {"uri": quote(path.replace(os.sep, "/"), safe="/+@,=~!$&'()*;"), "uriBaseId": ROOT}


def _is_file(region: Region) -> bool:
    """Is it more than text from standard input?"""
    return not region.file.startswith("<")


def region_object(region: Region) -> Json:
    """Lines and columns, from 1; the end column is the first behind the text."""
    shown = {"startLine": region.line, "startColumn": region.column}
    if region.end_column:
        shown |= {"endLine": region.end_line, "endColumn": region.end_column}
    return shown


def _location(region: Region | None, text: str = "", logical: str = "") -> Json:
    shown: Json = {}
    if region is not None and _is_file(region):
        shown["physicalLocation"] = {"artifactLocation": artifact(region.file), "region": region_object(region)}
    if logical:
        shown["logicalLocations"] = [{"name": logical}]
    if text:
        shown["message"] = {"text": text}
    return shown


def _result(program: str, model: str, problem: Problem) -> Json:
    where = problem.region
    print_of = "|".join([problem.rule, program, model, where.file.rsplit("/", 1)[-1] if where else "", problem.message])
    shown: Json = {
        "ruleId": problem.rule,
        "level": problem.level,
        "message": {"text": f"{program}: {problem.message}."},
        "locations": [_location(where, logical=program)],
        "partialFingerprints": {"smpcheck/v1": hashlib.sha256(print_of.encode()).hexdigest()[:32]},
        "properties": {"model": model, "program": program},
    }
    related = [(region, text) for region, text in problem.related if _is_file(region)]
    if related:
        shown["relatedLocations"] = [{"id": i, **_location(region, text)} for i, (region, text) in enumerate(related, 1)]
    if problem.steps:
        shown["codeFlows"] = [{"threadFlows": _thread_flows(problem.steps)}]
    fixes = [_fix(change) for change in problem.changes if all(_is_file(r.region) for r in change.replacements)]
    if fixes:
        shown["fixes"] = fixes
    return shown


def _thread_flows(steps: Sequence[Step]) -> list[Json]:
    """A flow for each thread; the numbers say in which order the steps take effect."""
    flows: dict[str, list[Json]] = {}
    for number, step in enumerate(steps, 1):
        location = _location(step.region, step.text, logical=step.thread)
        flows.setdefault(step.thread, []).append({"location": location, "executionOrder": number})
    return [{"id": thread, "locations": locations} for thread, locations in flows.items()]


def _fix(change: Change) -> Json:
    files: dict[str, list[Json]] = {}
    for replacement in change.replacements:
        made: Json = {"deletedRegion": region_object(replacement.region)}
        if replacement.text:
            made["insertedContent"] = {"text": replacement.text}
        files.setdefault(replacement.region.file, []).append(made)
    changes = [{"artifactLocation": artifact(file), "replacements": made} for file, made in files.items()]
    return {"description": {"text": change.text}, "artifactChanges": changes}


def notification(status: str, message: str, region: Region | None) -> Json:
    """What could not be answered, and why."""
    shown: Json = {"descriptor": {"id": status}, "level": NOTES[status], "message": {"text": message or status}}
    if region is not None and _is_file(region):
        shown["locations"] = [_location(region)]
    return shown


def undecided(result: Result) -> Json:
    """The notification for a result without a verdict."""
    where = Region(result.file, 1) if result.pos is None else Region(result.pos.file, result.pos.line, result.pos.column)
    said = result.message or {"timeout": "no answer within the time limit"}.get(result.status, result.status)
    return notification(result.status, f"{result.name}: {said}", where)


def barriers_log(answers: Iterable[tuple[Barriers, Model]], unroll: int = 2) -> str:
    """What is not needed, or stronger than needed. Where the search was cut, or the question has no sense, a notification."""
    from smpcheck.questions.remedies import unneeded

    problems: list[tuple[str, str, Problem]] = []
    notes: list[Json] = []
    for answer, model in answers:
        name = answer.program.name
        problems += [(name, answer.model, problem) for problem in unneeded(answer, model, unroll)]
        if answer.protected is None:
            reached = "; ".join(outcome.said(True) for outcome in answer.reachable) or "it asks about nothing"
            text = f"{name}: no outcome is forbidden under {answer.model}, so no barrier can be judged ({reached})"
            notes.append(notification("nothing-protected", text, Region(answer.program.file, 1)))
        for note in answer.notes:
            notes.append({**notification("bound", f"{name}: {note}", None), "level": "note"})
    return document(problems, notes)


def fix_log(answers: Iterable[Fix]) -> str:
    """What is missing."""
    from smpcheck.questions.remedies import missing

    listed = list(answers)
    notes = [{**notification("bound", f"{a.program.name}: {note}", None), "level": "note"} for a in listed for note in a.notes]
    return document(((a.program.name, a.model, problem) for a in listed for problem in missing(a)), notes)


class CheckSarif:
    """Results of ``check``, written as one log at the end."""

    speaks = True
    in_order = True

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._problems: list[tuple[str, str, Problem]] = []
        self._notes: list[Json] = []

    def begin(self, names: Sequence[str]) -> None:
        """Nothing yet."""

    def result(self, result: Result) -> None:
        """Kept for the end."""
        self._problems += [(result.name, result.model, problem) for problem in result.problems]
        if result.status != "ok":
            self._notes.append(undecided(result))
        said = result.remarks if result.status == "ok" else result.notes
        self._notes += [{**notification("bound", f"{result.name}: {note}", None), "level": "note"} for note in said]

    def flush(self) -> None:
        """Nothing goes out before the end."""

    def end(self, summary: Summary) -> None:
        """The whole document."""
        if summary.errors:
            missing = f"{summary.errors} PATH stands" if summary.errors == 1 else f"{summary.errors} PATHs stand"
            self._notes.append(notification("error", f"{missing} for no test (see standard error)", None))
        broken = bool(summary.errors or summary.statuses["error"] or summary.statuses["unsupported"] or summary.interrupted)
        self._out.write(document(self._problems, self._notes, failed=broken, exit_code=summary.exit_status))
