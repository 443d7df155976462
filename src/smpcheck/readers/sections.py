"""The sections of a litmus file: name, init, threads, locations, filter, condition."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import Quantifier
from smpcheck.readers.source import Source

_NAME_LINE = re.compile(r"\s*(\w+)[ \t]+([^\s\"{(]+)(?:[^\n{\"]|\"[^\"\n]*\")*\n?")
"""The architecture and the name. What may follow in the line, the name in TeX or a sentence, herd7 does not print either."""
_WORDS = ("exists", "forall", "locations", "filter", "with", "observed", "final")
_MARK = re.compile("|".join([r"\{", r"\}", r"\(", r"\)", "<<", *(rf"{word}(?<!\w{word})\b" for word in _WORDS)]))
"""Each begins with a letter of its own, to which a search can leap: a test is looked through in half the time."""
_BRACE = re.compile(r"[{}]")


class Sections(Struct):
    """Where the parts of a litmus file lie, as offsets."""

    arch: str
    name: str
    init: tuple[int, int]
    code: tuple[int, int]
    locations: tuple[int, int] | None = None
    filter: tuple[int, int] | None = None
    condition: tuple[int, int] | None = None
    quantifier: Quantifier = "forall"


def split(source: Source) -> Sections:
    """Find the sections."""
    text = source.text
    head = _NAME_LINE.match(text)
    if head is None:
        raise InputError("a litmus test begins with its architecture and its name, e.g. 'C MP+mbs'", source.pos(0))
    init = _braces(source, head.end())
    found: list[tuple[str, int, int]] = []
    depth = parentheses = 0
    end = len(text)
    at = init[1] + 1
    while (match := (_BRACE if depth else _MARK).search(text, at)) is not None:
        word, at = match.group(), match.end()
        if word == "{":
            depth += 1
        elif word == "}":
            depth -= 1
            if depth < 0:
                raise InputError("this '}' closes nothing", source.pos(match.start()))
        elif word in "()":
            parentheses += 1 if word == "(" else -1
        elif parentheses == 0:
            start = match.start()
            if word in ("with", "<<") and any(mark in _MEMEVENTS[word] for mark, _, _ in found):
                end = start
                break
            if word == "exists":
                before = text[:start].rstrip()
                if before.endswith("~"):
                    word, start = "~exists", len(before) - 1
            found.append((word, start, match.end()))
    if depth > 0:
        raise InputError("a '{' is never closed: '}' expected before the end", source.pos(len(text.rstrip())))
    code_end = found[0][1] if found else len(text)
    sections = Sections(head[1], head[2].removesuffix(".litmus"), (init[0] + 1, init[1]), (init[1] + 1, code_end))
    for i, (word, start, body) in enumerate(found):
        span = (body, found[i + 1][1] if i + 1 < len(found) else end)
        if word == "locations" and sections.locations is None:
            sections.locations = span
        elif word == "filter" and sections.filter is None:
            sections.filter = span
        elif word in _QUANTIFIERS and sections.condition is None:
            sections.condition = span
            sections.quantifier = _QUANTIFIERS[word]
        elif word in ("with", "observed", "<<"):
            raise UnsupportedError(f"'{word}' is not supported", source.pos(start))
        else:
            raise InputError(f"a second '{word}': a test asks one question", source.pos(start))
    return sections


_QUANTIFIERS: dict[str, Literal["exists", "~exists", "forall"]] = {
    "exists": "exists",
    "~exists": "~exists",
    "forall": "forall",
    "final": "exists",
}
"""What a condition begins with. ``final`` is the word of memevents, herd7's forerunner."""

_MEMEVENTS = {"with": ("final",), "<<": tuple(_QUANTIFIERS)}
"""What memevents' tests have after the condition, and is not read: what to expect under single models, and drawings."""


_BEFORE_INIT = re.compile(r'"[^"\n]*"|^[ \t]*\w+[ \t]*=[^\n]*|[{}]', re.MULTILINE)
_IN_INIT = re.compile(r'"[^"\n]*"|[{}]')


def _braces(source: Source, start: int) -> tuple[int, int]:
    """The first '{' after ``start`` and its '}'. Quoted strings and lines ``key=value`` before it are metadata."""
    depth, opened, at = 0, -1, start
    while (match := (_IN_INIT if depth else _BEFORE_INIT).search(source.text, at)) is not None:
        at = match.end()
        if match.group() == "{":
            if depth == 0:
                opened = match.start()
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth < 0:
                break
            if depth == 0:
                return opened, match.start()
    if opened < 0:
        raise InputError("no init section: '{ ... }' expected after the name", source.pos(start))
    raise InputError("the init section is never closed: '}' expected", source.pos(opened))
