"""From libclang's cursors to :mod:`smpcheck.readers.clang.tree`. Runs in the worker (:mod:`smpcheck.readers.clang.worker`) only.

What the Python bindings do not give is got in another way: constants, sizes and arms of ``__builtin_choose_expr`` by
``clang_Cursor_Evaluate``, absent clauses of ``for`` from clang's own printing of the function, the arm of ``_Generic`` by its
type.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from clang import cindex
from clang.cindex import CursorKind as K
from clang.cindex import StorageClass
from clang.cindex import TypeKind as T

from smpcheck.readers.clang import tree as t

_LIB = cindex.conf.lib
_T = TypeVar("_T")
_UNARY = {5: "&", 6: "*", 7: "+", 8: "-", 9: "~", 10: "!", 13: "extension"}
_STEPS = {1: ("+", False), 2: ("-", False), 3: ("+", True), 4: ("-", True)}
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\w+|[^\w\s]')
_INTEGERS = {
    T.CHAR_U, T.UCHAR, T.CHAR_S, T.SCHAR, T.USHORT, T.SHORT, T.UINT, T.INT, T.ULONG, T.LONG, T.ULONGLONG, T.LONGLONG, T.WCHAR,
    T.UINT128, T.INT128,
}  # fmt: skip
_SIGNED = {T.CHAR_S, T.SCHAR, T.SHORT, T.INT, T.LONG, T.LONGLONG, T.INT128}
_ARRAYS = {T.CONSTANTARRAY, T.INCOMPLETEARRAY, T.VARIABLEARRAY}
_SIZED = _INTEGERS | _ARRAYS | {T.BOOL, T.ENUM, T.POINTER, T.RECORD}
MAX_TEXT = 80


def _prepare_library() -> None:
    """The signatures of functions of libclang that its Python bindings do not use."""
    cursor = cindex.Cursor
    for name, result, arguments in (
        ("clang_Cursor_Evaluate", ctypes.c_void_p, [cursor]),
        ("clang_EvalResult_getKind", ctypes.c_int, [ctypes.c_void_p]),
        ("clang_EvalResult_getAsLongLong", ctypes.c_longlong, [ctypes.c_void_p]),
        ("clang_EvalResult_dispose", None, [ctypes.c_void_p]),
        ("clang_getCursorUnaryOperatorKind", ctypes.c_int, [cursor]),
        ("clang_Cursor_getGCCAssemblyTemplate", cindex._CXString, [cursor]),
        ("clang_Cursor_getGCCAssemblyNumOutputs", ctypes.c_uint, [cursor]),
        ("clang_Cursor_getVarDeclInitializer", cursor, [cursor]),
        ("clang_Cursor_hasVarDeclGlobalStorage", ctypes.c_int, [cursor]),
        ("clang_getFileLocation", None, [cindex.SourceLocation, *4 * [ctypes.c_void_p]]),
        ("clang_getFileName", cindex._CXString, [ctypes.c_void_p]),
    ):
        function = getattr(_LIB, name)
        function.restype, function.argtypes = result, arguments


_prepare_library()


def evaluate(cursor: Any) -> int | None:
    """The value of a constant integer expression, as clang computes it; None where it is none."""
    result = _LIB.clang_Cursor_Evaluate(cursor)
    if not result:
        return None
    try:
        if _LIB.clang_EvalResult_getKind(result) != 1:
            return None
        return int(_LIB.clang_EvalResult_getAsLongLong(result))
    finally:
        _LIB.clang_EvalResult_dispose(result)


_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


def characters(spelled: str) -> str:
    """What is in a string that clang has spelled, one character for each byte."""

    def byte(found: re.Match[str]) -> str:
        escape = found[1]
        return chr(int(escape, 8)) if escape.isdigit() else chr(_ESCAPES.get(escape, ord(escape)))

    inside = spelled[spelled.find('"') + 1 : spelled.rfind('"')]
    return re.sub(r"\\([0-7]{1,3}|.)", byte, inside, flags=re.DOTALL)


class Extraction:
    """One translation unit. ``stops``: functions whose bodies are not wanted, unless they stand in one of the ``own`` files
    (named as they are included). ``texts``: of files that are not on disk."""

    def __init__(self, unit: Any, stops: frozenset[str], own: frozenset[str], texts: dict[str, bytes]) -> None:
        self.unit = unit
        self.stops = stops
        read = {unit.spelling, *(str(i.include.name) for i in unit.get_includes())}
        self.files = tuple(sorted(read))
        self.own = frozenset(file for file in read if file in own or file.endswith(tuple(f"/{name}" for name in own)))
        self.types: list[t.CType] = []
        self.type_index: dict[str, int] = {}
        self.places: list[t.Place] = []
        self.place_index: dict[tuple[str, int, int], int] = {}
        self.decls: dict[int, list[tuple[Any, int]]] = {}
        """The numbers of declarations, by the hash of their cursors."""
        self.declared = 0
        self.functions: dict[str, t.Function] = {}
        self.variables: dict[int, t.Global] = {}
        self.wanted: list[Any] = []
        self.seen: set[str] = set()
        self.texts = texts
        self.file_names: dict[int, str] = {}
        self.printed: Any = None
        self.tentatives: dict[str, Any] | None = None
        self.last: tuple[str, int, int] = (str(unit.spelling), 1, 1)
        """Where the function that is being extracted stands."""

    def run(self, roots: re.Pattern[str]) -> t.Unit:
        """What the functions whose names match ``roots`` reach."""
        for cursor in self.unit.cursor.get_children():
            if cursor.kind is K.FUNCTION_DECL and roots.match(cursor.spelling) and cursor.is_definition():
                self.want(cursor)
        while self.wanted:
            self.function(self.wanted.pop())
        functions, variables = tuple(self.functions.values()), tuple(self.variables.values())
        return t.Unit(functions, variables, tuple(self.types), tuple(self.places), self.files, tuple(sorted(self.own)))

    # --- declarations ---

    def want(self, cursor: Any) -> None:
        if cursor.spelling not in self.seen:
            self.seen.add(cursor.spelling)
            self.wanted.append(cursor)

    def function(self, cursor: Any) -> None:
        """Extract a function with its body, if there is one."""
        definition = cursor.get_definition()
        cursor = definition or cursor
        name = cursor.spelling
        where = str(cursor.location.file.name) if cursor.location.file else ""
        at = self.at(cursor)
        self.last = self.file_location(cursor.location)[:3]
        params = tuple(t.Param(self.at(p), self.decl(p), p.spelling, self.type(p.type)) for p in cursor.get_arguments())
        body: t.Block | None = None
        if definition and (name not in self.stops or where in self.own):
            block = next((c for c in cursor.get_children() if c.kind is K.COMPOUND_STMT), None)
            if block is not None:
                self.printed = _Printed(cursor)
                found = self.stmt(block)
                assert isinstance(found, t.Block)
                body = found
        self.functions[name] = t.Function(at, name, where, self.type(cursor.result_type), params, body)

    def decl(self, cursor: Any) -> int:
        """The number of a variable's declaration. (Its place does not tell it: variables of macros within macros all stand where
        the outermost is used, and may have one name.)"""
        cursor = cursor.canonical
        alike = self.decls.setdefault(cursor.hash, [])
        for known, number in alike:
            if known == cursor:
                return number
        self.declared += 1
        alike.append((cursor, self.declared))
        return self.declared

    def variable(self, cursor: Any) -> int:
        """A variable that is used: one with static storage is extracted."""
        number = self.decl(cursor)
        if cursor.kind is K.VAR_DECL and _LIB.clang_Cursor_hasVarDeclGlobalStorage(cursor) and number not in self.variables:
            definition = cursor.get_definition() or self.tentative(cursor)
            found = definition or cursor
            type_ = self.type(found.type)
            where = str(found.location.file.name) if found.location.file else ""
            per_cpu = any(one.kind is K.ANNOTATE_ATTR and one.spelling == "percpu" for one in found.get_children())
            variable = self.variables[number] = t.Global(
                self.at(found), number, found.spelling, type_, None, per_cpu, where, definition is not None
            )
            init = _initial(found)
            if init is not None:
                variable.init = self.initializer(init, found.type)
        return number

    def tentative(self, cursor: Any) -> Any:
        """The definition of a variable without an initial value (C11 6.9.2), which clang takes for a declaration; or None."""
        if self.tentatives is None:
            own = (c for c in self.unit.cursor.get_children() if c.kind is K.VAR_DECL)
            self.tentatives = {c.spelling: c for c in own if c.storage_class is not StorageClass.EXTERN}
        return self.tentatives.get(cursor.spelling) if cursor.semantic_parent == self.unit.cursor else None

    # --- places and types ---

    def at(self, cursor: Any) -> int:
        """The place of ``cursor`` where it is written: outside of macros, but inside of their arguments."""
        file, line, column, start = self.file_location(cursor.extent.start)
        last, _, _, end = self.file_location(cursor.extent.end)
        if last != file or end <= start:
            end = self.macro_end(file, start)
        key = (file, start, end)
        if key not in self.place_index:
            self.place_index[key] = len(self.places)
            shown = " ".join(self.text(file)[start:end].decode("utf-8", "replace").split())
            shown = shown if len(shown) <= MAX_TEXT else shown[: MAX_TEXT - 3] + "..."
            self.places.append(t.Place(file, line, column, shown))
        return self.place_index[key]

    def file_location(self, location: Any) -> tuple[str, int, int, int]:
        """File, line, column and offset of a place in a file: where a macro is used, or where its argument is written."""
        file = ctypes.c_void_p()
        line, column, offset = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
        _LIB.clang_getFileLocation(location, ctypes.byref(file), ctypes.byref(line), ctypes.byref(column), ctypes.byref(offset))
        if not file:
            return "", 0, 0, 0
        name = self.file_names.get(file.value or 0)
        if name is None:
            name = self.file_names[file.value or 0] = str(cindex._CXString.from_result(_LIB.clang_getFileName(file)))
        return name, line.value, column.value, offset.value

    def macro_end(self, file: str, start: int) -> int:
        """Where the use of a macro ends that begins at ``start``."""
        text = self.text(file)
        end = start
        while end < len(text) and (text[end : end + 1].isalnum() or text[end : end + 1] == b"_"):
            end += 1
        if text[end : end + 1] != b"(":
            return end
        depth = 0
        for at in range(end, min(len(text), end + 2000)):
            depth += {40: 1, 41: -1}.get(text[at], 0)
            if depth == 0:
                return at + 1
        return end

    def text(self, file: str) -> bytes:
        if file not in self.texts:
            try:
                with open(file, "rb") as opened:
                    self.texts[file] = opened.read()
            except OSError:
                self.texts[file] = b""
        return self.texts[file]

    def type(self, given: Any) -> int:
        """The index of a type."""
        type_ = given.get_canonical()
        volatile = type_.is_volatile_qualified()
        key = type_.spelling.replace("const ", "")
        if type_.kind is T.RECORD:  # records without a name are told apart by their place
            key += f"@{type_.get_declaration().hash}"
        found = self.type_index.get(key)
        if found is None:
            found = self.type_index[key] = len(self.types)
            self.types.append(t.CType("other", type_.spelling))
            self.types[found] = self._type(type_)
            self.types[found].volatile = volatile
        return found

    def _type(self, type_: Any) -> t.CType:
        sized = type_.kind in _SIZED  # of a builtin function's type libclang must not be asked
        size, align = (max(type_.get_size(), 0), max(type_.get_align(), 1)) if sized else (0, 1)
        name = re.sub(r"\b(const|volatile) ", "", type_.spelling)
        if type_.kind is T.VOID:
            return t.CType("void", "void")
        if type_.kind is T.BOOL:
            return t.CType("bool", name, 1)
        if type_.kind in _INTEGERS:
            return t.CType("int", name, size, align, type_.kind in _SIGNED)
        if type_.kind is T.ENUM:
            return t.CType("int", name, size, align, type_.get_declaration().enum_type.get_canonical().kind in _SIGNED)
        if type_.kind is T.POINTER:
            return t.CType("pointer", name, 8, 8, target=self.type(type_.get_pointee()))
        if type_.kind in _ARRAYS:
            length = type_.element_count if type_.kind is T.CONSTANTARRAY else 0
            return t.CType("array", name, size, align, target=self.type(type_.element_type), length=length)
        if type_.kind is T.FUNCTIONPROTO or type_.kind is T.FUNCTIONNOPROTO:
            return t.CType("function", name, target=self.type(type_.get_result()))
        if type_.kind is T.RECORD:
            members = []
            for member in type_.get_fields():
                width = member.get_bitfield_width() if member.is_bitfield() else None
                called = "" if "(" in member.spelling else member.spelling  # an anonymous struct or union
                members.append(t.Field(called, member.get_field_offsetof(), self.type(member.type), width))
            return t.CType("record", name, size, align, fields=tuple(members))
        return t.CType("other", name, size, align)

    # --- expressions ---

    def expr(self, c: Any) -> t.Expr:
        """An expression."""
        handler = _EXPRESSIONS.get(c.kind)
        if handler is not None:
            return handler(self, c)  # type: ignore[no-any-return]
        if c.kind.is_statement() and c.kind is not K.NULL_STMT:
            return self.unknown(c)
        value = evaluate(c)
        return self.literal(c, value) if value is not None else self.unknown(c)

    def unknown(self, c: Any, what: str = "") -> t.Unknown:
        return t.Unknown(self.at(c), self.type(c.type), what or _kind(c))

    def literal(self, c: Any, value: int) -> t.Lit:
        return t.Lit(self.at(c), self.type(c.type), value)

    def constant(self, c: Any) -> t.Expr:
        value = evaluate(c)
        return self.unknown(c) if value is None else self.literal(c, value)

    def unexposed(self, c: Any) -> t.Expr:
        """Conversions, and what the bindings have no name for."""
        inside = list(c.get_children())
        if len(inside) == 1 and inside[0].kind.is_expression():
            if inside[0].kind is K.COMPOUND_STMT:
                return self.unknown(c)
            value = evaluate(c) if c.extent != inside[0].extent else None  # a typeof() in what is no conversion
            return self.cast(c, inside[0]) if value is None else self.literal(c, value)
        if len(inside) == 4 and all(one.kind.is_expression() for one in inside) and len({_extent(o) for o in inside[:3]}) == 1:
            return t.Cond(self.at(c), self.type(c.type), self.expr(inside[0]), None, self.expr(inside[3]))
        if len(inside) == 3 and all(one.kind.is_expression() for one in inside):  # __builtin_choose_expr
            chosen = evaluate(inside[0])
            if chosen is not None:
                return self.cast(c, inside[1] if chosen else inside[2])
        if len(inside) == 1 and inside[0].kind is K.COMPOUND_STMT:
            return self.statement_expression(c)
        return self.constant(c)

    def cast(self, c: Any, arg: Any) -> t.Expr:
        inner = self.expr(arg)
        to = self.type(c.type)
        return inner if to == inner.type else t.Cast(self.at(c), to, inner)

    def explicit_cast(self, c: Any) -> t.Expr:
        inside = [one for one in c.get_children() if one.kind.is_expression()]
        return self.cast(c, inside[-1])

    def paren(self, c: Any) -> t.Expr:
        inside = list(c.get_children())
        return self.expr(inside[-1])

    def reference(self, c: Any) -> t.Expr:
        target = c.referenced
        if target is None:
            return self.unknown(c)
        if target.kind is K.ENUM_CONSTANT_DECL:
            return self.literal(c, target.enum_value)
        if target.kind is K.FUNCTION_DECL:
            self.want(target)
            return t.Fun(self.at(c), self.type(c.type), target.spelling)
        if target.kind in (K.VAR_DECL, K.PARM_DECL):
            return t.Var(self.at(c), self.type(c.type), self.variable(target), target.spelling)
        return self.unknown(c)

    def member(self, c: Any) -> t.Expr:
        base = next(iter(c.get_children()), None)
        field = c.referenced
        if base is None or field is None:
            return self.unknown(c)
        inner = self.expr(base)
        width = field.get_bitfield_width() if field.is_bitfield() else None
        arrow = self.types[inner.type].kind == "pointer"
        record = base.type.get_canonical()
        into = _way_to(record.get_pointee().get_canonical() if arrow else record, field)
        if into is None:
            return self.unknown(c, f"the member {field.spelling}")
        run = _run(field) if width is not None else None
        run = (run[0] + into, run[1] + into) if run is not None else None
        name = "" if not field.spelling or "(" in field.spelling else field.spelling
        type_ = self.type(c.type if width is None else field.type)
        return t.Member(self.at(c), type_, inner, arrow, into + field.get_field_offsetof(), width, name, run)

    def unary(self, c: Any) -> t.Expr:
        (arg,) = c.get_children()
        kind = _LIB.clang_getCursorUnaryOperatorKind(c)
        inner = self.expr(arg)
        if kind in _STEPS:
            return t.Step(self.at(c), self.type(c.type), *_STEPS[kind], inner)
        op = _UNARY.get(kind)
        if op == "extension":
            return inner
        return self.unknown(c) if op is None else t.Un(self.at(c), self.type(c.type), op, inner)

    def binary(self, c: Any) -> t.Expr:
        left, right = (self.expr(one) for one in c.get_children())
        op = c.spelling
        if op == "=":
            return t.Assign(self.at(c), self.type(c.type), "", left, right)
        return t.Bin(self.at(c), self.type(c.type), op, left, right)

    def compound_assignment(self, c: Any) -> t.Expr:
        left, right = (self.expr(one) for one in c.get_children())
        return t.Assign(self.at(c), self.type(c.type), c.spelling[:-1], left, right)

    def index(self, c: Any) -> t.Expr:
        array, index = (self.expr(one) for one in c.get_children())
        return t.Index(self.at(c), self.type(c.type), array, index)

    def conditional(self, c: Any) -> t.Expr:
        cond, then, other = c.get_children()
        decided = evaluate(cond) if cond.kind is not K.DECL_REF_EXPR else None
        if decided is not None and not _has_effects(cond):
            return self.cast(c, then if decided else other)
        return t.Cond(self.at(c), self.type(c.type), self.expr(cond), self.expr(then), self.expr(other))

    def call(self, c: Any) -> t.Expr:
        inside = list(c.get_children())
        name = inside[0].referenced.spelling if inside and inside[0].referenced is not None else ""
        if name == "__builtin_constant_p":
            return self.literal(c, evaluate(c) or 0)
        if name == "__builtin_object_size":
            return self.literal(c, -1)
        if name.startswith("__builtin_") and not _has_effects(c):
            value = evaluate(c)
            if value is not None:
                return self.literal(c, value)
        callee, *args = [self.expr(one) for one in inside]
        return t.Call(self.at(c), self.type(c.type), callee, tuple(args))

    def generic(self, c: Any) -> t.Expr:
        """The arm of ``_Generic`` that is taken: the one that has the type of the whole, or, if several have, by its label."""
        controlling, *arms = [one for one in c.get_children() if one.kind.is_expression()]
        wanted, labels = self.type(c.type), self.printed.generics.get(c.hash, ())
        fitting = [arm for arm in arms if self.type(arm.type) == wanted]
        if len(fitting) > 1 and len(labels) == len(arms):
            own = controlling.type.get_canonical().spelling
            exact = [arm for arm, label in zip(arms, labels, strict=True) if label.replace(" *", "*") == own.replace(" *", "*")]
            own = _unqualified(own)
            named = exact or [arm for arm, label in zip(arms, labels, strict=True) if self.type_named(label) == own]
            fitting = named or [arm for arm, label in zip(arms, labels, strict=True) if label == "default"]
        if len(fitting) != 1:
            return self.unknown(c, "_Generic with several arms of one type")
        return self.expr(fitting[0])

    def type_named(self, name: str) -> str:
        """The canonical name of the type that ``name`` is written for."""
        if not hasattr(self, "_typedefs"):
            found = (c for c in self.unit.cursor.get_children() if c.kind is K.TYPEDEF_DECL)
            self._typedefs = {c.spelling: c.underlying_typedef_type.get_canonical().spelling for c in found}
        return _unqualified(self._typedefs.get(name, name))

    def statement_expression(self, c: Any) -> t.Expr:
        (block,) = c.get_children()
        body = self.stmt(block)
        assert isinstance(body, t.Block)
        return t.StmtExpr(self.at(c), self.type(c.type), body.body)

    def compound_literal(self, c: Any) -> t.Expr:
        inside = [one for one in c.get_children() if one.kind.is_expression()]
        self.declared += 1
        return t.Compound(self.at(c), self.type(c.type), self.declared, self.initializer(inside[-1], c.type))

    def string(self, c: Any) -> t.Expr:
        return t.Text(self.at(c), self.type(c.type), characters(c.spelling))

    # --- initial values ---

    def initializer(self, c: Any, type_: Any) -> t.Expr:
        """An initial value; a list in braces becomes flat."""
        while c.kind in (K.UNEXPOSED_EXPR, K.PAREN_EXPR):
            inside = list(c.get_children())
            if len(inside) != 1 or inside[0].kind is not K.INIT_LIST_EXPR:
                break
            c = inside[0]
        if c.kind is not K.INIT_LIST_EXPR:
            return self.expr(c)
        canonical = type_.get_canonical()
        if canonical.kind is not T.RECORD and canonical.kind not in _ARRAYS:
            inside = list(c.get_children())
            return self.expr(inside[0]) if inside else t.Lit(self.at(c), self.type(type_), 0)
        items: list[t.InitItem] = []
        _Braces(self, items).fill(c, canonical, 0)
        return t.Init(self.at(c), self.type(type_), tuple(items))

    # --- statements ---

    def stmt(self, c: Any) -> t.Stmt:
        """A statement."""
        handler = _STATEMENTS.get(c.kind)
        if handler is not None:
            return handler(self, c)  # type: ignore[no-any-return]
        if c.kind.is_expression():
            return t.Eval(self.at(c), self.expr(c))
        inside = list(c.get_children())
        if len(inside) == 1 and c.kind in (K.UNEXPOSED_STMT, K.LABEL_STMT):  # a statement with attributes
            return self.stmt(inside[0])
        return t.Eval(self.at(c), t.Unknown(self.at(c), self.type(c.type), _kind(c)))

    def declarations(self, c: Any) -> t.Stmt:
        body: list[t.Stmt] = []
        for d in c.get_children():
            if d.kind is not K.VAR_DECL:
                continue
            if _LIB.clang_Cursor_hasVarDeclGlobalStorage(d):
                self.variable(d)
                continue
            init = _initial(d)
            value = self.initializer(init, d.type) if init is not None else None
            body.append(t.Decl(self.at(d), self.decl(d), d.spelling, self.type(d.type), value, self.cleanup(d)))
        return body[0] if len(body) == 1 else t.Block(-1, tuple(body))

    def cleanup(self, d: Any) -> str:
        """The function of ``__attribute__((cleanup(f)))``. Its name may be put together by macros: only clang's own printing has
        it."""
        if not any(child.kind.is_attribute() for child in d.get_children()):
            return ""
        printed = _CLEANUP.search(d.pretty_printed(cindex.PrintingPolicy.create(d)))
        found = self.by_name(printed[1]) if printed is not None else None
        if found is None:
            return ""
        self.want(found)
        return str(found.spelling)

    def by_name(self, name: str) -> Any:
        if not hasattr(self, "_names"):
            self._names = {c.spelling: c for c in self.unit.cursor.get_children() if c.kind is K.FUNCTION_DECL}
        return self._names.get(name)

    def block(self, c: Any) -> t.Stmt:
        return t.Block(self.at(c), tuple(self.stmt(one) for one in c.get_children()))

    def branch(self, c: Any) -> t.Stmt:
        cond, then, *other = c.get_children()
        decided = evaluate(cond) if not _has_effects(cond) else None
        if decided is not None and not _has_labels(c):
            taken = then if decided else (other[0] if other else None)
            return self.stmt(taken) if taken is not None else t.Block(self.at(c), ())
        return t.If(self.at(c), self.expr(cond), self.stmt(then), self.stmt(other[0]) if other else None)

    def while_loop(self, c: Any) -> t.Stmt:
        inside = list(c.get_children())
        return t.Loop(self.at(c), None, self.expr(inside[0]), None, self.stmt(inside[-1]), False)

    def do_loop(self, c: Any) -> t.Stmt:
        body, cond = c.get_children()
        inner = self.stmt(body)
        return t.Loop(self.at(c), None, self.expr(cond), None, inner, True)

    def for_loop(self, c: Any) -> t.Stmt:
        inside = list(c.get_children())
        present = self.printed.clauses.get(c.hash)
        if present is None or sum(present) + 1 != len(inside):
            return t.Eval(self.at(c), self.unknown(c, "a for loop whose clauses cannot be told apart"))
        rest = iter(inside)
        first, cond, step = (next(rest) if there else None for there in present)
        init = self.stmt(first) if first is not None else None
        test = self.expr(cond) if cond is not None else None
        after = self.expr(step) if step is not None else None
        return t.Loop(self.at(c), init, test, after, self.stmt(next(rest)), False)

    def switch(self, c: Any) -> t.Stmt:
        value, body = c.get_children()
        return t.Switch(self.at(c), self.expr(value), self.stmt(body))

    def case(self, c: Any) -> t.Stmt:
        *values, body = c.get_children()
        low = evaluate(values[0])
        high = evaluate(values[-1])
        if low is None or high is None:
            return t.Eval(self.at(c), self.unknown(c, "a case label that is no constant"))
        return t.Case(self.at(c), low, high, self.stmt(body))

    def default(self, c: Any) -> t.Stmt:
        (body,) = c.get_children()
        return t.Case(self.at(c), None, None, self.stmt(body))

    def label(self, c: Any) -> t.Stmt:
        inside = list(c.get_children())
        return t.Label(self.at(c), _label_name(c), self.stmt(inside[-1]))

    def goto(self, c: Any) -> t.Stmt:
        target = next((one for one in c.get_children() if one.kind is K.LABEL_REF), None)
        return t.Goto(self.at(c), _label_name(target.referenced) if target is not None else "")

    def return_stmt(self, c: Any) -> t.Stmt:
        value = next(iter(c.get_children()), None)
        return t.Return(self.at(c), self.expr(value) if value is not None else None)

    def asm(self, c: Any) -> t.Stmt:
        template = cindex._CXString.from_result(_LIB.clang_Cursor_getGCCAssemblyTemplate(c))
        outputs = _LIB.clang_Cursor_getGCCAssemblyNumOutputs(c)
        return t.Asm(
            self.at(c), str(template), outputs, tuple(self.expr(one) for one in c.get_children() if one.kind.is_expression())
        )


_EXPRESSIONS: dict[Any, Any] = {
    K.UNEXPOSED_EXPR: Extraction.unexposed,
    K.PAREN_EXPR: Extraction.paren,
    K.DECL_REF_EXPR: Extraction.reference,
    K.MEMBER_REF_EXPR: Extraction.member,
    K.UNARY_OPERATOR: Extraction.unary,
    K.BINARY_OPERATOR: Extraction.binary,
    K.COMPOUND_ASSIGNMENT_OPERATOR: Extraction.compound_assignment,
    K.ARRAY_SUBSCRIPT_EXPR: Extraction.index,
    K.CONDITIONAL_OPERATOR: Extraction.conditional,
    K.CALL_EXPR: Extraction.call,
    K.CSTYLE_CAST_EXPR: Extraction.explicit_cast,
    K.GENERIC_SELECTION_EXPR: Extraction.generic,
    K.StmtExpr: Extraction.statement_expression,
    K.COMPOUND_LITERAL_EXPR: Extraction.compound_literal,
    K.STRING_LITERAL: Extraction.string,
    K.INTEGER_LITERAL: Extraction.constant,
    K.CHARACTER_LITERAL: Extraction.constant,
    K.CXX_UNARY_EXPR: Extraction.constant,
}
_STATEMENTS: dict[Any, Any] = {
    K.DECL_STMT: Extraction.declarations,
    K.COMPOUND_STMT: Extraction.block,
    K.IF_STMT: Extraction.branch,
    K.WHILE_STMT: Extraction.while_loop,
    K.DO_STMT: Extraction.do_loop,
    K.FOR_STMT: Extraction.for_loop,
    K.SWITCH_STMT: Extraction.switch,
    K.CASE_STMT: Extraction.case,
    K.DEFAULT_STMT: Extraction.default,
    K.LABEL_STMT: Extraction.label,
    K.GOTO_STMT: Extraction.goto,
    K.BREAK_STMT: lambda self, c: t.Jump(self.at(c), "break"),
    K.CONTINUE_STMT: lambda self, c: t.Jump(self.at(c), "continue"),
    K.RETURN_STMT: Extraction.return_stmt,
    K.ASM_STMT: Extraction.asm,
    K.NULL_STMT: lambda self, c: t.Block(self.at(c), ()),
}


_CLEANUP = re.compile(r"\b(?:__)?cleanup(?:__)?\((\w+)\)")


class _Braces:
    """Flattens a list in braces: designators, braces that were left out (C11 6.7.9)."""

    def __init__(self, owner: Extraction, items: list[t.InitItem]) -> None:
        self.owner = owner
        self.items = items

    def fill(self, c: Any, type_: Any, offset: int) -> None:
        """The list ``c`` for an object of type ``type_`` at ``offset`` bits."""
        self.parts(list(c.get_children()), 0, type_, offset, True)

    def parts(self, given: list[Any], n: int, type_: Any, offset: int, braced: bool) -> int:
        """Use what is given from ``n`` on for the members of ``type_``; returns how far it went."""
        members = _members(type_)
        place = 0
        while n < len(given):
            one = given[n]
            designated = _designators(one)
            if designated:
                if not braced:
                    return n
                path, value = designated
                place = self.designated(path, value, members, offset)
                n += 1
                continue
            if place >= len(members):
                return n
            n = self.element(given, n, members[place], offset)
            place += 1
            if _is_union(type_) and not braced:
                return n
        return n

    def designated(self, path: list[Any], value: Any, members: list[_Place], offset: int) -> int:
        """``.a.b[1] = value``: returns the number of the member after the first one named."""
        first = path[0]
        low, high = (int(one) for one in (first if isinstance(first, tuple) else (first, first)))
        for number in range(low, high + 1):
            member, at = members[number], offset
            for step in path[1:]:
                at += member.offset
                member = _members(member.type)[step[0] if isinstance(step, tuple) else step]
            self.element([value], 0, member, at)
        return high + 1

    def element(self, given: list[Any], n: int, member: _Place, base: int) -> int:
        one, type_, offset = given[n], member.type, base + member.offset
        canonical = type_.get_canonical()
        aggregate = canonical.kind is T.RECORD or canonical.kind in _ARRAYS
        if aggregate and one.kind is K.INIT_LIST_EXPR:
            self.fill(one, canonical, offset)
            return n + 1
        if aggregate and one.type.get_canonical().kind in _INTEGERS | {T.POINTER, T.BOOL, T.ENUM}:
            return self.parts(given, n, canonical, offset, False)
        if aggregate:
            value: t.Expr = self.owner.initializer(one, type_)
            if isinstance(value, t.Compound):
                value = value.init
            if isinstance(value, t.Init):
                for item in value.items:
                    item.offset += offset
                    item.run = (item.run[0] + offset, item.run[1] + offset) if item.run is not None else None
                    self.items.append(item)
                return n + 1
        else:
            value = self.owner.initializer(one, type_)
        run = (base + member.run[0], base + member.run[1]) if member.run is not None else None
        self.items.append(t.InitItem(value.at, self.owner.type(type_), offset, member.width, run, value))
        return n + 1


class _Place(NamedTuple):
    """What a list in braces sets: offset in bits, type, width and run of a bit field."""

    offset: int
    type: Any
    width: int | None = None
    run: tuple[int, int] | None = None


def _members(type_: Any) -> list[_Place]:
    """What a list in braces for ``type_`` sets, in order."""
    type_ = type_.get_canonical()
    if type_.kind in _ARRAYS:
        size = type_.element_type.get_size() * 8
        count = type_.element_count if type_.kind is T.CONSTANTARRAY else 0
        return [_Place(i * size, type_.element_type) for i in range(count)]
    return [
        _Place(f.get_field_offsetof(), f.type, f.get_bitfield_width(), _run(f))
        if f.is_bitfield()
        else _Place(f.get_field_offsetof(), f.type)
        for f in type_.get_fields()
        if f.spelling or not f.is_bitfield()
    ]


def _is_union(type_: Any) -> bool:
    return type_.get_canonical().get_declaration().kind is K.UNION_DECL


def _designators(c: Any) -> tuple[list[Any], Any] | None:
    """The path (numbers of members, or ranges of elements) and the value of ``.a[1] = value``."""
    if c.kind is not K.UNEXPOSED_EXPR or c.type.kind is not T.VOID:
        return None
    *steps, value = c.get_children()
    if not steps:
        return None
    path: list[Any] = []
    for step in steps:
        if step.kind is K.MEMBER_REF:
            path.append(_number(step.referenced))
        else:
            found = evaluate(step) or 0
            start, end = step.extent.start.offset, step.extent.end.offset
            path.append((found, found, start, end))
    return _ranges(path, c), value


def _ranges(path: list[Any], c: Any) -> list[Any]:
    """``[1 ... 3]`` has two indices, ``[1][3]`` too: what stands between them tells."""
    spelled = [token.spelling for token in c.get_tokens()]
    if "..." in spelled and len(path) == 2 and all(isinstance(step, tuple) for step in path):
        return [(path[0][0], path[1][0])]
    return [step[:2] if isinstance(step, tuple) else step for step in path]


def _number(field: Any) -> int:
    parent = field.semantic_parent
    named = [f for f in parent.type.get_fields() if f.spelling or not f.is_bitfield()]
    return next(i for i, f in enumerate(named) if f == field or f.location.offset == field.location.offset)


def _way_to(record: Any, field: Any) -> int | None:
    """Where the record lies that has ``field``, in bits from the beginning of ``record``: libclang leaves out some of the
    anonymous members in between."""
    members = list(record.get_fields())
    if any(one == field for one in members):
        return 0
    for one in members:
        inner = one.type.get_canonical()
        if inner.kind is T.RECORD and inner.get_declaration().is_anonymous():
            found = _way_to(inner, field)
            if found is not None:
                return int(one.get_field_offsetof()) + found
    return None


def _run(field: Any) -> tuple[int, int]:
    """The run of adjacent bit fields that ``field`` belongs to: first bit and the bit after the last."""
    run: list[Any] = []
    for other in field.semantic_parent.type.get_fields():
        if other.is_bitfield() and other.get_bitfield_width() > 0:
            run.append(other)
            continue
        if field in run:
            break
        run = []
    start = run[0].get_field_offsetof()
    return start, run[-1].get_field_offsetof() + run[-1].get_bitfield_width()


def _initial(d: Any) -> Any:
    """The initial value of a variable's declaration."""
    init = _LIB.clang_Cursor_getVarDeclInitializer(d)
    if _LIB.clang_Cursor_isNull(init):
        return None
    init._tu = d._tu
    return init if init.kind.is_expression() else None


def _kind(c: Any) -> str:
    return str(c.kind.name).lower().replace("_", " ")


def _extent(c: Any) -> tuple[int, int]:
    return c.extent.start.offset, c.extent.end.offset


_EFFECTS = {K.CALL_EXPR, K.COMPOUND_ASSIGNMENT_OPERATOR, K.ASM_STMT}


def _has_effects(c: Any) -> bool:
    """May evaluating ``c`` do something?"""
    for one in c.walk_preorder():
        if one.kind is K.CALL_EXPR:
            callee = next(iter(one.get_children()), None)
            name = callee.referenced.spelling if callee is not None and callee.referenced is not None else ""
            if not name.startswith("__builtin_"):
                return True
        elif (
            one.kind in _EFFECTS
            or (one.kind is K.BINARY_OPERATOR and one.spelling == "=")
            or (one.kind is K.UNARY_OPERATOR and _LIB.clang_getCursorUnaryOperatorKind(one) in _STEPS)
            or (one.kind is K.DECL_REF_EXPR and one.referenced is not None and one.referenced.kind in (K.VAR_DECL, K.PARM_DECL))
        ):
            return True
    return False


def _label_name(c: Any) -> str:
    """A label's name, with where it stands: two of ``__label__`` in one function may have the same."""
    return f"{c.spelling}@{c.location.offset}"


def _has_labels(c: Any) -> bool:
    return any(one.kind in (K.LABEL_STMT, K.CASE_STMT, K.DEFAULT_STMT) for one in c.walk_preorder())


class _Printed:
    """What the bindings do not tell of a function, from clang's own printing of it: the clauses of each ``for``, and the labels
    of each ``_Generic``, by the hash of its cursor. It is printed when the first of them is met."""

    def __init__(self, function: Any) -> None:
        self.function = function

    @cached_property
    def clauses(self) -> dict[int, tuple[bool, bool, bool]]:
        return self._found(K.FOR_STMT, _clauses)

    @cached_property
    def generics(self) -> dict[int, tuple[str, ...]]:
        return self._found(K.GENERIC_SELECTION_EXPR, _labels)

    @cached_property
    def tokens(self) -> list[str]:
        policy = cindex.PrintingPolicy.create(self.function)
        return _without_types(_TOKEN.findall(self.function.pretty_printed(policy)))

    def _found(self, kind: Any, read: Callable[[list[str]], Iterator[_T]]) -> dict[int, _T]:
        printed = list(read(self.tokens))
        there = list(dict.fromkeys(one.hash for one in _evaluated(self.function) if one.kind is kind))
        return dict(zip(there, printed, strict=True)) if len(printed) == len(there) else {}


def _evaluated(c: Any) -> Iterator[Any]:
    """``c`` and what is inside of it, in order, without the operands of ``typeof``."""
    yield c
    inside = list(c.get_children())
    if c.kind is K.CSTYLE_CAST_EXPR:
        inside = inside[-1:]
    elif c.kind is K.VAR_DECL:
        init = _initial(c)
        inside = [init] if init is not None else []
    for one in inside:
        yield from _evaluated(one)


def _without_types(tokens: list[str]) -> list[str]:
    """Without what stands in ``typeof``, which is not evaluated."""
    out: list[str] = []
    depth = 0
    for n, token in enumerate(tokens):
        if depth or (token == "(" and n and tokens[n - 1].strip("_") in ("typeof", "typeof_unqual")):
            depth += {"(": 1, ")": -1}.get(token, 0)
        else:
            out.append(token)
    return out


def _parts(tokens: list[str], separator: str) -> Iterator[list[str]]:
    """What stands in the parentheses with which ``tokens`` begin, split at a separator that is not inside of others."""
    depth, part = 0, list[str]()
    for token in tokens:
        depth += (token in ("(", "[", "{")) - (token in (")", "]", "}"))
        if depth == 0:
            break
        if token == separator and depth == 1:
            yield part
            part = []
        elif depth > 1 or token != "(" or part:
            part.append(token)
    yield part


def _clauses(tokens: list[str]) -> Iterator[tuple[bool, bool, bool]]:
    for n, token in enumerate(tokens):
        if token == "for" and tokens[n + 1 : n + 2] == ["("]:
            there = [bool(part) for part in _parts(tokens[n + 1 :], ";")]
            yield (there[0], there[1], there[2]) if len(there) == 3 else (False, False, False)


def _labels(tokens: list[str]) -> Iterator[tuple[str, ...]]:
    for n, token in enumerate(tokens):
        if token == "_Generic" and tokens[n + 1 : n + 2] == ["("]:
            arms = list(_parts(tokens[n + 1 :], ","))[1:]
            yield tuple(" ".join(arm[: arm.index(":")]) if ":" in arm else "" for arm in arms)


def _unqualified(name: str) -> str:
    return re.sub(r"\b(const|volatile) ", "", name).strip()
