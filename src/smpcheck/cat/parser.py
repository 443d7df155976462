"""From the text of a cat (or bell) file to its syntax tree.

The grammar is LALR(1) but for one token: ``*`` is the product in ``A * B`` and a closure in ``r*``, which the next token decides
(:class:`_Stars`). Precedences are herd7's: ``|`` binds weakest, then ``++``, ``;``, ``\\``, ``&``, product, ``~``, and the
postfix operators strongest; all but ``\\`` associate to the right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from smpcheck.cat.syntax import (
    Binding,
    Call,
    Check,
    Enum,
    Expr,
    File,
    Function,
    If,
    IfStatement,
    IfVariant,
    Include,
    Let,
    LetStatement,
    Match,
    Pattern,
    Place,
    Procedure,
    Show,
    Statement,
    Stmt,
    Variant,
)
from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.ir import Position

MAX_DEPTH = 120
"""Expressions nested deeper than this are refused; the kernel's model needs 11."""

GRAMMAR = Path(__file__).parent / "grammar.lark"

_SPELLED = {
    "NAME": "a name", "TAG": "a tag", "STRING": "a string", "ZERO": "0", "UNDERSCORE": "_", "LPAR": "(", "RPAR": ")",
    "LBRACE": "{", "RBRACE": "}",
    "LBRACKET": "[", "RBRACKET": "]", "ALT": "||", "BAR": "|", "PLUSPLUS": "++", "SEMI": ";", "BACKSLASH": "\\",
    "AND_OP": "&", "STAR": "*", "PRODUCT": "*", "PLUS": "+", "OPT": "?", "INVERSE": "^-1", "TILDE": "~", "EQUAL": "=",
    "COMMA": ",", "ARROW": "->", "LAND": "&&", "LNOT": "not", "$END": "the end of the file",
}  # fmt: skip

_OPERAND = {"NAME", "TAG", "ZERO", "UNDERSCORE", "LPAR", "LBRACE", "LBRACKET", "BEGIN", "TILDE"}
_OPERATOR = {"BAR", "PLUSPLUS", "SEMI", "BACKSLASH", "AND_OP", "STAR", "PRODUCT", "PLUS", "OPT", "INVERSE"}
_STATEMENT = {
    "LET", "SHOW", "UNSHOW", "INCLUDE", "PROCEDURE", "CALL", "DEBUG", "FORALL", "INSTRUCTIONS", "DEFAULT", "FLAG",
    "UNDEFINED_UNLESS", "ASSERT", "ACYCLIC", "IRREFLEXIVE", "EMPTY", "ENUM", "IF", "CATDEP",
}  # fmt: skip


class _Stars:
    """Tells the two meanings of ``*`` apart: before something that starts an operand it is the product of two sets."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        held: Token | None = None
        for token in stream:
            if held is not None:
                yield Token.new_borrow_pos("PRODUCT", "*", held) if token.type in _OPERAND else held
                held = None
            if token.type == "STAR":
                held = token
            else:
                yield token
        if held is not None:
            yield held


def _place(item: Any) -> Place:
    if isinstance(item, Token):
        return item.line or 1, item.column or 1
    place: Place = item.place
    return place


def _binary(op: str) -> Any:
    def build(_self: Any, children: list[Any]) -> Expr:
        left, _, right = children
        return Expr(op, (left, right), left.place)

    return build


def _postfix(op: str) -> Any:
    def build(_self: Any, children: list[Any]) -> Expr:
        return Expr(op, (children[0],), children[0].place)

    return build


class _Builder(Transformer[Token, File]):
    """Builds the syntax tree while parsing; each method is named after its alternative in the grammar."""

    def start(self, children: list[Any]) -> File:
        title = children.pop(0) if children and isinstance(children[0], str) else None
        return File(title, tuple(children))

    def title(self, children: list[Token]) -> str:
        """All of it stands on one line: a misspelt test in the next one is no part of the title."""
        for word in children:
            if word.line != children[0].line:
                raise _StrayWordError(word)
        return str(children[0]).strip('"')

    # statements

    def enum(self, children: list[Any]) -> Stmt:
        return Enum(str(children[1]), tuple(t[1:] for t in children if t.type == "TAG"), _place(children[0]))

    def let_statement(self, children: list[Any]) -> Stmt:
        return LetStatement(children[1], False, _place(children[0]))

    def let_rec_statement(self, children: list[Any]) -> Stmt:
        return LetStatement(children[2], True, _place(children[0]))

    def let_rec_when(self, children: list[Any]) -> Stmt:
        return Statement("when", _place(children[3]))

    def check(self, children: list[Any]) -> Stmt:
        mode, tilde, test, expr, _, name = children
        first = mode or tilde or test
        return Check(str(test), tilde is not None, expr, str(name) if name else None, str(mode or ""), _place(first))

    def show(self, children: list[Any]) -> Stmt:
        names = [c for c in children if c.type == "NAME"]
        return Show(tuple((str(n), self.variable([n])) for n in names), _place(children[0]))

    def show_as(self, children: list[Any]) -> Stmt:
        return Show(((str(children[3]), children[1]),), _place(children[0]))

    def unshow(self, children: list[Any]) -> Stmt:
        names = [c for c in children if c.type == "NAME"]
        return Statement("unshow", _place(children[0]), args=tuple(self.variable([n]) for n in names))

    def include(self, children: list[Any]) -> Stmt:
        return Include(str(children[1])[1:-1], _place(children[0]))

    def procedure(self, children: list[Any]) -> Stmt:
        first, *rest = children
        recursive = rest[0].type == "REC"
        name, pattern, _, *body, _ = rest[1:] if recursive else rest
        return Procedure(str(name), pattern, tuple(body), recursive, _place(first))

    def call(self, children: list[Any]) -> Stmt:
        return Call(str(children[1]), children[2], _place(children[0]))

    def debug(self, children: list[Any]) -> Stmt:
        return Statement("debug", _place(children[0]))

    def forall(self, children: list[Any]) -> Stmt:
        return Statement("forall", _place(children[0]))

    def with_from(self, children: list[Any]) -> Stmt:
        return Statement("with", _place(children[0]), str(children[1]), (children[3],))

    def catdep(self, children: list[Any]) -> Stmt:
        return Statement("catdep", _place(children[0]))

    def if_statement(self, children: list[Any]) -> Stmt:
        first, condition, *rest = children
        at = next((i for i, c in enumerate(rest) if isinstance(c, Token) and c.type == "ELSE"), len(rest))
        then, other = ((c for c in part if c is not None and not isinstance(c, Token)) for part in (rest[:at], rest[at:]))
        return IfStatement(condition, tuple(then), tuple(other), _place(first))

    def match_statement(self, children: list[Any]) -> Stmt:
        return Statement("match", _place(children[0]))

    def statement_clause(self, children: list[Any]) -> list[Any]:
        return children

    def instructions(self, children: list[Any]) -> Stmt:
        return Statement(str(children[0]), _place(children[0]), str(children[1]), children[3] or ())

    default = instructions

    # bindings

    def bindings(self, children: list[Any]) -> tuple[Binding, ...]:
        return tuple(c for c in children if isinstance(c, Binding))

    def bind_name(self, children: list[Any]) -> Binding:
        return Binding(str(children[0]), children[2], _place(children[0]))

    def bind_function(self, children: list[Any]) -> Binding:
        first, *patterns, _, body = children
        for pattern in reversed(patterns):
            body = Function("fun", (body,), _place(first), str(first), pattern)
        return Binding(str(first), body, _place(first))

    def bind_parenthesised(self, children: list[Any]) -> Binding:
        pattern = children[1]
        return Binding(pattern[0] if len(pattern) == 1 else pattern, children[4], _place(children[0]))

    def bind_tuple(self, children: list[Any]) -> Binding:
        names = [c for c in children[:-1] if not isinstance(c, Token)]
        return Binding(tuple(n[0] for n in names), children[-1], children[-1].place)

    def bind_nothing(self, children: list[Any]) -> Binding:
        return Binding(None, children[2], _place(children[0]))

    def name(self, children: list[Token]) -> tuple[str | None]:
        return (None if children[0].type == "UNDERSCORE" else str(children[0]),)

    def names(self, children: list[Any]) -> tuple[str | None, ...]:
        return tuple(c[0] for c in children if not isinstance(c, Token))

    def pattern(self, children: list[Any]) -> Pattern:
        if len(children) == 1:
            only: str | None = children[0][0]
            return only
        names: Any = children[1] or ()
        result: Pattern = names[0] if len(names) == 1 else names
        return result

    # expressions

    def let_in(self, children: list[Any]) -> Expr:
        return self._let(children[0], children[1], children[3], False)

    def let_rec_in(self, children: list[Any]) -> Expr:
        return self._let(children[0], children[2], children[4], True)

    def _let(self, first: Token, bindings: tuple[Binding, ...], body: Expr, recursive: bool) -> Expr:
        args = (*(b.body for b in bindings), body)
        return Let("let", args, _place(first), "", bindings, recursive)

    def function(self, children: list[Any]) -> Expr:
        return Function("fun", (children[3],), _place(children[0]), "fun", children[1])

    def try_with(self, children: list[Any]) -> Expr:
        return Expr("try", (children[1], children[3]), _place(children[0]))

    def conditional(self, children: list[Any]) -> Expr:
        first, a, relation, b, _, then, _, other = children
        return If("if", (a, b, then, other), _place(first), str(relation))

    def variant_conditional(self, children: list[Any]) -> Expr:
        first, condition, _, then, _, other = children
        return IfVariant("if", (then, other), _place(first), "", condition)

    def variant_name(self, children: list[Token]) -> Variant:
        return Variant("is", (), str(children[-1])[1:-1])

    def not_variant(self, children: list[Any]) -> Variant:
        return Variant("not", (children[1],))

    def all_variants(self, children: list[Any]) -> Variant:
        return Variant("and", (children[0], children[2]))

    def either_variant(self, children: list[Any]) -> Variant:
        return Variant("or", (children[0], children[2]))

    def variant_parenthesised(self, children: list[Any]) -> Variant:
        inner: Variant = children[1]
        return inner

    def match(self, children: list[Any]) -> Expr:
        clauses = [c for c in children[3:] if isinstance(c, tuple)]
        by_tag = all(kind == "tag" for kind, _, _ in clauses)
        args = (children[1], *(body for _, _, body in clauses))
        tags = tuple(tag for _, tag, _ in clauses) if by_tag else None
        return Match("match", args, _place(children[0]), "", tags)

    def tag_clause(self, children: list[Any]) -> tuple[str, str | None, Expr]:
        tag = None if children[0].type == "UNDERSCORE" else str(children[0])[1:]
        return "tag", tag, children[2]

    def set_clause(self, children: list[Any]) -> tuple[str, str | None, Expr]:
        return "set", None, children[-1]

    def tuple(self, children: list[Any]) -> Expr:
        parts = [c for c in children if not isinstance(c, Token)]
        return Expr("tuple", (*parts,), parts[0].place)

    union, add, seq, diff = _binary("union"), _binary("add"), _binary("seq"), _binary("diff")
    inter, product = _binary("inter"), _binary("product")
    star, plus, opt, inverse = _postfix("star"), _postfix("plus"), _postfix("opt"), _postfix("inverse")

    def complement(self, children: list[Any]) -> Expr:
        return Expr("not", (children[1],), _place(children[0]))

    def application(self, children: list[Any]) -> Expr:
        result = self.variable(children[:1])
        for argument in children[1:]:
            result = Expr("app", (result, argument), result.place)
        return result

    def variable(self, children: list[Token]) -> Expr:
        return Expr("var", (), _place(children[0]), str(children[0]))

    def zero(self, children: list[Token]) -> Expr:
        return Expr("zero", (), _place(children[0]), "0")

    def universe(self, children: list[Token]) -> Expr:
        return Expr("universe", (), _place(children[0]), "_")

    def tag(self, children: list[Token]) -> Expr:
        return Expr("tag", (), _place(children[0]), str(children[0])[1:])

    def unit(self, children: list[Token]) -> Expr:
        return Expr("tuple", (), _place(children[0]))

    def parenthesised(self, children: list[Any]) -> Expr:
        inner: Expr = children[1]
        return inner

    def braces(self, children: list[Any]) -> Expr:
        return Expr("braces", children[1] or (), _place(children[0]))

    def brackets(self, children: list[Any]) -> Expr:
        return Expr("brackets", (children[1],), _place(children[0]))

    def items(self, children: list[Any]) -> Any:
        return (*(c for c in children if isinstance(c, Expr)),)


@cache
def _lark() -> Lark:
    return Lark(
        GRAMMAR.read_text(), parser="lalr", lexer="basic", postlex=_Stars(), transformer=_Builder(), maybe_placeholders=True
    )


_COMMENT = re.compile(r'"[^"]*"|\(\*|\*\)|/\*|(?://|#)[^\n]*')


class _StrayWordError(Exception):
    """A word where a statement is expected."""

    def __init__(self, word: Token) -> None:
        super().__init__(word)
        self.word = word


def _without_comments(text: str, file: str) -> str:
    """The text with each comment turned into blanks, so that positions stay."""
    parts: list[str] = []
    opened: list[int] = []
    done = start = 0
    while match := _COMMENT.search(text, start):
        found, start = match[0], match.end()
        if found == "(*":
            if not opened:
                parts.append(text[done : match.start()])
                done = match.start()
            opened.append(match.start())
        elif found == "*)" and opened:
            opened.pop()
            if not opened:
                parts.append(_blank(text[done:start]))
                done = start
        elif opened:
            start = match.start() + 1
        elif found[0] in "/#":
            if found == "/*":
                start = text.find("*/", start) + 2
                if start < 2:
                    raise InputError("this comment /* is not closed: */ is missing", _position(text, match.start(), file))
            parts += [text[done : match.start()], _blank(text[match.start() : start])]
            done = start
    if opened:
        raise InputError("this comment (* is not closed: *) is missing", _position(text, opened[0], file))
    parts.append(text[done:])
    return "".join(parts)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _position(text: str, offset: int, file: str) -> Position:
    return Position(file, text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _accepted(expected: set[str]) -> str:
    """The tokens that could have stood here, in words."""
    names: list[str] = []
    rest = set(expected)
    for group, words in ((_OPERAND, "an expression"), (_OPERATOR, "an operator"), (_STATEMENT, "a statement")):
        if len(rest & group) >= 4:
            names.append(words)
            rest -= group
    names += sorted({_SPELLED.get(token) or token.lower() for token in rest})
    return " or ".join(names) if len(names) < 3 else ", ".join(names[:-1]) + " or " + names[-1]


def parse(text: str, file: str) -> File:
    """Parse a cat or bell file. ``file`` is its name in messages.

    :raises InputError: it is not well formed; says where, what was found and what is accepted
    :raises UnsupportedError: an expression is nested deeper than :data:`MAX_DEPTH`
    """
    clean = _without_comments(text, file)
    try:
        result: Any = _lark().parse(clean)
    except UnexpectedCharacters as error:
        found = clean[error.pos_in_stream or 0 : (error.pos_in_stream or 0) + 1]
        hint = ": this string is not closed" if found == '"' else ": a tag is ' and a name" if found == "'" else ""
        where = Position(file, error.line, error.column)
        raise InputError(f"unexpected character {found!r}{hint or ' (no token of cat starts with it)'}", where) from None
    except UnexpectedToken as error:
        token = error.token
        accepted = _accepted(set(error.accepts or error.expected))
        if token.type == "$END":
            where, found = _position(clean, len(clean.rstrip()), file), "the file ends here"
        else:
            where, found = Position(file, token.line or 1, token.column or 1), f"unexpected {str(token)!r}"
        raise InputError(f"{found}; accepted: {accepted}", where) from None
    except _StrayWordError as error:
        where = Position(file, error.word.line or 1, error.word.column or 1)
        raise InputError(f"unexpected {str(error.word)!r}; accepted: a statement", where) from None
    except VisitError as error:
        raise error.orig_exc from None
    parsed: File = result
    _check_depth(parsed.body, file)
    return parsed


def _check_depth(body: tuple[Stmt, ...], file: str) -> None:
    for stmt in body:
        match stmt:
            case LetStatement(bindings):
                exprs = tuple(b.body for b in bindings)
            case Check(_, _, expr):
                exprs = (expr,)
            case Show(items):
                exprs = tuple(e for _, e in items)
            case Call(_, argument):
                exprs = (argument,)
            case Procedure(_, _, inner):
                _check_depth(inner, file)
                continue
            case IfStatement(_, then, other):
                _check_depth((*then, *other), file)
                continue
            case _:
                continue
        for expr in exprs:
            if expr.depth > MAX_DEPTH:
                where = Position(file, *expr.place)
                what = f"an expression nested {expr.depth} deep (at most {MAX_DEPTH})"
                raise UnsupportedError(f"not supported in a model: {what}", where)
