"""A model on one execution: which requirements it does not meet, which flags it raises, and why."""

from __future__ import annotations

from itertools import pairwise

from msgspec import Struct

from smpcheck.cat.concrete import Evaluation
from smpcheck.cat.explain import Explainer, Step, deep_recursion
from smpcheck.cat.nodes import Axiom, Model
from smpcheck.program.bit_rows import bits
from smpcheck.program.execution import Execution


class Violation(Struct, frozen=True):
    """A requirement that an execution does not meet, or a flag that it raises (``flag``).

    ``events`` are event ids: for ``acyclic`` a cycle e0, e1, ..., in which each reaches the next by the axiom's relation and
    the last the first; for ``irreflexive`` one event; for ``empty`` a pair, or one event of a set; nothing where what is missing
    is the point (``~empty``). ``steps`` traces the cycle or pair back to base relations (:mod:`smpcheck.cat.explain`).
    """

    name: str
    flag: bool
    axiom: Axiom
    events: tuple[int, ...]
    steps: tuple[Step, ...] = ()


def evaluate(model: Model, execution: Execution) -> list[Violation]:
    """The requirements of ``model`` that ``execution`` does not meet and the flags that it raises, in the model's order, with
    witnesses."""
    evaluation = Evaluation(execution)
    found = []
    for axiom in model.axioms:
        if evaluation.shows(axiom):
            events, steps = _witness(evaluation, axiom) if evaluation.offends(axiom) else ((), ())
            found.append(Violation(axiom.name, axiom.flag, axiom, events, steps))
    return found


def _witness(evaluation: Evaluation, axiom: Axiom) -> tuple[tuple[int, ...], tuple[Step, ...]]:
    """The events and steps of a violation by something that is there: a cycle, a loop, a pair, an event."""
    if axiom.node.kind == "set":
        return (evaluation.events[next(bits(evaluation.mask(axiom.node)))].id,), ()
    explainer = Explainer(evaluation)
    with deep_recursion():
        try:
            path = explainer.witness(axiom, cheapest=True)
            edges = list(pairwise(path if axiom.kind == "empty" else [*path, path[0]]))
            steps = [step for x, y in edges for step in explainer.steps(axiom.node, x, y)]
        except RecursionError:  # a derivation of thousands of rounds: the events alone
            path, steps = explainer.witness(axiom, cheapest=False), []
    return tuple(evaluation.events[x].id for x in path), tuple(steps)
