"""The primitives of a function of the kernel, in the order of its text: its C is parsed, and nothing is compiled.

Macros are not expanded: most primitives are macros or small functions that the map knows by name. A call that is neither a
primitive nor a function of the map, nor left out there with a reason, is walked in its place where the file or one of the map's
headers has its body, and is a step of its own (``unknown call ...``) where not: nothing is passed over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.mm.kernel_map.entries import Entry, Map, Place, Version
from smpcheck.mm.kernel_map.model_order import Step
from smpcheck.readers.cparse_expr import c_parser

if TYPE_CHECKING:
    from tree_sitter import Node

PTE = re.compile(rb"\*(?:vmf->|pvmw\.|walk->)?(?:orig_|start_|src_|dst_)?(?:pte|ptep)")
"""A load of a pte through a pointer."""

NOT_CODE = frozenset({"comment", "type_descriptor", "string_literal", "preproc_if", "preproc_elif"})


class Function(Struct, frozen=True):
    """A function's definition."""

    file: str
    node: Node

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.node.start_point[0] + 1


class Tree:
    """An unpacked kernel. :raises InputError: it is none"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version = self._version()
        self._files: dict[str, Mapping[str, Function]] = {}

    def _version(self) -> Version:
        makefile = self.folder / "Makefile"
        try:
            text = makefile.read_text("utf-8", "replace")
        except OSError as error:
            raise InputError(f"{self.folder} is no kernel tree: {makefile} cannot be read: {error.strerror or error}") from None
        found = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL) *= *(\d+)", text, re.MULTILINE))
        if "VERSION" not in found or "PATCHLEVEL" not in found:
            raise InputError(f"{self.folder} is no kernel tree: {makefile} has no VERSION and PATCHLEVEL")
        parts = [found["VERSION"], found["PATCHLEVEL"]] + [found.get("SUBLEVEL", "0")] * (found["VERSION"] == "2")
        return tuple(map(int, parts))

    def functions(self, file: str) -> Mapping[str, Function]:
        """The functions that a file defines; none if there is no such file. Of two of one name the first, which is the one of
        the larger configuration where both stand in branches of an ``#ifdef``."""
        if file not in self._files:
            path = self.folder / file
            found: dict[str, Function] = {}
            if path.is_file():
                for node in _definitions(c_parser().parse(_plain(path.read_bytes())).root_node):
                    found.setdefault(_name_of(node), Function(file, node))
            self._files[file] = found
        return self._files[file]

    def has(self, file: str) -> bool:
        """Is there such a file?"""
        return (self.folder / file).is_file()


def kernel_order(tree: Tree, entry: Entry, place: Place, known: Map) -> list[Step]:
    """The primitives of a kernel function. :raises InputError: it is not there, or cannot be parsed"""
    if not tree.has(place.file):
        raise InputError(f"{tree.folder} has no {place.file}")
    found = tree.functions(place.file).get(place.name)
    if found is None:
        raise InputError(f"{tree.folder / place.file} has no function {place.name}")
    return list(_Walk(tree, known, entry, place).function(found))


ATTRIBUTES = re.compile(
    rb"\b(?:__always_inline|__init|__ref|__sched|__must_check|__maybe_unused|noinline\w*|asmlinkage|__cpuidle)\b"
)
"""Words of the kernel in front of functions, which are macros and no C of their own."""


CUT_ELSE = re.compile(rb"^(#if[^\n]*)(\n(?:(?!#)[^\n]*\n)*?[^\n#]*\belse[ \t]*\n)(#endif[^\n]*)", re.MULTILINE)
"""An ``#if`` that ends between ``else`` and its statement, which no grammar of C has."""


def _plain(text: bytes) -> bytes:
    """The text without these words and these directives; everything else stays where it is."""
    text = CUT_ELSE.sub(lambda found: b" " * len(found[1]) + found[2] + b" " * len(found[3]), text)
    return ATTRIBUTES.sub(lambda word: b" " * len(word[0]), text)


def _definitions(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type == "function_definition":
            yield child
        elif child.type.startswith("preproc_") or child.type in ("declaration_list", "linkage_specification", "ERROR"):
            yield from _definitions(child)


def _name_of(definition: Node) -> str:
    node = definition.child_by_field_name("declarator")
    while node is not None and node.type != "identifier":
        node = node.child_by_field_name("declarator")
    return _text(node) if node is not None else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


class _Walk:
    """The steps of one function of the map."""

    def __init__(self, tree: Tree, known: Map, entry: Entry, place: Place) -> None:
        self.tree, self.known, self.entry, self.place = tree, known, entry, place
        here = [(each, at) for each in known.entries if (at := each.place(tree.version)) is not None]
        self.mapped = {name: each.name for each, at in here for name in (*each.also, at.name)}
        self.inside = [place.name]

    def function(self, function: Function) -> Iterator[Step]:
        self.file = function.file
        body = function.node.child_by_field_name("body")
        assert body is not None
        yield from self.walk(body)

    def walk(self, node: Node) -> Iterator[Step]:
        if node.type == "ERROR" or any(child.is_missing for child in node.children):
            raise InputError(f"{self.tree.folder / self.file}, line {node.start_point[0] + 1}: this C is not understood")
        match node.type:
            case kind if kind in NOT_CODE:
                return
            case "call_expression":
                yield from self.call(node)
            case "assignment_expression":
                target, value = node.child_by_field_name("left"), node.child_by_field_name("right")
                assert target is not None and value is not None
                yield from self.walk(value)
                if _operator(node) != "=":
                    yield from self.access(target, "read")
                yield from self.stored(target)
            case "update_expression":
                target = node.child_by_field_name("argument")
                assert target is not None
                yield from self.access(target, "read")
                yield from self.stored(target)
            case "field_expression":
                yield from self.inner(node)
                yield from self.access(node, "read")
            case "pointer_expression" if PTE.fullmatch(node.text or b""):
                yield self.step("read pte", node)
            case "sizeof_expression":
                return
            case _:
                yield from self.inner(node)

    def inner(self, node: Node) -> Iterator[Step]:
        for child in node.named_children:
            yield from self.walk(child)

    def stored(self, target: Node) -> Iterator[Step]:
        yield from self.inner(target)
        yield from self.access(target, "write")

    def access(self, node: Node, how: str) -> Iterator[Step]:
        """A plain access to a field that counts."""
        name = node.child_by_field_name("field")
        if name is not None and _text(name) in (self.known.reads if how == "read" else self.known.writes):
            yield self.step(self.known.primitive(f"{how}({_text(name)})") or f"{how} {_text(name)}", node)

    def call(self, node: Node) -> Iterator[Step]:
        callee, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        assert callee is not None and arguments is not None
        if any(child.is_missing for child in arguments.children):
            yield from self.walk(arguments)  # which says so
        given = [each for each in arguments.named_children if each.type != "comment"]
        name = self.name_of(_text(callee))
        if self.known.assertions.fullmatch(name):
            return
        token = self.known.primitive(f"{name}({_object_of(given)})")
        reason = self.known.reason_to_leave_out(name)
        if (token is None and reason is None) or name in self.mapped:
            yield from self.inner(arguments)
        else:
            for each in given:
                if not _is_place(each) and not each.has_error:  # a type as argument, as of list_entry
                    yield from self.walk(each)
        if name in self.mapped and name not in self.inside:
            yield self.step(f"call {self.mapped[name]}", node)
        elif token is not None:
            yield self.step(token, node)
        elif reason is None:
            yield from self.helper(name, node)

    def name_of(self, written: str) -> str:
        """The function that a call is of; the map may say so, for trees that have it."""
        name = self.entry.read_as.get(written, written)
        return name if name in self.mapped or self.body_of(name) is not None else written

    def body_of(self, name: str) -> Function | None:
        """A function's definition, if it stands in this file, or in one of the map's headers."""
        files = (self.file, self.place.file, *self.known.headers)
        return next((body for file in files if (body := self.tree.functions(file).get(name)) is not None), None)

    def helper(self, name: str, node: Node) -> Iterator[Step]:
        """The body of a small function in its place."""
        found = self.body_of(name)
        if found is None or name in self.inside:
            yield self.step(f"unknown call {name}", node)
            return
        outer, self.inside = self.file, [*self.inside, name]
        yield from self.function(found)
        self.file, self.inside = outer, self.inside[:-1]

    def step(self, token: str, node: Node) -> Step:
        return Step(token, self.file, node.start_point[0] + 1)


def _operator(node: Node) -> str:
    found = node.child_by_field_name("operator")
    return _text(found) if found is not None else "="


def _is_place(node: Node) -> bool:
    """``&x->f``, ``x->f``: what a primitive works on, and no access of its own."""
    return node.type == "field_expression" or (node.type == "pointer_expression" and _text(node).startswith("&"))


def _object_of(given: list[Node]) -> str:
    """What a call is about, by which primitives are told apart: a constant, else the field in which its first place ends."""
    for node in given:
        if node.type == "identifier" and re.fullmatch("[A-Z]+_[A-Za-z_]+", _text(node)):
            return _text(node)
    for node in given:
        if _is_place(node) or (node.type == "identifier" and node is given[0]):
            return re.split(r"->|\.|&", _text(node))[-1]
    return ""
