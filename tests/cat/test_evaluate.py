"""What names, functions and definitions mean: the graph that a text denotes, and the errors of one that denotes none."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.cat import build, names
from smpcheck.cat.nodes import Node
from smpcheck.errors import InputError, SmpcheckError, UnboundNameError, UnsupportedError
from tests.cat import node, read, same

PO, RF, CO = build.base("po"), build.base("rf"), build.base("co")
R, W = build.base_set("R"), build.base_set("W")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("po | 0", PO),
        ("0 ; po", build.EMPTY_REL),
        ("po ; id", PO),
        ("po | po", PO),
        ("po & (_ * _)", PO),
        ("[R] ; [W]", build.setid(build.inter(R, W))),
        ("[R] ; [W] ; po", build.seq(build.setid(build.inter(R, W)), PO)),
        ("[_] ; po", PO),
        ("(po^-1)^-1", PO),
        ("loc^-1", build.base("loc")),
        ("(R * W)^-1", build.product(W, R)),
        ("po?*", build.star(PO)),
        ("po+?", build.star(PO)),
        ("po*+", build.star(PO)),
        ("po | id", build.opt(PO)),
        ("~~R", R),
        ("domain([R])", R),
        ("range(po^-1)", build.domain(PO)),
        ("rf^-1 ; co", build.FR),
        ("rf^-1 ; co ; [W]", build.seq(build.FR, build.setid(W))),
        ("fencerel(Mb)", build.fencerel(build.base_set("Mb"))),
        ("R \\ {}", R),
        ("{} | R", R),
        ("po \\ emptyset", PO),
        ("emptyset | po", PO),
        ("tag2events('once)", build.base_set("Once")),
        ("Srcu-lock", build.base_set("Srcu-lock")),
        ("singlestep(po)", build.diff(PO, build.seq(PO, PO))),
    ],
)
def test_terms_are_simplified(text: str, expected: Node, tmp_path: Path) -> None:
    assert same(node(text, tmp_path), expected)


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("let f x = x ; po", "f rf", "rf ; po"),
        ("let f(x, y) = x \\ y", "f(po, rf)", "po \\ rf"),
        ("let f x y = x \\ y", "f po rf", "po \\ rf"),
        ("let f = fun (x, y) -> y | x", "f(po, rf)", "rf | po"),
        ("let f x = x ; po let g = f", "g rf", "rf ; po"),
        ("let twice f x = f(f x)  let s x = x ; po", "twice s rf", "(rf ; po) ; po"),
        ("let x = po let f y = x ; y let x = rf", "f co", "po ; co"),
        ("let x = po let x = x | rf", "x", "po | rf"),
        ("let x = po and y = rf", "x ; y", "po ; rf"),
        ("let x = let y = po in y ; y", "x", "po ; po"),
        ("let x, y = po, rf", "y ; x", "rf ; po"),
        ("let (x, _) = (po, rf)", "x", "po"),
        ("let x = try unknown with po", "x", "po"),
        ("let x = try Nowhere with {}", "[x] | po", "po"),
        ("let x = try po with unknown", "x", "po"),
        ("let x = try 'unknown with 'once", "tag2events(x)", "Once"),
        ("let x = ctrlcfence(ctrl, ISB)", "x", "ctrl ; ([ISB] ; po)"),
        ("let x = ctrlcfence(ISB)", "x", "ctrl ; ([ISB] ; po)"),
        ('let x = if "v" then po else rf', "x", "rf"),
        ('let x = if not "v" && (variant "w" || not "x") then po else rf', "x", "po"),
        ('if "v" let x = po else let x = rf let y = x end', "x ; y", "rf ; rf"),
        ('let x = po if "v" let x = rf end', "x", "po"),
        ("catdep", "po", "po"),
        ("/* let x = */ let x = po // = rf", "x", "po"),
        ("with x from {po}", "x", "po"),
        ("with co from generate_cos(co0)", "co", "co"),
        ("enum E = 'fast || 'slow", "[Fast | tag2events('slow)]", "[Fast | Slow]"),
        ("let f t = match t with || 'once -> po || _ -> rf end", "f 'once", "po"),
        ("let f t = match t with || 'once -> po || _ -> rf end", "f 'mb", "rf"),
        ("let x = if 'once = 'mb then po else rf", "x", "rf"),
        ("let x = if 'once in {'mb, 'once} then po else rf", "x", "po"),
        ("let rf = rf ; po", "rf", "rf ; po"),
        ('include "filters.cat"', "WR(po)", "po & (W * R)"),
        ('include "cos.cat"', "invrf ; co", "fr"),
        ('let Acquire = R let Release = W include "lock.cat"', "[Acquire] ; po ; [Release]", "[R | LKR] ; po ; [W | UL]"),
        ('include "cross.cat" include "stdlib.cat"', "po", "po"),
        ("let f(x) = [x]", "f(R) | f({})", "[R]"),
    ],
)
def test_definitions(before: str, text: str, expected: str, tmp_path: Path) -> None:
    declared = before if before.startswith("enum") else ""
    assert same(node(text, tmp_path, before), node(expected, tmp_path, declared))


def test_procedures_run_with_their_arguments(tmp_path: Path) -> None:
    model = read("let z = co procedure sub(a, b) = let c = a \\ b empty c | z as sub end let z = 0 call sub(po, rf)", tmp_path)
    assert [a.name for a in model.axioms] == ["sub"]
    assert same(model.axioms[0].node, build.union(build.diff(PO, RF), CO))


def test_what_no_execution_can_break_and_what_is_never_raised_is_left_out(tmp_path: Path) -> None:
    model = read("empty 0 as a flag ~empty 0 as b acyclic 0 as c ~empty 0 as d flag empty 0 as e assert empty 0 as f", tmp_path)
    assert [a.name for a in model.axioms] == ["d", "e"]


def test_an_assert_and_an_undefined_unless_are_flags_where_they_fail(tmp_path: Path) -> None:
    model = read("assert empty R as a undefined_unless ~empty po as b", tmp_path)
    flags = [(a.name, a.negated, a.flag) for a in model.axioms]
    assert flags == [("assertion-fails-a", True, True), ("undefined-b", False, True)]


def test_a_closure_that_is_irreflexive_is_a_relation_that_is_acyclic(tmp_path: Path) -> None:
    (axiom,) = read("irreflexive po+ as x", tmp_path).axioms
    assert axiom.kind == "acyclic" and axiom.node is PO


def test_a_coherence_that_is_to_contain_more_is_an_axiom(tmp_path: Path) -> None:
    """``with co from generate_cos(r)``: every coherence order that has the pairs of r."""
    (axiom,) = read("with co from generate_cos(rf ; po)", tmp_path).axioms
    assert same(axiom.node, node("(((rf ; po) & (W * W)) & loc) \\ co?", tmp_path))


def test_what_shows_an_unknown_name_shows_nothing(tmp_path: Path) -> None:
    assert [name for name, _ in read("show po, nowhere, rf", tmp_path).shows] == ["po", "rf"]


def test_axioms_keep_their_order_kind_name_and_place(tmp_path: Path) -> None:
    model = read("acyclic po as a\nirreflexive rf as b\n~empty co as c\nflag ~empty fr as d\nempty R", tmp_path)
    assert [(a.kind, a.name, a.negated, a.flag) for a in model.axioms] == [
        ("acyclic", "a", False, False),
        ("irreflexive", "b", False, False),
        ("empty", "c", True, False),
        ("empty", "d", True, True),
        ("empty", "empty R", False, False),
    ]
    assert [a.where for a in model.axioms] == [f"{tmp_path / 'm.cat'}:{i}" for i in range(1, 6)]


def test_the_first_name_given_to_a_relation_is_its_label(tmp_path: Path) -> None:
    model = read("let a = let inner = po ; rf in inner\nlet b = a\nacyclic b as x", tmp_path)
    assert model.axioms[0].node.label == "a"
    assert model.axioms[0].node.where == f"{tmp_path / 'm.cat'}:1"


def test_labels_do_not_leak_from_one_model_to_the_next(tmp_path: Path) -> None:
    assert node("po ; rf", tmp_path, "let one = po ; rf").label == "one"
    assert node("po ; rf", tmp_path, "let two = po ; rf").label == "two"
    assert node("po ; rf", tmp_path).label is None


def test_shows(tmp_path: Path) -> None:
    model = read("let a = po ; rf\nshow a, rf\nshow a | po as both\nunshow rf", tmp_path)
    assert [name for name, _ in model.shows] == ["a", "both"]


# --- recursion ---


def test_a_recursive_variable_is_a_cycle_in_the_graph(tmp_path: Path) -> None:
    loop = node("r", tmp_path, "let rec r = po | (r ; co ; r)")
    assert loop.op == "rec"
    (body,) = loop.args
    assert body.op == "union" and body.args[1].args[0] is loop


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("po | (r ; r)", "po+"),
        ("rf | (r ; r) | po", "(rf | po)+"),
        ("r ; r", "0"),
    ],
)
def test_a_transitive_definition_is_a_closure(definition: str, expected: str, tmp_path: Path) -> None:
    assert same(node("r", tmp_path, f"let rec r = {definition}"), node(expected, tmp_path))


def test_a_variable_that_is_used_once_more_is_no_closure(tmp_path: Path) -> None:
    assert node("r", tmp_path, "let rec r = po | (rf ; r) | (r ; r)").op == "rec"


def test_mutual_recursion_keeps_what_is_used_before_its_definition(tmp_path: Path) -> None:
    a = node("a", tmp_path, "let rec a = po | (b ; rf) and b = a ; co")
    assert a.op == "rec" or a.op == "union"
    b = next(n for n in _below(a) if n.op == "rec" and n.name == "b")
    assert b.args[0].op == "seq"


def test_a_group_that_subtracts_from_itself_is_one_variable(tmp_path: Path) -> None:
    """As herd7 iterates: what stands above in the group is already new. So only `matched` is recursive."""
    text = "let rec open = Rcu-lock \\ domain(matched) and matched = matched | ([open] ; po ; [Rcu-unlock])"
    recursive = [n for n in _below(node("matched", tmp_path, text)) if n.op == "rec"]
    assert [n.name for n in recursive] == ["matched"]


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        ("let rec x = R | x", "set"),
        ("let rec x = domain(y) and y = [x] ; po", "set"),
        ("let rec x = x", "rel"),
        ("let rec x = let z = range([x] ; po) in z", "set"),
        ("let f a = domain(a) let rec x = f([x] ; po)", "set"),
        ("let rec x = try nowhere | x with R", "set"),
        ("let rec x = po | 0 ; x", "rel"),
    ],
)
def test_the_kind_of_a_recursive_variable_follows_from_its_definition(definition: str, kind: str, tmp_path: Path) -> None:
    assert node("x", tmp_path, definition).kind == kind


def _below(start: Node) -> list[Node]:
    from smpcheck.cat.graph import in_order

    return in_order([start])


# --- refused, by name and position ---

ERRORS: list[tuple[str, type[SmpcheckError], int, str]] = [
    ("acyclic poo as x", UnboundNameError, 1, "poo is not defined; did you mean po"),
    ("let x = po\nempty x | Onces as y", UnboundNameError, 2, "Onces is not defined; did you mean Once"),
    ("empty Zzz as y", UnboundNameError, 1, "declared with enum"),
    ("let x = po & R", InputError, 1, "& of a relation and a set of events"),
    ("let x = po ; R", InputError, 1, "; takes a relation, here is a set of events"),
    ("let x = [po]", InputError, 1, "[ ] takes a set of events, here is a relation"),
    ("let x = po * R", InputError, 1, "the product * takes a set of events"),
    ("let x = R+", InputError, 1, "+ takes a relation"),
    ("let x = domain(R)", InputError, 1, "domain takes a relation, here is a set of events"),
    ("let x = fencerel(po)", InputError, 1, "fencerel takes a set of events"),
    ("let x = tag2events(R)", InputError, 1, "tag2events takes a tag"),
    ("let x = po rf", InputError, 1, "a relation is applied to an argument"),
    ("let x = 'nowhere", UnboundNameError, 1, "the tag 'nowhere is not declared"),
    ("let f(x, y) = x\nlet g = f po", InputError, 2, "f takes 2 values, here is a relation"),
    ("let f(x, y) = x\nlet g = f(po, po, po)", InputError, 2, "f takes 2 values, here are 3 values"),
    ("let f x = x\nlet g = f ; po", InputError, 2, "here is the function f"),
    ("acyclic R as x", InputError, 1, "acyclic takes a relation"),
    ('\n  include "nowhere.cat"', InputError, 2, "there is no file nowhere.cat to include"),
    ('include "m.cat"', InputError, 1, "m.cat is being included already"),
    ("call po(rf)", InputError, 1, "call takes a procedure"),
    ("let rec x = po and y = [x]", InputError, 1, "[ ] takes a set of events, here is a relation"),
    ("let rec x = R | y\nand y = [x]", InputError, 1, "| of a set of events and a relation"),
    ("let x = match 'once with || 'mb -> po end", InputError, 1, "no case of this match is for the tag 'once"),
    ("let x = different-values(R)", InputError, 1, "different-values takes a relation"),
    ("with c from cross(po)", UnsupportedError, 1, "cross (enumerating"),
    ("let x = classes-loc(R)", UnsupportedError, 1, "classes-loc"),
    ("let x = linearisations(R, po)", UnsupportedError, 1, "linearisations"),
    ("let x = map po R", UnsupportedError, 1, "map"),
    ("let x = po ++ rf", UnsupportedError, 1, "++"),
    ("let x = {'once, W}", UnsupportedError, 1, "listed in braces"),
    ("forall x in R do let y = x end", UnsupportedError, 1, "forall"),
    ("let rec f x = f x", UnsupportedError, 1, "the recursive function f"),
    ("procedure rec p(x) = call p(x) end", UnsupportedError, 1, "the recursive procedure p"),
    ("let rec x = po | x when empty x as y", UnsupportedError, 1, "when"),
    ("with x from {po, rf}", UnsupportedError, 1, "with x from"),
    ("let x = try ctrlcfence(ctrl, ISYNC, ISYNC) with 0", InputError, 1, "ctrlcfence takes 1 or 2 arguments, here are 3"),
    ("let x = try R ; po with 0", InputError, 1, "; takes a relation, here is a set of events"),
    ("let f(x, y) = x\nlet g = try f po with 0", InputError, 2, "f takes 2 values, here is a relation"),
    ("let x = try match 'once with || 'mb -> po end with 0", InputError, 1, "no case of this match"),
    ("let x = try linearisations(R, po) with 0", UnsupportedError, 1, "linearisations"),
    ("let x = same-oa(po)", UnsupportedError, 1, "same-oa (page tables)"),
    ("let x = if po = rf then po else rf", UnsupportedError, 1, "if over events"),
    ("let x = match R with || {} -> po || e ++ s -> rf end", UnsupportedError, 1, "match over the elements of a set"),
    ("let w f = f f\nlet x = w w", UnsupportedError, 1, "deep"),
    (
        "let a x = x ; x let b x = a(a(a(a x))) let c x = b(b(b(b x))) let d x = c(c(c(c x)))\nempty d(d(d po)) as x",
        UnsupportedError,
        0,
        "deep",
    ),
]


@pytest.mark.parametrize(("text", "kind", "line", "message"), ERRORS, ids=[text[:40] for text, *_ in ERRORS])
def test_what_a_text_cannot_mean_is_named_with_its_place(
    text: str, kind: type[SmpcheckError], line: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        read(text, tmp_path)
    assert type(caught.value) is kind
    assert message in caught.value.message
    if line:
        assert caught.value.pos is not None
        assert (caught.value.pos.file, caught.value.pos.line) == (str(tmp_path / "m.cat"), line)


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "part.cat").write_text("let a = po\nlet b = nothing\n")
    with pytest.raises(InputError) as caught:
        read('include "part.cat"', tmp_path)
    assert caught.value.pos is not None
    assert (caught.value.pos.file, caught.value.pos.line) == (str(tmp_path / "part.cat"), 2)


def test_every_predefined_name_has_a_meaning(tmp_path: Path) -> None:
    for name in (*names.BASE_RELATIONS, *names.BASE_SETS, *names.TAGS, *names.DEFINED):
        assert node(name, tmp_path).kind in ("rel", "set")


def test_every_refused_name_is_refused_by_name(tmp_path: Path) -> None:
    for name in names.REFUSED:
        with pytest.raises(UnsupportedError, match=name):
            node(name, tmp_path)
