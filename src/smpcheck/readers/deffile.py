"""What a kernel primitive means, in the language of the kernel's own ``linux-kernel.def``.

A definition is a macro whose body is C over a few *forms*: ``__load{once}(X)``, ``__store{release}(*X,V)``, ``__fence{mb}``,
``__xchg{acquire}(X,V)``, ... (the braces hold the event's tag or the operation's ordering). A body in braces is a statement,
otherwise it is an expression. Our own table (:mod:`smpcheck.readers.primitives`) is written in the same language, with some
forms more. Reference: the macro files of herd7 and ``tools/memory-model/linux-kernel.def`` of Linux 6.1 and 6.12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from smpcheck.errors import InputError
from smpcheck.readers.cparse import CReader
from smpcheck.readers.ctree import Assignment, Call, CExpr, Compound, Eval, Name, Return, walk
from smpcheck.readers.layout import TypeTable
from smpcheck.readers.source import Source, shorten

if TYPE_CHECKING:
    from smpcheck.readers.known_threads import KnownThread


class Macro(Struct, frozen=True):
    """``name(params)`` and its body: an expression, or statements.

    ``repeated`` are the parameters that the body uses more than once; ``places`` those that stand for a place and not a value.
    ``returns``: a body of statements that has a value;
    ``statement``: a body that stood in braces and is one expression.
    """

    name: str
    params: tuple[str, ...]
    body: CExpr | Compound
    repeated: frozenset[str]
    places: frozenset[str]
    returns: bool
    statement: bool


Body: TypeAlias = tuple[tuple[str, ...], str, int]
"""Parameters, text of the body, its offset in the source."""

_DEFINITION = re.compile(r"^[ \t]*([A-Za-z_]\w*)[ \t]*\(([^)\n]*)\)[ \t]*(\S.*?)[ \t]*$", re.M)
_FORM = re.compile(r"(__[a-z_]+)\s*\{\s*([\w-]*)\s*\}(\s*\()?")
_EVENT_FORMS = ("__load", "__store", "__fence", "__srcu")
CAPITALS = ("mb", "once", "acquire", "release", "noreturn")
"""Tags that Linux 6.15 and later write in capitals in their definitions (``{MB}``)."""
_OPERATOR = re.compile(r",\s*(&~|[-+&|^])\s*,")
_OPERATOR_NAMES = {"+": "__plus", "-": "__minus", "&": "__and", "|": "__or", "^": "__xor", "&~": "__andnot"}
OPERATORS = {name: op for op, name in _OPERATOR_NAMES.items()}


def _as_c(text: str) -> str:
    """Write forms as calls that C can parse: ``__load{once}(X)`` becomes ``__load__T_once(X)``."""

    def form(match: re.Match[str]) -> str:
        return f"{match[1]}__T_{match[2].replace('-', '_0')}{match[3] or '()'}"

    return _OPERATOR.sub(lambda m: f",{_OPERATOR_NAMES[m[1]]},", _FORM.sub(form, text))


def form_name(name: str) -> tuple[str, str] | None:
    """Undo :func:`_as_c` for one name: ``('__load', 'once')``, or None if ``name`` is not a form."""
    if not name.startswith("__"):
        return None
    form, _, tag = name.partition("__T_")
    return form, tag.replace("_0", "-")


class Definitions:
    """Macros by name; each body is parsed when it is first asked for.

    What is not found is looked for in ``fallback``, but only macros whose events are events of these definitions too: a model
    that comes with them may know no others.
    """

    def __init__(self, bodies: Mapping[str, Body], source: Source, fallback: Definitions | None = None) -> None:
        self._bodies = bodies
        self._source = source
        self._fallback = fallback
        self._parsed: dict[tuple[str, bool], Macro | None] = {}
        self._combined: Definitions = self
        self._fallen_back: Definitions | None = None
        self.aliases: tuple[tuple[re.Pattern[str], str], ...] = ()
        self.threads: dict[tuple[str, bool], KnownThread] = {}
        """Threads that were read with these definitions, by their text and whether integers were wide."""

    @property
    def file(self) -> str:
        """Where the definitions stand."""
        return self._source.file

    def names(self) -> frozenset[str]:
        """All names defined here (without the fallback's)."""
        return frozenset(self._bodies)

    def with_fallback(self, fallback: Definitions) -> Definitions:
        """The same definitions, with ``fallback`` for names that they do not define. Always the same object for one fallback."""
        if self._fallen_back is not fallback:
            self._fallen_back = fallback
            capitals = any(tag.isupper() for _, tag in self._events)
            self._combined = Definitions(self._bodies, self._source, fallback.in_capitals() if capitals else fallback)
            self._combined.aliases = fallback.aliases
        return self._combined

    def in_capitals(self) -> Definitions:
        """The same definitions, with the tags of :data:`CAPITALS` spelt as later kernels do."""

        def spelt(match: re.Match[str]) -> str:
            return f"{{{match[1].upper()}}}"

        lower = re.compile(rf"\{{({'|'.join(CAPITALS)})\}}")
        bodies = {name: (params, lower.sub(spelt, body), at) for name, (params, body, at) in self._bodies.items()}
        result = Definitions(bodies, self._source, self._fallback)
        result.aliases = self.aliases
        return result

    def get(self, name: str, wide: bool = False) -> Macro | None:
        """The macro called ``name``; ``wide`` as in :class:`~smpcheck.readers.layout.TypeTable`."""
        key = (name, wide)
        if key not in self._parsed:
            self._parsed[key] = self._find(name, wide)
        return self._parsed[key]

    def _resolve(self, name: str) -> str | None:
        """The name under which ``name`` is defined here."""
        if name in self._bodies:
            return name
        return next((same for p, r in self.aliases if p.match(name) and (same := p.sub(r, name)) in self._bodies), None)

    def _find(self, name: str, wide: bool) -> Macro | None:
        found = self._resolve(name)
        if found is not None:
            return self._parse(found, wide)
        if self._fallback is None or not self._fallback.events(name) <= self._events:
            return None
        return self._fallback.get(name, wide)

    def events(self, name: str) -> frozenset[tuple[str, str]]:
        """The forms of events in the body of ``name``: (form, tag)."""
        found = self._resolve(name)
        if found is None:
            return frozenset()
        return frozenset((m[1], m[2]) for m in _FORM.finditer(self._bodies[found][1]) if m[1] in _EVENT_FORMS)

    @cached_property
    def _events(self) -> frozenset[tuple[str, str]]:
        return frozenset().union(*(self.events(name) for name in self._bodies))

    def _parse(self, name: str, wide: bool) -> Macro:
        params, body, at = self._bodies[name]
        code = _as_c(body)
        statement = code.startswith("{")
        code = f"void m(void) {code}" if statement else f"void m(void) {{ return {code.rstrip(';')}; }}"
        unit = CReader(self._source, TypeTable(wide), lambda _: at).read(code)
        function = unit.functions.get("m")
        if function is None or len(unit.functions) != 1:
            raise InputError(f"the definition of {name} is neither an expression nor a statement", self._source.pos(at))
        parsed: CExpr | Compound = function.body
        if not statement:
            (only,) = function.body.body
            assert isinstance(only, Return) and only.value is not None
            parsed = only.value
        elif len(function.body.body) == 1 and isinstance(function.body.body[0], Eval):
            parsed = function.body.body[0].expr
        repeated = frozenset(p for p in params if len(re.findall(rf"\b{p}\b", body)) > 1)
        returns = statement and any(isinstance(part, Return) and part.value is not None for part in walk(parsed))
        places = frozenset(target.name for part in walk(parsed) if isinstance(target := _place_in(part), Name)) & set(params)
        return Macro(name, params, parsed, repeated, places, returns, statement and not isinstance(parsed, Compound))


def _place_in(part: object) -> object:
    """The place that a form or an assignment works on."""
    if isinstance(part, Assignment):
        return part.target
    form = form_name(part.name) if isinstance(part, Call) and part.args else None
    return part.args[0] if form is not None and form[0] in ("__load", "__store", "__rmw") and isinstance(part, Call) else None


def read_definitions(text: str, file: str = "<string>") -> Definitions:
    """Read the text of a ``.def`` file. Raises InputError, with its position, for a line that is not a definition."""
    source = Source(text, file)
    bodies: dict[str, tuple[tuple[str, ...], str, int]] = {}
    done = 0
    for match in _DEFINITION.finditer(source.text):
        _nothing_but_blank(source, done, match.start())
        params = tuple(p.strip() for p in match[2].split(",")) if match[2].strip() else ()
        wrong = next((p for p in params if not p.isidentifier()), None)
        if wrong is not None:
            raise InputError(f"the parameter '{shorten(wrong)}' of {match[1]} is not a name", source.pos(match.start(2)))
        bodies[match[1]] = (params, match[3], match.start(3))
        done = match.end()
    _nothing_but_blank(source, done, len(text))
    definitions = Definitions(bodies, source)
    for name in bodies:
        definitions.get(name)
    return definitions


def _nothing_but_blank(source: Source, start: int, end: int) -> None:
    rest = source.text[start:end]
    if rest.strip():
        at = start + len(rest) - len(rest.lstrip())
        found = shorten(source.text[at:end].split("\n")[0])
        raise InputError(f"'{found}' is not a definition: 'name(parameters) body' expected on one line", source.pos(at))
