"""The rcu axiom of sc and tso is the law of grace periods: each can be placed before or after each critical section.

The law, read outright (Alglave et al., ASPLOS 2018, section on RCU): for every grace period g and critical section c there is a
choice, "c ends before g does" or "c starts after g does", such that no event comes before itself.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from smpcheck.cat.concrete import Evaluation, relation
from smpcheck.cat.graph import reachable, roots
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Node
from smpcheck.program.bit_rows import Rows, closure
from smpcheck.program.execution import Execution
from tests.cat.executions import cycles, executions

SECTIONS = (("Rcu-lock", "Rcu-unlock"), ("", ""), ("Srcu-lock", "Srcu-unlock"))

STRATEGIES = st.one_of(
    cycles(("Sync-rcu", "Mb"), around=SECTIONS[:2]),
    cycles(("Sync-rcu", "Sync-srcu"), around=SECTIONS, turn=True),
    cycles(("Sync-rcu",), around=SECTIONS[:1], turn=True),
    executions(("R Once", "W Once", "Rcu-lock", "Rcu-unlock", "Sync-rcu"), coherent=True),
)


def acyclic(edges: set[tuple[object, object]]) -> bool:
    names = sorted({repr(x) for edge in edges for x in edge})
    number = {name: i for i, name in enumerate(names)}
    rows: Rows = [0] * len(names)
    for a, b in edges:
        rows[number[repr(a)]] |= 1 << number[repr(b)]
    return not any(row >> i & 1 for i, row in enumerate(closure(rows)))


def obeys_the_law(execution: Execution, model: str) -> bool:
    """Does a placement exist? Nodes: events in the machine's order, and the start and end of each grace period and section."""
    axioms = {a.name: a.node for a in load_model(model).axioms}
    machine: set[tuple[object, object]] = set(relation(axioms[model], execution))
    kinds = {e.id: e.tags for e in execution.events}
    address = {e.id: e.address for e in execution.events}
    grace = [e.id for e in execution.events if {"Sync-rcu", "Sync-srcu"} & e.tags]
    sections = [
        (pair, sync)
        for sync, name in (("Sync-rcu", "rcu-rscs"), ("Sync-srcu", "srcu-rscs"))
        for pair in sorted(relation(node_called(model, name), execution))
    ]
    arrive = {**{g: ("start", g) for g in grace}, **{u: ("end", u) for (_, u), _ in sections}}
    depart = {**{g: ("end", g) for g in grace}, **{a: ("begin", a) for (a, _), _ in sections}}
    edges = set(machine)
    for a, b in execution.relations["po"]:
        if b in arrive:
            edges.add((a, arrive[b]))
        if a in depart:
            edges.add((depart[a], b))
        if a in depart and b in arrive:
            edges.add((depart[a], arrive[b]))
    edges |= {(arrive[g], depart[g]) for g in grace}
    choices = []
    for ((a, u), sync), g in product(sections, grace):
        if sync in kinds[g] and (sync == "Sync-rcu" or address[g] == address[a]):
            choices.append(((arrive[g], depart[a]), (arrive[u], depart[g])))
    assume(len(choices) <= 8)
    return any(acyclic(edges | set(chosen)) for chosen in product(*choices))


def node_called(model: str, name: str) -> Node:
    return next(node for node in reachable(roots(load_model(model))) if node.label == name)


@pytest.mark.parametrize("model", ["sc", "tso"])
def test_the_axiom_is_the_law(model: str) -> None:
    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STRATEGIES)
    def agree(execution: Execution) -> None:
        evaluation = Evaluation(execution)
        broken = {a.name for a in load_model(model).axioms if evaluation.offends(a) and a.name in (model, "rcu")}
        assert (not broken) == obeys_the_law(execution, model)

    agree()
