"""Pictures for Graphviz: one digraph, a cluster for each thread, program order as the backbone of each.

Arrows between threads do not move the nodes (``constraint=false``): the lanes stay lanes. Their labels are external (``xlabel``):
with labels that have nodes of their own, Graphviz 2.43 loses memory and dies where such an arrow joins nodes of one rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from smpcheck.show.geometry import node_text
from smpcheck.show.picture import Edge, Node, Picture
from smpcheck.show.rows import lanes_of
from smpcheck.show.svg import LIGHT

if TYPE_CHECKING:
    from smpcheck.questions.explain import Explanation

LINES = {"rf": "solid", "co": "dashed", "fr": "dotted", "po": "solid", "swap": "dashed", "race": "dashed"}


def quoted(text: str) -> str:
    """A quoted string of the DOT language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def explanations_dot(answers: Iterable[Explanation], calls: bool = False) -> str:
    """All pictures of all explanations, a digraph each."""
    from smpcheck.show.explain_text import head
    from smpcheck.show.picture import pictures

    return "\n".join(
        picture_dot(picture, [f"{answer.program.name}: {head(answer)}", picture.caption])
        for answer in answers
        for picture in pictures(answer, calls)
    )


def picture_dot(picture: Picture, titles: Sequence[str] = ()) -> str:
    """One digraph, titled with the lines of ``titles``."""
    label = "\\l".join([quoted(title)[1:-1] for title in titles or (picture.caption,)] + [""])
    lines = [
        f"digraph {quoted(picture.program.name)} {{",
        f'  graph [label="{label}", labelloc=t, labeljust=l, fontname="sans-serif"]',
        "  graph [nodesep=1, splines=true, newrank=true, forcelabels=true]",
        '  node [shape=box, style=rounded, fontname="monospace", fontsize=11]',
        '  edge [fontname="monospace", fontsize=10]',
    ]
    for number, (name, lane) in enumerate(zip(picture.lanes, _lanes(picture), strict=True)):
        lines += [f"  subgraph cluster_{number} {{", f"    label={quoted(name)}; color={quoted(LIGHT['rule'])}"]
        lines += [f"    {_node(node)}" for node in lane]
        if len(lane) > 1:
            lines.append(f"    {' -> '.join(f'n{node.id}' for node in lane)} [color={quoted(LIGHT['rule'])}, arrowhead=none]")
        lines.append("  }")
    lines += [f"  {_edge(edge)}" for edge in picture.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _lanes(picture: Picture) -> list[list[Node]]:
    lanes = lanes_of(picture.nodes)
    return lanes + [[] for _ in range(len(picture.lanes) - len(lanes))]


def _node(node: Node) -> str:
    text = node_text(node)
    label = "\\n".join(quoted(line)[1:-1] for line in (*text.code, *text.effect, *text.notes))
    dashed = ', style="rounded,dashed"' if node.kind in ("F", "skip", "init") else ""
    return f'n{node.id} [label="{label}"{dashed}]'


def _edge(edge: Edge) -> str:
    width = 2.5 if edge.in_cycle else 2 if edge.out_of_order else 1
    both = ", dir=both" if edge.style == "race" else ""
    colour = quoted(LIGHT[edge.style])
    return (
        f"n{edge.source} -> n{edge.target} [xlabel={quoted(edge.label)}, color={colour}, fontcolor={colour}, "
        f"style={LINES[edge.style]}, penwidth={width}, constraint=false, tooltip={quoted(edge.text)}{both}]"
    )
