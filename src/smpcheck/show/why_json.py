"""Explanations, barriers and comparisons as JSON, version 2.

One document per call: ``{"version": 2, "kind": "explanations" | "barriers" | "fixes" | "comparison", ...}``, described by
``schemas/answers-2.json``. Executions have the form of :mod:`smpcheck.show.execution_json`; links and steps refer to their
events' ``id``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from smpcheck.program import flow
from smpcheck.program.flow import Reached
from smpcheck.questions.outcomes import outcome_text
from smpcheck.questions.statements import Reordered
from smpcheck.show.execution_json import calls_object, execution_object, place

if TYPE_CHECKING:
    from smpcheck.program.ir import Position, Program
    from smpcheck.questions.barriers import Barriers, Finding
    from smpcheck.questions.compare import Row
    from smpcheck.questions.explain import Explanation
    from smpcheck.questions.fix import Fix
    from smpcheck.questions.ordering_elements import Element
    from smpcheck.questions.reasons import Reason
    from smpcheck.questions.reorderings import Reordering, Story

VERSION = 2
Json = dict[str, Any]


def _dump(kind: str, content: Json) -> str:
    return json.dumps({"version": VERSION, "kind": kind, **content}, indent=1) + "\n"


def document(answers: Sequence[Explanation]) -> str:
    """Explanations."""
    return _dump("explanations", {"explanations": [_explanation(answer) for answer in answers]})


def barriers_document(answers: Sequence[Barriers]) -> str:
    """Answers about ordering elements."""
    return _dump("barriers", {"barriers": [_barriers(answer) for answer in answers]})


def fix_document(answers: Sequence[Fix]) -> str:
    """Placements."""
    return _dump("fixes", {"fixes": [_fix(answer) for answer in answers]})


def compare_document(rows: Sequence[Row], models: Sequence[str]) -> str:
    """A comparison of models."""
    return _dump("comparison", {"models": list(models), "rows": [_row(row) for row in rows]})


def _place(pos: Position | None) -> Json:
    return place(pos) if pos is not None else {}


def _story(story: Story) -> Json:
    reorderings, also = (
        [
            {
                "kind": s.kind,
                "first": s.first,
                "second": s.second,
                "along": list(s.along),
                "sentence": s.sentence,
                "order": _order(s),
            }
            for s in group
        ]
        for group in (story.reorderings, story.also)
    )
    return {"steps": list(story.steps), "reorderings": reorderings, "also": also}


def _order(reordering: Reordering) -> str | None:
    """What the model makes of a pair of program order; nothing of others."""
    return reordering.claim.order if isinstance(reordering.claim, Reordered) else None


def _reason(reason: Reason, program: Program) -> Json:
    links = [
        {
            "source": link.source, "target": link.target, "kind": link.kind, "text": link.text, "via": list(link.via),
            "within": list(link.label), "causes": [_place(pos) for pos in link.causes],
        }
        for link in reason.links
    ]  # fmt: skip
    return {"axiom": reason.axiom, "links": links, "execution": execution_object(reason.execution, program)}


def _explanation(answer: Explanation) -> Json:
    program = answer.program
    races = [
        {
            "first": r.first,
            "second": r.second,
            "sentence": r.sentence,
            "missing": list(r.missing),
            "execution": execution_object(r.execution, program),
        }
        for r in answer.races
    ]
    result: Json = {
        "file": program.file, "name": program.name, "model": answer.model, "outcome": answer.outcome.text, "answer": answer.kind,
        "complete": answer.complete, "notes": list(answer.notes), "races": races,
        "reasons": [_reason(reason, program) for reason in answer.reasons],
    }  # fmt: skip
    if answer.execution is not None and answer.story is not None:
        result["allowed_under"] = answer.under
        result["execution"] = execution_object(answer.execution, program)
        result["story"] = _story(answer.story)
        result["ways"] = [
            {"execution": execution_object(way.execution, program), "story": _story(way.story)} for way in answer.ways
        ]
    return result


def _element(element: Element) -> Json:
    return {"text": element.text, "kind": element.kind, "threads": list(element.threads), **_place(element.pos)}


def _finding(finding: Finding, program: Program, reached: Reached) -> Json:
    through = [{"thread": thread, "calls": calls_object(calls)} for thread, calls in reached.get(finding.element.pos, ())]
    result: Json = {
        "element": _element(finding.element) | ({"reached": through} if through else {}),
        "status": finding.status, "can_go_alone": finding.alone,
        "weakest": finding.weakest.text if finding.weakest else None, "orders": list(finding.orders),
        "pairs": [_element(e) for e in finding.pairs],
    }  # fmt: skip
    if finding.without is not None and finding.story is not None:
        result["without"] = {"execution": execution_object(finding.without, program), "story": _story(finding.story)}
        if finding.race is not None:
            result["without"]["race"] = finding.race.sentence
        elif isinstance(finding.outcome, str):
            result["without"]["fails"] = finding.outcome
        elif finding.outcome is not None:
            result["without"]["outcome"] = outcome_text(finding.outcome, program)
    return result


def _barriers(answer: Barriers) -> Json:
    reached = flow.reached_through(answer.program)
    return {
        "file": answer.program.file, "name": answer.program.name, "model": answer.model,
        "protected": answer.protected.text if answer.protected else None,
        "reachable": [o.text for o in answer.reachable],
        "findings": [_finding(f, answer.program, reached) for f in answer.findings],
        "minimal_sets": [[_element(e) for e in members] for members in answer.sets],
        "complete": answer.complete, "notes": list(answer.notes),
    }  # fmt: skip


def _fix(answer: Fix) -> Json:
    placements = [
        {
            "cost": p.cost, "diff": p.diff,
            "edits": [{"name": e.name, "old": e.old, "new": e.new, "inserts": e.inserts, **_place(e.pos)} for e in p.edits],
        }
        for p in answer.placements
    ]  # fmt: skip
    return {
        "file": answer.program.file, "name": answer.program.name, "model": answer.model, "outcome": answer.outcome.text,
        "status": answer.status, "placements": placements, "notes": list(answer.notes),
    }  # fmt: skip


def _row(row: Row) -> Json:
    result: Json = {
        "file": row.program.file, "name": row.program.name, "outcome": row.outcome.text, "differs": row.differs,
        "undecided": row.undecided, "fault": (row.outcome.flag or row.outcome.condition) if row.outcome.is_fault else None,
        "notes": list(row.notes),
        "cells": [{"verdict": c.verdict, "race": c.race, "message": c.message, "asked": c.asked} for c in row.cells],
    }  # fmt: skip
    found = row.difference
    if found is not None:
        result["difference"] = {
            "allows": found.allows, "forbids": found.forbids, "execution": execution_object(found.execution, row.program),
            "story": _story(found.story), "reason": _reason(found.reason, row.program) if found.reason else None,
        }  # fmt: skip
    return result
