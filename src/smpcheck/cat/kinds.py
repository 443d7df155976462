"""Set or relation? The kind of a recursive variable, from how its definition is written, before anything is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from smpcheck.cat import build
from smpcheck.cat.nodes import Node
from smpcheck.cat.syntax import Binding, Expr, Let
from smpcheck.cat.values import Closure, Env, Primitive


def infer_kinds(bindings: tuple[Binding, ...], env: Env) -> dict[str, Literal["rel", "set"]]:
    """Set or relation, for each variable of a ``let rec``, from how its definition is written."""
    known: dict[str, str | None] = {b.pattern: None for b in bindings if isinstance(b.pattern, str)}
    for _ in range(len(bindings) + 1):
        for binding in bindings:
            assert isinstance(binding.pattern, str)
            if known[binding.pattern] is None:
                known[binding.pattern] = kind_of(binding.body, env, known)
    return {name: "set" if kind == "set" else "rel" for name, kind in known.items()}


def kind_of(expr: Expr, env: Env, known: Mapping[str, str | None]) -> str | None:
    match expr.op:
        case "var":
            if expr.name in known:
                return known[expr.name]
            value = env.get(expr.name)
            return value.kind if isinstance(value, Node) and not build.is_empty(value) else None
        case "universe":
            return "set"
        case "union" | "inter" | "diff":
            return kind_of(expr.args[0], env, known) or kind_of(expr.args[1], env, known)
        case "not":
            return kind_of(expr.args[0], env, known)
        case "seq" | "star" | "plus" | "opt" | "inverse" | "product" | "brackets":
            return "rel"
        case "app":
            return _of_application(expr, env, known)
        case "try":
            return kind_of(expr.args[0], env, known) or kind_of(expr.args[1], env, known)
        case "let":
            assert isinstance(expr, Let)
            inner = dict(known)
            for binding in expr.bindings:
                if isinstance(binding.pattern, str):
                    inner[binding.pattern] = kind_of(binding.body, env, inner)
            return kind_of(expr.args[-1], env, inner)
    return None


def _of_application(expr: Expr, env: Env, known: Mapping[str, str | None]) -> str | None:
    function, argument = expr.args
    value = env.get(function.name) if function.op == "var" else None
    if isinstance(value, Primitive):
        return "set" if value.name in ("domain", "range", "tag2events", "tag2instrs") else "rel"
    if isinstance(value, Closure):
        actual = argument.args if isinstance(value.pattern, tuple) and argument.op == "tuple" else (argument,)
        formal = value.pattern if isinstance(value.pattern, tuple) else (value.pattern,)
        bound = {name: kind_of(a, env, known) for name, a in zip(formal, actual, strict=False) if name}
        return kind_of(value.body, value.env, bound)
    return None
