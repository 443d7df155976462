"""Does an execution that a model allows stay allowed when a round that only reads is left out of it?

What is left out are reads, barriers, and whatever else is neither a write nor one of :data:`~smpcheck.program.waits.MARKERS`; let
E be the events that stay. A relation r of the model is *exact* if what the model makes of the smaller execution is r between
events of E, and it *shrinks* if it is a part of that. Base relations and sets are exact. A union, an intersection and a
difference of exact ones is exact; a sequence shrinks, and is exact where its middle cannot have been left out; a difference
shrinks if its left side shrinks and its right side is exact. Recursive definitions keep such a property if it holds round by
round. An axiom that forbids something of a relation that shrinks allows what it allowed before; that is all that is asked here.
The argument for loops as a whole is in :mod:`smpcheck.program.waits`.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from msgspec import Struct

from smpcheck.cat.graph import recursive_first
from smpcheck.cat.load import SHIPPED, load_model
from smpcheck.cat.nodes import Model, Node
from smpcheck.program.waits import MARKERS, Omission

_STAY = frozenset(("W", "IW", "FW", "LKR", "LKW", "UL")) | MARKERS
"""Base sets of which no event is left out: writes, what tags writes only, and the read of a lock that is taken."""

_SOURCES_STAY = frozenset(("rf", "co", "rmw"))
_TARGETS_STAY = frozenset(("fr", "co", "rmw"))


class _Known(Struct, frozen=True):
    """What is known of a relation or set: is it ``exact``, does it ``shrink``; is no event of its domain (for a set: none of its
    members), of its range, ever left out?"""

    exact: bool = True
    shrinks: bool = True
    domain: bool = True
    range: bool = True


def omission(model: Model) -> Omission:
    """What may be left out of executions of ``model``."""
    return _omission(model)


@lru_cache(maxsize=64)
def _omission(model: Model) -> Omission:
    known = _analysis(model)
    reads = all(known[axiom.node].shrinks and not axiom.negated for axiom in model.axioms if not axiom.flag)
    return Omission(reads, reads and _come_with_us(model, flags=False), not _come_with_us(model, flags=True))


def _come_with_us(model: Model, flags: bool) -> bool:
    """Are all that the model requires (with ``flags``: all that it flags) among what the models that come with the program do?"""
    unknown = {axiom.node for axiom in model.axioms if axiom.flag == flags}
    for name in SHIPPED:
        if not unknown:
            break
        unknown -= {axiom.node for axiom in load_model(name).axioms if axiom.flag == flags}
    return not unknown


def _analysis(model: Model) -> dict[Node, _Known]:
    """The greatest solution: recursive variables have every property at first, and lose what their definition does not have."""
    nodes = recursive_first(axiom.node for axiom in model.axioms)
    known = dict.fromkeys(nodes, _Known())
    changed = True
    while changed:
        changed = False
        for node in nodes:
            new = _of(node, [known[a] for a in node.args])
            if new != known[node]:
                known[node], changed = new, True
    return known


def _of(node: Node, args: list[_Known]) -> _Known:
    exact, shrinks = all(a.exact for a in args), all(a.shrinks for a in args)
    first = args[0] if args else _Known()
    second = args[-1] if args else _Known()
    match node.op:
        case "base":
            return _base(node)
        case "empty" | "rec":
            return first
        case "all":
            return _Known(domain=False, range=False)
        case "union":
            return _Known(exact, shrinks, all(a.domain for a in args), all(a.range for a in args))
        case "inter":
            return _Known(exact, shrinks, any(a.domain for a in args), any(a.range for a in args))
        case "diff":
            return _Known(exact, first.shrinks and second.exact, first.domain, first.range)
        case "seq":
            middles = all(a.range or b.domain for a, b in pairwise(args))
            return _Known(exact and middles, shrinks, first.domain, second.range)
        case "inverse":
            return _Known(exact, shrinks, first.range, first.domain)
        case "plus":
            return _Known(exact and (first.domain or first.range), shrinks, first.domain, first.range)
        case "star":
            return _Known(exact and (first.domain or first.range), shrinks, False, False)
        case "opt":
            return _Known(exact, shrinks, False, False)
        case "setid":
            return _Known(exact, shrinks, first.domain, first.domain)
        case "product":
            return _Known(exact, shrinks, first.domain, second.domain)
        case "domain":
            return _Known(exact and first.range, shrinks, first.domain, first.domain)
        case "range":
            return _Known(exact and first.domain, shrinks, first.range, first.range)
        case "diffvals":
            return _Known(exact, shrinks, first.domain, first.range)
    return _Known(False, False, False, False)


def _base(node: Node) -> _Known:
    if node.kind == "set":
        return _Known(domain=node.name in _STAY, range=node.name in _STAY)
    return _Known(domain=node.name in _SOURCES_STAY, range=node.name in _TARGETS_STAY)
