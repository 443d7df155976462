"""The language of workloads: a statement on each line, blocks in braces, ``#`` comments. Its grammar is in docs/mm-run.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.mm.simulator.workload import (
    ALONE,
    ANON,
    ON_AREAS,
    ON_FILES,
    OPERATIONS,
    PRIVATE,
    AnyPage,
    Area,
    File,
    Operation,
    Random,
    Range,
    Repeat,
    Statement,
    TaskSpec,
    Workload,
    validate,
)
from smpcheck.program.ir import Position

MAX_PAGES = 100_000
DECLARATIONS = ("pages", "cpus", "swap", "file", "mmap", "fork", "task")
STATEMENTS = (*OPERATIONS, "repeat", "random")

_TOKEN = re.compile(r"[ \t\r]*(?:(?P<comment>\#.*)|(?P<brace>[{}])|(?P<end>;)|(?P<range>\d+\.\.\d+)|(?P<number>\d+)(?![\w.-])"
                    r"|(?P<word>[A-Za-z_][\w.-]*)|(?P<wrong>\S+))")  # fmt: skip


class _Token(Struct, frozen=True):
    """``kind``: word, number, range, brace, end (of a statement) or eof."""

    kind: str
    text: str
    pos: Position

    def __str__(self) -> str:
        return {"eof": "the end of the file", "end": "the end of the line"}.get(self.kind, repr(self.text))


def _tokens(text: str, file: str) -> list[_Token]:
    found: list[_Token] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        for match in _TOKEN.finditer(line):
            kind = match.lastgroup or ""
            pos = Position(file, number, match.start(kind) + 1)
            if kind == "wrong":
                raise InputError(f"{match[kind]!r} is neither a word, a number, a range (0..3) nor a brace", pos)
            if kind != "comment":
                found.append(_Token(kind, match[kind], pos))
        found.append(_Token("end", "\n", Position(file, number, len(line) + 1)))
    found.append(_Token("eof", "", Position(file, len(lines) + 1)))
    return found


class _Parser:
    def __init__(self, text: str, file: str, name: str) -> None:
        self.tokens = _tokens(text, file)
        self.at = 0
        self.load = Workload(name, text=text)

    # tokens

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.next
        self.at += token.kind != "eof"
        return token

    def wrong(self, token: _Token, wanted: str) -> InputError:
        return InputError(f"found {token}; what is accepted here: {wanted}", token.pos)

    def word(self, wanted: str, of: Sequence[str] = ()) -> _Token:
        token = self.next
        if token.kind != "word" or (of and token.text not in of):
            raise self.wrong(token, wanted)
        return self.take()

    def name(self, what: str) -> _Token:
        """A new name."""
        token = self.word(f"a name for the {what}")
        load = self.load
        if token.text in load.files or token.text in load.areas:
            raise InputError(f"{token.text} is declared twice", token.pos)
        return token

    def number(self, what: str, least: int = 0, most: int = MAX_PAGES) -> int:
        token = self.next
        if token.kind != "number":
            raise self.wrong(token, what)
        if not least <= int(token.text[:12]) <= most:
            raise InputError(f"{token.text}: {what} is from {least} to {most}", token.pos)
        return int(self.take().text)

    def optional_number(self, what: str) -> int | None:
        return self.number(what, 1, 1_000_000_000) if self.next.kind == "number" else None

    def end(self) -> None:
        if self.next.kind == "eof" or (self.next.kind == "brace" and self.next.text == "}"):
            return
        if self.next.kind != "end":
            raise self.wrong(self.next, "the end of the line")
        self.take()

    def skip_ends(self) -> None:
        while self.next.kind == "end":
            self.take()

    # declarations

    def workload(self) -> Workload:
        """The whole text."""
        handlers: dict[str, Callable[[_Token], None]] = {
            "pages": self.pages, "cpus": self.cpus, "swap": self.swap, "file": self.file, "mmap": self.mmap, "fork": self.fork,
            "task": self.task,
        }  # fmt: skip
        self.skip_ends()
        while self.next.kind != "eof":
            token = self.word(", ".join(DECLARATIONS), DECLARATIONS)
            handlers[token.text](token)
            self.end()
            self.skip_ends()
        return self.load

    def pages(self, token: _Token) -> None:
        self.load.pages = self.number("the number of page frames", 1)

    def cpus(self, token: _Token) -> None:
        self.load.cpus = self.number("the number of CPUs", 1, 64)

    def swap(self, token: _Token) -> None:
        self.load.swap = True

    def file(self, token: _Token) -> None:
        name = self.name("file")
        self.load.files[name.text] = File(name.text, self.number("the file's pages", 1), name.pos)

    def mmap(self, token: _Token) -> None:
        name = self.name("area")
        kind = self.word("anon PAGES, or private FILE")
        if kind.text == ANON:
            pages, file = self.number("the area's pages", 1), ""
        elif kind.text == PRIVATE:
            file = self.known("file", self.load.files).text
            pages = self.load.files[file].pages
        elif kind.text in ("shared", "file"):
            text = f"{kind.text}: the model has private mappings and anonymous memory only (write: private FILE)"
            raise UnsupportedError(text, kind.pos)
        else:
            raise self.wrong(kind, "anon PAGES, or private FILE")
        process = "main"
        if self.next.kind == "word":
            self.word("in PROCESS, or the end of the line", ("in",))
            process = self.word("the name of a process").text
        self.load.areas[name.text] = Area(name.text, kind.text, pages, file, process, pos=name.pos)

    def known(self, what: str, names: dict[str, File] | dict[str, Area]) -> _Token:
        token = self.word(f"the name of a declared {what}")
        if token.text not in names:
            raise InputError(f"there is no {what} {token.text!r}: {', '.join(names) or 'none is declared yet'}", token.pos)
        return token

    def fork(self, token: _Token) -> None:
        name = self.name("child's area")
        self.word("of AREA", ("of",))
        parent = self.load.areas[self.known("area", self.load.areas).text]
        child = Area(name.text, parent.kind, parent.pages, parent.file, name.text, parent.name, name.pos)
        self.load.areas[name.text] = child

    def task(self, token: _Token) -> None:
        name = self.word("a name for the task")
        copies: int | None = 1
        if self.next.text == "per":
            self.take()
            self.word("per cpu", ("cpu",))
            copies = None
        elif self.next.kind == "number":
            copies = self.number("how many tasks", 1, 64)
        self.load.tasks.append(TaskSpec(name.text, self.block(), copies, name.pos))

    # statements

    def block(self) -> tuple[Statement, ...]:
        if self.next.text != "{":
            raise self.wrong(self.next, "{")
        opening = self.take()
        body: list[Statement] = []
        self.skip_ends()
        while self.next.text != "}":
            if self.next.kind == "eof":
                raise InputError("this block has no end: } is missing", opening.pos)
            body.append(self.statement())
            self.end()
            self.skip_ends()
        self.take()
        return tuple(body)

    def statement(self) -> Statement:
        token = self.word(", ".join(STATEMENTS), STATEMENTS)
        if token.text == "repeat":
            return Repeat(self.optional_number("how often"), self.block())
        if token.text == "random":
            count = self.optional_number("how often")
            return Random(count, self.block() if self.next.text == "{" else ())
        return self.operation(token)

    def operation(self, token: _Token) -> Operation:
        kind = token.text
        if kind in ALONE:
            return Operation(kind, pos=token.pos)
        if kind in ON_FILES:
            target = self.known("file", self.load.files).text
            number = self.number("the file's new size in pages") if kind == "truncate" else None
            return Operation(kind, target, number, pos=token.pos)
        if kind in ON_AREAS:
            target = self.known("area", self.load.areas).text
            return Operation(kind, target, range=self.range() if kind in ("write", "read") else None, pos=token.pos)
        what = "how many steps" if kind == "idle" else "how many pages"
        return Operation(kind, number=self.optional_number(what), pos=token.pos)

    def range(self) -> Range:
        token = self.next
        if token.kind == "number":
            page = self.number("a page")
            return page, page
        if token.kind == "range":
            first, last = self.take().text.split("..")
            return int(first[:12]), int(last[:12])
        if token.kind == "word":
            self.word("a page (3), pages (0..3), any, any N, or the end of the line", ("any",))
            return AnyPage(self.optional_number("how many pages") or 1)
        return None


def parse(text: str, file: str = "<workload>", name: str = "") -> Workload:
    """The workload that a text describes.

    :raises InputError: with file, line, column, what was found there, and what is accepted
    :raises UnsupportedError: the model cannot do that
    """
    load = _Parser(text, file, name or file).workload()
    validate(load)
    return load
