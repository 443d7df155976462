"""Unions, anonymous members, bit fields, parts of objects in C: where things lie, and what is wrong with a place."""

from __future__ import annotations

import pytest

import smpcheck
from smpcheck.cat.load import load_model
from smpcheck.errors import InputError, LimitError, SmpcheckError
from smpcheck.program import ir
from smpcheck.questions.explain import explain
from smpcheck.readers.litmus import read_litmus

UNION = "union u { u64 w; struct { u32 low; union { u16 half[2]; u32 high; }; }; };\n"
BITS = "struct s { unsigned a:3; unsigned b:6; unsigned :0; int c:2; char plain; unsigned long d:1; int e; };\n"


def read(body: str, types: str = UNION, params: str = "union u *u", init: str = "", asked: str = "exists (true)") -> ir.Program:
    return read_litmus(f"C t\n{{ {init} }}\n{types}\nP0({params})\n{{\n{body}\n}}\n{asked}\n", "t.litmus")


def accesses(program: ir.Program) -> list[tuple[int, int]]:
    """Offset and size of each access."""
    found = []
    for stmt in program.threads[0].body:
        if isinstance(stmt, ir.Load | ir.Store | ir.Rmw):
            assert isinstance(stmt.addr, ir.Const) and not isinstance(stmt.addr.value, int) and stmt.ctype is not None
            found.append((stmt.addr.value.offset, stmt.ctype.size))
    return found


def test_members_of_unions_and_of_anonymous_members_lie_where_c_has_them() -> None:
    program = read("u->w = 0; u->low = 1; u->half[1] = 2; u->high = 3; *(u8 *)((char *)u + 5) = 4;")
    assert accesses(program) == [(0, 8), (0, 4), (6, 2), (4, 4), (5, 1)]
    assert [cell.name for cell in program.cells.values()] == ["u.low", "u.w[bytes 4..4]", "u.w[bytes 5..5]", "u.half[1]"]


def test_a_bit_field_is_read_and_written_with_its_run_and_nothing_beside_it() -> None:
    program = read("s->a = 1; s->c = 1; s->d = 1; s->e = 1;", BITS, "struct s *s")
    assert accesses(program) == [(0, 2), (0, 2), (4, 1), (4, 1), (6, 1), (6, 1), (8, 4)]
    assert [cell.fields for cell in program.cells.values()] == [("a", "b"), ("c",), (), ("d",), ()]


def test_initial_values_and_conditions_speak_of_members() -> None:
    result = smpcheck.check(
        f"C t\n{{ u={{0x200000001}}; }}\n{UNION}\nP0(union u *u) {{ WRITE_ONCE(u->half[1], 3); }}\n"
        "locations [u.high; u.low;]\nexists (u.w=844433520066561)\n"
    )
    assert result.message == "" and result.verdict == "Always"
    assert [dict(row) for row in result.states] == [{"[u.high]": 0x30002, "[u.low]": 1, "[u.w]": 0x3000200000001}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("*(u32 *)((char *)u + 2) = 1;", "a misaligned access of 4 bytes to u+2"),
        ("*(u64 *)(&u->high) = 1;", "an access of 8 bytes to u+4 leaves the object"),
        ("*((char *)u + 8) = 1;", "an access to u+8, where no object lies"),
        ("u->wide = 1;", "union u has no member 'wide' (it has w, low, half, high)"),
    ],
)
def test_what_is_wrong_with_a_place_is_said(body: str, message: str) -> None:
    with pytest.raises(InputError) as found:
        read(body)
    assert message in found.value.message


@pytest.mark.usefixtures("without_clang")
@pytest.mark.parametrize(
    ("types", "body", "message"),
    [
        (BITS, "int *p = &s->a;", "a bit field has no address"),
        (BITS, "int r = READ_ONCE(s->a);", "a bit field has no address"),
        ("struct s { int a:33; };", "", "a bit field of 33 bits in a int, which has 32"),
        ("struct s { int a; union { int a; }; };", "", "struct s has two members 'a'"),
        ("struct s { unsigned long a:40; unsigned long b:60; };", "", "a run of bit fields of more than 8 bytes"),
    ],
)
def test_bit_fields_that_cannot_be(types: str, body: str, message: str) -> None:
    with pytest.raises(SmpcheckError) as found:
        read(body, types, "struct s *s")
    assert message in found.value.message


def test_a_struct_is_assigned_scalar_by_scalar() -> None:
    program = read("*s = *t;", "struct s { int a; u16 b; u8 c; };", "struct s *s, struct s *t")
    assert accesses(program) == [(0, 4), (0, 4), (4, 2), (4, 2), (6, 1), (6, 1)]


def test_a_race_on_two_bit_fields_in_one_run_says_so() -> None:
    threads = "P0(struct s *s) { s->a = 1; }\nP1(struct s *s) { s->b = 1; }\n"
    model = load_model("lkmm")
    (answer, *_) = explain(read_litmus(f"C t\n{{}}\n{BITS}{threads}exists (true)\n"), model)
    said = answer.races[0].sentence
    assert said.endswith(
        "a and b are bit fields in one run, and one memory location: a write to one reads and writes all of them"
    )
    assert answer.races[0].missing[0].endswith("or `:0` or another member between the bit fields"), "they have no address"
    apart = threads.replace("s->b", "s->c")
    assert smpcheck.check(f"C t\n{{}}\n{BITS}{apart}exists (true)\n").flags == ()


def test_memcpy_and_memset_are_plain_accesses_to_scalars_or_to_bytes_where_these_do_not_fit() -> None:
    types = "struct s { int a; u16 b; u8 c; };"
    assert accesses(read("memcpy(s, t, sizeof(*s));", types, "struct s *s, struct s *t")) == [
        (0, 4), (0, 4), (4, 2), (4, 2), (6, 1), (6, 1)
    ]  # fmt: skip
    assert accesses(read("memset(s, 1, 2);", types, "struct s *s")) == [(0, 1), (1, 1)]


def test_a_local_struct_is_memory_that_others_may_be_given_the_address_of() -> None:
    threads = """P0(struct s **p) { struct s v; v.a = 1; WRITE_ONCE(*p, &v); }
P1(struct s **p) { struct s *q = READ_ONCE(*p); int r = 2; if (q) r = READ_ONCE(q->a); }
"""
    found = read_litmus(f"C t\n{{ struct s *p = 0; }}\nstruct s {{ int a; int b; }};\n{threads}exists (1:r=0)\n")
    assert smpcheck.check(found).verdict == "Sometimes"
    assert smpcheck.check(found, model="tso").verdict == "Never"


def test_initial_values_and_conditions_speak_of_bit_fields() -> None:
    start = "{ struct s x = {9, -1, 7}; }\nstruct s { int a : 3; unsigned b : 2; int c; };\n"
    for ends in ("0:r=13", "x.a=-3 /\\ x.b=3 /\\ x.c=7"):
        found = read_litmus(f"C t\n{start}P0(struct s *x) {{ int r = x->a * 10 + x->b; x->a = 5; }}\nexists ({ends})\n")
        assert smpcheck.check(found).verdict == "Always"


def test_an_object_that_would_be_cut_too_often_is_refused_with_the_access() -> None:
    with pytest.raises(
        LimitError, match=r"'u->b\[i\] = 1', an access of 1 byte, cuts 'u' into too many pieces \(64 cuts at most\)"
    ) as found:
        read("u->w[0] = 1; int i = *y; u->b[i] = 1; *y = i + 1;", "union t { u64 w[16]; u8 b[128]; };", "union t *u, int *y")
    assert found.value.pos is not None


def test_a_plain_store_that_is_seen_in_part_is_said_to_take_effect_piece_by_piece() -> None:
    threads = "P0(union t *u) { u->w = 0x100000001; }\nP1(union t *u) { u64 r = READ_ONCE(u->w); u32 q = READ_ONCE(u->b); }\n"
    types = "union t { u64 w; struct { u32 a; u32 b; }; };\n"
    found = read_litmus(f"C t\n{{}}\n{types}{threads}exists (1:r=1 /\\ 1:q=0)\n")
    (answer, *_) = explain(found, load_model("lkmm"))
    assert answer.notes[0].startswith("P0's u->w = 0x100000001 (line 4) takes effect piece by piece: it is plain")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("memset(s, 0, -1);", "t.litmus:4:1: memset() of 18446744073709551615 bytes is not supported"),
        ("*((u8 *)s + 1) = 1;", "t.litmus:4:1: an access to byte 1 of 's', which is padding, is not supported"),
        ("u8 r = *((u8 *)p + 2);", "an access of 1 byte, takes a part of 'p', which holds an address: not supported"),
    ],
)
def test_what_of_an_object_no_access_can_be_to_is_said_with_the_access(body: str, message: str) -> None:
    types = "struct s { u8 a; int b; };"
    text = f"C t\n{{ struct s *p = s; }}\n{types} P0(struct s *s, struct s **p) {{\n{body}\n}}\nexists (true)\n"
    with pytest.raises(SmpcheckError) as found:
        read_litmus(text, "t.litmus")
    assert message in str(found.value)
