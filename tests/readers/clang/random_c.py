"""Random functions in C, for one thread: what a compiler makes of them is what they must mean.

They stay within what C defines (unsigned or narrow arithmetic, shifts by constants, divisors that are not zero, every variable
initialised), so that any compiler agrees.
"""

from __future__ import annotations

from random import Random

TYPES = ("signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int", "long", "unsigned long", "_Bool")
STRUCT = """struct inner { unsigned char a; short b; };
struct s {
	int i; unsigned int u : 5; int v : 7; unsigned int w : 11; unsigned char c; struct inner in; unsigned long l;
	union { unsigned long word; struct { unsigned int low, high; }; unsigned char bytes[8]; };
	struct inner row[3]; struct s *link;
};
"""
FIELDS = ("i", "u", "v", "w", "c", "in.a", "in.b", "l", "row[0].a", "row[1].b", "row[2].a")
UNION = ("word", "low", "high")


class Writer:
    """Writes one function."""

    def __init__(self, seed: int, unions: bool = True) -> None:
        self.random = Random(seed)
        self.unions = unions
        self.names: list[str] = []
        self.depth = 0
        self.labels = 0
        self.lines: list[str] = []

    def program(self) -> str:
        """The text: variables ``g0`` ..., structs ``s`` and ``z``, helpers, and ``void f(void)``."""
        pick = self.random
        text = [STRUCT]
        self.globals = []
        for n in range(4):
            self.globals.append(f"g{n}")
            text.append(f"static {pick.choice(TYPES)} g{n} = {pick.randrange(100)};")
        text.append("static int array[4] = { 1, [2] = 7, 3 };")
        text.append("static struct s s = { .i = 3, .v = -2, .in = { 1, .b = 2 }, .row[1].b = 9 }, z;")
        text.append(self.helper())
        self.names = [*self.globals, *(f"s.{f}" for f in FIELDS)]
        text.append("static void f(void)\n{")
        self.lines = []
        for n in range(3):
            self.emit(f"{pick.choice(TYPES)} x{n} = {self.expr(1)};")
            self.names.append(f"x{n}")
        self.emit("struct s t = { .i = 1, .u = 3, .in.b = g0 };")
        self.emit("struct s *p = &s, *q = &t;")
        self.emit("int *e = &array[1];")
        self.emit("int out = 0;")
        fields = [*FIELDS, *(UNION if self.unions else ())]
        self.names += [f"t.{name}" for name in fields] + [f"q->{name}" for name in FIELDS] + [f"p->{name}" for name in FIELDS]
        self.names += ["array[0]", "array[g0 & 3]", "*e", "e[1]", "out"]
        for _ in range(6):
            self.statement()
        self.emit("goto done;") if pick.random() < 0.3 else None
        for _ in range(2):
            self.statement()
        self.lines.append("done:")
        for n in range(3):
            self.emit(f"g{n} += x{n};")
        self.emit("z = t;" if not self.unions or pick.random() < 0.5 else "z.i = t.i; z.l = t.word;")
        return "\n".join([*text, *self.lines, "}", ""])

    def helper(self) -> str:
        """A function with parameters, a loop and several returns."""
        a, b, c = (self.random.randrange(1, 9) for _ in range(3))
        return (
            f"static long helper(int a, struct s *p, int *out)\n{{\n\tint n = 0;\n\tif (a > {a})\n\t\treturn p->i;\n"
            f"\tfor (;;) {{\n\t\tif (n++ > {b})\n\t\t\tbreak;\n\t\tif (n == 2)\n\t\t\tcontinue;\n\t\t*out += n;\n\t}}\n"
            f"\tp->in.b -= n * {c};\n\treturn ({{ long r = n; r + {c}; }});\n}}\n"
        )

    def emit(self, line: str) -> None:
        self.lines.append("\t" * (self.depth + 1) + line)

    def expr(self, depth: int = 0) -> str:
        """An expression without overflow of signed types wider than short."""
        pick = self.random
        kind = pick.randrange(12 if depth < 3 else 3)
        if kind == 0:
            return str(pick.choice((0, 1, 2, 3, 7, -1, 100, 255, 4096)))
        if kind <= 2:
            return pick.choice(self.names) if self.names else "5"
        a, b = self.expr(depth + 1), self.expr(depth + 1)
        match kind:
            case 3:
                return f"((unsigned long)({a}) {pick.choice('+-*&|^')} (unsigned int)({b}))"
            case 4:
                return f"((short)({a}) {pick.choice('+-')} (signed char)({b}))"
            case 5:
                return f"(({a}) {pick.choice(('<', '<=', '==', '!=', '>', '>='))} ({b}))"
            case 6:
                return f"(({a}) {pick.choice(('&&', '||'))} ({b}))"
            case 7:
                return f"(({a}) ? ({b}) : (short)({self.expr(depth + 1)}))"
            case 8:
                return f"((unsigned int)({a}) {pick.choice(('<<', '>>'))} {pick.randrange(31)})"
            case 9:
                return f"((short)({a}) {pick.choice('/%')} (((unsigned char)({b}) & 7) + 1))"
            case 10:
                return f"({pick.choice('!~+')}({pick.choice(TYPES)})({a}))"
        return f"({{ unsigned int y = {a}; y ? y : {pick.randrange(9)}; }})" if pick.random() < 0.5 else f"(({a}) ?: ({b}))"

    def statement(self) -> None:
        """A statement."""
        pick = self.random
        target = pick.choice([name for name in self.names if name not in ("x2",)])
        kind = pick.randrange(12 if self.depth < 2 else 4)
        if kind <= 1:
            self.emit(f"{target} = {self.expr()};")
        elif kind == 2:
            self.emit(f"{target} {pick.choice(('&=', '|=', '^='))} {self.expr(2)};")
        elif kind == 3:
            self.emit(f"{target}{pick.choice(('++', '--'))};" if not target.startswith("g") else f"{target} = !{target};")
        elif kind == 4:
            self.block(f"if ({self.expr()}) {{", "}")
        elif kind == 5:
            self.block(f"if ({self.expr()}) {{", "} else {")
            self.block(None, "}")
        elif kind == 6:
            self.block(f"for (int i{self.depth} = 0; i{self.depth} < {pick.randrange(1, 4)}; i{self.depth}++) {{", "}")
        elif kind == 7:
            self.switch()
        elif kind == 8:
            struct, number = pick.choice(("p", "q", "&t", "&s")), pick.choice(("&out", "e", "&array[3]"))
            self.emit(f"g3 = helper(({self.expr(2)}) & 7, {struct}, {number});")
        elif kind == 9:
            self.labels += 1
            self.emit(f"if ({self.expr(1)}) goto skip{self.labels};")
            label = self.labels
            self.statement()
            self.lines.append(f"skip{label}:")
            self.emit(";")
        elif kind == 10:
            self.emit(
                pick.choice(
                    ("s.in = t.in;", "t.row[1] = s.row[0];", "t.in = (struct inner){ .b = g1 };", "p = p == &s ? &s : p;")
                )
            )
        else:
            self.block("do {", f"}} while ((unsigned char)++g1 % {pick.randrange(2, 4)});")

    def block(self, head: str | None, tail: str) -> None:
        if head is not None:
            self.emit(head)
        self.depth += 1
        for _ in range(self.random.randrange(1, 3)):
            self.statement()
        self.depth -= 1
        self.emit(tail)

    def switch(self) -> None:
        pick = self.random
        self.emit(f"switch (({self.expr(1)}) & 7) {{")
        self.depth += 1
        cases = pick.sample(range(8), 4)
        self.emit(f"case {cases[0]}:")
        self.statement()
        self.emit("break;") if pick.random() < 0.6 else None
        self.emit(f"case {cases[1]}: case {cases[2]}:")
        self.statement()
        self.emit("break;") if pick.random() < 0.6 else None
        self.emit("default:" if pick.random() < 0.6 else f"case {cases[3]}:")
        self.statement()
        self.depth -= 1
        self.emit("}")


SHOWN = ("g0", "g1", "g2", "g3", *(f"array[{i}]" for i in range(4)), *(f"{o}.{f}" for o in "sz" for f in FIELDS))


def for_compiler(text: str) -> str:
    """A program that prints what the function leaves."""
    shows = "\n".join(f'\tprintf("%lld\\n", (long long){name});' for name in SHOWN)
    return f"#include <stdio.h>\n{text}\nint main(void)\n{{\n\tf();\n{shows}\n\treturn 0;\n}}\n"


def for_smpcheck(text: str) -> str:
    """A harness that asserts nothing and shows the same: each as an assignment to a variable of its own."""
    declared = f"static long long shown[{len(SHOWN)}];\n"
    shows = "\n".join(f"\tshown[{n}] = {name};" for n, name in enumerate(SHOWN))
    return f"{text}\n{declared}SMPCHECK_THREAD(only)\n{{\n\tf();\n{shows}\n}}\n"
