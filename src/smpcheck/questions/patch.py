"""Changes of a program, on the IR and in the source text alike.

An :class:`Edit` adds order at one place: a barrier before a statement, or a stronger form of an access. It can be applied to the
program (to ask the solver) and, where the source allows it, to the text (to show a diff). The two are made apart, so a caller
checks a text by reading it again.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program import flow, ir
from smpcheck.program.ir import Position, Program, Stmt
from smpcheck.program.tags import FULL_BARRIERS, KERNEL
from smpcheck.questions.ordering_elements import FENCES, NOWHERE, atomic_name, edited

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model


class Edit(Struct, frozen=True):
    """One change. ``name``: a fence's tag (put before the statement at ``pos``), ``instead Mb`` (smp_mb() for the barrier
    there), ``mark`` (READ_ONCE() or WRITE_ONCE() for the plain access there), or ``acquire``, ``release``, ``full`` (a stronger
    form of it). ``kind`` for the cost table, ``saves`` the kind of what it replaces; ``old`` and ``new``: the text of the
    statement, before and after.
    """

    name: str
    pos: Position
    kind: str
    old: str
    new: str
    saves: str = "none"

    @property
    def inserts(self) -> bool:
        """Is it a barrier of its own?"""
        return self.name in FENCES


INSERTED = tuple(tag.name for tag in FENCES.values() if tag.inserted)
"""Barriers that a repair may put anywhere."""

_STRONGER = {
    "acquire": (
        (re.compile(r"^READ_ONCE\(\*(\w+)\)$"), r"smp_load_acquire(\1)"),
        (re.compile(r"^READ_ONCE\((.*)\)$"), r"smp_load_acquire(&\1)"),
        (re.compile(r"^r\[once\]"), "r[acquire]"),
        (re.compile(r"^(atomic(?:64|_long)?_read)\((.*)\)$"), r"\1_acquire(\2)"),
    ),
    "release": (
        (re.compile(r"^WRITE_ONCE\(\*(\w+),(.*)\)$"), r"smp_store_release(\1,\2)"),
        (re.compile(r"^WRITE_ONCE\(([^,]*),(.*)\)$"), r"smp_store_release(&\1,\2)"),
        (re.compile(r"^w\[once\]"), "w[release]"),
        (re.compile(r"^(atomic(?:64|_long)?_set)\((.*)\)$"), r"\1_release(\2)"),
    ),
}
"""How an access looks with acquire or release, by how it looks without."""


def stronger(text: str, name: str, python: bool) -> str | None:
    """The text of an access in its stronger form; None where the kernel has none."""
    for pattern, result in _STRONGER[name]:
        if pattern.match(text):
            changed = pattern.sub(result, text)
            return changed.replace("(&", "(", 1) if python else changed
    return None


_OBJECT = re.compile(r"[*&\w.\->\[\]() ]+")
_ASSIGNMENT = re.compile(r"([^=]*[^=<>!+\-*/%&|^~ ])\s*=\s*([^=].*)", re.S)


def marked(statement: Stmt) -> str | None:
    """How a plain access looks with READ_ONCE() or WRITE_ONCE(); None where it is no plain access, or no simple one."""
    match statement:
        case ir.Load(tags=tags, text=text) if not tags and _OBJECT.fullmatch(text):
            return f"READ_ONCE({text})"
        case ir.Store(tags=tags, text=text) if not tags and (parts := _ASSIGNMENT.fullmatch(text)):
            return f"WRITE_ONCE({parts[1]}, {parts[2]})"
    return None


def edits_of(program: Program) -> list[Edit]:
    """Every place where order can be added: between accesses of a thread, and at each access."""
    python = program.language == "Python"
    found: dict[tuple[str, Position], Edit] = {}
    for thread in program.threads:
        previous: Stmt | None = None
        statements = [s for s in flow.statements(thread.body) if isinstance(s, (ir.Load, ir.Store, ir.Rmw)) and s.pos is not None]
        last = max((i for i, s in enumerate(statements)), default=-1)
        kinds: dict[Position | None, set[type]] = {}
        for access in statements:
            kinds.setdefault(access.pos, set()).add(type(access))
        for place, statement in enumerate(statements):
            pos = statement.pos
            assert pos is not None
            if previous is not None and previous.pos != pos:
                for tag in (*INSERTED, *_special(previous, statement)):
                    edit = Edit(tag, pos, FENCES[tag].cost, statement.text, FENCES[tag].text)
                    found.setdefault((tag, pos), edit)
            once = marked(statement) if len(kinds[pos]) == 1 else None  # x += 1 is both, and has no marked form
            for edit in _stronger_forms(statement, place == 0, place == last, python, once):
                found.setdefault((edit.name, edit.pos), edit)
            previous = statement
        for fence in flow.statements(thread.body):
            weak = next((t for t in ("Rmb", "Wmb") if isinstance(fence, ir.Fence) and t in fence.tags), None)
            if isinstance(fence, ir.Fence) and weak and fence.pos is not None and fence.text == FENCES[weak].text:
                edit = Edit("instead Mb", fence.pos, "mb", fence.text, FENCES["Mb"].text, FENCES[weak].cost)
                found.setdefault((edit.name, edit.pos), edit)
    return list(found.values())


def _special(previous: Stmt, statement: Stmt) -> Iterator[str]:
    """Barriers for use next to a certain operation only."""
    if isinstance(previous, ir.Rmw):
        yield "After-spinlock" if "LKR" in previous.read_tags else "After-atomic"
    if isinstance(statement, ir.Rmw) and "LKR" not in statement.read_tags:
        yield "Before-atomic"


def _stronger_forms(
    statement: ir.Load | ir.Store | ir.Rmw, first: bool, last: bool, python: bool, once: str | None
) -> Iterator[Edit]:
    """Stronger forms of an access. ``once``: a plain one's text with READ_ONCE() or WRITE_ONCE()."""
    pos, text = statement.pos, statement.text
    assert pos is not None
    if once is not None:
        yield Edit("mark", pos, "mark", text, once)
    if isinstance(statement, ir.Load) and (once or statement.tags == {"Once"}) and not last:
        changed = stronger(once or text, "acquire", python)
        if changed:
            yield Edit("acquire", pos, "acquire", text, changed)
    if isinstance(statement, ir.Store) and (once or statement.tags == {"Once"}) and not first:
        changed = stronger(once or text, "release", python)
        if changed:
            yield Edit("release", pos, "release", text, changed)
    if isinstance(statement, ir.Rmw) and re.match(r"^\w+_(relaxed|acquire|release)\(", text):
        relaxed = "Acquire" not in statement.read_tags and "Release" not in statement.write_tags
        if relaxed:
            yield Edit("acquire", pos, "acquire", text, atomic_name(text, "acquire"))
            yield Edit("release", pos, "release", text, atomic_name(text, "release"))
        yield Edit("full", pos, "full", text, atomic_name(text, "full"))


# --- on the program ----------------------------------------------------------------------------------------------------------


def apply(program: Program, edits: Iterable[Edit]) -> Program:
    """The program with these changes."""
    chosen: dict[Position, list[Edit]] = {}
    for edit in edits:
        chosen.setdefault(edit.pos, []).append(edit)
    if not chosen:
        return program

    def change(body: tuple[Stmt, ...], thread: int) -> tuple[Stmt, ...]:
        result: list[Stmt] = []
        done: set[Position] = set()
        for statement in body:
            pos: Position = getattr(statement, "pos", None) or NOWHERE
            here = chosen.get(pos, [])
            if here and pos not in done and _event(statement):
                done.add(pos)
                result += [ir.Fence(_tags(e.name, program), pos=pos, text=e.new) for e in here if e.inserts]
            names = {e.name for e in here if not e.inserts}
            result += _strengthened(statement, names) if names else [statement]
        return tuple(result)

    return edited(program, change)


def _tags(name: str, program: Program) -> frozenset[str]:
    """The tags of a barrier that is put in: in machine code a full one is the machine's."""
    return FULL_BARRIERS if name == "Mb" and program.language not in KERNEL else frozenset({name})


def _event(statement: Stmt) -> bool:
    """Does it begin the events of its position? (A cmpxchg is a choice.)"""
    return isinstance(statement, (ir.Load, ir.Store, ir.Rmw, ir.Fence, ir.Choice))


def _strengthened(statement: Stmt, names: set[str]) -> list[Stmt]:
    match statement:
        case ir.Fence() if "instead Mb" in names:
            return [replace(statement, tags=frozenset({"Mb"}), text=FENCES["Mb"].text)]
        case ir.Load(tags=tags) | ir.Store(tags=tags) if names == {"mark"} and not tags:
            return [replace(statement, tags=frozenset({"Once"}))]
        case ir.Load() if "acquire" in names and statement.tags <= {"Once"}:
            return [replace(statement, tags=statement.tags - {"Once"} | {"Acquire"})]
        case ir.Store() if "release" in names and statement.tags <= {"Once"}:
            return [replace(statement, tags=statement.tags - {"Once"} | {"Release"})]
        case ir.Rmw():
            read, write = statement.read_tags, statement.write_tags
            if "full" in names:
                plain = replace(statement, read_tags=read - {"Acquire"} | {"Once"}, write_tags=write - {"Release"} | {"Once"})
                fence = ir.Fence(frozenset({"Mb"}), pos=statement.pos, text=statement.text)
                return [fence, plain, fence]
            if "acquire" in names:
                read = read - {"Once"} | {"Acquire"}
            if "release" in names:
                write = write - {"Once"} | {"Release"}
            return [replace(statement, read_tags=read, write_tags=write)]
    return [statement]


# --- on the text -------------------------------------------------------------------------------------------------------------


Texts: TypeAlias = Mapping[str, str]
"""Changed files of a program, by their names in positions, each with its new text."""


class Lines:
    """The source of a program, and where a line can go: its file and, in the kernel's C, the files that it includes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.text = program.source or _read(program.file)
        self.python = program.language == "Python"
        self.texts = {program.file: self.text}
        self.first: dict[tuple[str, int], int] = {}
        for thread in program.threads:
            for stmt in flow.statements(thread.body):
                if stmt.pos is not None and _event(stmt):
                    place = stmt.pos.file, stmt.pos.line
                    self.first[place] = min(stmt.pos.column, self.first.get(place, stmt.pos.column))

    def lines(self, file: str) -> list[str]:
        """The lines of a file; none of one that is not the program's."""
        if file not in self.texts:
            path = self.program.files.get(file)
            self.texts[file] = _read(path) if path is not None else ""
        return self.texts[file].split("\n")

    def can_insert(self, pos: Position) -> bool:
        """Does a new line before this one come directly before what is done at ``pos``, in the same block?"""
        if self.program.language == "LISA":
            return False  # its threads are columns
        lines = self.lines(pos.file)
        if not 1 <= pos.line <= len(lines) or self.first.get((pos.file, pos.line)) != pos.column:
            return False
        own = lines[pos.line - 1].strip()
        if re.match(r"^(\}|else\b|elif\b|while\b|for\b|do\b|P\d+\s*\()", own) or not own:
            return False
        if self.python:
            return True
        above = next((line.strip() for line in reversed(lines[: pos.line - 1]) if line.strip()), "")
        return not re.match(r"^(\}\s*)?(if|else|while|for)\b.*[^;{}]$", above) and not above.endswith((",", "(", "=", "&&", "||"))

    def changed(self, edits: Sequence[Edit]) -> Texts | None:
        """The files with these changes; None where one of them has no place in its file."""
        files = dict.fromkeys(edit.pos.file for edit in edits)
        found = {file: self._changed(file, [edit for edit in edits if edit.pos.file == file]) for file in files}
        texts = {file: text for file, text in found.items() if text is not None}
        return texts if len(texts) == len(found) else None

    def _changed(self, file: str, edits: Sequence[Edit]) -> str | None:
        lines = self.lines(file)
        replaced: list[tuple[int, int, Edit]] = []
        for edit in edits:
            if edit.inserts:
                if not self.can_insert(edit.pos):
                    return None
            else:
                at = self.column(edit)
                if at is None:
                    return None
                replaced.append((edit.pos.line, at, edit))
        done: list[tuple[int, int, Edit]] = []
        for number, at, edit in sorted(replaced, key=lambda r: r[:2], reverse=True):  # from the right, what is inside first
            line, end, new = lines[number - 1], at + len(edit.old), edit.new
            for _, inside, inner in [d for d in done if d[0] == number and d[1] < at + len(edit.old)]:
                place = len(edit.new) - 1 - (at + len(edit.old) - inside)  # what is assigned ends both texts, but for a ")"
                new = new[:place] + inner.new + new[place + len(inner.old) :]
                end += len(inner.new) - len(inner.old)
            lines[number - 1] = line[:at] + new + line[end:]
            done.append((number, at, edit))
        for edit in sorted((e for e in edits if e.inserts), key=lambda e: -e.pos.line):
            lines.insert(edit.pos.line - 1, self.inserted(edit))
        return "\n".join(lines)

    def inserted(self, edit: Edit) -> str:
        """The line that an edit puts before the one at its position."""
        line = self.lines(edit.pos.file)[edit.pos.line - 1]
        indent = line[: len(line) - len(line.lstrip())]
        return f"{indent}{edit.new}{'' if self.python else ';'}{line[len(line.rstrip(chr(13))) :]}"

    def can_remove(self, pos: Position) -> bool:
        """Is the program still one without this line, if nothing else is on it?"""
        if not self.can_insert(pos):
            return False
        if not self.python:
            return True
        lines = self.lines(pos.file)
        line = lines[pos.line - 1]
        indent = len(line) - len(line.lstrip())
        return any(
            other.strip() and not other.strip().startswith("#") and len(other) - len(other.lstrip()) == indent
            for other in lines[pos.line - 2 : pos.line + 1 : 2]
        )

    def column(self, edit: Edit) -> int | None:
        """Where on its line the old text stands (as it stood before, if other edits on the line do not move it)."""
        lines = self.lines(edit.pos.file)
        if not 1 <= edit.pos.line <= len(lines):
            return None
        line = lines[edit.pos.line - 1]
        at = edit.pos.column - 1
        if line[at : at + len(edit.old)] == edit.old:
            return at
        at = line.find(edit.old)
        return at if at >= 0 and line.count(edit.old) == 1 else None

    def diff(self, changed: Texts, context: int = 3) -> str:
        """A unified diff from the source to ``changed``, as ``patch -p1`` and ``git apply`` take it. Files of a kernel tree are
        named from its top."""
        return "".join(self._diff(file, text, context) for file, text in changed.items())

    def _diff(self, file: str, changed: str, context: int) -> str:
        path = self.program.files.get(file, file)
        name = _diff_name(path) if os.path.abspath(file) == os.path.abspath(path) else file
        self.lines(file)
        old, new = (_KEPT.findall(text) for text in (self.texts[file], changed))
        lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", n=context)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


_KEPT = re.compile(r"[^\n]*\n|[^\n]+")
"""Lines with their ends, which are line feeds and nothing else."""


def _diff_name(file: str) -> str:
    """The name of a file in a diff: from the current folder on or, where it is not in there, from the root (``patch -d /``)."""
    path = os.path.relpath(os.path.abspath(file))
    if path.startswith(os.pardir + os.sep):
        path = os.path.abspath(file).lstrip(os.sep)
    return f"{path}\t" if re.search(r"\s", path) else path


def _read(path: str) -> str:
    from smpcheck.readers.registry import read_text

    return read_text(path)


def cost(edit: Edit, costs: Mapping[str, float]) -> float:
    """What the edit adds to the costs, by a table of the shape of :data:`~smpcheck.questions.ordering_elements.COSTS`."""
    return max(0.0, costs.get(edit.kind, 1) - costs.get(edit.saves, 0))


def read_again(program: Program, texts: Texts, model: Model) -> Program | None:
    """The program that its file would have with these texts; None for a Python model whose parameters were set from outside.

    :raises SmpcheckError: it has none
    """
    if program.language == "Python":
        from smpcheck.readers.python.load import read_changed

        return read_changed(program.file, texts[program.file], program.name)
    if program.language == "KernelC":
        from smpcheck.readers.clang.program import read_kernel_c

        others = {program.files[file]: text for file, text in texts.items() if file != program.file}
        return read_kernel_c(program.file, texts.get(program.file, program.source), program.settings, others)
    from smpcheck.readers.registry import read_programs, vocabulary_of

    return read_programs(program.file, texts[program.file], vocabulary_of(model), settings=program.settings)[0]
