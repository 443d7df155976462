"""Small litmus tests for machines: rows of a table made into the text of a test."""

from __future__ import annotations

from collections.abc import Sequence

ADDRESSES = {
    "AArch64": {"X10": "x", "X11": "y", "X12": "z", "X13": "w"},
    "PPC": {"r10": "x", "r11": "y", "r12": "z"},
    "RISCV": {"x20": "x", "x21": "y", "x22": "z", "x23": "w"},
    "X86": {},
    "X86_64": {},
}
"""The registers that hold addresses in every thread."""


def text(arch: str, threads: Sequence[str], condition: str) -> str:
    """The test with these threads, instructions separated by ``;``, that asks ``exists (condition)``."""
    columns = [[instruction.strip() for instruction in thread.split(";")] for thread in threads]
    height = max(map(len, columns))
    names = [f"P{i}" for i in range(len(columns))]
    lines = [" | ".join(names) + " ;"]
    lines += [" | ".join(column[i] if i < len(column) else "" for column in columns) + " ;" for i in range(height)]
    init = " ".join(f"{i}:{register}={name};" for i in range(len(columns)) for register, name in ADDRESSES[arch].items())
    return f"{arch} t\n{{ {init} }}\n" + "\n".join(lines) + f"\nexists ({condition})\n"


MESSAGE_PASSING = {
    "AArch64": (
        "MOV W8,#1 ; STR W8,[X10] ; DMB ST ; STR W8,[X11]",
        "1:X0=1 /\\ 1:X1=0",
        [
            ("po", "LDR W0,[X11] ; LDR W1,[X10]", "Sometimes"),
            ("dmb.ld", "LDR W0,[X11] ; DMB LD ; LDR W1,[X10]", "Never"),
            ("dsb.ld", "LDR W0,[X11] ; DSB LD ; LDR W1,[X10]", "Never"),
            ("dmb.st", "LDR W0,[X11] ; DMB ST ; LDR W1,[X10]", "Sometimes"),
            ("ldar", "LDAR W0,[X11] ; LDR W1,[X10]", "Never"),
            ("ldapr", "LDAPR W0,[X11] ; LDR W1,[X10]", "Never"),
            ("ctrl", "LDR W0,[X11] ; CBNZ W0,L ; L: ; LDR W1,[X10]", "Sometimes"),
            ("ctrlisb", "LDR W0,[X11] ; CBNZ W0,L ; L: ; ISB ; LDR W1,[X10]", "Never"),
            ("addr", "LDR W0,[X11] ; EOR W2,W0,W0 ; LDR W1,[X10,W2,SXTW]", "Never"),
            ("pick", "LDR W0,[X11] ; CMP W0,#1 ; CSEL X5,X10,X10,EQ ; LDR W1,[X5]", "Sometimes"),
            ("pickisb", "LDR W0,[X11] ; CMP W0,#1 ; CSEL X5,X12,X12,EQ ; LDR W6,[X5] ; ISB ; LDR W1,[X10]", "Never"),
            ("ldadd-dmb.ld", "LDADD WZR,W0,[X11] ; DMB LD ; LDR W1,[X10]", "Never"),
        ],
    ),
    "X86": (
        "MOV [x],$1 ; MOV [y],$1",
        "1:EAX=1 /\\ 1:EBX=0",
        [("po", "MOV EAX,[y] ; MOV EBX,[x]", "Never")],
    ),
    "PPC": (
        "li r1,1 ; stw r1,0(r10) ; lwsync ; stw r1,0(r11)",
        "1:r5=1 /\\ 1:r6=0",
        [
            ("lwsync", "lwz r5,0(r11) ; lwsync ; lwz r6,0(r10)", "Never"),
            ("eieio", "lwz r5,0(r11) ; eieio ; lwz r6,0(r10)", "Sometimes"),
            ("addr", "lwz r5,0(r11) ; xor r7,r5,r5 ; lwzx r6,r7,r10", "Never"),
            ("ctrl", "lwz r5,0(r11) ; cmpwi r5,1 ; beq L ; L: ; lwz r6,0(r10)", "Sometimes"),
            ("ctrlisync", "lwz r5,0(r11) ; cmpwi r5,1 ; beq L ; L: ; isync ; lwz r6,0(r10)", "Never"),
        ],
    ),
    "RISCV": (
        "li x1,1 ; sw x1,0(x20) ; fence w,w ; sw x1,0(x21)",
        "1:x5=1 /\\ 1:x6=0",
        [
            ("fence.r.r", "lw x5,0(x21) ; fence r,r ; lw x6,0(x20)", "Never"),
            ("fence.w.w", "lw x5,0(x21) ; fence w,w ; lw x6,0(x20)", "Sometimes"),
            ("data-amo-addr", "lw x5,0(x21) ; amoadd.w x7,x5,(x22) ; xor x8,x7,x7 ; add x8,x8,x20 ; lw x6,0(x8)", "Never"),
        ],
    ),
}
"""One thread stores to x, then to y, in order: its code, the condition that the other sees y and not x, and for different code of
the other the verdict."""

STORE_BUFFERING = {
    "AArch64": (
        ("X10", "X11"),
        "0:X0=0 /\\ 1:X0=0",
        [
            ("stlr-ldar", "MOV W8,#1 ; STLR W8,[X10] ; LDAR W0,[X11]", "Never"),
            ("stlr-ldapr", "MOV W8,#1 ; STLR W8,[X10] ; LDAPR W0,[X11]", "Sometimes"),
            ("dmb.sy", "MOV W8,#1 ; STR W8,[X10] ; DMB SY ; LDR W0,[X11]", "Never"),
            ("dmb.st", "MOV W8,#1 ; STR W8,[X10] ; DMB ST ; LDR W0,[X11]", "Sometimes"),
            ("dsb.st", "MOV W8,#1 ; STR W8,[X10] ; DSB ST ; LDR W0,[X11]", "Never"),
            ("ldaddal", "MOV W8,#1 ; STR W8,[X10] ; LDADDAL W8,W2,[X12] ; LDR W0,[X11]", "Never"),
            ("ldaddl", "MOV W8,#1 ; STR W8,[X10] ; LDADDL W8,W2,[X12] ; LDR W0,[X11]", "Sometimes"),
        ],
    ),
    "X86": (
        ("[x]", "[y]"),
        "0:EAX=0 /\\ 1:EAX=0",
        [
            ("po", "MOV [x],$1 ; MOV EAX,[y]", "Sometimes"),
            ("lfence", "MOV [x],$1 ; LFENCE ; MOV EAX,[y]", "Sometimes"),
            ("mfence", "MOV [x],$1 ; MFENCE ; MOV EAX,[y]", "Never"),
            ("xchg", "MOV EBX,$1 ; XCHG [x],EBX ; MOV EAX,[y]", "Never"),
        ],
    ),
    "PPC": (
        ("r10", "r11"),
        "0:r5=0 /\\ 1:r5=0",
        [
            ("lwsync", "li r1,1 ; stw r1,0(r10) ; lwsync ; lwz r5,0(r11)", "Sometimes"),
            ("sync", "li r1,1 ; stw r1,0(r10) ; sync ; lwz r5,0(r11)", "Never"),
        ],
    ),
    "RISCV": (
        ("x20", "x21"),
        "0:x5=0 /\\ 1:x5=0",
        [
            ("fence.rw.rw", "li x1,1 ; sw x1,0(x20) ; fence rw,rw ; lw x5,0(x21)", "Never"),
            ("fence.tso", "li x1,1 ; sw x1,0(x20) ; fence.tso ; lw x5,0(x21)", "Sometimes"),
            ("amoswap.aq.rl", "li x1,1 ; amoswap.w.aq.rl x2,x1,(x20) ; lw x5,0(x21)", "Never"),
            ("amoswap.rl", "li x1,1 ; amoswap.w.rl x2,x1,(x20) ; lw x5,0(x21)", "Sometimes"),
        ],
    ),
}
"""Each of two threads stores to one location and reads the other: what to exchange in the second, the condition that both miss
the other's store, and for different code the verdict."""

_READS = ("lwz r5,0(r10) ; {} ; lwz r6,0(r11)", "lwz r5,0(r11) ; {} ; lwz r6,0(r10)")
_PICK = "LDR W0,[{}] ; CMP W0,#1 ; CSEL W5,W0,WZR,EQ ; STR W5,[{}]"
OTHERS: list[tuple[str, str, list[str], str, str]] = [
    ("LB+pick+pick", "AArch64", [_PICK.format("X10", "X11"), _PICK.format("X11", "X10")], "0:X0=1 /\\ 1:X0=1", "Never"),
    (
        "MP+dmb.st+stadd-dmb.ld",
        "AArch64",
        [MESSAGE_PASSING["AArch64"][0], "MOV W9,#1 ; STADD W9,[X11] ; DMB LD ; LDR W1,[X10]"],
        "y=2 /\\ 1:X1=0",
        "Sometimes",
    ),
    *(
        (
            f"IRIW+{fence}",
            "PPC",
            ["li r1,1 ; stw r1,0(r10)", "li r1,1 ; stw r1,0(r11)", *(reads.format(fence) for reads in _READS)],
            "2:r5=1 /\\ 2:r6=0 /\\ 3:r5=1 /\\ 3:r6=0",
            verdict,
        )
        for fence, verdict in (("lwsync", "Sometimes"), ("sync", "Never"))
    ),
]


def _exchanged(code: str, names: tuple[str, str]) -> str:
    first, second = names
    return code.replace(first, "?").replace(second, first).replace("?", second)


ROWS = [
    *(
        (f"MP+{what}", arch, [writer, code], condition, verdict)
        for arch, (writer, condition, readers) in MESSAGE_PASSING.items()
        for what, code, verdict in readers
    ),
    *(
        (f"SB+{what}", arch, [code, _exchanged(code, names)], condition, verdict)
        for arch, (names, condition, codes) in STORE_BUFFERING.items()
        for what, code, verdict in codes
    ),
    *OTHERS,
]
"""Name, machine, threads, condition, verdict: that of herd7 7.58 with its own models (2026)."""
