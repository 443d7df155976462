"""x86, POWER and RISC-V: what single instructions compute, and which events they are."""

from __future__ import annotations

import itertools

import pytest

import smpcheck
from smpcheck.cat import load_model
from smpcheck.errors import SmpcheckError
from smpcheck.program import ir
from smpcheck.program.flow import statements
from smpcheck.questions.barriers import barriers
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.questions.fix import fix
from smpcheck.readers.litmus import read_litmus
from tests.readers.asm.final import final, program


@pytest.mark.parametrize(
    ("arch", "code", "init", "state"),
    [
        ("X86", "MOV EAX,$5", "", {"0:EAX": 5}),
        ("X86", "MOV [x],$5 ; MOV EAX,[x]", "", {"0:EAX": 5}),
        ("X86", "mov eax, [x] ; add eax, $1", "x=3;", {"0:EAX": 4}),
        ("X86", "XCHG [x],EAX", "x=3; 0:EAX=7;", {"0:EAX": 3, "[x]": 7}),
        ("X86", "LOCK XADD [x],EAX", "x=3; 0:EAX=7;", {"0:EAX": 3, "[x]": 10}),
        ("X86", "LOCK CMPXCHG [x],EBX", "x=3; 0:EAX=3; 0:EBX=8;", {"0:EAX": 3, "[x]": 8}),
        ("X86", "LOCK CMPXCHG [x],EBX", "x=3; 0:EAX=4; 0:EBX=8;", {"0:EAX": 3, "[x]": 3}),
        ("X86", "CMP EAX,$3 ; JNE L ; MOV EBX,$1 ; L:", "0:EAX=3;", {"0:EBX": 1}),
        ("X86", "CMP EAX,$3 ; JB L ; MOV EBX,$1 ; L:", "0:EAX=-1;", {"0:EBX": 1}),
        ("X86", "CMP EAX,$3 ; JL L ; MOV EBX,$1 ; L:", "0:EAX=-1;", {"0:EBX": 0}),
        ("X86", "LOCK INC [x]", "x=3;", {"[x]": 4}),
        ("X86", "ADD EAX,EBX ; JMP L ; L: JC M ; MOV ECX,$1 ; M:", "0:EAX=-1; 0:EBX=1;", {"0:ECX": 0}),
        ("X86", "CMP EAX,$1 ; INC EBX ; SETB CL ; SETO DL", "0:EBX=0x7fffffff;", {"0:ECX": 1, "0:EDX": 1}),
        ("X86", "TEST EAX,EAX ; JS L ; JG L ; MOV EBX,$1 ; L:", "", {"0:EBX": 1}),
        ("X86_64", "shll $31,%eax ; setc %bl", "0:rax=3;", {"0:rax": -(1 << 31), "0:rbx": 1}),
        ("X86_64", "movl 4(%rax,%rbx,8),%ecx", "int x[4]={1,2,3,4}; 0:rax=x; 0:rbx=1;", {"0:rcx": 4}),
        ("ARM", "MOVW R0,#0x1234 ; MOVT R0,#0x5678 ; MOV R1,IP ; BX LR ; MOV R1,#9", "0:R12=7;", {"0:R0": 0x56781234, "0:R1": 7}),
        ("ARM", "CMP R0,R1 ; TST R2,#1 ; BLT L ; MOV R3,#1 ; L:", "0:R0=-2147483648; 0:R1=1;", {"0:R3": 0}),
        ("PPC", "cmplwi r1,3 ; blt L ; li r3,1 ; L:", "0:r1=-1;", {"0:r3": 1}),
        ("PPC", "rlwinm r3,r1,8,24,31", "0:r1=0x12345678;", {"0:r3": 0x12}),
        ("PPC", "extsb r3,r1 ; clrldi r4,r1,60", "0:r1=0xff;", {"0:r3": -1, "0:r4": 15}),
        ("PPC", "stw r1,0(%a) ; lwzx r3,r0,%a", "%a=x; 0:r1=4;", {"0:r3": 4, "[x]": 4}),
        ("RISCV", "sext.b x5,x6 ; ret ; li x5,3", "0:x6=0x80;", {"0:x5": -128}),
        ("X86", "LOCK BTS [x],$4 ; JC L ; MOV EAX,$1 ; L:", "", {"0:EAX": 1, "[x]": 16}),
        ("ARM", "MOV R0,#-1 ; ADDS R1,R0,#1 ; BNE L ; MVN R2,#1 ; L:", "", {"0:R1": 0, "0:R2": -2}),
        (
            "ARM",
            "LDREX R0,[R1] ; EOR R2,R0,R0 ; ADD R2,R2,#5 ; STREX R3,R2,[R1] ; CMP R3,#0 ; BEQ L ; STR R0,[R1,#0] ; L:",
            "x=3; 0:R1=x;",
            {"0:R0": 3},
        ),
        ("ARM", "LDRB R0,[R1] ; BIC R0,R0,#1 ; STRB R0,[R1]", "uint8_t x=7; 0:R1=x;", {"0:R0": 6, "[x]": 6}),
        ("X86_64", "MOV RAX,$-1 ; MOV EAX,EAX", "int64_t 0:RAX;", {"0:rax": 0xFFFFFFFF}),
        ("X86_64", "MOV RAX,$-1 ; MOV AL,$0", "int64_t 0:RAX;", {"0:rax": -256}),
        ("X86_64", "MOV RBX,[RAX]", "int64_t x=9; 0:RAX=x;", {"0:rbx": 9}),
        ("X86_64", "movq $-1,%rax ; movl %eax,%ebx", "int64_t 0:rbx;", {"0:rbx": 0xFFFFFFFF}),
        ("X86_64", "movl (x),%eax ; movl %eax,%ebx ; addl $1,%ebx ; movl %ebx,(%rdx)", "x=9; 0:rdx=y;", {"0:rax": 9, "[y]": 10}),
        ("X86_64", "cmpl $3,%eax ; jl L ; movl $1,%ebx ; L:", "0:rax=-1;", {"0:rbx": 0}),
        ("X86_64", "lock xaddl %eax,(x)", "x=3; 0:rax=7;", {"0:rax": 3, "[x]": 10}),
        ("X86_64", "lock cmpxchgl %ebx,(x)", "x=3; 0:rax=3; 0:rbx=8;", {"0:rax": 3, "[x]": 8}),
        ("PPC", "li r1,5 ; stw r1,0(r2) ; lwz r3,0(r2)", "0:r2=x;", {"0:r3": 5}),
        ("PPC", "lwzx r3,r4,r2", "x=6; 0:r2=x;", {"0:r3": 6}),
        ("PPC", "addi r1,r0,3", "0:r0=9;", {"0:r1": 3}),
        ("PPC", "subf r1,r2,r3", "0:r2=2; 0:r3=9;", {"0:r1": 7}),
        ("PPC", "cmpwi cr1,r1,0 ; beq cr1,L ; li r3,1 ; L:", "", {"0:r3": 0}),
        ("PPC", "lha r1,0(r2)", "short x=-3; 0:r2=x;", {"0:r1": -3}),
        (
            "PPC",
            "lbz r1,0(r2) ; lbz r3,3(r2) ; li r4,7 ; sth r4,0(r2)",
            "int x=0x01020304; 0:r2=x;",
            {"0:r1": 1, "0:r3": 4, "[x]": 0x70304},
        ),
        ("PPC", "rlwimi r3,r4,4,30,31", "0:r3=0xAAAAAAA8; 0:r4=-1;", {"0:r3": -1431655765}),
        (
            "ARM",
            "LDR R2,[R1,R3,LSL #2]; LDR R4,[R1],#4; LDR R5,[R1]; STR R5,[R6,#4]!",
            "int x[2]={4,5}; int y[2]; 0:R1=x; 0:R3=1; 0:R6=y;",
            {"0:R2": 5, "0:R4": 4, "0:R5": 5, "y": "{0,5}"},
        ),
        ("ARM", "LDRD R2,R3,[R1]; STRD R2,R3,[R4],#8", "int x[2]={1,2}; int y[2]; 0:R1=x; 0:R4=y;", {"0:R3": 2, "y": "{1,2}"}),
        (
            "ARM",
            "LDM R0!,{R1-R2}; LDMDB R0,{R3,R5}; STMIB R4,{R1,R2}",
            "int x[2]={1,2}; int y[3]; 0:R0=x; 0:R4=y;",
            {"0:R0": "x+8", "0:R1": 1, "0:R2": 2, "0:R3": 1, "0:R5": 2, "y": "{0,1,2}"},
        ),
        ("ARM", "PUSH {R0,R1}; POP {R2,R3}", "int x[4]; 0:R0=3; 0:R1=4; 0:SP=x[2];", {"0:R2": 3, "0:R3": 4, "x": "{3,4,0,0}"}),
        (
            "ARM",
            "CMP R0,#1; MOVEQ R1,#2; MOVNE R1,#3; ADDHI R2,R2,#1; STREQ R1,[R3]; MOVWLS R4,#7",
            "0:R0=1; 0:R3=x;",
            {"0:R1": 2, "0:R2": 0, "[x]": 2, "0:R4": 7},
        ),
        ("ARM", "CMP R0,#1; ADDSEQ R1,R1,#-1; MOVEQ R2,#5", "0:R0=1; 0:R1=1;", {"0:R1": 0, "0:R2": 5}),
        ("RISCV", "lb x1,0(x2) ; li x4,7 ; sh x4,0(x2)", "int x=0x01020304; 0:x2=x;", {"0:x1": 4, "[x]": 0x1020007}),
        ("RISCV", "li x1,5 ; sw x1,0(x2) ; lw x3,0(x2)", "0:x2=x;", {"0:x3": 5}),
        ("RISCV", "lwu x3,0(x2)", "x=-1; 0:x2=x; int64_t 0:x3;", {"0:x3": 0xFFFFFFFF}),
        ("RISCV", "addi a0,zero,7 ; xori x11,a0,2", "", {"0:x10": 7, "0:x11": 5}),
        ("RISCV", "li x0,5 ; mv x1,x0", "", {"0:x1": 0}),
        ("RISCV", "amoadd.w.aq.rl x3,x1,(x2)", "x=-1; 0:x2=x; 0:x1=3;", {"0:x3": -1, "[x]": 2}),
        ("RISCV", "amomaxu.w x3,x1,(x2)", "x=-1; 0:x2=x; 0:x1=3;", {"0:x3": -1, "[x]": -1}),
        ("RISCV", "amocas.w x3,x1,(x2)", "x=4; 0:x2=x; 0:x1=9; 0:x3=4;", {"0:x3": 4, "[x]": 9}),
        ("RISCV", "srli x1,x2,60", "0:x2=-1;", {"0:x1": 15}),
        ("RISCV", "sltu x1,x2,x3", "0:x2=1; 0:x3=-1;", {"0:x1": 1}),
        ("RISCV", "li x1,2 ; L: addi x1,x1,-1 ; bnez x1,L", "", {"0:x1": 0}),
    ],
)
def test_what_is_computed(arch: str, code: str, init: str, state: dict[str, int]) -> None:
    names = [name.strip("[]") for name in state]
    assert dict(final(arch, code, init, *names)) == state


@pytest.mark.parametrize("machine", ["AArch64", "X86_64", "PPC", "RISCV"])
@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("x=0xffffffff", "[x]=4294967295"),
        ("y=0xffffffffffffffff", "[y]=-1"),
        ("z=258", "[z]=258"),
        ("b={255,0x100000001}", "b={255,4294967297}"),
        ("0:{r}=0xffffffff", "0:{r}=4294967295"),
    ],
)
def test_a_number_in_a_condition_is_of_the_type_of_what_it_is_compared_with(machine: str, condition: str, shown: str) -> None:
    """As herd7 7.58 has it, which shows the number as one of 64 bits."""
    register = {"AArch64": "X1", "X86_64": "rbx", "PPC": "r1", "RISCV": "x1"}[machine]
    init = f"x=-1; uint64_t y=-1; uint8_t z=2; int b[2]={{255,1}}; 0:{register}=-1;"
    asked = condition.replace("{r}", register)
    answer = smpcheck.check(f"{machine} t\n{{ {init} }}\nP0 ;\nNOP ;\nforall ({asked})", model="sc")
    assert answer.observation == "Always"
    assert answer.condition == f"forall ({shown.replace('{r}', register)})"


def test_without_a_sign_what_is_declared_so_is_shown_so() -> None:
    answer = smpcheck.check(
        "AArch64 t\n{ uint64_t y=-1; uint64_t v[2]={-1,2}; }\nP0 ;\nNOP ;\nlocations [y; v;] exists (true)", model="sc"
    )
    assert answer.states[0] == {"[y]": 2**64 - 1, "v": f"{{{2**64 - 1},2}}"}


def test_an_array_in_a_condition_is_called_by_its_name() -> None:
    text = "AArch64 t\n{ int t[2]; 0:X1=t; }\nP0 ;\nADD X2,X1,#4 ;\nforall (0:X1=t /\\ 0:X2=&t[1])"
    assert smpcheck.check(text, model="sc").condition == "forall (0:X1=t /\\ 0:X2=t[1])"


@pytest.mark.parametrize("rest", ["", " (tex)", ' "a { sentence"', ' (tex) "with = and (brackets"', " more words"])
def test_the_name_is_the_first_word(rest: str) -> None:
    assert smpcheck.check(f"X86 name{rest}\n{{ }}\nP0 ;\nNOP ;\nexists (true)", model="sc").name == "name"


@pytest.mark.parametrize(
    ("arch", "code", "tags"),
    [
        ("X86", "MFENCE", {"MFENCE"}),
        ("PPC", "lwsync", {"LWSYNC"}),
        ("PPC", "isync", {"ISYNC"}),
        ("RISCV", "fence rw,w", {"Fence.rw.w"}),
        ("RISCV", "fence iorw,iorw", {"Fence.rw.rw"}),
        ("RISCV", "fence.tso", {"Fence.tso"}),
    ],
)
def test_barriers(arch: str, code: str, tags: set[str]) -> None:
    (fence,) = program(arch, code).threads[0].body
    assert isinstance(fence, ir.Fence) and fence.tags == tags


def test_only_locked_instructions_are_atomic_on_x86() -> None:
    assert isinstance(program("X86", "LOCK INC [x]").threads[0].body[0], ir.Rmw)
    assert not any(isinstance(stmt, ir.Rmw) for stmt in program("X86", "INC [x]").threads[0].body)


def test_a_store_conditional_needs_a_reservation() -> None:
    """Without a load-reserve before it, it always fails."""
    code = "sc.w x3,x1,(x2)"
    assert dict(final("RISCV", code, "0:x2=x; 0:x1=1;", "0:x3", "x")) == {"0:x3": 1, "[x]": 0}


def test_a_store_conditional_ends_the_reservation_even_if_it_fails() -> None:
    code = "ldxr w1,[x0]; stxr w4,w3,[x0]; stxr w6,w5,[x0]"
    text = f"AArch64 t\n{{ x=1; 0:X0=x; 0:X3=2; 0:X5=3; }}\nP0 ;\n{code.replace(';', ' ;')} ;\nforall (0:X6=1 /\\ ~x=3)"
    assert smpcheck.check(text.replace("; ", ";\n"), model="aarch64").observation == "Always"


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [("STREQ R2,[R3]", "STREQ R2,[R1]", "Sometimes"), ("MOVEQ R0,#1; STR R0,[R3]", "MOVNE R0,#0; STR R0,[R1]", "Sometimes"),
     ("MOVEQ R2,R0; STR R2,[R3]", "MOVEQ R2,R0; STR R2,[R1]", "Never")],
)  # fmt: skip
def test_a_condition_of_an_instruction_is_no_branch(first: str, second: str, verdict: str) -> None:
    """ARMv7, as herd7: what is chosen depends on the value that is chosen."""
    columns = [f"LDR R0,[R{1 + 2 * i}]; CMP R0,#1; MOV R2,#1; {code}".split(";") for i, code in enumerate((first, second))]
    rows = "".join(f"{a} | {b} ;\n" for a, b in zip(*columns, strict=True))
    text = f"ARM t\n{{ 0:R1=x; 0:R3=y; 1:R1=x; 1:R3=y; }}\nP0 | P1 ;\n{rows}exists (0:R0=1 /\\ 1:R0=1)"
    assert smpcheck.check(text, model="armv7").observation == verdict


def test_a_register_that_is_used_twice_is_not_one_address() -> None:
    code = "LDR X4,[X2]; LDR W0,[X4]; LDR X4,[X6]; LDR X1,[X4]"
    init = "int x=2; int *p=&x; 0:X2=p; int64_t y=-1; int64_t *q=&y; 0:X6=q; int64_t 0:X1;"
    assert dict(final("AArch64", code, init, "0:X0", "0:X1")) == {"0:X0": 2, "0:X1": -1}


@pytest.mark.parametrize("code", ["lr.w.rl x5,0(x6)", "sc.w.aq x7,x5,0(x6)"])
def test_half_of_an_ordering_that_the_other_half_would_have_orders_nothing(code: str) -> None:
    """RISC-V: LR.rl and SC.aq are as without."""
    accesses = [s for s in statements(program("RISCV", code).threads[0].body) if isinstance(s, ir.Load | ir.Store)]
    assert [stmt.tags for stmt in accesses] == [{"Exp", "EX"}]


@pytest.mark.parametrize(
    ("arch", "code", "message"),
    [
        ("X86", "MOV [x],[y]", "or a number expected, '[y]' found"),
        ("X86", "MOV RAX,$1", "AX, AL, ...) or a location such as [x], [x+4] or [RAX] expected, 'RAX' found"),
        ("ARM", "LDRD R1,R2,[R3]", "t.litmus:4:2: a register with an even number and the next one expected, 'R1,R2' found"),
        (
            "ARM",
            "LDM R0,{R2,R1}",
            "t.litmus:4:9: a list of registers in the order of their numbers, such as",
        ),
        ("ARM", "LDM R1!,{R1,R2}", "R1 is loaded, and cannot be moved too"),
        ("ARM", "DMBEQ SY", "the ARMv7 instruction 'DMBEQ' is not supported"),
        ("X86", "MOV AL,BX", "t.litmus:4:2: a register of 8 bits expected, 'BX' found, which has 16 bits"),
        ("X86_64", "movl $1,%rax", "a register of 32 bits expected, 'rax' found, which has 64 bits"),
        ("X86_64", "xaddq %eax,(x)", "a register of 64 bits expected, 'eax' found, which has 32 bits"),
        ("PPC", "lwz r1,r2", "t.litmus:4:9: an address of the form 0(r2) expected, 'r2' found"),
        ("PPC", "lwz r40,0(r2)", "t.litmus:4:6: a register (r0 to r31) expected, 'r40' found"),
        ("RISCV", "fence x,y", "t.litmus:4:8: one of R, W, RW"),
        ("RISCV", "lw.rl x1,0(x2)", "t.litmus:4:2: the RISC-V instruction 'lw.rl' is not supported; similar ones that are:"),
        ("RISCV", "lq x1,0(x2)", "t.litmus:4:2: the RISC-V instruction 'lq' is not supported"),
    ],
)
def test_what_is_refused(arch: str, code: str, message: str) -> None:
    with pytest.raises(SmpcheckError) as found:
        program(arch, code)
    assert message in str(found.value)


@pytest.mark.parametrize("model", ["lkmm", "tso"])
def test_a_model_of_the_kernels_primitives_says_nothing_about_instructions(model: str) -> None:
    result = check_program(program("PPC", "lwsync"), load_model(model), CheckOptions())
    assert result.status == "unsupported"
    assert result.message.startswith(f"{model} is about C, KernelC, LISA, Python, and says nothing of PPC: use --model power, sc")


def test_a_machine_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(
        SmpcheckError, match="'MIPS' are not supported; those for C, LISA, AArch64, X86, X86_64, PPC, RISCV, ARM are"
    ):
        program("MIPS", "nop")


def test_a_repair_is_of_the_kernels_primitives() -> None:
    test = program("PPC", "li r1,1 ; stw r1,0(r2)", "0:r2=x;", "exists (x=1)")
    with pytest.raises(SmpcheckError, match="knows the kernel's primitives, and not PPC instructions"):
        list(fix(test, load_model("power")))


@pytest.mark.parametrize(
    ("model", "text", "found"),
    [
        (
            "aarch64",
            "AArch64 MP\n{ 0:X1=x; 0:X3=y; 1:X1=y; 1:X3=x; }\n P0 | P1 ;\n MOV W0,#1 | LDAR W0,[X1] ;\n"
            " STR W0,[X1] | DMB ISHST ;\n"
            " STLR W0,[X3] | LDR W2,[X3] ;\nexists (1:X0=1 /\\ 1:X2=0)\n",
            {"LDAR W0,[X1]": "needed", "STLR W0,[X3]": "needed", "DMB ISHST": "not needed"},
        ),
        (
            "power",
            "PPC MP\n{ 0:r1=x; 0:r3=y; 1:r1=y; 1:r3=x; }\n P0 | P1 ;\n li r0,1 | lwz r0,0(r1) ;\n stw r0,0(r1) | sync ;\n"
            " lwsync | lwz r2,0(r3) ;\n eieio | ;\n stw r0,0(r3) | ;\nexists (1:r0=1 /\\ 1:r2=0)\n",
            {"sync": "needed", "lwsync": "one of several", "eieio": "one of several"},
        ),
        (
            "riscv",
            "RISCV MP\n{ 0:x6=x; 0:x8=y; 1:x6=y; 1:x8=x; }\n P0 | P1 ;\n ori x5,x0,1 | amoadd.w.aq x5,x0,(x6) ;\n"
            " sw x5,0(x6) | lw x7,0(x8) ;\n fence w,w | ;\n sw x5,0(x8) | ;\nexists (1:x5=1 /\\ 1:x7=0)\n",
            {"amoadd.w.aq x5,x0,(x6)": "needed", "fence w,w": "needed"},
        ),
    ],
)
def test_barriers_are_instructions_too(model: str, text: str, found: dict[str, str]) -> None:
    answer = barriers(read_litmus(text), load_model(model), dependencies=False)
    assert {finding.element.text: finding.status for finding in answer.findings} == found


@pytest.mark.parametrize(
    ("model", "writer", "reader", "enough"),
    [
        ("aarch64", "MOV W0,#1;STR W0,[X1];DMB ISH;STR W0,[X2]", "LDAR W0,[X2];LDR W3,[X1]", ["LDAPR", "DMB ISHST"]),
        ("aarch64", "MOV W0,#1;STR W0,[X1];STLR W0,[X2]", "SWPAL W4,W0,[X2];LDR W3,[X1]", ["with acquire order only", None]),
        ("power", "li r0,1;stw r0,0(r1);sync;stw r0,0(r2)", "lwz r0,0(r2);sync;lwz r3,0(r1)", ["lwsync", "eieio"]),
        ("power", "li r0,1;stw r0,0(r1);lwsync;stw r0,0(r2)", "lwz r0,0(r2);lwsync;lwz r3,0(r1)", [None, "eieio"]),
        (
            "riscv",
            "li x5,1;sw x5,0(x1);fence rw,rw;sw x5,0(x2)",
            "lw x5,0(x2);fence rw,rw;lw x3,0(x1)",
            ["fence r,r", "fence w,w"],
        ),
        ("riscv", "li x5,1;sw x5,0(x1);sw.rl x5,0(x2)", "amoor.w.aqrl x5,x0,(x2);lw x3,0(x1)", ["with acquire order only", None]),
    ],
)
def test_what_would_do_instead(model: str, writer: str, reader: str, enough: list[str | None]) -> None:
    """Of a message that is passed on, the reader's element first."""
    arch, letter = {"aarch64": ("AArch64", "X"), "power": ("PPC", "r"), "riscv": ("RISCV", "x")}[model]
    first = f"{letter}5" if arch == "RISCV" else f"{letter}0"
    rows = "".join(f" {a} | {b} ;\n" for a, b in itertools.zip_longest(writer.split(";"), reader.split(";"), fillvalue=""))
    init = " ".join(f"{i}:{letter}1=x; {i}:{letter}2=y;" for i in (0, 1))
    text = f"{arch} MP\n{{ {init} }}\n P0 | P1 ;\n{rows}exists (1:{first}=1 /\\ 1:{letter}3=0)\n"
    findings = barriers(read_litmus(text), load_model(model), dependencies=False).findings
    by_thread = sorted(findings, key=lambda finding: -finding.element.threads[0])
    found = [finding.weakest.text if finding.weakest else None for finding in by_thread]
    assert all(f == e or (e is not None and f is not None and f.endswith(e)) for f, e in zip(found, enough, strict=True)), found
