"""Source text as HTML with comments, strings, numbers, keywords and the kernel's primitives set apart, by pygments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from operator import itemgetter

from pygments.lexer import Lexer
from pygments.lexers.c_cpp import CLexer
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String, Token

PRIMITIVE = re.compile(
    r"(?:READ|WRITE)_ONCE|smp_\w+|atomic(?:64)?_\w+|\w*cmpxchg\w*|xchg\w*|spin_\w+|(?:s?rcu|srcu)_\w+|synchronize_\w+|barrier|"
    r"(?:test_and_)?(?:set|clear)_bit\w*|mutex_\w+|(?:down|up)_(?:read|write)\w*"
)
QUESTIONS = frozenset(("exists", "forall", "locations", "filter"))
"""What is a keyword in a litmus test, though not in C."""

_KINDS = ((Comment, "comment"), (String, "string"), (Number, "number"), (Keyword, "keyword"))
_OCAML = re.compile(r"(?m:^)[ \t]*\(\*.*?\*\)", re.DOTALL)
"""Litmus tests have OCaml's comments, too, at the start of a line: elsewhere ``(*`` is a dereference."""


def highlighted(source: str, name: str) -> list[str]:
    """The lines of ``source``, the text of a file called ``name``, as HTML; every element ends on the line it begins on."""
    out: list[str] = []
    pieces = _python(source) if name.endswith(".py") else _litmus(source)
    for kind, group in groupby(pieces, key=itemgetter(0)):
        parts = [escape(part) for part in "".join(text for _, text in group).split("\n")]
        out.append("\n".join(f'<span class="{kind}">{part}</span>' if part and kind else part for part in parts))
    return "".join(out).split("\n")


def _python(source: str) -> Iterator[tuple[str, str]]:
    yield from _pieces(PythonLexer(), source)


def _litmus(source: str) -> Iterator[tuple[str, str]]:
    lexer = CLexer()
    at = 0
    for comment in _OCAML.finditer(source):
        yield from _pieces(lexer, source[at : comment.start()])
        yield "comment", comment[0]
        at = comment.end()
    yield from _pieces(lexer, source[at:])


def _pieces(lexer: Lexer, source: str) -> Iterator[tuple[str, str]]:
    """Pieces of text, each with what it is; nothing where that is nothing special."""
    for start, token, whole in lexer.get_tokens_unprocessed(source + "\n"):  # a comment is one only if its line ends
        text = whole[: len(source) - start]
        kind = next((kind for of, kind in _KINDS if token in of), "")
        if text in QUESTIONS and token in Name and isinstance(lexer, CLexer):
            kind = "keyword"
        elif (token in Name or token in Token.Keyword) and PRIMITIVE.fullmatch(text):
            kind = "primitive" if source[start + len(text) :].lstrip(" \t").startswith("(") else kind
        yield kind, text
