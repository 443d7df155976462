"""Random functions in C, for one thread: what a compiler makes of them is what they must mean.

Their statements and expressions are drawn from tables of templates, a row for each way in which kernel functions are written.
Signed arithmetic wraps (the kernel is compiled with -fwrapv), and an operand has no side effects unless C says when they happen.
What C leaves undefined all the same, -fsanitize=undefined finds when the function runs.
"""

from __future__ import annotations

import re
from random import Random

TYPES = ("signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int", "long", "unsigned long", "_Bool")
HEAD = """typedef unsigned char byte_t;
enum state { IDLE, BUSY = 5, DONE, BACK = -3 };
struct inner { unsigned char a; short b; };
struct s {
	int i; unsigned int u : 5; int v : 7; unsigned int w : 11; unsigned char c; struct inner in; unsigned long l;
	union { unsigned long word; struct { unsigned int low, high; }; unsigned char bytes[8]; };
	struct inner row[3]; struct s *link; enum state state; _Bool flag : 1; unsigned char : 0; unsigned char last : 3;
};
union both { unsigned int whole; struct { unsigned short lo, hi; }; struct { unsigned int one : 4, two : 9, three : 19; }; };
struct packed { unsigned char tag; unsigned short half; } __attribute__((packed));
struct ops { long (*run)(long, int); int (*ask)(const struct s *); };
struct node { int key; struct node *next; };

#define SWAP(x, y) do { __typeof__(x) old_ = (x); (x) = (y); (y) = old_; } while (0)
#define LARGER(x, y) ({ __typeof__(+(x)) x_ = (x); __typeof__(+(y)) y_ = (y); x_ > y_ ? x_ : y_; })
#define OUTER(p, type, member) ({ void *p_ = (void *)(p); (type *)(p_ - __builtin_offsetof(type, member)); })
#define EACH(n, last) for (int n = 0; n < (last); n++)
#define MASK(high, low) (((~0UL) << (low)) & (~0UL >> (63 - (high))))
#define FIRST(array) (&(array)[0])
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TRY(cond) do { if (!(cond)) goto done; } while (0)
#define PASTE(a, b) a##b

static int array[4] = { 1, [2] = 7, 3 };
static const unsigned short squares[] = { [0 ... 2] = 4, 9, [5] = 25, 36, 49 };
static const char name[] = "kernel";
static struct s s = { .i = 3, .v = -2, .in = { 1, .b = 2 }, .row[1].b = 9, .state = BUSY }, z;
static struct inner rows[2][2] = { { { 1, 2 }, { .b = 3 } }, [1][1].a = 200 };
static union both both = { .hi = 3 };
static struct packed packed = { 1, 0xfffe };
static struct node nodes[3] = { { 4, &nodes[1] }, { 5, &nodes[2] }, { .key = 6 } };

static long plus(long a, int b) { return a + b; }
static long minus(long a, int b) { return a - b; }
static int even(const struct s *p) { return !(p->i & 1); }
static int busy(const struct s *p) { return p->state == BUSY; }
static const struct ops tables[2] = { { plus, even }, { .run = minus, .ask = busy } };
static struct inner make(int a, long b) { return (struct inner){ .b = b, .a = a }; }
static long weigh(struct inner in, const struct s *p) { in.b += in.a; return in.b * 3 + p->c; }
static struct s *choose(struct s *p, struct s *q, int which) { return which ? p : q; }
static struct inner *entry(int i, int j) { return &rows[i & 1][j & 1]; }
static int depth(int n) { return n <= 0 ? 1 : n + depth(n - 1); }
static int fresh(void) { static int calls = 3; static short more[2]; more[1] += 300; return calls += 2 + more[1] / 100; }
static unsigned char narrow(unsigned char n) { return n + 1; }
static void bump(int **where, int by) { **where += by; ++*where; }
static int total(const int *v, unsigned int n) { int sum = 0; while (n--) sum += *v++; return sum; }
static int find(int key)
{
	struct node *n;
	for (n = nodes; n; n = n->next)
		if (n->key == key)
			return (int)(n - nodes);
	return -1;
}
static int classify(int n)
{
	int r = 0;

	switch (n) {
	case -2 ... -1: return -n;
	case 0: r++; /* falls through */
	case 1: r += 10; break;
	case BUSY: { int k = 3; while (k--) { if (k == 1) continue; r += k; } return r; }
	default: goto out;
	}
	return r;
out:
	return 100;
}
static int unwind(int steps)
{
	int held = 0;

	if (steps < 1) goto fail;
	held |= 1;
	if (steps < 2) goto undo1;
	held |= 2;
	if (steps < 3) goto undo2;
	return held;
undo2:
	held ^= 2;
undo1:
	held += 0x10;
fail:
	return -held - 1;
}
"""

FIELDS = (
    *("i", "u", "v", "w", "c", "in.a", "in.b", "l", "row[0].a", "row[1].b", "row[2].a"),
    *("low", "high", "word", "bytes[3]", "state", "flag", "last"),
)
NUMBERS = (
    *("0", "1", "2", "3", "7", "-1", "100", "255", "4096", "'k'", "0x7fffffff", "0x80000000u", "-32768", "1L << 40"),
    *("BUSY", "BACK", "(byte_t)300", "sizeof(struct inner)", "sizeof(struct s)", "__builtin_offsetof(struct s, row[1].b)"),
    *("COUNT(squares)", "MASK(11, 4)", "sizeof(name)", "1UL << 63"),
)

EXPRESSIONS = """
($E + $E) @ ($E - $E) @ ($E * $E) @ ($E & $E) @ ($E | $E) @ ($E ^ $E) @ (short)($E - $E) @ (unsigned char)($E + $E)
($E < $E) @ ($E <= $E) @ ($E == $E) @ ($E != $E) @ ($E > $E) @ ($E >= $E) @ ($E && $E) @ ($E || $E)
($E ? $E : $E) @ ($E ?: $E) @ ($E ? $E : ($E ? $E : $E)) @ (!$E) @ (~$E) @ (-$E) @ (+$E) @ (($T)$E) @ (($T)($T)$E)
($E << ($E & 7)) @ ($E >> ($E & 7)) @ ((unsigned int)$E << $N) @ ((long)$E >> $N) @ ((unsigned char)$E >> 1) @ ((short)$E << $N)
($E / (($E & 7) + 1)) @ ($E % (($E & 7) + 1)) @ ((int)$E / -3) @ ((long)$E % 5) @ ((unsigned char)$E / (unsigned short)9)
array[$E & 3] @ squares[$E & 7] @ name[$E & 3] @ *(array + ($E & 3)) @ ($E & 3)[array] @ *(FIRST(array) + 2)
rows[$E & 1][$E & 1].b @ entry($E, $E)->a @ (*entry($N, 1)).b @ $P->$F @ (*$P).$F @ $P->row[($E & 1) + 1].a
both.whole @ both.hi @ both.two @ both.three @ packed.half @ packed.tag @ (&packed)->half @ nodes[$E & 1].next->key
make($E, $E).b @ weigh(make($E, $N), $P) @ weigh(rows[0][1], &t) @ ((struct inner){ .a = $E }).a @ (&(struct inner){ 3, $E })->b
tables[$E & 1].run($E, $E) @ tables[1].ask($P) @ (*tables[0].run)($E, 2) @ ($E ? plus : minus)($E, $E) @ op($E, $N)
depth($E & 3) @ classify($E & 7) @ classify(-($E & 3)) @ unwind($E & 3) @ find($E & 7) @ narrow($E) @ total(array, $E & 3)
({ $T y$U = $E; y$U ? y$U : $N; }) @ ({ int y$U = $E; y$U += $E; (short)y$U; }) @ LARGER($E, $E) @ ((void)$E, $E)
({ unsigned int n$U = 0; EACH(i$U, $N) { if (i$U == 2) continue; n$U += i$U; } n$U; }) @ ({ __typeof__(+$E) y$U = $E; y$U; })
(e - array) @ (e < &array[2]) @ (&array[3] > e) @ (e == array + ($E & 3)) @ ($P == &s) @ !$P->link @ (p != q) @ (e[0] < *e + 1)
__builtin_expect(!!$E, 0) @ __builtin_ffs($E) @ __builtin_popcount($E)
__builtin_ctz($E | 8) @ __builtin_clz((unsigned int)$E | 1)
__builtin_choose_expr(sizeof(long) == 8, $E, 1) @ __builtin_types_compatible_p(__typeof__(array[0]), int)
__builtin_clzl($E | 1UL)
__builtin_bswap32($E) @ __builtin_constant_p(3) @ _Generic(s.i, int: $E, default: 3) @ OUTER(&$P->in, struct s, in)->$F
(long)(int)$E @ (*(unsigned char *)&array[$N & 3]) @ (_Bool)($E & 6) @ *&array[$E & 1] @ ((struct s *)(void *)$P)->i
((unsigned long long)$E % 1000003ULL) @ ((int)$E >> 31) @ ((signed char)$E * (unsigned short)$E) @ (-(unsigned char)$E >> 1)
((unsigned short)$E - (unsigned short)$E < 0) @ sizeof(+$E) * 3 @ ($E ? 1L : -1) @ ($E, $E) @ 'ab'
((byte_t)$E == (signed char)$E)
"""

EFFECTS = """
$E ? k0++ : (k1 -= $N) @ $E && (k0 = $E) @ $E || ++k1 @ (k0 += $E, k1 = k0 ^ $E) @ ($E, k1--, $E) @ $E ? (k0 = 1, k1) : k0--
fresh() @ ({ k0 += $E; if (k0 & 1) k1 ^= k0; k1; }) @ ({ int y$U = $E; while (y$U & 3) { y$U--; k1++; } k1; })
(k0 = k1 = $E) @ (s.u = $E) @ (q->v = $E) @ (q->flag = $E) @ (both.one += $E) @ (array[$E & 3] = (short)$E) @ !(k1 = $E)
k0++ && k1++ || --k0 @ $E ? fresh() : -1 @ ({ __label__ out; if ($E) goto out; k0 = $E; out: k0; }) @ *e++ @ *--e
__builtin_add_overflow((int)$E, (int)$E, &k0) @ __builtin_mul_overflow((long)$E, 3L, &x1) @ (*pp)->i++ @ (p->in = make($E, $E)).b
"""

STATEMENTS = """
$V = $E;
$V $O= $E;
$V <<= $N;
$V >>= $N;
$V++;
--$V;
$K = $X;
if ($X) $K += 3;
if ($E) { $B }
if ($E) { $B } else if ($E) { $B } else { $B }
EACH(i$U, $N) { $B if (i$U == 1) continue; $B }
for (int i$U = $N, j$U = 0; i$U > j$U; i$U--, j$U++) { $B }
{ int n$U = $N; while (n$U-- > 0) { $B if ($E) break; } }
{ int n$U = 0; do { $B if ($E) continue; k0++; } while (++n$U < $N); }
EACH(i$U, 3) { EACH(j$U, 3) { if (j$U > i$U) break; if ($E) continue; $B } if (i$U == $N) break; }
switch ($E & 7) { case 0: $B case 1: $B break; case 2: case 3: $B default: $B break; case 5: $B }
switch ((int)$E) { case BACK: $B break; case IDLE ... DONE: $B case 100: { $B break; } }
switch ((unsigned char)$E) { default: $B case 255: $B break; case 0 ... 100: { switch ($E & 1) { case 1: $B break; } $B } }
EACH(i$U, 4) { switch (i$U) { case 1: continue; case 2: $B break; default: if ($E) break; $B } $B }
switch (s.state) { case BUSY: $B break; case DONE: $B }
if ($E) goto skip$U; $B skip$U: ;
{ int n$U = 0; again$U: $B if (++n$U < $N && $E) goto again$U; }
EACH(i$U, 3) EACH(j$U, 2) { $B if ($E) goto out$U; } out$U: $B
TRY($E | 1);
p->in = t.in;
t.row[1] = s.row[0];
rows[$E & 1][0] = rows[1][$E & 1];
*entry($E, $E) = make($E, $E);
t.in = (struct inner){ .b = $E };
t = *q;
*p = t;
z = (struct s){ .i = $E, .in = make($E, 3), .row[2] = { 1, $E }, .flag = $E };
{ struct inner v$U = make($E, $E), w$U = v$U; v$U.b++; $V = v$U.b - w$U.b + weigh(v$U, q); }
{ struct s c$U = *$P; c$U.w += $E; c$U.link = &s; $V = c$U.w + c$U.link->$F; }
p = choose(&s, &t, $E);
q = $E ? p : &s;
pp = $E ? &p : &q; (*pp)->$F = $E; *pp = &t;
p->link = q; p->link->$F = $E; if (p->link == &t) { $B }
e = &array[$E & 1]; e[1] = $E; *e += 2; e++;
{ int *f$U = &k1; bump(&e, $E); e = array + 1; *f$U = $E; bump(&f$U, 2); }
{ int local$U[3] = { $E, [2] = $E }; local$U[1] += $E; EACH(i$U, 3) k0 += local$U[i$U]; local$U[$E & 1] = 4; $V = local$U[1]; }
{ union both m$U = { .whole = $E }; m$U.lo ^= $E; m$U.two = $E; $V = m$U.whole + m$U.three; both = m$U; }
{ struct packed m$U = packed; m$U.half -= $E; packed = m$U; }
{ $T a$U = $E, b$U = $E; SWAP(a$U, b$U); $V = a$U - (b$U << 1); }
SWAP(k0, k1);
op = $E ? minus : tables[$E & 1].run; k1 = op($E, $N);
{ const struct ops *o$U = &tables[$E & 1]; if (o$U->ask(q)) $V = o$U->run($E, $E); }
{ static unsigned char seen$U = 250; seen$U += $E; $V = seen$U++; }
__builtin_memset(&z, 0, sizeof(z));
__builtin_memset(&both, $E, sizeof(both));
__builtin_memset(rows[$E & 1], $E, sizeof(rows[0]));
__builtin_memset((char *)array + 3, $E, 6);
__builtin_memcpy(&t, p, sizeof(t));
__builtin_memcpy(&z.in, &rows[1][1], sizeof(struct inner));
__builtin_memcpy(e, array + 2, 2 * sizeof(int)); __builtin_memmove(array + 1, array, 3 * sizeof(array[0]));
{ unsigned char raw$U[6]; __builtin_memcpy(raw$U, &array[$E & 1], 6); $V = raw$U[5] - raw$U[$E & 3]; }
{ long l$U = $E; unsigned int h$U; __builtin_memcpy(&h$U, (char *)&l$U + 4, 4); $V = h$U; }
{ struct s *r$U = $E ? &s : q; t = $E ? *r$U : z; $V = ($E ? s : *p).$F; }
$V = __builtin_memcmp(&array[0], &array[2], sizeof(int)) < 0;
$V = *("other" + ($E & 3)) + "text"[1];
{ static const char *const words$U[] = { "one", "three" }; const char *w$U = words$U[$E & 1]; while (*w$U) k0 += *w$U++; }
{ enum state st$U = $E & 1 ? BUSY : BACK; st$U++; s.state = st$U; $V = st$U == BACK + 1; }
{ __auto_type v$U = +$E; __typeof__(v$U + 1L) w$U = v$U; $V = w$U >> 3; }
{ struct node n$U = { $E, nodes }, *m$U; for (m$U = &n$U; m$U; m$U = m$U->next) { if (m$U->key == 5) continue; $V = m$U->key; } }
{ char text$U[4] = "ab"; text$U[$E & 3] += 1; k0 += text$U[0] * text$U[1]; }
{ struct { int x; struct { short y; }; } m$U[2] = { { 1, { $E } }, { .y = 2, .x = $E } }; $V = m$U[$E & 1].y + m$U[1].x; }
{ struct inner *r$U = FIRST(rows[1]); (++r$U)->a = $E; r$U[-1].b -= 1; $V = (r$U - rows[1]) + r$U->a; }
{ unsigned char *c$U = (unsigned char *)&array[1]; c$U[1] = $E; c$U += 2; *c$U ^= 1; $V = array[1]; }
{ void *v$U = &t; struct s *w$U = v$U; w$U->$F = $E; $V = ((struct inner *)(v$U + __builtin_offsetof(struct s, in)))->a; }
k0 = 0; while (k0 < 9) { if (k0++ & 1) continue; if ($E) break; k0 += 2; $B }
if (({ $B $E; })) { $B }
(void)({ EACH(i$U, 2) { if ($E) break; $B } 0; });
if ($E) { goto in$U; } else { k0 += 2; in$U: k1++; }
do { if ($E) break; $B } while (0);
EACH(i$U, 2) { do { if ($E) continue; k0++; } while (0); $B }
{ volatile int v$U = $E; v$U += 1; $V = v$U; }
{ int (*row$U)[2] = (int (*)[2])array; row$U++; $V = (*row$U)[$E & 1] + row$U[-1][0]; }
{ long (*const fs$U[])(long, int) = { [1] = plus, [0] = minus }; $V = fs$U[$E & 1]($E, 2) + (op == plus) + (fs$U[0] != minus); }
{ union { long w; char b[8]; struct { int x, y; } p; } w$U = { .p = { $E, 2 } }; w$U.b[1] = $E; $V = w$U.w >> 3; }
{ struct { enum state st : 4; unsigned n : 3; } m$U = { BUSY, 9 }; m$U.n += $E; m$U.st = BACK; $V = m$U.st * 8 + m$U.n; }
$E ? (void)(k0 += 1) : (void)k1--;
{ struct s *v$U[2] = { p, q }; v$U[$E & 1]->$F = $E; $V = v$U[0] == v$U[1] || v$U[1]->i; }
{ static struct { struct inner in[2]; int n; } d$U = { .in[1].b = 4, .n = 2 }; d$U.in[$E & 1].b += $E; $V = d$U.n--; }
while (1) { switch ($E & 1) { case 0: goto out$U; default: $B } break; } out$U: ;
{ const char *c$U = name; int h$U = 0; while (*c$U) h$U = h$U * 31 + *c$U++; $V = h$U; }
{ unsigned char sh$U = $N; $V = 1U << sh$U | (unsigned long)$E >> (63 - sh$U); }
k0 = ({ if ($E) goto cut$U; $E; }); cut$U: ;
{ int *w$U = $E ? &k0 : &array[1]; *w$U += 2; }
{ struct node l$U = { 3, nodes }, **n$U = &l$U.next; while (*n$U && (*n$U)->key != 5) n$U = &(*n$U)->next; $V = !*n$U; }
"""

OPERATORS = "+-*&|^"
HOLE = re.compile(r"\$([A-Z])")


def _rows(table: str, separator: str) -> list[str]:
    return [row.strip() for line in table.strip().splitlines() for row in line.split(separator)]


class Writer:
    """Writes one function; ``size`` is how many statements it has at the top."""

    expressions = _rows(EXPRESSIONS, " @ ")
    effects = _rows(EFFECTS, " @ ")
    statements = _rows(STATEMENTS, "\n")

    def __init__(self, seed: int, size: int = 9) -> None:
        self.random = Random(seed)
        self.size = size
        self.unique = 0
        self.blocks = 0

    def program(self) -> str:
        """The text: types, variables ``g0`` ..., helpers, and ``void f(void)``."""
        pick = self.random
        self.names = [f"g{n}" for n in range(4)]
        text = [HEAD, *(f"static {pick.choice(TYPES)} {name} = {pick.randrange(100)};" for name in self.names)]
        text.append("static void f(void)\n{")
        text.append(f"\t{pick.choice(TYPES)} x0 = {pick.choice(NUMBERS)}; long x1 = {pick.randrange(99)};")
        text.append("\tstruct s t = { .i = 1, .u = 3, .in.b = g0 }, *p = &s, *q = &t, **pp = &p;")
        text.append("\tint *e = &array[1], k0 = 2, k1 = 5; long (*op)(long, int) = plus;")
        self.names += ["x0", "x1", "k0", "k1", *(f"s.{f}" for f in FIELDS), *(f"t.{f}" for f in FIELDS)]
        text += [f"\t{self.statement()}" for _ in range(self.size)]
        text += ["done:", "\tg0 += x0; g1 ^= x1; g2 += k0; g3 -= k1; k0 = *(*pp == p ? &p->i : &q->i);", "\tz = t;", "}", ""]
        return "\n".join(text)

    def statement(self) -> str:
        """A statement."""
        rows = self.statements if self.blocks < 2 else [row for row in self.statements if "$B" not in row]
        return self.filled(self.random.choice(rows), 0)

    def expression(self, depth: int) -> str:
        """An operand without side effects."""
        pick = self.random
        if depth > 2 or pick.random() < 0.3:
            return pick.choice(NUMBERS if pick.random() < 0.3 else self.names).join("()")
        return self.filled(pick.choice(self.expressions), depth).join("()")

    def filled(self, row: str, depth: int) -> str:
        """A template with what its holes stand for."""
        pick = self.random
        self.unique += 1
        unique = self.unique

        def part(hole: re.Match[str]) -> str:
            match hole[1]:
                case "E":
                    return self.expression(depth + 1)
                case "X":
                    return self.filled(pick.choice(self.effects), depth + 1).join("()")
                case "V":
                    return pick.choice([*self.names, "array[0]", "*e", f"p->{pick.choice(FIELDS)}", f"q->{pick.choice(FIELDS)}"])
                case "K":
                    return pick.choice(("x0", "x1"))
                case "P":
                    return pick.choice(("p", "q", "(&t)", "(&s)", "(*pp)"))
                case "F":
                    return pick.choice(FIELDS)
                case "T":
                    return pick.choice(TYPES)
                case "N":
                    return str(pick.randrange(1, 4))
                case "O":
                    return pick.choice(OPERATORS)
                case "U":
                    return str(unique)
            self.blocks += 1
            found = " ".join(self.statement() for _ in range(pick.randrange(1, 3)))
            self.blocks -= 1
            return found

        return HOLE.sub(part, row)


SHOWN = (
    *("g0", "g1", "g2", "g3", *(f"array[{i}]" for i in range(4)), *(f"{o}.{f}" for o in "sz" for f in FIELDS)),
    *("both.whole", "packed.tag", "packed.half", *(f"rows[{i}][{j}].{f}" for i in (0, 1) for j in (0, 1) for f in "ab")),
)


def for_compiler(text: str) -> str:
    """A program that prints what the function leaves."""
    shows = "\n".join(f'\tprintf("%lld\\n", (long long){name});' for name in SHOWN)
    return f"#include <stdio.h>\n{text}\nint main(void)\n{{\n\tf();\n{shows}\n\treturn 0;\n}}\n"


def for_smpcheck(text: str) -> str:
    """A harness that asserts nothing and shows the same: each as an assignment to a variable of its own."""
    declared = f"static long long shown[{len(SHOWN)}];\n"
    shows = "\n".join(f"\tshown[{n}] = {name};" for n, name in enumerate(SHOWN))
    return f"{text}\n{declared}SMPCHECK_THREAD(only)\n{{\n\tf();\n{shows}\n}}\n"
