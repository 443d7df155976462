"""The init section: ``{ x=1; int *p=&x; 0:r1=x; int a[2]={1,2}; }``. A name as a value is its address."""

from __future__ import annotations

import re

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.readers.conditions import NUMBERS, Tokens
from smpcheck.readers.conditions import path as path_of
from smpcheck.readers.ctree import number
from smpcheck.readers.source import Source


class Entry(Struct, frozen=True):
    """One declaration of the init section: ``type name = value`` or ``type proc:reg = value``."""

    words: tuple[str, ...]
    stars: int
    proc: int | None
    name: str
    path: tuple[int | str, ...]
    length: int | None
    value: InitValue | None
    at: int


InitValue = int | tuple[str, tuple[int | str, ...]] | list["InitValue"]
"""A number, the address of (a part of) an object, or a list in braces."""


_SIMPLE = re.compile(r"\s*(?:P?(\d+)\s*:\s*)?(%?[A-Za-z_]\w*)\s*=\s*(-?\d+|&?\s*[A-Za-z_]\w*)\s*$")
_TYPE_WORDS = frozenset(("struct", "unsigned", "signed", "const", "volatile", "long", "short", "int", "char"))


def read_init(source: Source, span: tuple[int, int], symbolic: bool = False) -> list[Entry]:
    """The entries of the init section, which ``;`` separates. ``symbolic``: may a name begin with ``%``, as that of a register
    that assembly leaves to be chosen?"""
    entries: list[Entry] = []
    at = span[0]
    text = source.text
    while at < span[1]:
        end = text.find(";", at, span[1])
        end = span[1] if end == -1 else end
        simple = _SIMPLE.match(text, at, end)
        if simple and simple[3] not in _NOT_OBJECTS:
            value: InitValue
            word = simple[3].lstrip("& \t\n")
            found = number(word.lstrip("-"))
            if found is not None and (word[0].isdigit() or word[0] == "-"):
                value = -found[0] if word[0] == "-" else found[0]
            elif word[0].isdigit() or word[0] == "-":
                raise InputError(f"'{word}' is not a number", source.pos(simple.start(3)))
            else:
                value = (word, ())
            proc = int(simple[1]) if simple[1] else None
            entries.append(Entry((), 0, proc, simple[2], (), None, value, simple.start(2)))
        elif text[at:end].strip():
            entries.append(_entry(Tokens(source, at, end)))
        at = end + 1
    _check_once(source, entries)
    for entry in entries:
        if entry.name.startswith("%") and not symbolic:
            raise InputError("unexpected character '%'", source.pos(entry.at))
    return entries


def _check_once(source: Source, entries: list[Entry]) -> None:
    seen: set[tuple[int | None, str, tuple[int | str, ...]]] = set()
    for entry in entries:
        key = (entry.proc, entry.name, entry.path)
        if entry.value is not None and key in seen:
            raise InputError(f"a second initial value of '{entry.name}'", source.pos(entry.at))
        if entry.value is not None:
            seen.add(key)


def _entry(t: Tokens) -> Entry:
    words: list[str] = []
    stars = 0
    while t.kind == "name":
        follows, sign, _ = t.items[t.i + 1]
        if t.value not in _TYPE_WORDS and follows not in ("name", "reg") and sign != "*":
            break
        words.append(t.next())
    while t.value in ("*", "const", "volatile"):
        stars += t.next() == "*"
    proc: int | None = None
    path: tuple[int | str, ...] = ()
    length: int | None = None
    at = t.at
    if t.kind == "reg":
        thread, _, name = t.next().removeprefix("P").partition(":")
        proc, name = int(thread), name.strip()
        t.accept("*")
    else:
        bracket = t.accept("[")
        if t.kind != "name":
            t.fail("a declaration such as 'x=1', 'int *p=&x' or '0:r1=x'")
        name = t.next()
        if bracket:
            t.expect("]")
        path = path_of(t)
        if words and path and isinstance(path[-1], int) and len(path) == 1:
            length, path = int(path[0]), ()
    value: InitValue | None = None
    if t.accept("=", "=="):
        value = _init_value(t)
    if t.kind != "end":
        t.fail("';' or '='")
    return Entry(tuple(words), stars, proc, name, path, length, value, at)


_INIT_MACROS = frozenset(("ATOMIC_INIT", "ATOMIC64_INIT", "ATOMIC_LONG_INIT", "REFCOUNT_INIT"))
_UNLOCKED = frozenset(("SPIN_LOCK_UNLOCKED", "__SPIN_LOCK_UNLOCKED", "__RAW_SPIN_LOCK_UNLOCKED"))
_NOT_OBJECTS = _INIT_MACROS | _UNLOCKED | NUMBERS.keys()
"""Names that are values, not addresses."""


def _init_value(t: Tokens) -> InitValue:
    if t.accept("{"):
        items: list[InitValue] = []
        while not t.accept("}"):
            items.append(_init_value(t))
            if not t.accept(",") and t.value != "}":
                t.fail("',' or '}'")
        return items
    if t.accept("("):
        if t.kind == "name" and t.items[t.i + 1][1] != ")":  # a cast
            while t.kind == "name" or t.value == "*":
                t.next()
            t.expect(")")
            return _init_value(t)
        if t.kind == "name" and t.value in _TYPE_WORDS:
            t.next()
            t.expect(")")
            return _init_value(t)
        value = _init_value(t)
        t.expect(")")
        return value
    sign = -1 if t.accept("-") else 1
    if t.kind == "num":
        found = number(t.value)
        if found is None:
            t.fail("a number")
        t.next()
        return sign * found[0]
    if sign == -1:
        t.fail("a number")
    t.accept("&")
    if t.kind != "name":
        t.fail("a number, an address or a list in braces")
    name = t.next()
    if name in _INIT_MACROS or (name in _UNLOCKED and t.value == "("):
        t.expect("(")
        if name in _UNLOCKED:
            t.next()
            t.expect(")")
            return 0
        value = _init_value(t)
        t.expect(")")
        return value
    if name in _UNLOCKED:
        return 0
    if name in NUMBERS:
        return NUMBERS[name]
    return (name, path_of(t))
