"""What the solver's tests share: small programs from text, all executions of a program, path expressions."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hypothesis import strategies as st

from smpcheck.cat.nodes import Axiom, Model, Node, make
from smpcheck.program import ir
from smpcheck.program.execution import Execution
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Question
from smpcheck.solver.session import Session, ThinAir

TRUE = ir.Const(1)


class TooMany(Exception):
    """More executions than a test wants to look at."""


def program(*threads: str, cond: str = "exists (true)", init: str = "", params: str = "int *x, int *y, int *z") -> ir.Program:
    """A litmus test of these bodies over x, y and z. Registers r0..r9 are declared."""
    registers = "int r0; int r1; int r2; int r3;"
    bodies = "\n".join(f"P{i}({params}) {{ {registers} {body} }}" for i, body in enumerate(threads))
    return read_litmus(f"C t\n{{ {init} }}\n{bodies}\n{cond}\n")


def session(subject: ir.Program, model: Model, automata: bool = True, **question: object) -> Session:
    """Everything up to the ground program, nothing solved. Values out of thin air are left out."""
    asked = Question(mode="verdict", witness=True, condition=TRUE, **question)  # type: ignore[arg-type]
    try:
        result = Session(subject, model, asked, automata, time.perf_counter())
    except ThinAir:
        result = Session(subject, model, asked, automata, time.perf_counter(), thin_air=True)
    encoding = result.encoding
    result.out.forbid((encoding.thin_air,))
    for read in result.domains.wide:
        determined = encoding.vectors.determined(result.graph.terms.read(read))
        result.out.forbid((encoding.happens(read), -determined))
    return result


def executions(of: Session, most: int = 400) -> Iterator[Execution]:
    """All executions that the encoding has, at most ``most`` of them. :raises TooMany: there are more"""
    of.run()
    for number, found in enumerate(of.models(of.base, 0)):
        if number >= most:
            raise TooMany
        yield of._execution(found)


def key(execution: Execution) -> tuple[object, ...]:
    """What tells two executions of a program apart."""
    return (execution.events, *(execution.relations[name] for name in ("rf", "co")))


NO_MODEL = Model("none", ())
"""Requires nothing: all candidate executions."""


def base(name: str) -> Node:
    """A base relation."""
    return make("rel", "base", (), name)


def events(name: str) -> Node:
    """``[S]`` for a base set S."""
    return make("rel", "setid", (make("set", "base", (), name),))


def op(name: str, *args: Node) -> Node:
    """A relation made of others."""
    return make("rel", name, args)


PO_LOC = op("inter", base("po"), base("loc"))
COHERENCE = Axiom("acyclic", op("union", PO_LOC, op("union", base("rf"), op("union", base("co"), base("fr")))), "coherence")
COHERENT = Model("coherent", (COHERENCE,))

_LEAVES = st.one_of(
    st.sampled_from(["po", "rf", "co", "fr", "rf", "fr", "po", "data", "ctrl", "rmw"]).map(base),
    st.sampled_from(["W", "R", "M", "F", "Once", "Mb", "IW", "Release", "Acquire"]).map(events),
)


def _restrict(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    scopes = st.sampled_from([base("int"), base("ext"), base("loc")])
    return st.one_of(
        st.builds(lambda a, s: op("inter", a, s), inner, scopes),
        st.builds(lambda a: op("diff", a, base("id")), inner),
        st.builds(lambda a, s: op("inter", op("diff", a, base("id")), s), inner, scopes),
        st.builds(lambda a: op("diff", a, base("po")), inner),
    )


PATHS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda a, b: op("seq", a, b), inner, inner),
        st.builds(lambda a, b: op("seq", a, b), inner, inner),
        st.builds(lambda a, b: op("union", a, b), inner, inner),
        st.builds(lambda a: op("opt", a), inner),
        st.builds(lambda a: op("star", a), inner),
        st.builds(lambda a: op("plus", a), inner),
        st.builds(lambda a: op("inverse", a), inner),
        _restrict(inner),
    ),
    max_leaves=8,
)
"""Path expressions over rf, co, fr and program order, with tests, stars, and restrictions to int and ext."""
