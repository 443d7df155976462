"""Litmus tests in assembly for the table of herd7's answers: by ``smpcheck generate``, and atomic instructions one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smpcheck.generate.make import cycles, from_edges, relaxations, vocabulary_of
from tests.models.machine_tests import ROWS, text
from tests.reference.kernel_tests import Source

SAMPLES = {"C": (2, 9), "AArch64": (9, 400), "X86": (1, 2), "X86_64": (1, 2), "PPC": (3, 60), "RISCV": (20, 700)}
"""Of the critical cycles of four edges one in so many, and of those of five edges; the latter without annotated accesses."""

CONDITIONAL = {
    "AArch64": "LDXR W0,[X10] ; MOV W1,#1 ; STXR W2,W1,[X10] ; LDR W3,[X11]",
    "PPC": "li r1,1 ; lwarx r5,r0,r10 ; stwcx. r1,r0,r10 ; lwz r6,0(r11)",
    "RISCV": "li x1,1 ; lr.w x5,0(x20) ; sc.w x7,x1,0(x20) ; lw x6,0(x21)",
}
"""A thread with a store-conditional, then a load of another location."""
_SEEN = {"AArch64": "0:X3=0 /\\ 1:X3=0", "PPC": "0:r6=0 /\\ 1:r6=0", "RISCV": "0:x6=0 /\\ 1:x6=0"}


def generated(language: str) -> Iterator[Source]:
    """A sample of the critical cycles, always the same."""
    vocabulary = vocabulary_of(language)
    for size, every, orders in zip((4, 5), SAMPLES[language], (True, False), strict=True):
        for number, cycle in enumerate(cycles(vocabulary, size, relaxations(vocabulary, orders))):
            if number % every == 0:
                test = from_edges(vocabulary, cycle)
                yield test.name, test.text


def _exchanged(code: str, first: str, second: str) -> str:
    return code.replace(first, "?").replace(second, first).replace("?", second)


def _twice(language: str, code: str, first: str, second: str, question: str) -> str:
    return text(language, [code, _exchanged(code, first, second)], question)


def _aarch64() -> Iterator[Source]:
    for order in ("", "A", "L", "AL"):
        for operation in ("SWP", "LDADD", "LDCLR", "LDSET", "LDEOR", "LDSMAX", "LDUMIN"):
            code = f"MOV W0,#1 ; {operation}{order} W0,W1,[X10] ; LDR W3,[X11]"
            yield f"SB+{operation}{order}", _twice("AArch64", code, "X10", "X11", "0:X3=0 /\\ 1:X3=0")
        threads = ["MOV W0,#1 ; STR W0,[X10] ; STLR W0,[X11]", f"MOV W0,#2 ; SWP{order} W0,W1,[X11] ; LDR W3,[X10]"]
        yield f"MP+SWP{order}", text("AArch64", threads, "1:X1=1 /\\ 1:X3=0")
        threads = ["MOV W0,#1 ; STR W0,[X10] ; STLR W0,[X11]", f"MOV W1,#1 ; MOV W0,#2 ; CAS{order} W1,W0,[X11] ; LDR W3,[X10]"]
        yield f"MP+CAS{order}", text("AArch64", threads, "1:X1=1 /\\ 1:X3=0")
        threads[1] = threads[1].replace("MOV W1,#1", "MOV W1,#0")
        yield f"MP+CAS{order}-fails", text("AArch64", threads, "1:X1=1 /\\ 1:X3=0")
    for load in ("LDXR", "LDAXR"):
        for store in ("STXR", "STLXR"):
            code = CONDITIONAL["AArch64"].replace("LDXR", load).replace("STXR", store)
            yield f"SB+{load}-{store}", _twice("AArch64", code, "X10", "X11", _SEEN["AArch64"])
    for choice in ("CSEL W5,W4,W6,EQ", "CSINC W5,W6,W6,NE", "CSET W5,EQ"):
        code = f"LDR W0,[X10] ; MOV W4,#1 ; MOV W6,#1 ; CMP W0,#1 ; {choice} ; STR W5,[X11]"
        yield f"LB+{choice.split()[0]}", _twice("AArch64", code, "X10", "X11", "0:X0=1 /\\ 1:X0=1")


def _x86() -> Iterator[Source]:
    for instruction in ("XCHG [z],EAX", "LOCK ADD [z],EAX", "LOCK DEC [z]", "ADD [z],EAX", "SFENCE", "LFENCE", "MFENCE"):
        threads = [f"MOV EAX,$1 ; MOV [{a}],$1 ; {instruction} ; MOV EBX,[{b}]" for a, b in ("xy", "yx")]
        yield f"SB+{instruction.split('[')[0].strip().replace(' ', '-')}", text("X86", threads, "0:EBX=0 /\\ 1:EBX=0")


def _x86_64() -> Iterator[Source]:
    instructions = (
        "xchgl %eax,(z)", "lock xchgl %eax,(z)", "lock addl $1,(z)", "lock decl (z)", "addl $1,(z)", "sfence", "lfence", "mfence",
        "movl %ecx,(z)", "movl (z),%ecx", "cmpl $0,%eax ; jne L{n} ; mfence ; L{n}:",
    )  # fmt: skip
    for instruction in instructions:
        threads = [
            f"movl $1,%eax ; movl %eax,({a}) ; {instruction.format(n=n)} ; movl ({b}),%ebx"
            for n, (a, b) in enumerate((("x", "y"), ("y", "x")))
        ]
        name = re.sub(r"\W+", "-", instruction).strip("-")
        yield f"SB+{name}", text("X86_64", threads, "0:rbx=0 /\\ 1:rbx=0")
    threads = ["movl $1,(x) ; movl $1,%eax ; xchgl %eax,(y)", "movl $2,%eax ; xchgl %eax,(y) ; movl (x),%ebx"]
    yield "MP+xchgls", text("X86_64", threads, "1:rax=1 /\\ 1:rbx=0")


def _power() -> Iterator[Source]:
    for fence in ("", "lwsync ; ", "sync ; ", "isync ; "):
        code = CONDITIONAL["PPC"].replace("lwz r6", f"{fence}lwz r6")
        yield f"SB+larx-{fence.strip(' ;') or 'po'}", _twice("PPC", code, "r10", "r11", _SEEN["PPC"])
    acquire = "li r1,2 ; lwarx r5,r0,r11 ; stwcx. r1,r0,r11 ; bne L ; isync ; lwz r6,0(r10) ; L:"
    yield "MP+larx-ctrlisync", text("PPC", ["li r1,1 ; stw r1,0(r10) ; lwsync ; stw r1,0(r11)", acquire], "1:r5=1 /\\ 1:r6=0")


def _riscv() -> Iterator[Source]:
    for order in ("", ".aq", ".rl", ".aq.rl"):
        for operation in ("amoswap.w", "amoadd.w", "amoor.w", "amoand.w", "amoxor.w", "amomax.w"):
            code = f"li x1,1 ; {operation}{order} x5,x1,(x20) ; lw x6,0(x21)"
            yield f"SB+{operation}{order}", _twice("RISCV", code, "x20", "x21", _SEEN["RISCV"])
        threads = ["li x1,1 ; sw x1,0(x20) ; fence w,w ; sw x1,0(x21)", f"li x1,2 ; amoswap.w{order} x5,x1,(x21) ; lw x6,0(x20)"]
        yield f"MP+amoswap.w{order}", text("RISCV", threads, "1:x5=1 /\\ 1:x6=0")
        code = CONDITIONAL["RISCV"].replace("lr.w", f"lr.w{order}").replace("sc.w", f"sc.w{order}")
        yield f"SB+lr-sc{order}", _twice("RISCV", code, "x20", "x21", _SEEN["RISCV"])


def tests(language: str) -> Iterator[Source]:
    """All tests of a machine, each name once."""
    yield from generated(language)
    yield from ((row[0], text(*row[1:4])) for row in ROWS if row[1] == language)
    own = {"AArch64": _aarch64, "PPC": _power, "RISCV": _riscv, "X86": _x86, "X86_64": _x86_64}
    if language in own:
        yield from own[language]()
