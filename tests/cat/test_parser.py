"""What the text of a cat file means before names are looked up, and what is said about text that is none."""

from __future__ import annotations

import pytest

from smpcheck.cat.parser import MAX_DEPTH, parse
from smpcheck.cat.syntax import Check, Expr, Function, LetStatement, Procedure
from smpcheck.errors import InputError, UnsupportedError


def expression(text: str) -> Expr:
    (stmt,) = parse(f"let it = {text}", "m.cat").body
    assert isinstance(stmt, LetStatement)
    return stmt.bindings[0].body


def written(expr: Expr) -> str:
    """The expression with all parentheses."""
    if not expr.args:
        return expr.name or "()"
    inner = [written(a) for a in expr.args]
    symbols = {"union": "|", "add": "++", "seq": ";", "diff": "\\", "inter": "&", "product": "*", "app": "@"}
    if expr.op in symbols:
        return f"({inner[0]}{symbols[expr.op]}{inner[1]})"
    return f"{expr.op}({','.join(inner)})"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a | b ; c", "(a|(b;c))"),
        ("a ; b \\ c", "(a;(b\\c))"),
        ("a \\ b & c", "(a\\(b&c))"),
        ("a & b * c", "(a&(b*c))"),
        ("a | b | c", "(a|(b|c))"),
        ("a \\ b \\ c", "((a\\b)\\c)"),
        ("a ; b ; c", "(a;(b;c))"),
        ("a ++ b | c", "((a++b)|c)"),
        ("a ; b ++ c", "((a;b)++c)"),
        ("~a | b", "(not(a)|b)"),
        ("~a & b", "(not(a)&b)"),
        ("~a^-1", "not(inverse(a))"),
        ("a ; b*", "(a;star(b))"),
        ("a* ; b", "(star(a);b)"),
        ("a+ | b? | c^-1", "(plus(a)|(opt(b)|inverse(c)))"),
        ("a^-1*", "star(inverse(a))"),
        ("A * B", "(A*B)"),
        ("A*B", "(A*B)"),
        ("(A * B) & c*", "((A*B)&star(c))"),
        ("f a b", "((f@a)@b)"),
        ("f(a, b)", "(f@tuple(a,b))"),
        ("f [A] ; b", "((f@brackets(A));b)"),
        ("A * {}", "(A*())"),
        ("[A] ; r", "(brackets(A);r)"),
        ("try a with b", "try(a,b)"),
        ("begin a | b end & c", "((a|b)&c)"),
    ],
)
def test_precedence(text: str, meaning: str) -> None:
    assert written(expression(text)) == meaning


def test_a_star_at_the_end_of_a_definition_is_a_closure() -> None:
    assert [type(s) for s in parse("let a = r*\nlet b = s\nacyclic r* as x", "m").body] == [LetStatement, LetStatement, Check]


@pytest.mark.parametrize(
    "text", ["let f x = x", "let f(x) = x", "let f (x) = x", "let f = fun x -> x", "let f x y = x", "let f (x, y) = x"]
)
def test_functions(text: str) -> None:
    (stmt,) = parse(text, "m").body
    assert isinstance(stmt, LetStatement)
    assert isinstance(stmt.bindings[0].body, Function)


def test_names_have_dots_dashes_and_a_prime() -> None:
    assert expression("po-loc.x_1'").name == "po-loc.x_1'"


@pytest.mark.parametrize(
    "comment",
    [
        "(* plain *)",
        "(* (* nested *) *)",
        "// to the end\n",
        "# to the end\n",
        '(* "quote *)',
        "(* // *)",
        "(* 'tag \\ @ $ *)",
        "(***)",
    ],
)
def test_comments(comment: str) -> None:
    blank = "".join("\n" if c == "\n" else " " for c in comment)
    assert parse(f"let a = {comment} r {comment}\nlet b = s", "m") == parse(f"let a = {blank} r {blank}\nlet b = s", "m")


def test_a_comment_does_not_start_inside_a_string() -> None:
    file = parse('"a (* title // #"\ninclude "b(*.cat"', "m")
    assert file.title == "a (* title // #"


@pytest.mark.parametrize("title", ['"A model"', "SC", "X86 TSO", 'AArch64 "A title"', '"Generate co" withoutco'])
def test_titles(title: str) -> None:
    file = parse(f"{title}\nlet a = po", "m")
    assert file.title == title.split()[0] if '"' not in title else file.title is not None
    assert len(file.body) == 1


def test_a_misspelt_test_is_no_part_of_the_title() -> None:
    with pytest.raises(InputError, match="m:2:1: unexpected 'acylic'; accepted: a statement"):
        parse('"title"\nacylic po\nempty po\n', "m")


def test_statements_of_every_kind_are_read() -> None:
    text = """
    enum E = 'a || 'b
    instructions R[{'a, 'b}]
    default W[]
    let x = po and y = rf
    let rec z = x | (z ; z)
    let w = let v = po in v
    procedure p(a, b) = empty a \\ b end
    procedure rec q x = call p(x, x) end
    call p(x, y) as check
    flag ~empty x as f
    undefined_unless acyclic x as u
    show x, y
    show x | y as both
    unshow x
    include "b.cat"
    forall i in E do let k = i end
    with c from cross(x)
    match x with || 'a -> let k = x || _ -> let k = y end
    let m = match x with || 'a -> y || _ -> po end
    let n = match x with || {} -> y || e ++ s -> po end
    let i = if x = y then po else rf
    debug x
    """
    body = parse(text, "m").body
    assert len(body) == 22
    assert isinstance(body[7], Procedure) and body[7].recursive


@pytest.mark.parametrize(
    ("text", "line", "column", "found", "accepted"),
    [
        ("let x = ", 1, 8, "the file ends here", "an expression"),
        ("let x = po ;\nlet y = rf", 2, 1, "unexpected 'let'", "an expression"),
        ("let x = (po | rf", 1, 17, "the file ends here", ")"),
        ("acyclic po as", 1, 14, "the file ends here", "a name"),
        ("let = po", 1, 5, "unexpected '='", "a name"),
        ("let x = po)\n", 1, 11, "unexpected ')'", "a statement"),
        ("(* open\nlet x = po", 1, 1, "not closed", "*)"),
        ("let x = po\n  (* a (* b *)", 2, 3, "not closed", "*)"),
        ("let x = po $ rf", 1, 12, "unexpected character '$'", "no token"),
        ('include "a.cat', 1, 9, "unexpected character '\"'", "string"),
        ("let x = 'Ä", 1, 9, 'unexpected character "\'"', "tag"),
        ("let x = 1", 1, 9, "unexpected character '1'", ""),
        ("enum E = a", 1, 10, "unexpected 'a'", "a tag"),
        ("show po,", 1, 8, "the file ends here", "a name"),
    ],
)
def test_errors_say_where_what_was_found_and_what_is_accepted(
    text: str, line: int, column: int, found: str, accepted: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "m.cat")
    error = caught.value
    assert error.pos is not None
    assert (error.pos.file, error.pos.line) == ("m.cat", line)
    assert found in error.message
    assert accepted in error.message
    assert abs(error.pos.column - column) <= 1


@pytest.mark.parametrize(
    "text", ["(" * 500 + "po" + ")" * 500, "~" * 500 + "po", "po" + " ; po" * 500, "[" * 500 + "R" + "]" * 500]
)
def test_deep_nesting_is_read_or_refused(text: str) -> None:
    try:
        assert expression(text).depth <= MAX_DEPTH
    except UnsupportedError as error:
        assert "deep" in error.message
