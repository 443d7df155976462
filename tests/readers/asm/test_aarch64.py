"""AArch64: what single instructions compute, and which events they are."""

from __future__ import annotations

import itertools

import pytest

from smpcheck.cat import load_model
from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import ir
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus
from tests.readers.asm.final import SC, final, program
from tests.readers.machine import Machine

WIDE = "int64_t 0:X0; int64_t 0:X1; int64_t 0:X2; "


def events(code: str, init: str = "0:X1=x;") -> list[tuple[str, ...]]:
    """Kind and tags of the events of a thread without branches; a choice counts with both sides."""
    found: list[tuple[str, ...]] = []

    def walk(body: tuple[ir.Stmt, ...]) -> None:
        for stmt in body:
            match stmt:
                case ir.Load() | ir.Store() | ir.Fence():
                    found.append((type(stmt).__name__[0], *sorted(stmt.tags - {"Exp"})))
                case ir.Rmw():
                    found.append(("R", *sorted(stmt.read_tags - {"Exp", "X", "RMW"})))
                    found.append(("W", *sorted(stmt.write_tags - {"Exp", "X", "RMW"})))
                case ir.Choice():
                    walk(stmt.then)
                    walk(stmt.other)

    walk(program("AArch64", code, init).threads[0].body)
    return found


@pytest.mark.parametrize(
    ("code", "x0"),
    [
        ("MOV X0,#7", 7),
        ("MOV X0,X1", -1),
        ("MOV W0,W1", 0xFFFFFFFF),
        ("ADD X0,X2,#1", 6),
        ("ADD W0,W1,W2", 4),
        ("ADD X0,X2,W1,SXTW", 4),
        ("ADD X0,X2,W1,UXTW", 5 + 0xFFFFFFFF),
        ("ADD X0,X2,X2,LSL #2", 25),
        ("SUB X0,XZR,X2", -5),
        ("NEG W0,W2", 0xFFFFFFFB),
        ("EOR X0,X1,X1", 0),
        ("BIC X0,X1,X2", -6),
        ("MVN W0,W2", 0xFFFFFFFA),
        ("LSR X0,X1,#60", 15),
        ("ASR X0,X1,#60", -1),
        ("LSL W0,W2,#31", 0x80000000),
        ("MOVZ X0,#1,LSL #32", 1 << 32),
        ("MOV X0,#-1;MOVK X0,#0,LSL #16", -1 - 0xFFFF0000),
        ("MOVN X0,#0", -1),
        ("SXTB X0,W1", -1),
        ("UXTH X0,W1", 0xFFFF),
        ("CMP X1,X2;CSET X0,LT", 1),
        ("CMP X1,X2;CSET X0,LO", 0),
        ("CMP W1,W2;CSET X0,HI", 1),
        ("RBIT W0,W2", 0xA0000000),
        ("RBIT X0,X2", -0x6000000000000000),
        ("SMADDL X0,W1,W2,X2", 0),
        ("UMADDL X0,W1,W2,X2", 5 + 5 * 0xFFFFFFFF),
        ("SMNEGL X0,W1,W2", 5),
        ("MOV SP,X2;ADD X0,SP,#1", 6),
        ("CMP X2,#5;CSEL X0,X1,X2,EQ", -1),
        ("CMP X2,#5;CSINC X0,X1,X2,NE", 6),
        ("TST X2,#2;CSET X0,EQ", 1),
        ("SUBS X0,X2,#5;CSET X0,EQ", 1),
        ("CMP X2,#9;B L;L:CSET X0,LO", 1),
        ("MADD X0,X2,X2,X1", 24),
        ("MNEG W0,W2,W2", 0xFFFFFFE7),
        ("SMULL X0,W1,W2", -5),
        ("UMULL X0,W1,W2", 5 * 0xFFFFFFFF),
        ("UBFX X0,X1,#4,#8", 0xFF),
        ("SBFX X0,X2,#0,#3", -3),
        ("UBFM W0,W2,#24,#7", 0x500),
        ("REV W0,W2", 0x05000000),
        ("REV16 X0,X2", 0x0500),
        ("ABS X0,X1", 1),
        ("ORR W0,WZR,W2,ROR #1", 0x80000002),
        ("RET;MOV X0,#3", 0),
    ],
)
def test_what_is_computed(code: str, x0: int) -> None:
    assert final("AArch64", code, WIDE + "0:X1=-1; 0:X2=5;", "0:X0")["0:X0"] == x0


@pytest.mark.parametrize(
    ("code", "x0", "x"),
    [
        ("LDR W0,[X1]", 0xFFFFFFFE, -2),
        ("LDRSW X0,[X1]", -2, -2),
        ("STR W2,[X1];LDR W0,[X1]", 5, 5),
        ("SWP W2,W0,[X1]", 0xFFFFFFFE, 5),
        ("LDADD W2,W0,[X1]", 0xFFFFFFFE, 3),
        ("LDCLR W2,W0,[X1]", 0xFFFFFFFE, -6),
        ("LDSMAX W2,W0,[X1]", 0xFFFFFFFE, 5),
        ("LDUMAX W2,W0,[X1]", 0xFFFFFFFE, -2),
        ("STADD W2,[X1]", 0, 3),
        ("MOV W0,#-2;CAS W0,W2,[X1]", 0xFFFFFFFE, 5),
        ("MOV W0,#7;CAS W0,W2,[X1]", 0xFFFFFFFE, -2),
    ],
)
def test_what_is_done_to_memory(code: str, x0: int, x: int) -> None:
    assert dict(final("AArch64", code, WIDE + "x=-2; 0:X1=x; 0:X2=5;", "0:X0", "x")) == {"0:X0": x0, "[x]": x}


def test_a_store_exclusive_succeeds_or_fails_and_says_so() -> None:
    question = "forall (0:X3=0 /\\ x=5 \\/ 0:X3=1 /\\ x=-2)"
    test = program("AArch64", "LDXR W0,[X1];STXR W3,W2,[X1]", "x=-2; 0:X1=x; 0:X2=5;", question)
    result = check_program(test, SC, CheckOptions())
    assert (result.verdict, len(result.states)) == ("Always", 2)


def test_an_untyped_register_is_shown_as_an_int() -> None:
    assert final("AArch64", "MOV W0,#-1", "", "0:X0") == {"0:X0": -1}
    assert final("AArch64", "MOV W0,#-1", "uint64_t 0:X0;", "0:X0") == {"0:X0": 0xFFFFFFFF}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("LDR W0,[X1]", [("L",)]),
        ("LDAR W0,[X1]", [("L", "A")]),
        ("LDAPR W0,[X1]", [("L", "Q")]),
        ("STLR W0,[X1]", [("S", "L")]),
        ("LDXR W0,[X1]", [("L", "EX")]),
        ("LDAXR W0,[X1];STLXR W2,W0,[X1]", [("L", "A", "EX"), ("S", "EX", "L")]),
        ("SWPAL W2,W0,[X1]", [("R", "A"), ("W", "L")]),
        ("LDADDA W2,W0,[X1]", [("R", "A"), ("W",)]),
        ("LDADD W2,WZR,[X1]", [("R", "NoRet"), ("W",)]),
        ("STADDL W2,[X1]", [("R", "NoRet"), ("W", "L")]),
        ("SWPA W2,WZR,[X1]", [("R", "NoRet"), ("W",)]),
        ("LDADDA W2,WZR,[X1]", [("R", "NoRet"), ("W",)]),
        ("CASAL W0,W2,[X1]", [("R", "A"), ("W", "L"), ("R", "A"), ("W", "L"), ("L", "A")]),
        ("CASA WZR,W2,[X1]", [("R", "NoRet"), ("W",), ("R", "NoRet"), ("W",), ("L", "NoRet")]),
        ("LDP W0,W2,[X1]", [("L",), ("L", "Pair")]),
        ("DMB SY;DMB ISHLD;DSB ST;ISB", [("F", "DMB.SY"), ("F", "DMB.ISHLD"), ("F", "DSB.ST"), ("F", "ISB")]),
    ],
)
def test_which_events_an_instruction_is(code: str, found: list[tuple[str, ...]]) -> None:
    assert events(code) == found


def test_pairs_are_two_accesses_and_post_index_moves_the_base() -> None:
    init = "int x[2]={3,4}; 0:X1=x; int64_t 0:X3;"
    assert dict(final("AArch64", "LDP W2,W4,[X1]", init, "0:X2", "0:X4")) == {"0:X2": 3, "0:X4": 4}
    assert final("AArch64", "LDR W2,[X1],#4;LDR W4,[X1]", init, "0:X4") == {"0:X4": 4}
    assert final("AArch64", "LDR W4,[X1,#4]!;LDR W2,[X1]", init, "0:X2") == {"0:X2": 4}
    assert final("AArch64", "MOV X5,#1;LDR W2,[X1,X5,LSL #2]", init, "0:X2") == {"0:X2": 4}


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (
            "LDRR W0,[X1]",
            UnsupportedError,
            "t.litmus:4:2: the AArch64 instruction 'LDRR' is not supported; similar ones that are:",
        ),
        ("LDR W0,[X31]", InputError, "t.litmus:4:9: a register X0 to X30 or XZR expected, '[X31]' found"),
        ("LDR W0,[W1]", InputError, "t.litmus:4:9: a register X0 to X30 or XZR expected, '[W1]' found"),
        ("LDAR W0,[X1,#4]", InputError, "t.litmus:4:10: an address of the form [X1] expected, '[X1,#4]' found"),
        ("ADD X0,X1", InputError, "t.litmus:4:2: ADD is written ADD Xd,Xn,Xm or"),
        ("ADD X0,X1,W2", InputError, "t.litmus:4:12: a register X0 to X30 or XZR or a number expected, 'W2' found"),
        ("DMB XX", InputError, "t.litmus:4:6: one of SY, LD, ST, ISH"),
        ("CBZ W0,Nowhere", InputError, "t.litmus:4:2: no label Nowhere in this thread (there are: none)"),
        ("L:NOP;L:NOP;B L", InputError, "t.litmus:5:2: the label L stands here a second time"),
        ("CASP X1,X2,X4,X5,[X6]", InputError, "t.litmus:4:2: a register with an even number and the next one expected, 'X1,X2'"),
        ("UBFX W0,W2,#30,#4", InputError, "t.litmus:4:2: bits 0 to 31 of W2 expected, 30 and 4 found"),
    ],
)
def test_what_is_refused(code: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as found:
        program("AArch64", code, "0:X1=x;")
    assert message in str(found.value)


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("name", ["ADDS", "SUBS", "ANDS"])
def test_conditions_after_arithmetic(name: str, size: int) -> None:
    """Each condition, as the flags say that are defined by numbers of so many bits (DDI 0487, C1.2.4 and J1.3)."""
    bits = 8 * size
    numbers = [0, 1, 5, (1 << bits - 1) - 1, 1 << bits - 1, (1 << bits) - 1]
    reg = "W" if size == 4 else "X"
    tests = ("EQ", "NE", "HS", "LO", "MI", "PL", "VS", "VC", "HI", "LS", "GE", "LT", "GT", "LE")
    lines = [f"{name} {reg}0,{reg}1,{reg}2", *(f"CSET X{3 + i},{test}" for i, test in enumerate(tests))]
    for a, b in itertools.product(numbers, numbers):
        unsigned = a & b if name == "ANDS" else a + b if name == "ADDS" else a + ((1 << bits) - 1 - b) + 1
        result = unsigned % (1 << bits)
        n, z, c = result >> bits - 1, result == 0, name != "ANDS" and unsigned >> bits
        signs = [x >> bits - 1 for x in (a, b)]
        same = signs[0] == signs[1] if name == "ADDS" else signs[0] != signs[1]
        v = name != "ANDS" and same and n != signs[0]
        wanted = (z, not z, c, not c, n, not n, v, not v, c and not z, z or not c, n == v, n != v, not z and n == v, z or n != v)
        machine = Machine(program("AArch64", ";".join(lines), f"0:X1={a}; 0:X2={b};")).run()
        assert [machine.reg(f"X{3 + i}") for i in range(len(tests))] == [int(bool(one)) for one in wanted], (a, b)


@pytest.mark.parametrize(
    ("what", "code", "expected", "condition", "verdict"),
    [
        ("CAS may keep what it expects, without the dependency", "CAS W2,W5,[X0];{0}", 1, "1:X2=1", "Sometimes"),
        ("a failing CAS has what it read", "CAS W2,W5,[X0];{0}", 7, "1:X2=1", "Never"),
        ("what CAS reads is known to a load of what it wrote", "CAS W2,W5,[X0];LDR W2,[X0];{0}", 7, "1:X2=1", "Never"),
        ("the reads of a pair acquire", "CASPA W2,W3,W4,W5,[X0];LDR W4,[X1]", 1, "1:X2=1", "Never"),
        ("a swap that forgets what it read does not", "MOV W5,#2;SWPA W5,WZR,[X0];DMB LD;LDR W4,[X1]", 0, "x[0]=2", "Sometimes"),
    ],
)
def test_message_passing(what: str, code: str, expected: int, condition: str, verdict: str) -> None:
    """To what an atomic operation reads, and from there to a load; the verdicts are herd7's (7.58)."""
    reader = code.format("EOR W3,W2,W2;LDR W4,[X1,W3,SXTW]").split(";")
    lines = [["MOV W2,#1", "STR W2,[X1]", "STLR W2,[X0]"], reader]
    rows = "".join(f" {a} | {b} ;\n" for a, b in itertools.zip_longest(*lines, fillvalue=""))
    init = f"int x[2]; 0:X0=x; 0:X1=y; 1:X0=x; 1:X1=y; 1:X2={expected};"
    text = f"AArch64 T\n{{ {init} }}\n P0 | P1 ;\n{rows}exists ({condition} /\\ 1:X4=0)\n"
    assert check_program(read_litmus(text), load_model("aarch64"), CheckOptions()).observation == verdict, what


def test_an_exclusive_pair_is_one_access() -> None:
    rows = " MOV X0,#1 | MOV X0,#3 ;\n LDXP X3,X4,[X2] | LDXP X3,X4,[X2] ;\n STXP W9,X0,X0,[X2] | STXP W9,X0,X0,[X2] ;\n"
    init = "uint64_t t[2]; 0:X2=t; 1:X2=t; uint64_t 1:X3; uint64_t 1:X4;"
    seen = "(1:X3=0 /\\ 1:X4=0 \\/ 1:X3=1 /\\ 1:X4=1)"
    once = "(0:X9=1 \\/ 1:X9=1 \\/ 1:X3=1 \\/ 0:X3=3)"
    text = f"AArch64 T\n{{ {init} }}\n P0 | P1 ;\n{rows}locations [t;]\nforall ({once} /\\ {seen})\n"
    result = check_program(read_litmus(text), load_model("aarch64"), CheckOptions())
    assert result.observation == "Always"
    assert {row["t"] for row in result.states} == {"{0,0}", "{1,1}", "{3,3}"}


def test_a_pair_that_is_swapped_in_full_order_has_what_follows_behind_it() -> None:
    """Reads and writes of both halves: no order of the instruction's own events gets in the way."""
    init = "int p[2]; 0:X20=p; 0:X11=y; 0:X7=1;"
    assert final("AArch64", "CASPAL W2,W3,W6,W7,[X20];MOV W5,#1;STLR W5,[X11]", init, "p", "y") == {"p": "{0,1}", "[y]": 1}


@pytest.mark.parametrize(("pair", "verdict"), [("STILP W0,W0,[X1]", "Never"), ("STP W0,W0,[X1]", "Sometimes")])
def test_a_pair_that_releases_is_stored_in_order(pair: str, verdict: str) -> None:
    rows = f" MOV W0,#1 | LDR W0,[X1,#4] ;\n {pair} | DMB LD ;\n | LDR W2,[X1] ;\n"
    text = f"AArch64 T\n{{ int x[2]; 0:X1=x; 1:X1=x; }}\n P0 | P1 ;\n{rows}exists (1:X0=1 /\\ 1:X2=0)\n"
    assert check_program(read_litmus(text), load_model("aarch64"), CheckOptions()).observation == verdict


def test_registers_without_a_number_have_their_value_in_every_thread() -> None:
    assert final("AArch64", "MOV W0,#3;STR W0,[%a];LDR W1,[X%a];MOV W%b,W1", "%a=x;", "0:X1", "x") == {"0:X1": 3, "[x]": 3}


def test_what_is_declared_without_a_sign_is_shown_without_one() -> None:
    init = "uint8_t x; uint8_t a[2]={1,255}; uint16_t y=-1; 0:X1=x; 0:X2=a; 0:X3=y;"
    code = "MOV W0,#-2;STRB W0,[X1];LDRSB W4,[X1];LDADDH W0,W5,[X3];ADD X6,X2,#1"
    found = dict(final("AArch64", code, init, "x", "a", "y", "0:X4", "0:X5", "0:X6"))
    assert found == {"0:X4": -2, "0:X5": 65535, "0:X6": "a+1", "a": "{1,255}", "[x]": 254, "[y]": 65533}


def test_what_is_not_declared_is_an_int_whatever_part_of_it_is_accessed() -> None:
    code = "MOV W4,#-1;STRB W4,[X1];STRB WZR,[X2];STRH W4,[X3];LDRSB W5,[X1]"
    found = dict(final("AArch64", code, "x=0; y=-1; z=0x10007; 0:X1=x; 0:X2=y; 0:X3=z;", "x", "y", "z", "0:X5"))
    assert found == {"0:X5": -1, "[x]": 255, "[y]": -256, "[z]": 0x1FFFF}


def test_names_that_the_machine_does_not_have() -> None:
    with pytest.raises(InputError, match=r"AArch64 has no register 'EAX': it has X0 to X30, XZR, SP, W0 to W30, WZR, WSP"):
        program("AArch64", "NOP", "0:EAX=1;")
    with pytest.raises(InputError, match="no location called 'y': this test has x"):
        program("AArch64", "NOP", "x=0;", "exists (y=1)")
